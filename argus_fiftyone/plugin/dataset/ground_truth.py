"""Heatmaps, whoever made them, against masks: per-sample fields and a report per field."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import fiftyone as fo
import numpy as np

from argus_fiftyone.evaluation.figures import Measured, outcome_of
from argus_fiftyone.evaluation.metrics import EvidenceHistogram
from argus_fiftyone.io.images import ImageError
from argus_fiftyone.io.masks import fit_mask
from argus_fiftyone.plugin.dataset.appearance import gather_fields
from argus_fiftyone.plugin.dataset.computing import Progress
from argus_fiftyone.plugin.dataset.evaluations import WHOLE, in_pairs, store_report
from argus_fiftyone.plugin.dataset.fields import CHANGE, QUERY, TRUTH, Dataset, RunFields, Samples
from argus_fiftyone.plugin.dataset.model_evaluations import (
    delete_evaluations,
    describe_field,
    register_evaluations,
    save_views,
)
from argus_fiftyone.plugin.dataset.runs import threshold_of
from argus_fiftyone.plugin.dataset.slices import after_slice
from argus_fiftyone.plugin.dataset.thresholds import threshold_heatmaps
from argus_fiftyone.plugin.dataset.truths import TruthRule, belongs_to_query, share_truth, truth_rule
from argus_fiftyone.plugin.labels import read_evidence, read_segmentation
from argus_fiftyone.settings import check

CHUNK = 50


class NoTruthError(ValueError):
    """There is nothing to evaluate against; the message says what is missing."""


@dataclass
class Tally:
    """What an evaluation has seen so far."""

    heatmap_field: str
    truth: str
    threshold: float
    rule: TruthRule
    measured: Measured = field(default_factory=Measured)
    skipped: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    def report(self) -> dict[str, Any]:
        """What was measured as plain values, by the names of `Figures`; None where undefined."""
        report = {
            "field": self.heatmap_field,
            "truth": self.truth,
            "threshold": self.threshold,
            "asked": self.rule.told,
            "shared_truth": self.rule.shared,
            **asdict(self.measured.figures(self.threshold)),
            "skipped": self.skipped[:100],
            "skipped_pairs": len(self.skipped),
            "refused": [[own, count] for own, count in sorted(self.refused.items())],
            "pair_curve": _curve(self.measured.pair_curve()),
            "pixel_curve": _curve(self.measured.pixels),
        }
        return {name: _plain(value) for name, value in report.items()}


def _curve(histogram: EvidenceHistogram) -> dict[str, list[float]]:
    names = ("thresholds", "precision", "recall")
    return {
        n: [round(float(v), 5) for v in c] for n, c in zip(names, histogram.precision_recall(), strict=True)
    }


def evaluate_heatmaps(
    samples: Samples,
    heatmap_field: str,
    threshold: float,
    truth_field: str = TRUTH,
    target: str = "a view",
    shared_truth: bool | None = None,
) -> Iterator[Progress]:
    """Evaluate one heatmap field against a mask field; the report is stored at the end.

    Any fo.Heatmap goes: without a score field of its own, a pair's score is the
    strongest evidence in its map. A pair without a mask counts when its `change` field
    says nochange; others without a mask are skipped and named. Masks and `change` belong
    to the pair's own query: where the run asked another, the pair is left out (see `truths`).

    Where the samples are all pairs that have heatmaps, this writes <field>_ap, <field>_iou and
    <field>_outcome (found, missed, false_alarm or quiet at the threshold), and <field>_score
    where there was none. Regions and masks are brought to the threshold. Two evaluations open
    in FiftyOne's Model Evaluation panel, <field>_pairs and <field>_pixels, and three saved
    views lead to the pairs that matter. A part of the pairs only gives a report, kept apart.

    Args:
        target: what a part of the pairs is called in the report, e.g. "current view".
        shared_truth: whether the pairs' own masks mark the run's query, too; None takes what was said last.

    Raises:
        NoTruthError: if a field is missing, no sample has both heatmap and mask, or all
            masks belong to another query.
    """
    dataset = samples._root_dataset
    check("threshold", threshold)
    _check_fields(dataset, heatmap_field, truth_field)
    rule = truth_rule(dataset, heatmap_field, shared_truth)
    share_truth(dataset, rule)
    tally = Tally(heatmap_field, truth_field, threshold, rule)
    view = after_slice(samples).exists(heatmap_field)
    written: dict[str, dict[str, Any]] = {}
    yield from _measure(view, tally, written)
    if not tally.measured.scores:
        raise NoTruthError(_missing_truth(tally))
    heatmaps, whole = len(written), after_slice(dataset).exists(heatmap_field).count()
    part = heatmaps < whole
    scope = {"part": part, "target": target if part else WHOLE, "heatmaps": whole}
    scope["of"] = after_slice(dataset).count()
    if not part:
        yield from _leave_results(dataset, tally, written)
    store_report(samples if part else dataset, {**tally.report(), **scope})
    yield Progress(heatmaps, heatmaps, len(tally.skipped), f"{heatmap_field} against {truth_field}")


def _measure(view: Any, tally: Tally, written: dict[str, dict[str, Any]]) -> Iterator[Progress]:
    """Fill the tally, and what is to be written per sample id; nothing is written yet.

    So a stop half-way leaves the earlier evaluation whole.
    """
    columns = _columns(view, tally)
    ids = view.values("id")
    for start in range(0, len(ids), CHUNK):
        rows = view.select(ids[start : start + CHUNK]).values(list(columns.values()))
        for values in zip(*rows, strict=True):
            row = dict(zip(columns, values, strict=True))
            written[row["id"]] = _evaluate_row({**dict.fromkeys(OPTIONAL), **row}, tally)
        done = min(start + CHUNK, len(ids))
        yield Progress(done, len(ids) + 1, len(tally.skipped), f"{tally.heatmap_field} against {tally.truth}")


def _missing_truth(tally: Tally) -> str:
    if tally.refused:
        return f"{in_pairs(sum(tally.refused.values()))} left out: {tally.rule.refusal(tally.refused)}"
    return (
        f"no sample has both {tally.heatmap_field!r} and {tally.truth!r}: "
        "import masks or choose another field"
    )


def _leave_results(dataset: Dataset, tally: Tally, written: dict[str, dict[str, Any]]) -> Iterator[Progress]:
    """What the evaluation of all pairs leaves on them and in FiftyOne's own panel."""
    field_name, threshold, names = tally.heatmap_field, tally.threshold, RunFields.of(tally.heatmap_field)
    _declare(dataset, names, threshold)
    _write(dataset, names, written)
    delete_evaluations(dataset, field_name)
    if threshold_of(dataset, field_name) != threshold or not dataset.has_sample_field(names.segmentation):
        yield from threshold_heatmaps(dataset, field_name, threshold)
    yield Progress(len(written), len(written) + 1, note="registering for the Model Evaluation panel")
    register_evaluations(dataset, field_name, tally.truth)
    save_views(dataset, field_name)


