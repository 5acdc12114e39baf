"""From people's decisions to a threshold with a guarantee."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from argus_fiftyone.feedback.conformal import Calibration, Goal, calibrate
from argus_fiftyone.plugin.dataset.fields import Dataset, RunFields
from argus_fiftyone.plugin.dataset.reviews import decision_of_regions
from argus_fiftyone.plugin.dataset.runs import set_threshold
from argus_fiftyone.plugin.dataset.slices import after_slice
from argus_fiftyone.plugin.labels import DECISIONS

CALIBRATIONS = "argus_calibrations"


def decided_scores(dataset: Dataset, heatmap_field: str) -> tuple[list[float], list[float]]:
    """Scores of the confirmed and of the rejected pairs of a heatmap field.

    A pair counts by its own decision; without one, by its regions: confirmed where any
    region is, rejected where every region is.
    """
    names = RunFields.of(heatmap_field)
    view = after_slice(dataset).exists(names.score)
    reviews = _column(view, names.review)
    tags = _column(view, f"{names.regions}.detections.tags")
    decided: dict[str, list[float]] = {decision: [] for decision in DECISIONS}
    for score, review, region_tags in zip(view.values(names.score), reviews, tags, strict=True):
        decision = review or decision_of_regions(region_tags)
        if decision in decided:
            decided[decision].append(score)
    return decided["confirmed"], decided["rejected"]


def _column(view: Any, name: str) -> list[Any]:
    return view.values(name) if view.has_sample_field(name.split(".")[0]) else [None] * view.count()


def calibrate_from_reviews(dataset: Dataset, heatmap_field: str, goal: Goal, wanted: float) -> Calibration:
    """Set a field's threshold for a wanted rate of false alarms or recall; see `feedback.calibrate`.

    The threshold and what it rests on stay with the dataset; regions and masks follow
    with `threshold_heatmaps`.
    """
    confirmed, rejected = decided_scores(dataset, heatmap_field)
    found = calibrate(confirmed, rejected, goal, wanted)
    set_threshold(dataset, heatmap_field, found.threshold)
    dataset.info[CALIBRATIONS] = {**dataset.info.get(CALIBRATIONS, {}), heatmap_field: asdict(found)}
    dataset.save()
    return found
