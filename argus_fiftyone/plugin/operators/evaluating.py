"""Thresholds, ground truth and the score filter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fiftyone.core.view import DatasetView
from fiftyone.operators import types

from argus_fiftyone.plugin.dataset.evaluations import (
    column_of,
    curves_of,
    evaluation_reports,
    latest_report,
    scope_in_words,
    table_of,
)
from argus_fiftyone.plugin.dataset.fields import TRUTH, Dataset, RunFields, Samples
from argus_fiftyone.plugin.dataset.ground_truth import evaluate_heatmaps
from argus_fiftyone.plugin.dataset.reviews import filter_by_score
from argus_fiftyone.plugin.dataset.runs import threshold_of
from argus_fiftyone.plugin.dataset.slices import after_name
from argus_fiftyone.plugin.dataset.thresholds import threshold_heatmaps
from argus_fiftyone.plugin.operators.base import (
    EVERY,
    TARGETS,
    VIEW,
    ArgusOperator,
    measured_pairs,
    relay,
)
from argus_fiftyone.plugin.operators.evaluation_form import ask_evaluation
from argus_fiftyone.plugin.operators.forms import ask_heatmap_field, ask_threshold, blocked, is_paired
from argus_fiftyone.plugin.operators.result_pages import show_evaluation

GENERATOR = {"execute_as_generator": True, "allow_delegated_execution": True}


PLOT = {
    "height": 320,
    "showlegend": True,
    "margin": {"t": 10, "r": 10, "b": 40, "l": 50},
    "xaxis": {"title": "recall", "range": [0, 1.02]},
    "yaxis": {"title": "precision", "range": [0, 1.05]},
}


class ThresholdChangeHeatmaps(ArgusOperator):
    """Regions and masks at another threshold, without encoding again."""

    title = (
        "threshold_change_heatmaps",
        "Threshold change heatmaps",
        "Find regions and masks at another threshold; nothing is computed again",
    )
    options = {**GENERATOR, "view_target": False}  # noqa: RUF012

    def resolve_input(self, ctx: Any) -> types.Property:
        inputs = types.Object()
        if is_paired(ctx, inputs) and (field := ask_heatmap_field(ctx, inputs)):
            ask_threshold(inputs, threshold_of(ctx.dataset, field), ctx.params.get("threshold"))
            told = "Applies to all pairs of these heatmaps, whatever is selected or filtered"
            inputs.view("scope", types.Notice(label=told))
        return types.Property(inputs, view=types.View(label="Threshold change heatmaps"))

    def execute(self, ctx: Any) -> Iterator[Any]:
        field, threshold = ctx.params["field"], float(ctx.params["threshold"])
        yield from relay(ctx, threshold_heatmaps(ctx.dataset, field, threshold))
        yield ctx.ops.reload_dataset()

    def __call__(self, samples: Samples, field: str, threshold: float, delegate: bool = False) -> None:
        """Threshold a heatmap field: a run's key, key_q1, key_q2 ... or any other fo.Heatmap field.

        A view stands for its whole dataset, since a field has one threshold.
        """
        self.call(samples, delegate, field=field, threshold=threshold)


class EvaluateChangeHeatmaps(ArgusOperator):
    """Heatmaps against masks."""

    title = (
        "evaluate_change_heatmaps",
        "Evaluate change heatmaps",
        "Measure heatmaps, Argus' own or any other tool's, against ground-truth masks",
    )
    options = {**GENERATOR, "view_target": False}  # noqa: RUF012 (the form has a choice of its own)

    def resolve_input(self, ctx: Any) -> types.Property:
        inputs = types.Object()
        if is_paired(ctx, inputs) and (field := ask_heatmap_field(ctx, inputs)):
            ask_evaluation(ctx, inputs, field)
        return types.Property(inputs, view=types.View(label="Evaluate change heatmaps"))

    def execute(self, ctx: Any) -> Iterator[Any]:
        params, field = ctx.params, ctx.params["field"]
        stood = threshold_of(ctx.dataset, field)
        steps = evaluate_heatmaps(
            measured_pairs(ctx),
            field,
            float(params["threshold"]),
            params.get("truth") or TRUTH,
            TARGETS[params.get("pairs") or EVERY],
            params.get("shared_truth"),
        )
        yield from relay(ctx, steps)
        yield ctx.ops.reload_dataset()
        yield show_evaluation(ctx, latest_report(ctx.dataset, field), stood)

    def __call__(
        self,
        samples: Samples,
        field: str,
        threshold: float | None = None,
        truth: str = TRUTH,
        delegate: bool = False,
        shared_truth: bool | None = None,
    ) -> dict[str, Any] | None:
        """The report of this field: pixel and pair metrics, and counts at the threshold.

        A view that leaves out pairs is evaluated as a part: its report is kept apart from that of all.

        shared_truth: whether the pairs' masks mark the run's query, too; None takes what was said last.
        """
        dataset = samples._root_dataset
        threshold = threshold_of(dataset, field) if threshold is None else threshold
        pairs = VIEW if isinstance(samples, DatasetView) else EVERY
        given = {"field": field, "threshold": threshold, "truth": truth, "pairs": pairs}
        self.call(samples, delegate, **given, shared_truth=shared_truth)
        return None if delegate else latest_report(dataset, field)


class CompareChangeRuns(ArgusOperator):
    """Evaluated heatmap fields in one table and one plot."""

    title = (
        "compare_change_runs",
        "Compare evaluated runs",
        "Put evaluated runs, encoders or other tools' heatmaps side by side in one table and one plot",
    )

    def resolve_input(self, ctx: Any) -> types.Property:
        inputs = types.Object()
        reports = evaluation_reports(ctx.dataset, parts=True)
        if reports:
            choices = types.DropdownView(multiple=True)
            for report in reports:
                told = f"{report['field']} ({scope_in_words(report)})"
                choices.add_choice(column_of(report), label=told)
            whole = [column_of(report) for report in reports if not report.get("part")]
            shown = whole or [column_of(report) for report in reports]
            inputs.list("fields", types.String(), default=shown, label="Heatmaps", view=choices)
        else:
            blocked(inputs, "Nothing has been evaluated yet. Run *Evaluate change heatmaps* first.")
        return types.Property(inputs, view=types.View(label="Compare evaluated runs"))

    def execute(self, ctx: Any) -> dict[str, Any]:
        wanted = ctx.params.get("fields")
        reports = evaluation_reports(ctx.dataset, parts=bool(wanted))
        reports = [r for r in reports if not wanted or column_of(r) in wanted]
        curves = {kind: curves_of(reports, kind) for kind in ("pair", "pixel")}
        return {"fields": [column_of(r) for r in reports], "table": table_of(reports), **curves}

    def resolve_output(self, ctx: Any) -> Any:
        outputs = types.Object()
        table = types.TableView()
        table.add_column("metric", label="")
        for name in ctx.results.get("fields", []):
            table.add_column(name, label=name)
        outputs.list("table", types.Object(), view=table)
        for kind, label in (("pair", "Flagging pairs"), ("pixel", "Marking pixels")):
            outputs.plot(kind, label=f"{label}: precision against recall", layout=PLOT)
        return types.Property(outputs, view=types.View(label="Evaluated runs side by side"))

    def __call__(self, dataset: Dataset, fields: Sequence[str] | None = None) -> dict[str, Any]:
        """The table's rows and the curves; None takes every evaluated field.

        `<field>_part` names the evaluation of a part of a field's pairs.
        """
        return self.call(dataset, fields=None if fields is None else list(fields))


class FilterByChangeScore(ArgusOperator):
    """Show the pairs whose score lies in a range."""

    title = (
        "filter_by_change_score",
        "Filter by change score",
        "Show pairs whose change score lies in a range",
    )

    def resolve_input(self, ctx: Any) -> types.Property:
        inputs = types.Object()
        if is_paired(ctx, inputs) and (field := ask_heatmap_field(ctx, inputs)):
            if not ctx.dataset.has_sample_field(RunFields.of(field).score):
                blocked(inputs, f"{field} has no scores yet. Run *Evaluate change heatmaps* on it first.")
            ask_threshold(inputs, threshold_of(ctx.dataset, field), ctx.params.get("least"), "least")
            inputs.float("most", default=1.0, required=True, label="Highest score", min=0, max=1)
        return types.Property(inputs, view=types.View(label="Filter by change score"))

    def execute(self, ctx: Any) -> None:
        view = filter_by_score(
            ctx.view, ctx.params["field"], float(ctx.params["least"]), float(ctx.params.get("most") or 1)
        )
        ctx.ops.set_group_slice(after_name(ctx.dataset))
        ctx.ops.set_view(view)

    def __call__(self, samples: Samples, field: str, least: float, most: float = 1.0) -> Any:
        """The view itself, strongest first, both slices kept."""
        return filter_by_score(samples, field, least, most)
