"""Heatmaps and scores against masks and labels, in one pass and constant memory.

Evidence is counted into 65,536 bins, so memory does not grow with the number of
pictures. A 16-bit map has fewer levels than that, so nothing is lost to binning.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.integrate import trapezoid

from argus_fiftyone.io.masks import fit_mask

BINS = 65536


class EvidenceHistogram:
    """Counts of evidence inside and outside the masks, from which every curve follows."""

    def __init__(self) -> None:
        self.inside = np.zeros(BINS)
        self.outside = np.zeros(BINS)
        self.regional = np.zeros(BINS)
        self.regions = 0

    def add(self, evidence: np.ndarray, mask: np.ndarray) -> None:
        """Count one picture.

        Args:
            evidence: [rows, cols] in [0, 1].
            mask: bool, the same shape; True where the truth marks change.

        Raises:
            ValueError: if the shapes differ.
        """
        if evidence.shape != mask.shape:
            raise ValueError(f"evidence and mask need one shape, got {evidence.shape} and {mask.shape}")
        bins = np.rint(np.clip(evidence, 0, 1) * (BINS - 1)).astype(np.uint16)
        self.outside += np.bincount(bins[~mask], minlength=BINS)
        if not mask.any():
            return
        count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
        inside, of_region = bins[mask], labels[mask].astype(np.intp)
        areas = np.bincount(of_region, minlength=count).astype(float)
        self.inside += np.bincount(inside, minlength=BINS)
        # Every region weighs the same, however large: the "per region" of AUPRO.
        self.regional += np.bincount(inside, weights=1 / areas[of_region], minlength=BINS)
        self.regions += count - 1

    def average_precision(self) -> float:
        """Area under precision–recall by steps, as scikit-learn; nan without positives."""
        hits, alarms = _from_above(self.inside), _from_above(self.outside)
        if not hits[-1]:
            return float("nan")
        recall = hits / hits[-1]
        return float((np.diff(recall, prepend=0) * hits / np.maximum(hits + alarms, 1)).sum())

    def auroc(self) -> float:
        """Area under the ROC curve, ties counted half; nan without both classes."""
        hits, alarms = _from_above(self.inside), _from_above(self.outside)
        if not hits[-1] or not alarms[-1]:
            return float("nan")
        return _area(alarms / alarms[-1], hits / hits[-1])

    def f1_max(self) -> float:
        """The best F1 over all thresholds; nan without positives."""
        hits, alarms = _from_above(self.inside), _from_above(self.outside)
        if not hits[-1]:
            return float("nan")
        return float((2 * hits / np.maximum(hits + alarms + hits[-1], 1)).max())

    def aupro(self, limit: float = 0.3) -> float:
        """Area under per-region overlap against false-positive rate up to `limit`, over `limit`.

        Source:
            Bergmann et al., IJCV 2021 (MVTec AD). The last segment is cut at the limit by
            interpolation, so the value cannot exceed 1.
        """
        overlap, alarms = _from_above(self.regional), _from_above(self.outside)
        if not self.regions or not alarms[-1]:
            return float("nan")
        rate, overlap = alarms / alarms[-1], overlap / self.regions
        rate, overlap = np.append(0, rate), np.append(0, overlap)
        kept = rate <= limit
        at_limit = np.interp(limit, rate, overlap)
        return float(trapezoid(np.append(overlap[kept], at_limit), np.append(rate[kept], limit)) / limit)

    def precision_recall(self, points: int = 100) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The precision–recall curve, thinned to about `points` points spread along recall.

        Returns:
            (thresholds, precision, recall), each [≤ points + 1] in [0, 1], highest
            threshold first; empty without positives.
        """
        hits, alarms = _from_above(self.inside), _from_above(self.outside)
        if not hits[-1]:
            return np.empty(0), np.empty(0), np.empty(0)
        recall = hits / hits[-1]
        reached = np.searchsorted(recall, np.linspace(0, 1, points + 1)[1:] - 1e-12)
        chosen = np.unique(np.append(np.flatnonzero(hits + alarms)[0], reached))
        precision = hits[chosen] / np.maximum(hits[chosen] + alarms[chosen], 1)
        return (BINS - 1 - chosen) / (BINS - 1), precision, recall[chosen]


