"""Does refining a query from decisions on some pairs help on others?

    python -m benchmarks.refine_on_real ../shared/data/pairs.csv [SOURCE ...]

For each source: a dataset, a run at a low threshold through the operators' SDK twins, decisions on
every region of every other pair (confirmed where it touches the mask, else rejected: what a careful
reviewer would say), `refine_query`, a second run that uses what was taught, and both runs evaluated
on the pairs nobody decided on. Needs the database that FiftyOne is configured for; the datasets are
deleted again.
"""

from __future__ import annotations

import csv
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import torch

from argus_fiftyone.feedback.conformal import TooFewDecisionsError
from argus_fiftyone.io.pair_list import read_rows
from argus_fiftyone.plugin.dataset.refining import Refining, refine_query
from argus_fiftyone.plugin.dataset.reviews import review_regions
from argus_fiftyone.plugin.dataset.slices import after_slice
from argus_fiftyone.plugin.labels import read_segmentation

NAME = "argus-refine-benchmark"
LOW = 0.3
SHOWN = ("pixel_ap", "pixel_auroc", "pair_auroc")
COLUMNS: tuple[str, ...] = ("id", "before", "after", "mask", "query", "label")


def main(pairs_csv: Path, sources: list[str]) -> None:
    print(f"Python {platform.python_version()}, torch {torch.__version__}, {platform.machine()}; mini, {LOW}")
    for source in sources:
        with tempfile.TemporaryDirectory() as folder:
            listed = write_list(pairs_csv, source, Path(folder) / "pairs.csv")
            dataset = operator("import_pairs")(NAME, csv=str(listed), overwrite=True)
            try:
                print(f"{source}: {told(dataset)}", flush=True)
            finally:
                fo.delete_dataset(NAME)


def operator(name: str) -> Any:
    """The SDK twin of an operator; `argus link` must have been run."""
    return foo.get_operator(f"@argus/argus-fiftyone/{name}")


def write_list(pairs_csv: Path, source: str, listed: Path) -> Path:
    """The pairs of one source, with absolute paths and its commonest query for all of them."""
    rows = [row for row in read_rows(pairs_csv, COLUMNS) if row["id"].startswith(f"{source}/")]
    queries = [row["query"] for row in rows]
    query = max(set(queries), key=queries.count)
    with listed.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for row in rows:
            paths = {k: str((pairs_csv.parent / row[k]).resolve()) for k in ("before", "after", "mask")}
            writer.writerow({"id": row["id"], "query": query, "label": row["label"], **paths})
    return listed


def told(dataset: Any) -> str:
    """One line: the verdict on held-out decisions, and both runs on the pairs nobody decided on."""
    compute = operator("compute_change_heatmaps")
    compute(dataset, "plain", encoder="mini", threshold=LOW)
    groups = list(dict.fromkeys(dataset.values(f"{dataset.group_field}.id")))
    confirmed, rejected = decide(dataset.select_groups(groups[::2]))
    refining = Refining()
    try:
        for _ in refine_query(dataset, "plain", refining):
            pass
    except TooFewDecisionsError as fault:
        return str(fault)
    decided = f"{confirmed} confirmed, {rejected} rejected regions; {refining.verdict}"
    unseen = dataset.select_groups(groups[1::2])
    before = operator("evaluate_change_heatmaps")(unseen, "plain")
    if refining.result is None or not refining.result.helps:
        return f"{decided}; on {before['pairs']} other pairs: {figures(before)}"
    compute(unseen, "taught", encoder="mini", threshold=LOW, refined=True)
    after = operator("evaluate_change_heatmaps")(unseen, "taught")
    return f"{decided}; on {before['pairs']} other pairs: {figures(before)} -> {figures(after)}"


def decide(seen: Any) -> tuple[int, int]:
    """Confirm the regions that touch the mask, reject the others; how many of each."""
    counts = {"confirmed": 0, "rejected": 0}
    for sample in after_slice(seen):
        mask = read_segmentation(sample.ground_truth)
        rows, cols = mask.shape
        for region in sample.plain_regions.detections if sample.plain_regions else []:
            left, top, width, height = region.bounding_box
            within = mask[
                int(top * rows) : int((top + height) * rows) + 1,
                int(left * cols) : int((left + width) * cols) + 1,
            ]
            decision = "confirmed" if within.any() else "rejected"
            counts[decision] += 1
            review_regions(seen._root_dataset, "plain", [region.id], decision, [sample.id])
    return counts["confirmed"], counts["rejected"]


def figures(report: dict[str, Any]) -> str:
    return ", ".join(f"{name} {report[name]:.3f}" for name in SHOWN if report[name] is not None)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or ["bsdata_wear", "magnetic_tile", "deeppcb"])
