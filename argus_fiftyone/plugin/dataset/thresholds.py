"""Another threshold on stored heatmaps: regions and masks anew, nothing encoded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np

from argus_fiftyone.engine.regions import Region, find_regions
from argus_fiftyone.io.images import ImageError
from argus_fiftyone.plugin.dataset.computing import Progress
from argus_fiftyone.plugin.dataset.fields import MASK_TARGETS, QUERY, Dataset, RunFields, Samples
from argus_fiftyone.plugin.dataset.folders import managed_folder
from argus_fiftyone.plugin.dataset.runs import (
    begin_threshold,
    list_runs,
    own_folder,
    run_record,
    set_threshold,
)
from argus_fiftyone.plugin.dataset.slices import after_slice
from argus_fiftyone.plugin.dataset.writing import declare_segmentation
from argus_fiftyone.plugin.labels import (
    Label,
    SignLostError,
    carry_decisions,
    label_fields,
    read_heatmap,
    region_mask,
    to_detections,
    write_segmentation,
)
from argus_fiftyone.runs.files import changed_share
from argus_fiftyone.settings import check

CHUNK = 50


def threshold_heatmaps(samples: Samples, field: str, threshold: float) -> Iterator[Progress]:
    """Find regions and masks of a heatmap field at a threshold in (0, 1], wherever it has heatmaps.

    Any fo.Heatmap field goes, Argus' own or another tool's. Writes <field>_regions and
    <field>_segmentation, and remembers the threshold. Scores stay: they do not depend on it.
    A view stands for its whole dataset: a field has one threshold, so one part of it at
    another would be counted, listed and drawn by the wrong one.

    Raises:
        ValueError: if the threshold is out of range or the dataset has no such heatmaps.
        SignLostError: if the direction of the changes cannot be told; regions stay as they are.
    """
    dataset = samples._root_dataset
    check("threshold", threshold)
    _check_heatmaps(dataset, field)
    folder, query = _home(dataset, field)
    begin_threshold(dataset, field, threshold)
    yield from _threshold_field(dataset, RunFields.of(field), threshold, folder, query)
    set_threshold(dataset, field, threshold)


def threshold_run(samples: Samples, key: str, threshold: float) -> Iterator[Progress]:
    """The same for all queries of a run."""
    for field in run_record(samples._root_dataset, key)["bases"]:
        yield from threshold_heatmaps(samples, field, threshold)


def _home(dataset: Dataset, field: str) -> tuple[Path, str | None]:
    """The folder for a field's masks, and the query its regions are named after (None: each pair's own)."""
    for record in (run_record(dataset, key) for key in list_runs(dataset)):
        if field in record["bases"]:
            queries = dict(zip(record["bases"], record["queries"] or [None], strict=True))
            return own_folder(dataset, record["key"]), queries[field]
    return managed_folder(dataset, f"{field}_segmentation"), field


def _check_heatmaps(dataset: Dataset, field: str) -> None:
    if field not in label_fields(dataset, fo.Heatmap):
        raise ValueError(
            f"{dataset.name!r} has no heatmap field {field!r}; compute heatmaps or choose another"
        )


def _threshold_field(
    dataset: Dataset, names: RunFields, threshold: float, folder: Path, query: str | None
) -> Iterator[Progress]:
    declare_segmentation(dataset, names.segmentation, MASK_TARGETS)
    dataset.add_sample_field(names.regions, fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    view = after_slice(dataset).exists(names.heatmap)
    ids, failed = view.values("id"), 0
    for start in range(0, len(ids), CHUNK):
        chunk = view.select(ids[start : start + CHUNK])
        written: dict[str, dict[str, Any]] = {names.segmentation: {}, names.regions: {}}
        for row in _rows(chunk, names):
            try:
                regions, mask = _at(row, threshold)
            except SignLostError as fault:
                raise SignLostError(f"{names.heatmap}: {fault}") from None
            except ImageError:
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
    share = changed_share(_changed_boxes(row["regions"]), heatmap.shape)
    regions = find_regions(heatmap, share, threshold)
    return regions, region_mask(regions, heatmap.shape)


def _changed_boxes(regions: Label | None) -> list[list[float]]:
    """Where a stored region said "changed" and not "appeared", so that new regions agree with it."""
    stored = regions.detections if regions else []
    return [r.bounding_box for r in stored if r.has_field("direction") and r.direction == "changed"]