def _check_fields(dataset: Dataset, heatmap_field: str, truth_field: str) -> None:
    for name, kind in ((heatmap_field, fo.Heatmap), (truth_field, fo.Segmentation)):
        declared = dataset.get_field(name)
        if getattr(declared, "document_type", None) is not kind:
            raise NoTruthError(
                f"{dataset.name!r} has no {kind.__name__} field {name!r}; choose one of that kind"
            )


OPTIONAL = ("score", "change", "query")


def _columns(view: Any, tally: Tally) -> dict[str, str]:
    names = dict(zip(OPTIONAL, (RunFields.of(tally.heatmap_field).score, CHANGE, QUERY), strict=True))
    there = {short: name for short, name in names.items() if view.has_sample_field(name)}
    return {"id": "id", "heatmap": tally.heatmap_field, "truth": tally.truth, **there}


def _evaluate_row(row: dict[str, Any], tally: Tally) -> dict[str, Any]:
    if not tally.rule.holds(row["query"]):
        if belongs_to_query(tally.truth):
            tally.refused[row["query"]] += 1
            return {}
        row = {**row, "change": None}
    try:
        evidence = read_evidence(row["heatmap"])
        mask = _truth_mask(row, evidence.shape)
    except ImageError as error:
        tally.skipped.append(str(error))
        return {}
    if mask is None:
        tally.skipped.append(f"sample {row['id']}: no mask, and change is not nochange")
        return {}
    metrics = tally.measured.add_map(evidence, mask, tally.threshold)
    score, changed = float(evidence.max()) if row["score"] is None else row["score"], bool(mask.any())
    tally.measured.add_pair(score, changed)
    outcome = outcome_of(score, changed, tally.threshold)
    return {"ap": metrics.average_precision, "iou": metrics.iou, "outcome": outcome, "score": score}


def _truth_mask(row: dict[str, Any], shape: tuple[int, ...]) -> np.ndarray | None:
    if row["truth"] is not None:
        return fit_mask(read_segmentation(row["truth"]), shape)
    return np.zeros(shape, dtype=bool) if row["change"] == "nochange" else None


def _declare(dataset: Dataset, names: RunFields, threshold: float) -> None:
    for name in (names.average_precision, names.iou, names.score):
        dataset.add_sample_field(name, fo.FloatField)
    dataset.add_sample_field(names.outcome, fo.StringField)
    describe_field(dataset, names.outcome, f"At the threshold {threshold:g}")
    describe_field(dataset, names.iou, f"Overlap of heatmap and mask at the threshold {threshold:g}")
    gather_fields(dataset, names.heatmap)


def _write(dataset: Dataset, names: RunFields, written: dict[str, dict[str, Any]]) -> None:
    """Values per sample id; a pair that was not measured loses those of an earlier evaluation."""
    targets = {"ap": names.average_precision, "iou": names.iou, "outcome": names.outcome}
    for short, name in targets.items():
        values = {sample_id: _plain(row.get(short)) for sample_id, row in written.items()}
        dataset.clear_sample_field(name)
        dataset.set_values(name, values, key_field="id")
    scores = {sample_id: row["score"] for sample_id, row in written.items() if "score" in row}
    dataset.set_values(names.score, scores, key_field="id")


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
