"""Let decisions of reviewers set thresholds and refine queries."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from fiftyone.operators import types

from argus_fiftyone.feedback.conformal import Calibration, calibrate, trade_offs
from argus_fiftyone.feedback.prompt_weights import FEWEST_OF_EACH
from argus_fiftyone.plugin.dataset.calibrating import CALIBRATIONS, calibrate_from_reviews, decided_scores
from argus_fiftyone.plugin.dataset.fields import Dataset
from argus_fiftyone.plugin.dataset.refining import Refining, decided_regions, refine_query, stored_refinements
from argus_fiftyone.plugin.dataset.runs import list_runs
from argus_fiftyone.plugin.dataset.thresholds import threshold_heatmaps
from argus_fiftyone.plugin.operators.base import ArgusOperator, relay
from argus_fiftyone.plugin.operators.forms import (
    ask_heatmap_field,
    ask_reviewed_field,
    blocked,
    is_paired,
    refuse,
)
from argus_fiftyone.plugin.operators.result_pages import show_told

GOALS = {
    "false_alarms": "False alarms on unchanged pairs at most",
    "recall": "Share of changed pairs found at least",
}


STILL_USEFUL = 0.5
"""Share of confirmed pairs; a form warns where fewer stay flagged."""


class CalibrateFromReviews(ArgusOperator):
    """A threshold with a finite-sample guarantee from confirmed and rejected pairs."""

    title = (
        "calibrate_from_reviews",
        "Calibrate threshold from reviews",
        "Set the threshold for a wanted false-alarm rate or recall, from confirmed and rejected pairs",
    )
    options = {"execute_as_generator": True, "allow_delegated_execution": True}  # noqa: RUF012

    def resolve_input(self, ctx: Any) -> types.Property:
        inputs = types.Object()
        if is_paired(ctx, inputs) and (field := ask_reviewed_field(ctx, inputs)):
            goal = ctx.params.get("goal") or "false_alarms"
            choices = types.RadioGroup()
            for value, label in GOALS.items():
                choices.add_choice(value, label=label)
            inputs.enum(
                "goal", choices.values(), default="false_alarms", required=True, label="Goal", view=choices
            )
            wanted = inputs.float(
                "wanted", default=0.1, required=True, label="Rate", description="0.1 is 10 %"
            )
            if ctx.params.get("wanted") is not None:
                _preview(ctx, inputs, wanted, field, goal)
            _tell_trade_offs(ctx, inputs, field, goal)
        return types.Property(inputs, view=types.View(label="Calibrate the threshold from reviews"))

    def execute(self, ctx: Any) -> Iterator[Any]:
        field, goal = ctx.params["field"], ctx.params.get("goal") or "false_alarms"
        found = calibrate_from_reviews(ctx.dataset, field, goal, float(ctx.params["wanted"]))
        yield from relay(ctx, threshold_heatmaps(ctx.dataset, field, found.threshold))
        yield ctx.ops.reload_dataset()
        yield show_told(ctx, f"{field} is calibrated", f"{promise(found)}\n\n{cost(found)}")

    def __call__(
        self, dataset: Dataset, field: str, goal: str, wanted: float, delegate: bool = False
    ) -> dict[str, Any] | None:
        """What was promised and what it rests on; goal is "false_alarms" or "recall"."""
        self.call(dataset, delegate, field=field, goal=goal, wanted=wanted)
        return None if delegate else dict(dataset.info[CALIBRATIONS][field])


def _preview(ctx: Any, inputs: types.Object, prop: types.Property, field: str, goal: Any) -> None:
    """What the threshold would be, or why there is none, before anything is applied."""
    try:
        found = calibrate(*decided_scores(ctx.dataset, field), goal, float(ctx.params["wanted"]))
    except ValueError as fault:
        refuse(prop, str(fault))
        return
    told = f"{promise(found)}. {cost(found)}"
    if found.recall < STILL_USEFUL:
        told += " That loses most real changes: try another rate, other words, or a higher resolution."
    notice = types.Warning if found.recall < STILL_USEFUL else types.Notice
    inputs.view("promise", notice(label=told))


def _tell_trade_offs(ctx: Any, inputs: types.Object, field: str, goal: Any) -> None:
    """What other rates would mean, so that one is chosen with open eyes."""
    rows = trade_offs(*decided_scores(ctx.dataset, field), goal)
    if rows:
        lines = [
            f"| {r.wanted:.0%} | {r.threshold:.2f} | {_percent(r.false_alarms)} | {_percent(r.recall)} |"
            for r in rows
        ]
        head = "| rate | threshold | rejected still flagged | confirmed still flagged |\n|-:|-:|-:|-:|"
        inputs.md("\n".join([head, *lines]), name="trade_offs")


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{share:.0%}"


def promise(found: Calibration) -> str:
    """A calibration in one sentence."""
    if found.goal == "false_alarms":
        what, kind = f"at most {found.wanted:.0%} of unchanged pairs flagged", "rejected"
        likely = f"at most {found.likely:.0%}"
    else:
        what, kind = f"at least {found.wanted:.0%} of changed pairs flagged", "confirmed"
        likely = f"at least {found.likely:.0%}"
    return (
        f"Threshold {found.threshold:.3f}: {what}, on pairs like the {found.decisions} {kind} ones behind it "
        f"({likely} with 90 % confidence)"
    )


def cost(found: Calibration) -> str:
    """What a threshold does to the decided pairs themselves, in one sentence."""
    shares = (("confirmed", found.recall), ("rejected", found.false_alarms))
    kept = [f"{share:.0%} of the {kind} pairs" for kind, share in shares if not math.isnan(share)]
    return f"Among the decisions: {' and '.join(kept)} stay flagged."


def _tell_regions(ctx: Any, inputs: types.Object, field: str) -> None:
    """How many regions are decided; Execute stays off where they cannot suffice."""
    confirmed, rejected = decided_regions(ctx.dataset, field)
    told = f"{confirmed} confirmed and {rejected} rejected regions so far"
    if min(confirmed, rejected) < FEWEST_OF_EACH:
        missing = f"{told}; {FEWEST_OF_EACH} of each are needed: decide on regions in the panel Argus review."
        blocked(inputs, missing)
    else:
        inputs.view("decisions", types.Notice(label=told))


LEARNED = "*Compute change heatmaps* anew under another name; *Use what reviewers taught* is on."
NOT_LEARNED = "nothing changes. More decided regions may help, or other words for the query."


class RefineQuery(ArgusOperator):
    """Weigh a query's prompts by confirmed and rejected regions."""

    title = (
        "refine_query",
        "Refine query from reviews",
        "Weigh a query's words anew from confirmed and rejected regions, and show what that gains",
    )
    options = {"execute_as_generator": True, "allow_delegated_execution": True}  # noqa: RUF012

    def resolve_input(self, ctx: Any) -> types.Property:
        inputs = types.Object()
        if is_paired(ctx, inputs):
            if not list_runs(ctx.dataset):
                blocked(inputs, "There is no run on this dataset yet. Run *Compute change heatmaps* first.")
            elif field := ask_heatmap_field(ctx, inputs):
                _tell_regions(ctx, inputs, field)
                told = "Empty: the query that most confirmed and rejected regions were found for"
                inputs.str("query", label="Query", description=told)
        return types.Property(inputs, view=types.View(label="Refine a query from reviews"))

    def execute(self, ctx: Any) -> Iterator[Any]:
        refining = Refining()
        query = (ctx.params.get("query") or "").strip() or None
        yield from relay(ctx, refine_query(ctx.dataset, ctx.params["field"], refining, query))
        helped = refining.result is not None and refining.result.helps
        steps = LEARNED if helped else NOT_LEARNED
        yield show_told(ctx, f"“{refining.query}”", f"{refining.verdict}\n\n**Next**: {steps}")

    def __call__(
        self, dataset: Dataset, field: str, query: str | None = None, delegate: bool = False
    ) -> list[dict[str, Any]]:
        """All refinements stored with the dataset, this one among them if it helps."""
        self.call(dataset, delegate, field=field, query=query)
        return stored_refinements(dataset)
