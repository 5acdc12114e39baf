"""One evaluation, whoever asks: what a pass over pairs collects, and the figures that follow from it.

A run folder and a FiftyOne dataset differ in where pairs and masks come from, not in what
is measured: both report these figures, under these names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from argus_fiftyone.evaluation.metrics import EvidenceHistogram, PairMetrics, pair_metrics, score_metrics

OUTCOMES = ("found", "missed", "false_alarm", "quiet")
CHANGED, FLAGGED = ("found", "missed"), ("found", "false_alarm")
"""The outcomes of pairs that changed, and of pairs that were flagged."""


def outcome_of(score: float, changed: bool, threshold: float) -> str:
    """What became of a pair at a threshold: found, missed, false_alarm or quiet."""
    flagged = score >= threshold
    if changed:
        return "found" if flagged else "missed"
    return "false_alarm" if flagged else "quiet"


@dataclass(frozen=True)
class Figures:
    """What an evaluation measures; shares and metrics in [0, 1], nan where there is nothing to measure.

    Attributes:
        pairs, changed: how many pairs, and how many with a change.
        pixel_ap, pixel_auroc, f1_max, aupro: over the pixels of all pairs whose mask is known.
        map_ap: mean average precision of single maps of changed pairs.
        pointing: share of changed pairs whose strongest pixel lies in the mask.
        iou: mean overlap of map and mask at the threshold, over changed pairs.
        pair_ap, pair_auroc: of the pairs' scores, changed against unchanged pairs.
        found, missed, false_alarm, quiet: counts of pairs at the threshold, see `outcome_of`.
        recall: share of changed pairs at or above the threshold.
        false_alarm_rate: share of unchanged pairs at or above the threshold.
        false_alarms_at_80_recall: the same where the cut keeps 80 % of all changed pairs.
    """

    pairs: int
    changed: int
    pixel_ap: float
    pixel_auroc: float
    f1_max: float
    aupro: float
    map_ap: float
    pointing: float
    iou: float
    pair_ap: float
    pair_auroc: float
    found: int
    missed: int
    false_alarm: int
    quiet: int
    recall: float
    false_alarm_rate: float
    false_alarms_at_80_recall: float


@dataclass
class Measured:
    """What one pass over pairs collects.

    Attributes:
        pixels: evidence inside and outside the masks.
        maps: metrics of changed pairs with a mask.
        scores, changed: of every pair.
    """

    pixels: EvidenceHistogram = field(default_factory=EvidenceHistogram)
    maps: list[PairMetrics] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    changed: list[bool] = field(default_factory=list)

    def add_pair(self, score: float, changed: bool) -> None:
        """Count a pair by its score, in [0, 1], and whether it changed."""
        self.scores.append(score)
        self.changed.append(changed)

    def add_map(self, evidence: np.ndarray, mask: np.ndarray, threshold: float) -> PairMetrics:
        """Count a map against its mask; returns what this pair alone comes to.

        Args:
            evidence: [rows, cols] in [0, 1], the heatmap without its sign.
            mask: bool, the same shape; empty where nothing changed.
            threshold: in (0, 1], where the overlap is taken.
        """
        metrics = pair_metrics(evidence, mask, threshold)
        self.pixels.add(evidence, mask)
        if mask.any():
            self.maps.append(metrics)
        return metrics

    def pair_curve(self) -> EvidenceHistogram:
        """The scores as a histogram, for the curve of flagging pairs."""
        histogram = EvidenceHistogram()
        histogram.add(np.array(self.scores, float)[None], np.array(self.changed, bool)[None])
        return histogram

    def figures(self, threshold: float, cut: float | None = None) -> Figures:
        """The figures at a threshold in (0, 1].

        Args:
            cut: the score that keeps 80 % of the changed pairs; None takes that of these pairs.
        """
        scores, changed = np.array(self.scores, float), np.array(self.changed, bool)
        ranked, outcomes = score_metrics(scores, changed), self._outcomes(threshold)
        return Figures(
            pairs=len(scores),
            changed=int(changed.sum()),
            pixel_ap=self.pixels.average_precision(),
            pixel_auroc=self.pixels.auroc(),
            f1_max=self.pixels.f1_max(),
            aupro=self.pixels.aupro(),
            map_ap=mean_of([one.average_precision for one in self.maps]),
            pointing=mean_of([one.pointing for one in self.maps]),
            iou=mean_of([one.iou for one in self.maps]),
            pair_ap=ranked.average_precision,
            pair_auroc=ranked.auroc,
            **outcomes,
            recall=mean_of(scores[changed] >= threshold),
            false_alarm_rate=mean_of(scores[~changed] >= threshold),
            false_alarms_at_80_recall=mean_of(scores[~changed] >= (ranked.cut if cut is None else cut)),
        )

    def _outcomes(self, threshold: float) -> dict[str, int]:
        pairs = zip(self.scores, self.changed, strict=True)
        outcomes = [outcome_of(score, changed, threshold) for score, changed in pairs]
        return {name: outcomes.count(name) for name in OUTCOMES}


def mean_of(values: Sequence[float] | np.ndarray) -> float:
    """The mean of what is defined; nan where nothing is."""
    known = np.asarray(values, float)
    known = known[~np.isnan(known)]
    return float(known.mean()) if known.size else float("nan")
