"""What Evaluate asks: the truth, the threshold, the pairs; and what it says before it starts."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
from fiftyone.operators import types

from argus_fiftyone.plugin.dataset.evaluations import evaluation_report, in_pairs, scope_in_words
from argus_fiftyone.plugin.dataset.fields import QUERY, TRUTH
from argus_fiftyone.plugin.dataset.runs import threshold_of
from argus_fiftyone.plugin.dataset.slices import after_slice
from argus_fiftyone.plugin.dataset.truths import UNKNOWN, belongs_to_query, other_queries, truth_rule
from argus_fiftyone.plugin.labels import label_fields
from argus_fiftyone.plugin.operators.base import EVERY, SELECTED, VIEW, measured_pairs
from argus_fiftyone.plugin.operators.forms import ask_threshold, blocked, refuse

CHOICES = {EVERY: "Whole data set", VIEW: "Current view", SELECTED: "Selected in the grid"}


def ask_evaluation(ctx: Any, inputs: types.Object, field: str) -> None:
    """Ask for truth, threshold and pairs, once the heatmap field is chosen."""
    truth = _ask_truth(ctx, inputs)
    if truth is None:
        return
    stands = threshold_of(ctx.dataset, field)
    threshold = ctx.params.get("threshold")
    ask_threshold(inputs, stands, threshold)
    chosen = _ask_pairs(ctx, inputs, field)
    _ask_shared_truth(ctx, inputs, field, truth)
    inputs.view("told", types.Notice(label=_consequence(ctx, field, chosen, stands, threshold)))


def _ask_truth(ctx: Any, inputs: types.Object) -> str | None:
    masks = label_fields(ctx.dataset, fo.Segmentation)
    truths = [name for name in masks if not name.endswith("_segmentation")]
    if not truths:
        blocked(inputs, "This dataset has no mask field to evaluate against: import pairs with masks.")
        return None
    first = TRUTH if TRUTH in truths else truths[0]
    view = types.DropdownView()
    inputs.enum("truth", truths, default=first, required=True, label="Ground truth", view=view)
    chosen = ctx.params.get("truth")
    return chosen if chosen in truths else first


def _ask_pairs(ctx: Any, inputs: types.Object, field: str) -> str:
    """All pairs, unless the user says otherwise: FiftyOne would take the ticked ones and not say so."""
    counts = {EVERY: _heatmaps(ctx, EVERY, field), VIEW: _heatmaps(ctx, VIEW, field)}
    if ctx.selected:
        counts[SELECTED] = _heatmaps(ctx, SELECTED, field)
    if counts[VIEW] == counts[EVERY]:
        del counts[VIEW]
    choices = types.RadioGroup(orientation="vertical")
    for name, count in counts.items():
        choices.add_choice(name, label=f"{CHOICES[name]}: {in_pairs(count)} with heatmaps")
    inputs.enum("pairs", choices.values(), default=EVERY, required=True, label="Measure on", view=choices)
    chosen = ctx.params.get("pairs")
    return chosen if chosen in counts else EVERY


def _heatmaps(ctx: Any, chosen: str, field: str) -> int:
    return after_slice(measured_pairs(ctx, chosen)).exists(field).count()


def _ask_shared_truth(ctx: Any, inputs: types.Object, field: str, truth: str) -> None:
    """Whose truth the masks are; where they belong to another query, whether they mark this one, too."""
    rule = truth_rule(ctx.dataset, field, shared=False)
    others = other_queries(after_slice(ctx.dataset), rule)
    if not belongs_to_query(truth) or not others:
        if rule.told == UNKNOWN:
            told = "Nobody noted what these heatmaps were asked for: all pairs are measured by their masks."
            inputs.view("unknown", types.Notice(label=told))
        elif rule.asked and not _own_queries(ctx):
            told = f"The pairs name no query of their own: their masks are taken to mark “{rule.told}”."
            inputs.view("unknown", types.Notice(label=told))
        return
    known = truth_rule(ctx.dataset, field).shared
    shared = ctx.params.get("shared_truth")
    shared = known if shared is None else bool(shared)
    told = f"{in_pairs(sum(others.values()))} left out: {rule.refusal(others)}"
    prop = inputs.bool(
        "shared_truth",
        default=known,
        label=f"The pairs' masks mark “{rule.told}”, too",
        description="They are measured, then" if shared else told,
    )
    if not shared and sum(others.values()) == after_slice(ctx.dataset).count():
        refuse(prop, told)


def _own_queries(ctx: Any) -> list[str]:
    return (
        [query for query in ctx.dataset.distinct(QUERY) if query]
        if ctx.dataset.has_sample_field(QUERY)
        else []
    )


def _consequence(ctx: Any, field: str, chosen: str, stands: float, threshold: Any) -> str:
    """What happens to the run's own figures and threshold."""
    if chosen != EVERY:
        whole = evaluation_report(ctx.dataset, field)
        kept = f" ({scope_in_words(whole)})" if whole else ""
        return (
            f"A part is reported by itself: figures of all pairs{kept} and their outcomes stay as they are."
        )
    if threshold is not None and float(threshold) != stands:
        return f"The run's threshold moves from {stands:g} to {float(threshold):g}; regions and masks follow."
    return "Outcomes, saved views and the panel Model Evaluation show what is measured here."
