"""Another threshold on stored heatmaps: regions and masks anew, nothing encoded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np

from argus_fiftyone.dataset.computing import Progress
from argus_fiftyone.dataset.fields import MASK_TARGETS, QUERY, RunFields, Samples
from argus_fiftyone.dataset.runs import managed_folder, run_record, update_run
from argus_fiftyone.dataset.slices import after_slice, check_paired
from argus_fiftyone.dataset.writing import declare_segmentation
from argus_fiftyone.heatmap import Region, find_regions
from argus_fiftyone.labels import (
    Label,
    carry_decisions,
    read_heatmap,
    region_mask,
    to_detections,
    write_segmentation,
)
from argus_fiftyone.pictures import PictureError

CHUNK = 50


def threshold_run(samples: Samples, key: str, threshold: float) -> Iterator[Progress]:
    """Find regions and masks of a run at a threshold in (0, 1], on the samples that have heatmaps.

    Writes K_regions and K_segmentation, and the threshold into the run's record when
    no pair of the run is left out. Scores stay: they do not depend on the threshold.
    """
    dataset = check_paired(samples)
    record = run_record(dataset, key)
    check_threshold(threshold)
    queries = record["queries"] or [None]
    for base, query in zip(record["bases"], queries, strict=True):
        yield from _threshold_field(samples, RunFields.of(base), threshold, Path(record["folder"]), query)
    score = RunFields.of(record["bases"][0]).score
    if after_slice(samples).exists(score).count() == after_slice(dataset).exists(score).count():
        update_run(dataset, key, threshold=threshold)


def threshold_heatmap(samples: Samples, field: str, threshold: float) -> Iterator[Progress]:
    """The same for any heatmap field, whoever made it: writes <field>_regions and <field>_segmentation."""
    dataset = samples._root_dataset
    check_threshold(threshold)
    folder = managed_folder(dataset, f"{field}_segmentation")
    yield from _threshold_field(samples, RunFields.of(field), threshold, folder, field)


def check_threshold(threshold: float) -> None:
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be above 0 and at most 1, got {threshold}")


def _threshold_field(
    samples: Samples, names: RunFields, threshold: float, folder: Path, query: str | None
) -> Iterator[Progress]:
    dataset = samples._root_dataset
    declare_segmentation(dataset, names.segmentation, MASK_TARGETS)
    dataset.add_sample_field(names.regions, fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    view = after_slice(samples).exists(names.heatmap)
    ids, failed = view.values("id"), 0
    for start in range(0, len(ids), CHUNK):
        chunk = view.select(ids[start : start + CHUNK])
        written: dict[str, dict[str, Any]] = {names.segmentation: {}, names.regions: {}}
        for row in _rows(chunk, names):
            try:
                regions, mask = _at(row, threshold)
            except PictureError:
                failed += 1
                continue
            found = to_detections(regions, row["query"] or "" if query is None else query)
            written[names.regions][row["id"]] = carry_decisions(row["regions"], found)
            written[names.segmentation][row["id"]] = write_segmentation(mask, folder, row["id"])
        for name, values in written.items():
            dataset.set_values(name, values, key_field="id")
        yield Progress(min(start + CHUNK, len(ids)), len(ids), failed, f"{names.heatmap} at {threshold:g}")


def _rows(view: Any, names: RunFields) -> Iterator[dict[str, Any]]:
    wanted = {"id": "id", "heatmap": names.heatmap, "regions": names.regions}
    if view.has_sample_field(QUERY):
        wanted["query"] = QUERY
    columns = zip(*view.values(list(wanted.values())), strict=True)
    return ({"query": "", **dict(zip(wanted, values, strict=True))} for values in columns)


def _at(row: dict[str, Any], threshold: float) -> tuple[list[Region], np.ndarray]:
    heatmap = read_heatmap(row["heatmap"])
    regions = find_regions(heatmap, _changed_share(row["regions"], heatmap.shape), threshold)
    return regions, region_mask(regions, heatmap.shape)


def _changed_share(regions: Label | None, shape: tuple[int, ...]) -> np.ndarray:
    """1 where a stored region said "changed" and not "appeared", so that new regions agree with it."""
    share = np.zeros(shape, dtype=np.float32)
    for region in regions.detections if regions else []:
        if region.has_field("direction") and region.direction == "changed":
            left, top, width, height = region.bounding_box
            rows = slice(int(top * shape[0]), int(np.ceil((top + height) * shape[0])))
            share[rows, int(left * shape[1]) : int(np.ceil((left + width) * shape[1]))] = 1
    return share
