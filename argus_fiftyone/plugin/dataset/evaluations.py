"""Evaluations as Argus keeps them: what was measured, on which pairs, and whether it still holds."""

from __future__ import annotations

from typing import Any

from argus_fiftyone.evaluation.figures import OUTCOMES
from argus_fiftyone.plugin.dataset.fields import Dataset, Samples, evaluation_key
from argus_fiftyone.plugin.dataset.runs import list_runs, run_record, threshold_of
from argus_fiftyone.plugin.dataset.slices import after_slice
from argus_fiftyone.plugin.dataset.truths import belongs_to_query, truth_rule

METHOD = "argus_evaluation"
WHOLE = "whole data set"


def store_report(samples: Samples, report: dict[str, Any]) -> None:
    """Keep a report; that of a part has a key of its own, so that it never replaces that of all pairs."""
    key = evaluation_key(report["field"], report["part"])
    config = samples.init_run(method=METHOD, field=report["field"], report=report)
    samples.register_run(key, config, overwrite=True)


def evaluation_reports(dataset: Dataset, parts: bool = False) -> list[dict[str, Any]]:
    """Stored reports of whole runs, oldest first; with `parts`, those of parts of the pairs, too.

    Each has what `evaluate_heatmaps` stored, `timestamp`, and in `stale` one sentence on why
    its figures no longer hold, "" where they do.
    """
    infos = [dataset.get_run_info(key) for key in dataset.list_runs(method=METHOD)]
    infos = [info for info in infos if parts or not info.config.report.get("part")]
    reports = [
        {**info.config.report, "timestamp": info.timestamp}
        for info in sorted(infos, key=lambda info: info.timestamp)
    ]
    return [{**report, "stale": _staleness(dataset, report)} for report in reports]


def evaluation_report(dataset: Dataset, field: str) -> dict[str, Any] | None:
    """The report on all pairs of a heatmap field; None where there is none."""
    return next((r for r in evaluation_reports(dataset) if r["field"] == field), None)


def latest_report(dataset: Dataset, field: str) -> dict[str, Any]:
    """The newest report on a heatmap field, be it on all pairs or on a part.

    Raises:
        KeyError: if the field was never evaluated.
    """
    reports = [r for r in evaluation_reports(dataset, parts=True) if r["field"] == field]
    if not reports:
        raise KeyError(f"{field!r} was never evaluated: run evaluate_change_heatmaps on it first")
    return reports[-1]


def evaluation_scope(dataset: Dataset, run_key: str) -> dict[str, Any] | None:
    """What the figures of a run rest on, for those who show them.

    Args:
        run_key: a heatmap field: the run's key, or key_q1, key_q2 ... of a run with several queries.

    Returns:
        threshold (0, 1] it was measured at, how many `pairs` were measured `of` how many in the
        dataset, whether that is `stale` and `why` in a sentence, and all of it in words as `told`.
        The evaluation of all pairs goes before that of a part; None without either.
    """
    reports = [r for r in evaluation_reports(dataset, parts=True) if r["field"] == run_key]
    if not reports:
        return None
    report = next((r for r in reports if not r.get("part")), reports[-1])
    return {
        "threshold": float(report["threshold"]),
        "pairs": int(report["pairs"]),
        "of": int(report.get("of", report["pairs"])),
        "stale": bool(report["stale"]),
        "why": report["stale"],
        "told": f"{scope_in_words(report)}, at threshold {report['threshold']:g}",
    }


def scope_in_words(report: dict[str, Any]) -> str:
    """ "4 of 8 pairs, current view"; reports of Argus 0.1.0 do not know of how many."""
    if "of" not in report:
        return in_pairs(report["pairs"])
    return f"{report['pairs']} of {report['of']} pairs, {report['target']}"


def in_pairs(count: int) -> str:
    """ "1 pair", "2 pairs"."""
    return "1 pair" if count == 1 else f"{count} pairs"


def _staleness(dataset: Dataset, report: dict[str, Any]) -> str:
    field, measured = report["field"], report["threshold"]
    if "of" not in report:
        return "measured by Argus 0.1.0, which did not note on which pairs; evaluate again"
    if (stands := threshold_of(dataset, field)) != measured:
        return f"measured at {measured:g}, the run stands at {stands:g}; evaluate again"
    said = belongs_to_query(report["truth"]) and truth_rule(dataset, field).shared != report["shared_truth"]
    if said:
        return "it was said since whether the pairs' masks mark this query, too; evaluate again"
    records = [run_record(dataset, key) for key in list_runs(dataset)]
    if any(r["timestamp"] > report["timestamp"] for r in records if field in r["bases"]):
        return "the run was computed anew since; evaluate again"
    if dataset.has_sample_field(field):
        there = after_slice(dataset).exists(field).count()
        if there != report["heatmaps"]:
            return (
                f"measured when {in_pairs(report['heatmaps'])} had heatmaps, now {there} do; evaluate again"
            )
    return ""


METRICS = {
    "pixel_ap": "Pixel AP",
    "pixel_auroc": "Pixel AUROC",
    "f1_max": "F1-max",
    "aupro": "AUPRO@0.3",
    "pointing": "Pointing",
    "iou": "IoU",
    "pair_auroc": "Pair AUROC",
    "pair_ap": "Pair AP",
    "false_alarms_at_80_recall": "False alarms at 80 % recall",
}
COLOURS = ("#e4572e", "#4c9be8", "#76b041", "#b279d2", "#e8b93f")


def column_of(report: dict[str, Any]) -> str:
    """What a report is called beside others: its heatmap field, and that it is of a part."""
    return f"{report['field']}_part" if report.get("part") else report["field"]


def table_of(reports: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Reports side by side: one row per metric, one column per report."""
    rows = {label: [_figure(r[name]) for r in reports] for name, label in METRICS.items()}
    rows |= {f"Pairs: {name.replace('_', ' ')}": [str(r[name]) for r in reports] for name in OUTCOMES}
    rows["Threshold"] = [f"{r['threshold']:g}" for r in reports]
    rows["Measured on"] = [scope_in_words(r) for r in reports]
    rows["Up to date"] = [f"no: {r['stale']}" if r["stale"] else "yes" for r in reports]
    columns = [column_of(r) for r in reports]
    return [{"metric": label, **dict(zip(columns, cells, strict=True))} for label, cells in rows.items()]


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def curves_of(reports: list[dict[str, Any]], kind: str = "pair") -> list[dict[str, Any]]:
    """The precision–recall curves of reports as plotly traces, in one plot."""
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": column_of(report),
            "line": {"color": COLOURS[number % len(COLOURS)], "width": 2},
            "x": report[f"{kind}_curve"]["recall"],
            "y": report[f"{kind}_curve"]["precision"],
        }
        for number, report in enumerate(reports)
    ]
