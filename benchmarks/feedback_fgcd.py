"""Does rejecting false alarms on some objects lower the false-alarm rate on others?

    python -m benchmarks.feedback_fgcd ../shared/data/pairs.csv [ENCODER] [WANTED]

Compares the fgcd pairs (tiny damage under other light; the unchanged pairs differ in light only) with
the encoder, then takes every way to split the objects into two halves. On one half a reviewer looks at
every pair that is flagged, confirms the changed and rejects the unchanged ones, and
`feedback.calibrate` sets the threshold for at most WANTED (0.2) false alarms. On the other half, whose
objects the reviewer never saw, the share of flagged pairs is taken before and after, unchanged pairs
and changed ones apart. That is done for several thresholds to begin with: a user who must not miss
anything begins low, and has many false alarms to reject. Prints means over the splits that had enough
rejected pairs to promise anything, and how many had not.
"""

from __future__ import annotations

import platform
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from argus_fiftyone.encoders.registry import load_encoder
from argus_fiftyone.engine.batch import compare_pairs
from argus_fiftyone.feedback.conformal import TooFewDecisionsError, calibrate
from argus_fiftyone.io.pair_list import read_pairs, read_rows
from argus_fiftyone.settings import Settings

BEGINNINGS = (0.1, 0.2, 0.3, Settings.threshold)


def main(pairs_csv: Path, name: str, wanted: float) -> None:
    changed = {row["id"]: row["label"] == "change" for row in read_rows(pairs_csv, ("id", "label"))}
    pairs = [pair for pair in read_pairs(pairs_csv) if pair.id.startswith("fgcd/")]
    encoder = load_encoder(name)
    outcomes = [*tqdm(compare_pairs(pairs, encoder, Settings()), total=len(pairs), unit="pair")]
    ids = [o.pair.id for o in outcomes if not o.error]
    scores = np.array([o.comparisons[0].score for o in outcomes if not o.error])
    truth = np.array([changed[pair_id] for pair_id in ids])
    objects = np.array([pair_id.split("/")[1].split("_")[0] for pair_id in ids])
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, {platform.machine()}"
    print(f"{encoder.name}, {len(ids)} pairs of {len(set(objects))} objects; {versions}")
    print(f"wanted: false alarms at most {wanted:.2f}; before -> after on objects not reviewed\n")
    print("begun at | threshold found | rejected pairs |   false alarms | changed, flagged | splits, too few")
    for begun in BEGINNINGS:
        print(line(begun, *splits(scores, truth, objects, begun, wanted)))


def splits(
    scores: np.ndarray, truth: np.ndarray, objects: np.ndarray, begun: float, wanted: float
) -> tuple[np.ndarray, int]:
    """One row per split: threshold, decisions, false alarms and recall before and after."""
    names, rows, refused = sorted(set(objects)), [], 0
    for part in combinations(names, len(names) // 2):
        seen = np.isin(objects, part)
        reviewed = seen & (scores >= begun)
        try:
            found = calibrate(
                scores[reviewed & truth].tolist(), scores[reviewed & ~truth].tolist(), "false_alarms", wanted
            )
        except TooFewDecisionsError:
            refused += 1
            continue
        shares = [
            float((scores[~seen & kind] >= cut).mean())
            for kind in (~truth, truth)
            for cut in (begun, found.threshold)
        ]
        rows.append([found.threshold, found.decisions, *shares])
    return np.array(rows), refused


def line(begun: float, rows: np.ndarray, refused: int) -> str:
    """One row of the table: means over the splits that were not refused."""
    counted = f"{len(rows) + refused}, {refused}"
    if not len(rows):
        return f"{begun:8.2f} | too few false alarms to learn from{'':37} | {counted}"
    threshold, decisions, alarms, alarms_after, recall, recall_after = rows.mean(axis=0)
    return (
        f"{begun:8.2f} | {threshold:15.3f} | {decisions:14.1f} | {alarms:5.3f} -> {alarms_after:5.3f} | "
        f"{recall:7.3f} -> {recall_after:5.3f} | {counted}"
    )


if __name__ == "__main__":
    arguments = dict(enumerate(sys.argv[1:]))
    main(Path(arguments[0]), arguments.get(1, "mini"), float(arguments.get(2, 0.2)))
