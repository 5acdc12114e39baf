"""Outcomes → files and fields, chunk by chunk, so that a stop loses next to nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fiftyone as fo
from fiftyone import ViewField as F

from argus_fiftyone.engine.regions import Region, find_regions, main_direction
from argus_fiftyone.plugin.dataset.appearance import present_run
from argus_fiftyone.plugin.dataset.fields import Dataset, RunFields
from argus_fiftyone.plugin.dataset.slices import PairSample, after_slice
from argus_fiftyone.plugin.labels import (
    DECISIONS,
    carry_decisions,
    region_mask,
    to_detections,
    write_heatmap,
    write_segmentation,
)
from argus_fiftyone.runs.files import changed_share

if TYPE_CHECKING:
    from argus_fiftyone.engine.result import Comparison, PairResult

CHUNK = 100
"""Pairs per write, where they come fast; a pair in a chunk of 25 costs twice as much."""
SECONDS_BETWEEN_WRITES = 5.0


class RunWriter:
    """Collects outcomes of a run and writes them in bulk.

    The score is written last, so a pair with a score has everything else: whoever
    shows results asks for the score, and a killed run resumes with those without.
    """

    def __init__(
        self, dataset: Dataset, thresholds: Mapping[str, float], folder: Path, found_at: float
    ) -> None:
        """Args:
        thresholds: by base, what the run stands at.
        folder: for its files.
        found_at: the threshold at which the comparisons' regions were found, at most the lowest of those.
        """
        self.dataset, bases = dataset, list(thresholds)
        self.fields = [RunFields.of(base) for base in bases]
        self.thresholds, self.folder, self.found_at = thresholds, folder, found_at
        self.masked = {base for base in bases if dataset.has_sample_field(RunFields.of(base).segmentation)}
        for names in self.fields:
            declare_fields(dataset, names)
        present_run(dataset, bases)
        self.decided = {names.regions: decided_regions(dataset, names.regions) for names in self.fields}
        self._waiting: dict[str, dict[str, Any]] = {}
        self._last_write = time.monotonic()

    def add(self, sample: PairSample, outcome: PairResult) -> bool:
        """Take one outcome; writes a chunk when one is due, and says whether it did."""
        row: dict[str, Any] = {}
        if outcome.error:
            for names in self.fields:
                row.update(_failed(names, outcome.error))
        for names, comparison in zip(self.fields, outcome.comparisons, strict=False):
            row.update(self._values(names, sample, comparison))
        self._waiting[sample.after_id] = row
        due = len(self._waiting) >= CHUNK or time.monotonic() - self._last_write > SECONDS_BETWEEN_WRITES
        return self.flush() if due else False

    def flush(self) -> bool:
        """Write what is waiting."""
        waiting, self._waiting = self._waiting, {}
        order = [n for names in self.fields for n in names.all() if n != names.score]
        for name in [*order, *(names.score for names in self.fields)]:
            values = {sample_id: row[name] for sample_id, row in waiting.items() if name in row}
            if values:
                self.dataset.set_values(name, values, key_field="id")
        self._last_write = time.monotonic()
        return bool(waiting)

    def _values(self, names: RunFields, sample: PairSample, comparison: Comparison) -> dict[str, Any]:
        regions, direction = self._regions(names, comparison)
        found = to_detections(regions, comparison.query)
        row = {
            names.heatmap: write_heatmap(comparison.drawing, self.folder, sample.pair.id),
            names.regions: carry_decisions(self.decided[names.regions].get(sample.after_id), found),
            names.score: float(comparison.score),
            names.direction: str(direction),
            names.support: _number(comparison.query_support),
            names.alignment: comparison.alignment,
            names.warp: [float(v) for v in comparison.warp],
            names.error: None,
        }
        if names.heatmap in self.masked:  # the run's other pairs have one
            mask = region_mask(regions, comparison.heatmap.shape)
            row[names.segmentation] = write_segmentation(mask, self.folder, sample.after_id)
        return row

    def _regions(self, names: RunFields, comparison: Comparison) -> tuple[list[Region], str]:
        """Regions and direction at the threshold that this query of the run stands at."""
        threshold = self.thresholds[names.heatmap]
        if threshold == self.found_at:
            return comparison.regions, comparison.direction
        changed = [region.box for region in comparison.regions if region.direction == "changed"]
        heatmap = comparison.heatmap
        regions = find_regions(heatmap, changed_share(changed, heatmap.shape), threshold)
        return regions, main_direction(regions)


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _failed(names: RunFields, error: str) -> dict[str, Any]:
    emptied = (names.heatmap, names.score, names.direction, names.support, names.alignment, names.warp)
    return {names.error: error, **dict.fromkeys(emptied)}


def declare_fields(dataset: Dataset, names: RunFields) -> None:
    """Declare a run's fields, down to the regions' attributes, and index the score."""
    _declare_label(dataset, names.heatmap, fo.Heatmap)
    _declare_label(dataset, names.regions, fo.Detections)
    dataset.add_sample_field(f"{names.heatmap}.signed_map_path", fo.StringField)
    for attribute, kind in (("direction", fo.StringField), ("query", fo.StringField), ("area", fo.IntField)):
        dataset.add_sample_field(f"{names.regions}.detections.{attribute}", kind)
    for name in (names.direction, names.alignment, names.error, names.review):
        dataset.add_sample_field(name, fo.StringField)
    for name in (names.score, names.support):
        dataset.add_sample_field(name, fo.FloatField)
    dataset.add_sample_field(names.warp, fo.ListField, subfield=fo.FloatField)
    dataset.create_index(names.score)


def declare_segmentation(dataset: Dataset, name: str, targets: dict[int, str]) -> None:
    """Declare a mask field together with what its values mean."""
    _declare_label(dataset, name, fo.Segmentation)
    dataset.mask_targets = {**dataset.mask_targets, name: dict(targets)}


def _declare_label(dataset: Dataset, name: str, kind: type) -> None:
    dataset.add_sample_field(name, fo.EmbeddedDocumentField, embedded_doc_type=kind)


def decided_regions(dataset: Dataset, regions_field: str) -> dict[str, fo.Detections]:
    """{after id: the regions a reviewer decided on}, read in one go."""
    if not dataset.has_sample_field(regions_field):
        return {}
    decided = after_slice(dataset).filter_labels(regions_field, F("tags").contains(list(DECISIONS)))
    return dict(zip(*decided.values(["id", regions_field]), strict=True))


def clear_results(dataset: Dataset, bases: Sequence[str]) -> None:
    """Empty a run's fields before it is computed anew; people's decisions stay."""
    for names in (RunFields.of(base) for base in bases):
        kept = (names.review, names.own_review, names.regions)
        for name in (n for n in names.all() if n not in kept and dataset.has_sample_field(n)):
            dataset.clear_sample_field(name)
        if dataset.has_sample_field(names.regions):
            decided = decided_regions(dataset, names.regions)
            dataset.clear_sample_field(names.regions)
            dataset.set_values(names.regions, decided, key_field="id")
