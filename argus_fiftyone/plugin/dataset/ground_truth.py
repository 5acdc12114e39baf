"""Heatmaps, whoever made them, against masks: per-sample fields and a report per field."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import fiftyone as fo
import numpy as np

from argus_fiftyone.evaluation.metrics import (
    EvidenceHistogram,
    PairMetrics,
    pair_metrics,
    score_metrics,
)
from argus_fiftyone.io.images import ImageError
from argus_fiftyone.io.masks import fit_mask
from argus_fiftyone.plugin.dataset.appearance import gather_fields
from argus_fiftyone.plugin.dataset.computing import Progress
from argus_fiftyone.plugin.dataset.evaluations import register_evaluations, save_views
from argus_fiftyone.plugin.dataset.fields import CHANGE, TRUTH, Dataset, RunFields, Samples, evaluation_key
from argus_fiftyone.plugin.dataset.runs import threshold_of
from argus_fiftyone.plugin.dataset.slices import after_slice
from argus_fiftyone.plugin.dataset.thresholds import check_threshold, threshold_heatmaps
from argus_fiftyone.plugin.labels import read_evidence, read_segmentation

METHOD = "argus_evaluation"
OUTCOMES = ("found", "missed", "false_alarm", "quiet")
CHUNK = 50


class NoTruthError(ValueError):
    """There is nothing to evaluate against; the message says what is missing."""


@dataclass
class Tally:
    """What an evaluation has seen so far."""

    heatmap_field: str
    truth: str
    threshold: float
    pixels: EvidenceHistogram = field(default_factory=EvidenceHistogram)
    scores: list[float] = field(default_factory=list)
    changed: list[bool] = field(default_factory=list)
    metrics: list[PairMetrics] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        """The run's metrics as plain values; None where they are undefined.

        Pixel metrics pool all pixels; pointing and IoU are means over changed pairs;
        the outcome counts are of pairs, at the threshold.
        """
        scores, changed = np.array(self.scores, float), np.array(self.changed, bool)
        pairs = score_metrics(scores, changed)
        of_changed = [m for m, c in zip(self.metrics, self.changed, strict=True) if c]
        outcomes = [outcome_of(s, c, self.threshold) for s, c in zip(self.scores, self.changed, strict=True)]
        report = {
            "field": self.heatmap_field,
            "truth": self.truth,
            "threshold": self.threshold,
            "pairs": len(scores),
            "changed": int(changed.sum()),
            "pixel_ap": self.pixels.average_precision(),
            "pixel_auroc": self.pixels.auroc(),
            "f1_max": self.pixels.f1_max(),
            "aupro": self.pixels.aupro(),
            "pointing": _mean([m.pointing for m in of_changed]),
            "iou": _mean([m.iou for m in of_changed]),
            "pair_auroc": pairs.auroc,
            "pair_ap": pairs.average_precision,
            "false_alarms_at_80_recall": pairs.false_alarms,
            **{name: outcomes.count(name) for name in OUTCOMES},
            "skipped": self.skipped[:100],
            "pair_curve": _curve(_pair_histogram(scores, changed)),
            "pixel_curve": _curve(self.pixels),
        }
        return {name: _plain(value) for name, value in report.items()}


def _pair_histogram(scores: np.ndarray, changed: np.ndarray) -> EvidenceHistogram:
    histogram = EvidenceHistogram()
    histogram.add(scores[None], changed[None])
    return histogram


def _curve(histogram: EvidenceHistogram) -> dict[str, list[float]]:
    names = ("thresholds", "precision", "recall")
    return {
        n: [round(float(v), 5) for v in c] for n, c in zip(names, histogram.precision_recall(), strict=True)
    }


def evaluate_heatmaps(
    samples: Samples, heatmap_field: str, threshold: float, truth_field: str = TRUTH
) -> Iterator[Progress]:
    """Evaluate one heatmap field against a mask field; the report is stored at the end.

    Any fo.Heatmap goes: without a score field of its own, a pair's score is the
    strongest evidence in its map. A pair without a mask counts when its `change` field
    says nochange; others without a mask are skipped and named.

    Writes <field>_ap, <field>_iou and <field>_outcome (found, missed, false_alarm or
    quiet at the threshold), and <field>_score where there was none. Regions and masks are
    brought to the threshold. Two evaluations open in FiftyOne's Model Evaluation panel,
    <field>_pairs and <field>_pixels, and three saved views lead to the pairs that matter.

    Raises:
        NoTruthError: if a field is missing or no sample has both heatmap and mask.
    """
    dataset = samples._root_dataset
    check_threshold(threshold)
    names = RunFields.of(heatmap_field)
    _check_fields(dataset, heatmap_field, truth_field)
    tally = Tally(heatmap_field, truth_field, threshold)
    view = after_slice(samples).exists(heatmap_field)
    columns = _columns(dataset, names, truth_field)
    _declare(dataset, names)
    ids = view.values("id")
    for start in range(0, len(ids), CHUNK):
        rows = zip(*view.select(ids[start : start + CHUNK]).values(list(columns.values())), strict=True)
        written = {}
        for values in rows:
            row = {"score": None, "change": None, **dict(zip(columns, values, strict=True))}
            written[row["id"]] = _evaluate_row(row, tally)
        _write(dataset, names, written)
        yield Progress(
            min(start + CHUNK, len(ids)),
            len(ids),
            len(tally.skipped),
            f"{heatmap_field} against {truth_field}",
        )
    if not tally.scores:
        raise NoTruthError(
            f"no sample has both {heatmap_field!r} and {truth_field!r}: import masks or choose another field"
        )
    _store(samples, tally)
    if threshold_of(dataset, heatmap_field) != threshold or not dataset.has_sample_field(names.segmentation):
        yield from threshold_heatmaps(samples, heatmap_field, threshold)
    yield Progress(len(ids), len(ids), len(tally.skipped), "registering for the Model Evaluation panel")
    register_evaluations(samples, heatmap_field, truth_field)
    save_views(dataset, heatmap_field)


def outcome_of(score: float, changed: bool, threshold: float) -> str:
    """found, missed, false_alarm or quiet."""
    flagged = score >= threshold
    if changed:
        return "found" if flagged else "missed"
    return "false_alarm" if flagged else "quiet"


def evaluation_reports(dataset: Dataset) -> list[dict[str, Any]]:
    """All stored evaluation reports, oldest first."""
    infos = [dataset.get_run_info(key) for key in dataset.list_runs(method=METHOD)]
    return [info.config.report for info in sorted(infos, key=lambda info: info.timestamp)]


def _check_fields(dataset: Dataset, heatmap_field: str, truth_field: str) -> None:
    for name, kind in ((heatmap_field, fo.Heatmap), (truth_field, fo.Segmentation)):
        declared = dataset.get_field(name)
        if getattr(declared, "document_type", None) is not kind:
            raise NoTruthError(
                f"{dataset.name!r} has no {kind.__name__} field {name!r}; choose one of that kind"
            )


def _columns(dataset: Dataset, names: RunFields, truth_field: str) -> dict[str, str]:
    columns = {"id": "id", "heatmap": names.heatmap, "truth": truth_field}
    columns.update(
        {k: v for k, v in (("score", names.score), ("change", CHANGE)) if dataset.has_sample_field(v)}
    )
    return columns


def _evaluate_row(row: dict[str, Any], tally: Tally) -> dict[str, Any]:
    try:
        evidence = read_evidence(row["heatmap"])
        mask = _truth_mask(row, evidence.shape)
    except ImageError as error:
        tally.skipped.append(str(error))
        return {}
    if mask is None:
        tally.skipped.append(f"sample {row['id']}: no mask, and change is not nochange")
        return {}
    metrics = pair_metrics(evidence, mask, tally.threshold)
    score = float(evidence.max()) if row["score"] is None else row["score"]
    tally.pixels.add(evidence, mask)
    tally.metrics.append(metrics)
    tally.scores.append(score)
    tally.changed.append(bool(mask.any()))
    outcome = outcome_of(score, bool(mask.any()), tally.threshold)
    return {"ap": metrics.average_precision, "iou": metrics.iou, "outcome": outcome, "score": score}


def _truth_mask(row: dict[str, Any], shape: tuple[int, ...]) -> np.ndarray | None:
    if row["truth"] is not None:
        return fit_mask(read_segmentation(row["truth"]), shape)
    return np.zeros(shape, dtype=bool) if row["change"] == "nochange" else None


def _declare(dataset: Dataset, names: RunFields) -> None:
    for name in (names.average_precision, names.iou, names.score):
        dataset.add_sample_field(name, fo.FloatField)
    dataset.add_sample_field(names.outcome, fo.StringField)
    gather_fields(dataset, names.heatmap)


def _write(dataset: Dataset, names: RunFields, written: dict[str, dict[str, Any]]) -> None:
    targets = {
        "ap": names.average_precision,
        "iou": names.iou,
        "outcome": names.outcome,
        "score": names.score,
    }
    for short, name in targets.items():
        values = {sample_id: _plain(row[short]) for sample_id, row in written.items() if short in row}
        if values:
            dataset.set_values(name, values, key_field="id")


def _store(samples: Samples, tally: Tally) -> None:
    key = evaluation_key(tally.heatmap_field)
    config = samples.init_run(method=METHOD, field=tally.heatmap_field, report=tally.report())
    samples.register_run(key, config, overwrite=True)


def _mean(values: list[float]) -> float:
    finite = [v for v in values if not math.isnan(v)]
    return float(np.mean(finite)) if finite else float("nan")


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
