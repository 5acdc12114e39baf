"""Evaluation in one pass against scikit-learn: time, extra memory and agreement.

    python benchmarks/evaluation_speed.py [--smoke]

100 maps of 512 × 512 with 2 % positives, float32 evidence with noise in it. Argus adds map by
map to one histogram; scikit-learn needs all pixels at once.
"""

from __future__ import annotations

import sys

import numpy as np
from measuring import describe_machine, is_smoke, peak_memory, resident_megabytes, seconds
from sklearn.metrics import average_precision_score, roc_auc_score

from argus_fiftyone.evaluation import EvidenceHistogram


def main() -> None:
    maps, side = (5, 64) if is_smoke() else (100, 512)
    print(describe_machine())
    figures: dict[str, tuple[float, float]] = {}
    drawn = [draw(number, side) for number in range(maps)]

    def ours() -> None:
        histogram = EvidenceHistogram()
        for evidence, mask in drawn:
            histogram.add(evidence, mask)
        figures["argus"] = histogram.average_precision(), histogram.auroc()

    def theirs() -> None:
        evidence = np.concatenate([e.ravel() for e, _ in drawn])
        masks = np.concatenate([m.ravel() for _, m in drawn])
        figures["scikit-learn"] = average_precision_score(masks, evidence), roc_auc_score(masks, evidence)

    ours()
    times = {}
    for name, work in (("argus", ours), ("scikit-learn", theirs)):
        before = resident_megabytes()
        with peak_memory() as peak:
            times[name] = seconds(work)
        ap, auroc = figures[name]
        extra = peak[0] - before
        print(f"{name:13} {times[name]:8.3f} s, {extra:6.0f} MB extra, AP {ap:.6f}, AUROC {auroc:.8f}")
    ap, auroc = (abs(a - b) for a, b in zip(figures["argus"], figures["scikit-learn"], strict=True))
    ratio = times["scikit-learn"] / times["argus"]
    print(f"{ratio:.1f}× faster; AP differs by {ap:.1e}, AUROC by {auroc:.1e}")


def draw(number: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Evidence in [0, 1] that is higher, not always, inside the mask."""
    random = np.random.default_rng(number)
    mask = random.random((side, side)) < 0.02
    evidence = np.clip(random.beta(2, 6, (side, side)) + 0.25 * mask, 0, 1)
    return evidence.astype(np.float32), mask


if __name__ == "__main__":
    sys.exit(main())
