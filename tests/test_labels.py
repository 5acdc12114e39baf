"""Heatmaps, masks and regions as FiftyOne's labels, and back."""

from pathlib import Path
from typing import Any

import cv2
import fiftyone as fo
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_fiftyone.engine.regions import find_regions
from argus_fiftyone.io.images import ImageError
from argus_fiftyone.io.png import write_png
from argus_fiftyone.plugin.labels import (
    box_iou,
    carry_decisions,
    read_heatmap,
    read_segmentation,
    region_mask,
    to_detections,
    truth_label,
    write_heatmap,
    write_segmentation,
)


def signed_map() -> np.ndarray:
    heatmap = np.zeros((40, 60), np.float32)
    heatmap[5:15, 10:30] = 0.8
    heatmap[25:35, 40:55] = -0.6
    return heatmap


def stored(path: str) -> np.ndarray:
    levels = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    assert levels is not None
    return levels


def test_a_stored_heatmap_comes_back_with_its_sign(tmp_path: Path):
    label = write_heatmap(signed_map(), tmp_path, "board/7")
    assert np.abs(read_heatmap(label) - signed_map()).max() < 1e-4


def test_the_app_gets_strength_without_sign_and_nothing_as_zero(tmp_path: Path):
    label = write_heatmap(signed_map(), tmp_path, "board/7")
    shown = stored(label.map_path)
    assert shown.dtype == np.uint8
    assert (shown[0, 0], shown[10, 20], shown[30, 45]) == (0, 204, 153)
    assert list(label.range) == [0, 255]


def test_faint_noise_is_hidden_from_the_app_but_not_lost(tmp_path: Path):
    label = write_heatmap(np.full((8, 8), 0.02, np.float32), tmp_path, "noise")
    assert stored(label.map_path).max() == 0
    assert read_heatmap(label).max() == pytest.approx(0.02, abs=1e-4)


def test_other_content_gets_another_file_name_and_the_same_content_the_same(tmp_path: Path):
    one, again = (write_heatmap(signed_map(), tmp_path, "a").map_path for _ in range(2))
    assert one == again
    assert write_heatmap(-signed_map(), tmp_path, "a").map_path != one


def test_a_pair_id_with_folders_stays_inside_the_run_folder(tmp_path: Path):
    label = write_heatmap(signed_map(), tmp_path, "../../etc/a b")
    assert Path(label.map_path).parent == tmp_path


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (fo.Heatmap(map=np.array([[0.0, 0.5]])), [0, 0.5]),
        (fo.Heatmap(map=np.array([[0, 255]], np.uint8)), [0, 1]),
        (fo.Heatmap(map=np.array([[0.0, 30.0]]), range=[0, 40]), [0, 0.75]),
        (fo.Heatmap(map=np.array([[-2.0, 4.0]]), range=[-4, 4]), [-0.5, 1]),
        (fo.Heatmap(map=np.array([[2.0, 3.0]]), range=[2, 4]), [0, 0.5]),
    ],
)
def test_another_tools_heatmap_is_read_by_its_range(label: Any, expected: list[float]):
    assert read_heatmap(label)[0] == pytest.approx(expected)


def test_a_heatmap_without_its_file_says_which_file(tmp_path: Path):
    with pytest.raises(ImageError, match=r"gone\.png: holds no map; compute it again"):
        read_heatmap(fo.Heatmap(map_path=str(tmp_path / "gone.png")))


def test_regions_become_detections_with_query_direction_score_and_area():
    regions = find_regions(signed_map(), np.zeros((40, 60)), 0.5)
    first, second = to_detections(regions, "a scratch").detections
    assert (first.label, first.direction, first.area) == ("a scratch", "appeared", 200)
    assert first.confidence == pytest.approx(0.8)
    assert first.bounding_box == pytest.approx([10 / 60, 5 / 40, 20 / 60, 10 / 40])
    assert first.mask.shape == (10, 20)
    assert second.direction == "disappeared"


def test_a_region_without_a_query_is_any_change():
    regions = find_regions(signed_map(), np.zeros((40, 60)), 0.5)
    assert to_detections(regions, "").detections[0].label == "any change"


def test_the_union_of_regions_is_the_thresholded_map():
    regions = find_regions(signed_map(), np.zeros((40, 60)), 0.5)
    assert np.array_equal(region_mask(regions, (40, 60)), np.abs(signed_map()) >= 0.5)


def detection(left: float, *tags: str) -> fo.Detection:
    return fo.Detection(label="x", bounding_box=[left, 0.1, 0.2, 0.2], tags=list(tags))


def test_a_decision_passes_to_the_overlapping_new_region():
    new = fo.Detections(detections=[detection(0.12), detection(0.6)])
    carried = carry_decisions(fo.Detections(detections=[detection(0.1, "rejected")]), new)
    assert [d.tags for d in carried.detections] == [["rejected"], []]


def test_a_decided_region_without_an_heir_stays():
    carried = carry_decisions(
        fo.Detections(detections=[detection(0.1, "confirmed"), detection(0.3)]),
        fo.Detections(detections=[detection(0.7)]),
    )
    assert [d.bounding_box[0] for d in carried.detections] == [0.7, 0.1]


boxes = st.tuples(*[st.floats(0, 0.5)] * 2, *[st.floats(0.01, 0.5)] * 2)


@given(boxes, boxes)
def test_box_overlap_is_symmetric_and_one_only_with_itself(one: tuple[float, ...], other: tuple[float, ...]):
    assert box_iou(one, one) == pytest.approx(1)
    assert box_iou(one, other) == pytest.approx(box_iou(other, one))
    assert 0 <= box_iou(one, other) <= 1 + 1e-9


def test_a_segmentation_comes_back_as_written(tmp_path: Path):
    mask = np.abs(signed_map()) > 0.5
    assert np.array_equal(read_segmentation(write_segmentation(mask, tmp_path, "a")), mask)


def test_a_clean_mask_file_is_used_where_it_lies(tmp_path: Path):
    write_png(tmp_path / "m.png", (np.abs(signed_map()) > 0.5).astype(np.uint8) * 255)
    assert truth_label(tmp_path / "m.png", tmp_path / "copies", "a").mask_path == str(tmp_path / "m.png")


def test_a_soft_colour_mask_is_copied_as_clean_zero_and_255(tmp_path: Path):
    soft = np.full((8, 8, 3), 40, np.uint8)
    soft[:4] = 250
    write_png(tmp_path / "m.png", soft)
    label = truth_label(tmp_path / "m.png", tmp_path / "copies", "a")
    assert Path(str(label.mask_path)).parent == tmp_path / "copies"
    assert np.array_equal(np.unique(stored(label.mask_path)), [0, 255])
