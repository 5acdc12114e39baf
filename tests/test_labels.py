"""Heatmaps, masks and regions as FiftyOne's labels, and back."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import fiftyone as fo
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from argus_fiftyone.engine.regions import find_regions
from argus_fiftyone.io.images import ImageError
from argus_fiftyone.io.maps import read_map
from argus_fiftyone.io.png import chunk_of, write_png
from argus_fiftyone.plugin.labels import (
    SIGN_CHUNK,
    SignLostError,
    box_iou,
    carry_decisions,
    read_evidence,
    read_heatmap,
    read_segmentation,
    region_mask,
    signed_file,
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


def moved(label: Any, folder: Path) -> Any:
    """The label after an export to another machine: its map came along, what lay beside it did not."""
    folder.mkdir()
    path = Path(shutil.copy(label.map_path, folder))
    return fo.Heatmap(map_path=str(path), range=[0, 255], signed_map_path="/elsewhere/m.signed.png")


def test_a_moved_map_holds_its_sign(tmp_path: Path):
    label = moved(write_heatmap(signed_map(), tmp_path, "a"), tmp_path / "moved")
    assert np.abs(read_heatmap(label) - signed_map()).max() < 1 / 500


@given(strongest=st.floats(0.04, 0.99), turn=st.sampled_from([1, -1]))
def test_the_peak_of_a_moved_map_is_exact_for_a_threshold_may_stand_on_it(strongest: float, turn: int):
    heatmap = np.zeros((9, 7), np.float32)
    heatmap[2:5, 3:6] = strongest * turn
    heatmap[7, 1] = -0.9 * strongest * turn
    with TemporaryDirectory() as folder:
        label = write_heatmap(heatmap, Path(folder), "a")
        exact = read_heatmap(label)
        read = read_heatmap(moved(label, Path(folder) / "moved"))
    assert np.abs(read).max() == np.abs(exact).max()
    assert np.array_equal(np.sign(read[exact != 0]), np.sign(exact[exact != 0]))


def test_the_sign_costs_a_map_little(tmp_path: Path):
    label = write_heatmap(signed_map(), tmp_path, "a")
    assert len(chunk_of(Path(label.map_path).read_bytes(), SIGN_CHUNK) or b"") < 100
    with Image.open(label.map_path) as shown:
        assert shown.size == (60, 40)


def without_chunk(path: Path) -> None:
    """The map as Argus 0.1.0 wrote it."""
    write_png(path, stored(str(path)))


def test_a_moved_map_of_the_first_version_is_refused_aloud_but_its_strength_is_known(tmp_path: Path):
    label = moved(write_heatmap(signed_map(), tmp_path, "a"), tmp_path / "moved")
    without_chunk(Path(label.map_path))
    with pytest.raises(SignLostError, match=r"appeared or dis.*m\.signed\.png.*compute the run again"):
        read_heatmap(label)
    assert np.abs(read_evidence(label) - np.abs(signed_map())).max() < 1 / 500
    assert signed_file(label, tmp_path / "drawn") is None


def test_a_signed_map_that_was_copied_beside_is_found(tmp_path: Path):
    label = write_heatmap(signed_map(), tmp_path, "a")
    away = moved(label, tmp_path / "moved")
    without_chunk(Path(away.map_path))
    shutil.copy(label["signed_map_path"], tmp_path / "moved" / "m.signed.png")
    assert np.array_equal(read_heatmap(away), read_heatmap(label))


def test_a_browser_gets_a_signed_map_even_of_a_moved_one(tmp_path: Path):
    label = write_heatmap(signed_map(), tmp_path, "a")
    assert signed_file(label, tmp_path / "drawn") == label["signed_map_path"]
    away = moved(label, tmp_path / "moved")
    drawn = signed_file(away, tmp_path / "drawn")
    assert drawn
    assert Path(drawn).parent == tmp_path / "drawn"
    assert np.abs(read_map(drawn) - read_heatmap(away)).max() < 1e-4
    assert signed_file(fo.Heatmap(map_path=label.map_path), tmp_path) is None


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
