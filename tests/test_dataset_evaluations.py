"""Evaluation on a dataset: metrics, what happened per pair, FiftyOne's own panel, other tools' heatmaps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from small_runs import SPOTS, after, compute, imported

from argus_fiftyone.evaluation.figures import Figures
from argus_fiftyone.plugin.dataset.evaluations import curves_of, evaluation_reports, table_of
from argus_fiftyone.plugin.dataset.ground_truth import NoTruthError, evaluate_heatmaps
from argus_fiftyone.plugin.dataset.runs import threshold_of
from argus_fiftyone.plugin.dataset.thresholds import threshold_heatmaps
from argus_fiftyone.settings import Settings

pytestmark = pytest.mark.database


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[Any]:
    yield from imported(tmp_path)


def test_evaluation_reports_metrics_and_says_per_pair_what_happened(dataset: Any):
    compute(dataset)
    list(evaluate_heatmaps(dataset, "k", 0.4))
    (report,) = evaluation_reports(dataset)
    assert (report["pixel_ap"], report["pair_auroc"], report["pointing"]) == (1, 1, 1)
    assert (report["found"], report["missed"], report["false_alarm"], report["quiet"]) == (2, 1, 0, 1)
    assert {figure.name for figure in fields(Figures)} < set(report)
    assert after(dataset, "k_outcome") == {"a": "found", "b": "found", "c": "quiet", "d": "missed"}
    assert (after(dataset, "k_iou")["a"], after(dataset, "k_iou")["d"], after(dataset, "k_ap")["c"]) == (
        1,
        0,
        None,
    )


def test_an_evaluation_opens_in_fiftyones_own_panel_and_as_saved_views(dataset: Any):
    compute(dataset)
    list(evaluate_heatmaps(dataset, "k", 0.4))
    assert dataset.list_evaluations() == ["k_pairs", "k_pixels"]
    pairs = dataset.load_evaluation_results("k_pairs").metrics()
    assert (pairs["precision"], pairs["recall"]) == (1, pytest.approx(2 / 3))
    pixels = dataset.load_evaluation_results("k_pixels").report()
    assert pixels["change"]["recall"] == pytest.approx(2 / 3)
    assert dataset.load_saved_view("k missed").values("pair_id") == ["d"]
    assert dataset.load_saved_view("k false alarms").count() == 0
    assert set(dataset.load_saved_view("k worst first").values("pair_id")) == {"a", "b", "d"}


def test_several_runs_stand_side_by_side(dataset: Any):
    compute(dataset)
    compute(dataset, "l", settings=Settings(threshold=0.2))
    list(evaluate_heatmaps(dataset, "k", 0.4))
    list(evaluate_heatmaps(dataset, "l", 0.2))
    reports = evaluation_reports(dataset)
    rows = {row["metric"]: (row["k"], row["l"]) for row in table_of(reports)}
    assert rows["Pairs: missed"] == ("1", "0")
    assert rows["Pair AUROC"] == ("1.000", "1.000")
    assert [(trace["name"], trace["y"][-1]) for trace in curves_of(reports)] == [("k", 1), ("l", 1)]


def test_another_tools_heatmaps_are_thresholded_and_evaluated_the_same_way(dataset: Any):
    for sample in dataset.select_group_slices("after"):
        values = np.zeros((32, 32), np.float32)
        values[8:16, 12:24] = 40 * abs(SPOTS[sample.pair_id])
        sample["anomalib"] = fo.Heatmap(map=values, range=[0, 40])
        sample.save()
    list(threshold_heatmaps(dataset, "anomalib", 0.5))
    assert threshold_of(dataset, "anomalib") == 0.5
    list(evaluate_heatmaps(dataset, "anomalib", 0.5))
    assert [len(r.detections) for r in after(dataset, "anomalib_regions").values()] == [1, 1, 0, 0]
    assert after(dataset, "anomalib_score") == pytest.approx({"a": 0.8, "b": 0.6, "c": 0, "d": 0.3})
    (report,) = evaluation_reports(dataset)
    assert (report["found"], report["missed"], report["iou"]) == (2, 1, pytest.approx(2 / 3))


def test_evaluating_without_masks_says_what_is_missing(dataset: Any):
    compute(dataset)
    with pytest.raises(NoTruthError, match="has no Segmentation field 'masks'"):
        list(evaluate_heatmaps(dataset, "k", 0.5, "masks"))
    dataset.clear_sample_field("ground_truth")
    dataset.clear_sample_field("change")
    with pytest.raises(NoTruthError, match="no sample has both"):
        list(evaluate_heatmaps(dataset, "k", 0.5))
