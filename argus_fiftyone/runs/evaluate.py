"""A run folder against the masks and labels of its list."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from argus_fiftyone.evaluation.figures import Measured
from argus_fiftyone.evaluation.report import EvaluationReport, build_report
from argus_fiftyone.io.images import ImageError
from argus_fiftyone.io.maps import read_map
from argus_fiftyone.io.masks import fit_mask, read_mask
from argus_fiftyone.io.pair_list import PairListError, read_rows


def evaluate_run(pairs_csv: Path, folder: Path, threshold: float) -> EvaluationReport:
    """Evaluate what `argus run` wrote, one map at a time.

    Args:
        pairs_csv: needs id, mask and label; source is optional.
        folder: holds maps/ and scores.csv of a run with one query.

    Raises:
        PairListError: if either table lacks something, or nothing in them matches.
    """
    truth = {row["id"]: row for row in read_rows(pairs_csv, ("id", "mask", "label"))}
    scores = read_rows(folder / "scores.csv", ("id", "score", "status"))
    if len({row["id"] for row in scores}) < len(scores):
        raise PairListError(f"{folder}/scores.csv holds several queries per pair; evaluate runs of one query")
    measured: dict[str, Measured] = defaultdict(Measured)
    skipped = []
    for row in scores:
        if row["status"] != "ok" or row["id"] not in truth:
            skipped.append(row["id"])
            continue
        _measure(measured, truth[row["id"]], row, pairs_csv.parent, folder, threshold)
    if not measured:
        raise PairListError(f"no pair of {folder}/scores.csv ran and is listed in {pairs_csv}")
    return build_report(measured, threshold, skipped)


def _measure(
    measured: dict[str, Measured],
    truth: dict[str, str],
    row: dict[str, str],
    root: Path,
    folder: Path,
    threshold: float,
) -> None:
    source = measured[truth.get("source") or "all"]
    source.add_pair(float(row["score"]), truth["label"] == "change")
    if not truth["mask"]:
        return
    try:
        evidence = np.abs(read_map(folder / "maps" / f"{row['id']}.png"))
        mask = fit_mask(read_mask(root / truth["mask"]), evidence.shape)
    except ImageError as error:
        raise PairListError(str(error)) from None
    source.add_map(evidence, mask, threshold)
