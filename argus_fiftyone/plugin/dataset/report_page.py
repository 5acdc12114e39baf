"""What the page of a report says: counts, figures with the threshold and the pairs they rest on, settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from argus_fiftyone import __version__
from argus_fiftyone.evaluation.figures import OUTCOMES
from argus_fiftyone.plugin.dataset.evaluations import METRICS, evaluation_report, scope_in_words
from argus_fiftyone.plugin.dataset.fields import Dataset
from argus_fiftyone.plugin.dataset.runs import list_runs, run_queries, run_record
from argus_fiftyone.plugin.labels import ANY_CHANGE, DECISIONS
from argus_fiftyone.runs.html_report import Report, ShownPair


@dataclass(frozen=True)
class Contents:
    """What a report is made of.

    Attributes:
        field: the heatmap field.
        threshold: the one the run stands at, in (0, 1].
        rows: one per pair: score, review, error, and the outcome at the threshold.
        shown: the pairs with pictures.
        chosen: how many pairs there would be to show.
        heading: what they are, and a sentence on them, or "".
    """

    field: str
    threshold: float
    rows: list[dict[str, Any]]
    shown: list[ShownPair]
    chosen: int
    heading: tuple[str, str]


def report_of(dataset: Dataset, contents: Contents) -> Report:
    """The page, ready to be drawn."""
    rows, threshold = contents.rows, contents.threshold
    scores = np.array([row["score"] for row in rows if row["score"] is not None], float)
    truth = evaluation_report(dataset, contents.field)
    curve = truth["pair_curve"] if truth else {"recall": [], "precision": []}
    return Report(
        title=f"Changes in {dataset.name}",
        subtitle=_subtitle(dataset, contents.field),
        numbers=_numbers(rows, scores, threshold),
        scores=scores,
        threshold=threshold,
        curve=(curve["recall"], curve["precision"]),
        metrics=_metrics(truth, rows, threshold),
        measured=_measured_on(truth),
        settings=_settings(dataset, contents.field, threshold),
        pairs=contents.shown,
        shown=contents.heading[0],
        shown_told=contents.heading[1],
        left_out=contents.chosen - len(contents.shown),
    )


def _numbers(rows: list[dict[str, Any]], scores: np.ndarray, threshold: float) -> list[tuple[str, str]]:
    flagged = int((scores >= threshold).sum())
    numbers = [("pairs", len(rows)), (f"flagged at {threshold:g}", flagged), ("quiet", len(scores) - flagged)]
    numbers += [(decision, sum(row["review"] == decision for row in rows)) for decision in DECISIONS]
    numbers += [("failed", sum(bool(row["error"]) for row in rows))]
    return [(label, str(number)) for label, number in numbers]


def _record(dataset: Dataset, field: str) -> dict[str, Any] | None:
    records = (run_record(dataset, key) for key in list_runs(dataset))
    return next((record for record in records if field in record["bases"]), None)


def _subtitle(dataset: Dataset, field: str) -> str:
    record = _record(dataset, field)
    if record is None:
        return f"heatmaps of {field}"
    queries = dict(zip(record["bases"], run_queries(record), strict=True))
    asked = queries[field]
    return f"asked for {asked if asked != ANY_CHANGE else 'any change'}, run {record['key']}"


def _metrics(
    truth: dict[str, Any] | None, rows: list[dict[str, Any]], threshold: float
) -> list[tuple[str, str]]:
    """Counts at the threshold the run stands at, then the figures as they were measured."""
    if truth is None:
        return []
    outcomes = [row["outcome"] for row in rows if row["outcome"]]
    told = [(f"{name.replace('_', ' ')} at {threshold:g}", str(outcomes.count(name))) for name in OUTCOMES]
    figures = [(_label(name, truth), truth[name]) for name in METRICS]
    return [*(told if outcomes else []), *((n, "–" if v is None else f"{v:.3f}") for n, v in figures)]


def _label(name: str, truth: dict[str, Any]) -> str:
    """Of all figures, the overlap alone depends on the threshold."""
    return f"{METRICS[name]} at {truth['threshold']:g}" if name == "iou" else METRICS[name]


def _measured_on(truth: dict[str, Any] | None) -> str:
    """On which pairs and at which threshold the figures were measured, and whether they still hold."""
    if truth is None:
        return ""
    stale = f" Out of date: {truth['stale']}." if truth["stale"] else ""
    return f"{scope_in_words(truth)}, against {truth['truth']}, measured at {truth['threshold']:g}.{stale}"


def _settings(dataset: Dataset, field: str, threshold: float) -> list[tuple[str, str]]:
    record = _record(dataset, field)
    if record is None:
        return [("heatmaps", field), ("threshold", f"{threshold:g}"), ("argus", __version__)]
    plain = {
        **record["settings"],
        "threshold": f"{threshold:g}",
        "encoder": record["encoder"],
        "method": record["method"],
    }
    made = {"computed": f"{record['timestamp']:%Y-%m-%d %H:%M} UTC", **record["versions"]}
    return [(name, str(value)) for name, value in {**plain, **made}.items()]