def _from_above(histogram: np.ndarray) -> np.ndarray:
    """Counts at or above each bin, highest bin first."""
    return np.cumsum(histogram[::-1])


def _area(x: np.ndarray, y: np.ndarray) -> float:
    return float(trapezoid(np.append(0, y), np.append(0, x)))


@dataclass(frozen=True)
class PairMetrics:
    """How one pair's evidence meets its mask; nan where the mask is empty.

    Attributes:
        average_precision, auroc, f1_max, aupro: over the picture's pixels, in [0, 1].
        pointing: whether the strongest pixel lies in the mask (or within 2 % of the long side of it).
        iou: intersection over union at the threshold.
    """

    average_precision: float
    auroc: float
    f1_max: float
    aupro: float
    pointing: float
    iou: float


def pair_metrics(evidence: np.ndarray, mask: np.ndarray, threshold: float) -> PairMetrics:
    """Metrics of one pair.

    Args:
        evidence: [rows, cols] in [0, 1], the heatmap without its sign.
        mask: bool [rows, cols] of any size; brought to the evidence's size.
        threshold: in (0, 1], where IoU is taken.
    """
    mask = fit_mask(mask, evidence.shape)
    histogram = EvidenceHistogram()
    histogram.add(evidence, mask)
    shown = evidence >= threshold
    union = (shown | mask).sum()
    return PairMetrics(
        average_precision=histogram.average_precision(),
        auroc=histogram.auroc(),
        f1_max=histogram.f1_max(),
        aupro=histogram.aupro(),
        pointing=_points_at(evidence, mask),
        iou=float((shown & mask).sum() / union) if mask.any() else float("nan"),
    )


def _points_at(evidence: np.ndarray, mask: np.ndarray) -> float:
    if not mask.any():
        return float("nan")
    if evidence.max() <= 0:
        return 0.0
    row, col = np.unravel_index(int(evidence.argmax()), evidence.shape)
    reach = round(0.02 * max(mask.shape))
    near = mask[max(0, row - reach) : row + reach + 1, max(0, col - reach) : col + reach + 1]
    return float(near.any())


@dataclass(frozen=True)
class ScoreMetrics:
    """How well scores tell changed pairs from unchanged ones; nan without both kinds.

    Attributes:
        auroc, average_precision: of the scores, in [0, 1].
        cut: the score that 80 % of the changed pairs reach.
        false_alarms: share of unchanged pairs that reach `cut`.
    """

    auroc: float
    average_precision: float
    cut: float
    false_alarms: float


def score_metrics(scores: np.ndarray, changed: np.ndarray, recall: float = 0.8) -> ScoreMetrics:
    """Metrics of scores.

    Args:
        scores: [pairs] in [0, 1].
        changed: bool [pairs].
        recall: share of changed pairs that the cut must keep.
    """
    histogram = EvidenceHistogram()
    histogram.add(np.asarray(scores, float)[None], np.asarray(changed, bool)[None])
    cut = recall_cut(np.asarray(scores, float)[np.asarray(changed, bool)], recall)
    quiet = np.asarray(scores, float)[~np.asarray(changed, bool)]
    return ScoreMetrics(
        auroc=histogram.auroc(),
        average_precision=histogram.average_precision(),
        cut=cut,
        false_alarms=float((quiet >= cut).mean()) if quiet.size else float("nan"),
    )


def recall_cut(positive_scores: np.ndarray, recall: float) -> float:
    """The highest score that at least `recall` of the positives reach; nan without positives."""
    if not positive_scores.size:
        return float("nan")
    ordered = np.sort(positive_scores)[::-1]
    return float(ordered[int(np.ceil(recall * ordered.size)) - 1])
