"""Evaluation in one pass against scikit-learn: time, extra memory and agreement.

    python -m benchmarks.evaluation_speed [--smoke | --quick]

100 maps of 512 × 512 in float32, nine of ten with three round regions, about 2 % of the pixels,
and noise all over. Average precision, AUROC and the best F1 of all pixels. Argus adds map by map
to one histogram; scikit-learn needs all pixels at once. Drawing is not part of the time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import cv2
import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from argus_fiftyone.evaluation.metrics import EvidenceHistogram
from benchmarks.measuring import (
    by_amount,
    describe_machine,
    peak_memory,
    resident_megabytes,
    seconds,
    tell_ratio,
)

METRICS = ("AP", "AUROC", "F1-max")
Drawn = list[tuple[np.ndarray, np.ndarray]]


def main() -> None:
    drawn = draw_all()
    print(f"{describe_machine()}\n{len(drawn)} maps of {drawn[0][0].shape}")
    ours([draw(1, 64)])
    found, times = {}, {}
    for name, work in (("argus", ours), ("scikit-learn", theirs)):
        times[name], extra, found[name] = measured(work, drawn)
        told = ", ".join(f"{metric} {value:.8f}" for metric, value in zip(METRICS, found[name], strict=True))
        print(f"{name:13} {times[name]:8.3f} s, {extra:6.0f} MB extra, {told}", flush=True)
        if name == "argus":
            tell_ratio("evaluation, MB beyond the maps", extra, "< 50")
    apart = [abs(a - b) for a, b in zip(found["argus"], found["scikit-learn"], strict=True)]
    print("differs by", ", ".join(f"{m} {value:.1e}" for m, value in zip(METRICS, apart, strict=True)))
    tell_ratio("evaluation, × scikit-learn", times["scikit-learn"] / times["argus"], "≥ 50")


def measured(work: Callable[[Drawn], tuple[float, ...]], drawn: Drawn) -> tuple[float, float, tuple]:
    """Seconds, MB beyond what was there before, result."""
    result: list[tuple[float, ...]] = []
    before = resident_megabytes()
    with peak_memory() as peak:
        time = seconds(lambda: result.append(work(drawn)))
    return time, peak[0] - before, result[0]


def ours(drawn: Drawn) -> tuple[float, ...]:
    histogram = EvidenceHistogram()
    for evidence, mask in drawn:
        histogram.add(evidence, mask)
    return histogram.average_precision(), histogram.auroc(), histogram.f1_max()


def theirs(drawn: Drawn) -> tuple[float, ...]:
    evidence = np.concatenate([e.ravel() for e, _ in drawn])
    masks = np.concatenate([m.ravel() for _, m in drawn])
    precision, recall, _ = precision_recall_curve(masks, evidence)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return average_precision_score(masks, evidence), roc_auc_score(masks, evidence), float(f1.max())


def draw_all() -> Drawn:
    count, side = by_amount(smoke=(5, 64), quick=(100, 512), full=(100, 512))
    return [draw(number, side) for number in range(count)]


def draw(number: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Evidence in [0, 1] that is higher, not always, inside the mask."""
    random = np.random.default_rng(number)
    mask = np.zeros((side, side), np.uint8)
    for row, col in random.integers(0, side, (3 if number % 10 else 0, 2)).tolist():
        cv2.circle(mask, (col, row), side // 20, 1, -1)
    evidence = np.clip(random.beta(2, 6, (side, side)) + 0.25 * mask, 0, 1)
    return evidence.astype(np.float32), mask > 0


if __name__ == "__main__":
    sys.exit(main())
