"""Does rejecting false alarms on some objects lower the false-alarm rate on others?

    python benchmarks/feedback_fgcd.py ../shared/data/pairs.csv [ENCODER] [WANTED]

Compares the fgcd pairs (tiny damage under other light; the unchanged pairs differ in light only) with
the encoder, then takes every way to split the objects into two halves. On one half a reviewer looks at
every pair the default threshold flags, confirms the changed and rejects the unchanged ones, and
`feedback.calibrate` sets the threshold for at most WANTED (0.2) false alarms. On the other half, whose
objects the reviewer never saw, the share of flagged pairs is taken before and after, unchanged pairs
and changed ones apart. Prints the means over all splits, and how many were refused for too few decisions.
"""

from __future__ import annotations

import sys
from itertools import combinations
from pathlib import Path

import numpy as np
from tqdm import tqdm

from argus_fiftyone.batch import compare_pairs
from argus_fiftyone.encoders.registry import load_encoder
from argus_fiftyone.feedback import TooFewDecisionsError, calibrate
from argus_fiftyone.pairs import read_pairs, read_rows
from argus_fiftyone.settings import Settings


def main(pairs_csv: Path, name: str, wanted: float) -> None:
    changed = {row["id"]: row["label"] == "change" for row in read_rows(pairs_csv, ("id", "label"))}
    pairs = [pair for pair in read_pairs(pairs_csv) if pair.id.startswith("fgcd/")]
    encoder = load_encoder(name)
    outcomes = [*tqdm(compare_pairs(pairs, encoder, Settings()), total=len(pairs), unit="pair")]
    ids = [o.pair.id for o in outcomes if not o.error]
    scores = np.array([o.comparisons[0].score for o in outcomes if not o.error])
    truth = np.array([changed[pair_id] for pair_id in ids])
    objects = np.array([pair_id.split("/")[1].split("_")[0] for pair_id in ids])
    rows, refused = splits(scores, truth, objects, wanted)
    report(encoder.name, len(ids), sorted(set(objects)), rows, refused, wanted)


def splits(
    scores: np.ndarray, truth: np.ndarray, objects: np.ndarray, wanted: float
) -> tuple[np.ndarray, int]:
    """One row per split: threshold, decisions, false alarms and recall before and after."""
    names, rows, refused = sorted(set(objects)), [], 0
    for part in combinations(names, len(names) // 2):
        seen = np.isin(objects, part)
        reviewed = seen & (scores >= Settings.threshold)
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
            for cut in (Settings.threshold, found.threshold)
        ]
        rows.append([found.threshold, found.decisions, *shares])
    return np.array(rows), refused


def report(
    encoder: str, pairs: int, objects: list[str], rows: np.ndarray, refused: int, wanted: float
) -> None:
    tried = f"{len(rows) + refused} splits ({refused} refused)"
    print(f"{encoder}: {pairs} pairs of {len(objects)} objects, {tried}")
    if not len(rows):
        print("no split had enough rejected pairs: too few false alarms to learn from")
        return
    threshold, decisions, alarms, alarms_after, recall, recall_after = rows.mean(axis=0)
    rests = f"mean threshold {threshold:.3f} from {decisions:.1f} rejected pairs"
    print(f"wanted false alarms {wanted:.2f}; {rests}")
    print(f"false alarms on objects not reviewed: {alarms:.3f} -> {alarms_after:.3f}")
    print(f"changed pairs flagged there:          {recall:.3f} -> {recall_after:.3f}")


if __name__ == "__main__":
    arguments = dict(enumerate(sys.argv[1:]))
    main(Path(arguments[0]), arguments.get(1, "mini"), float(arguments.get(2, 0.2)))
