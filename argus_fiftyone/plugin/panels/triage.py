"""Triage in the grid: choose, tune, see what to look at next. Drawn by app/src/triage.tsx."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

from argus_fiftyone.plugin.dataset import evaluations, scores, triage
from argus_fiftyone.plugin.dataset.slices import NotPairedError, after_name, after_slice, check_paired
from argus_fiftyone.plugin.panels.chosen import (
    chosen,
    chosen_ranking,
    listed_threshold,
    look_at_threshold,
    remember,
)

NO_RUN = "No heatmaps yet. Compute change heatmaps first, then sort out here what they found."
LISTED = ("open", "strongest", "uncertain", "confirmed", "rejected", "unsure", "false_alarms", "missed")


class TriagePanel(foo.Panel):
    """Scores, threshold, counts and the list of what to look at next, for one run and query."""

    @property
    def config(self) -> foo.PanelConfig:
        config = foo.PanelConfig(
            name="argus_triage",
            label="Argus triage",
            icon="insights",  # FiftyOne 1.22 shows no plugin's own picture on a panel's tab
            surfaces="grid",
            category=foo.Categories.ANALYZE,
            help_markdown="Choose a run, set its threshold, and open the pairs that need a look.",
        )
        config.description = "Scores, threshold and what to look at next, for one run and query"
        return config

    def on_load(self, ctx: Any) -> None:
        self._at_applied(ctx)

    def on_change_dataset(self, ctx: Any) -> None:
        self._at_applied(ctx)

    def refresh(self, ctx: Any) -> None:
        """Count again and show."""
        ctx.panel.set_data("triage", describe(ctx))

    def look(self, ctx: Any) -> None:
        """List the pairs as they would be at another threshold, which is not applied by that."""
        _choose_threshold(ctx)
        self.refresh(ctx)

    def choose(self, ctx: Any) -> None:
        """Another run or query."""
        remember(ctx, base=ctx.params["base"])
        self.refresh(ctx)

    def rank(self, ctx: Any) -> None:
        """Another order of the list."""
        remember(ctx, ranking=ctx.params["ranking"])
        self.look(ctx)

    def apply(self, ctx: Any) -> None:
        """After a threshold was applied: count again and show the flagged pairs."""
        self._at_applied(ctx)
        _show(ctx, "flagged")

    def show(self, ctx: Any) -> None:
        """Show a group of pairs in the grid, in its order, at the threshold the panel shows."""
        _choose_threshold(ctx)
        what = ctx.params["what"]
        _show(ctx, chosen_ranking(ctx) if what == "ranked" else what)

    def open(self, ctx: Any) -> None:
        """Open a pair of the list; a view that hides it gives way."""
        _choose_threshold(ctx)
        sample = after_slice(ctx.dataset).select(ctx.params["id"]).first()
        if not after_slice(ctx.view).select(sample.id).count():
            _show(ctx, "strongest")
        ctx.ops.open_sample(id=sample.id, group_id=sample[ctx.dataset.group_field].id)

    def _at_applied(self, ctx: Any) -> None:
        remember(ctx, tried=None)
        self.refresh(ctx)

    def render(self, ctx: Any) -> types.Property:
        methods = (self.refresh, self.look, self.choose, self.rank, self.apply, self.show, self.open)
        calls = {method.__name__: method for method in methods}
        view = types.View(component="ArgusTriage", composite_view=True, **calls)
        return types.Property(types.Object(), view=view)


def describe(ctx: Any) -> dict[str, Any]:
    """Everything the panel shows, as app/src/triage_data.ts has it."""
    try:
        check_paired(ctx.dataset)
    except NotPairedError as fault:
        return {"message": str(fault)}
    available = scores.choices(ctx.dataset)
    choice = chosen(ctx, available)
    if choice is None:
        return {"message": NO_RUN}
    return describe_choice(ctx.dataset, available, choice, chosen_ranking(ctx), listed_threshold(ctx, choice))


def describe_choice(
    dataset: Any, available: list, choice: scores.Choice, ranking: str, listed_at: float
) -> dict[str, Any]:
    """The counts, curve and list of one run and query; the list at a threshold that may not be applied."""
    base, threshold = choice.base, choice.threshold
    counts = scores.count_scores(dataset, base, threshold)
    points, average = scores.curve_of(counts.scored)
    known = bool(points)
    ranking = ranking if known or ranking not in ("false_alarms", "missed") else "open"
    listed = [name for name in LISTED if known or name not in ("false_alarms", "missed")]
    return {
        "message": "",
        "base": base,
        "runs": [{**asdict(each), "label": each.label} for each in available],
        "threshold": threshold,
        "listed_at": listed_at,
        "evaluated": evaluations.evaluation_scope(dataset, base),
        "bin_width": 1 / scores.BINS,
        "counts": _packed(counts.scored),
        "failed": counts.failed,
        "curve": json.dumps([[p.threshold, round(p.precision, 4), round(p.recall, 4)] for p in points]),
        "average_precision": average,
        "ranking": ranking,
        "rankings": [{"name": name, "label": triage.RANKINGS[name]} for name in listed],
        "ranked": [
            _listed(row, choice.query) for row in triage.first_ranked(dataset, base, ranking, listed_at)
        ],
    }


def _packed(counts: list[scores.Count]) -> str:
    """Counts as JSON text, [truth, review, flagged, [bin, count, bin, count ...]] for each kind of pairs.

    As text, because the App copies a panel's data at every redraw, and text costs it nothing.
    """
    kinds: dict[tuple[str, str, bool], list[int]] = {}
    for count in counts:
        kinds.setdefault((count.truth, count.review, count.flagged), []).extend((count.bin, count.count))
    packed = [[*kind, flat] for kind, flat in kinds.items()]
    return json.dumps(packed, separators=(",", ":"))


def _listed(row: dict[str, Any], query: str) -> dict[str, Any]:
    empty = {"name": row["id"], "query": "", "direction": "none", "review": ""}
    shown = {**row, **{name: row[name] or value for name, value in empty.items()}}
    return {**shown, "query": query or shown["query"]}


def _choose_threshold(ctx: Any) -> None:
    """Take over the threshold at which the panel shows everything, where a call says so."""
    choice = chosen(ctx, scores.choices(ctx.dataset))
    threshold = ctx.params.get("threshold")
    if choice is not None and threshold:
        look_at_threshold(ctx, choice, float(threshold))


def _show(ctx: Any, ranking: str) -> None:
    choice = chosen(ctx, scores.choices(ctx.dataset))
    if choice is None:
        return
    after = after_name(ctx.dataset)
    if ctx.group_slice not in (None, after):
        ctx.ops.set_group_slice(after)
    at = listed_threshold(ctx, choice)
    ctx.ops.set_view(triage.ranked_view(ctx.dataset.view(), choice.base, ranking, at))
