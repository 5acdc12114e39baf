"""Evidence → signed heatmap and regions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from argus_fiftyone.engine.heatmap import (
    OTHER_DIRECTION,
    VANISHED_SHARE,
    Guide,
    assemble,
    follow_edges,
    upsample,
)
from argus_fiftyone.engine.regions import CLEARLY, LEVEL_ERROR, find_regions, main_direction

evidences = arrays(np.float32, (6, 7), elements=st.floats(0, 1, width=32))
directions = st.sampled_from(["appeared", "disappeared", "changed", "any"])
SHORT = settings(max_examples=60, deadline=None)


def flat(*boxes: tuple[float, int, int, int, int]) -> np.ndarray:
    """A map of zeros with rectangles (value, top, left, bottom, right)."""
    heatmap = np.zeros((60, 80), np.float32)
    for value, top, left, bottom, right in boxes:
        heatmap[top:bottom, left:right] = value
    return heatmap


@SHORT
@given(evidences, evidences, directions)
def test_signed_evidence_stays_in_its_range(after, before, wanted):
    signed, share = assemble(after, before, wanted)
    assert np.abs(signed).max() <= 1
    assert share.min() >= 0
    assert share.max() <= 1


@SHORT
@given(evidences)
def test_no_evidence_before_leaves_what_appeared_as_it_is(after):
    signed, share = assemble(after, np.zeros_like(after), "any")
    np.testing.assert_array_equal(signed, after)
    assert not share.any()


@SHORT
@given(evidences)
def test_what_only_the_before_picture_had_counts_as_vanished(before):
    nothing = np.zeros_like(before)
    np.testing.assert_allclose(assemble(nothing, before, "any")[0], -VANISHED_SHARE * before, atol=1e-6)
    np.testing.assert_allclose(
        assemble(nothing, before, "appeared")[0], -OTHER_DIRECTION * VANISHED_SHARE * before, atol=1e-6
    )
    np.testing.assert_array_equal(assemble(nothing, before, "disappeared")[0], -before)


@SHORT
@given(evidences, evidences)
def test_asking_for_what_vanished_is_asking_the_other_way_round(after, before):
    signed, share = assemble(after, before, "disappeared")
    mirrored, same = assemble(before, after, "appeared")
    np.testing.assert_array_equal(signed, -mirrored)
    np.testing.assert_array_equal(share, same)


def test_evidence_hardly_stronger_before_than_after_is_no_vanishing():
    after = np.full((2, 2), 0.5)
    assert (assemble(after, after * (CLEARLY - 0.01), "any")[0] > 0).all()
    assert (assemble(after, after * 1.9, "any")[0] < 0).all()


@SHORT
@given(evidences, st.integers(1, 60), st.integers(1, 60))
def test_upsampling_keeps_range_and_gives_the_size_asked_for(signed, height: int, width: int):
    heatmap = upsample(2 * signed - 1, (height, width))
    assert heatmap.shape == (height, width)
    assert heatmap.dtype == np.float32
    assert np.abs(heatmap).max() <= 1


def test_a_quiet_map_has_no_regions_and_no_direction():
    regions = find_regions(flat((0.49, 5, 5, 20, 20)), flat(), 0.5)
    assert regions == []
    assert main_direction(regions) == "none"


def test_regions_come_strongest_first_with_box_mask_and_direction():
    heatmap = flat((0.7, 10, 20, 20, 40), (-0.9, 40, 8, 50, 16))
    strong, weak = find_regions(heatmap, flat(), 0.5)
    assert (strong.direction, weak.direction) == ("disappeared", "appeared")
    assert (strong.score, weak.score) == (pytest.approx(0.9), pytest.approx(0.7))
    assert weak.box == (20 / 80, 10 / 60, 20 / 80, 10 / 60)
    assert weak.mask.all()
    assert weak.mask.shape == (10, 20)
    assert weak.area == 200
    assert main_direction([strong, weak]) == "disappeared"


def test_one_strong_pixel_keeps_its_weaker_surroundings_in_one_region():
    heatmap = flat((0.35, 10, 10, 30, 30))
    heatmap[12, 12] = heatmap[28, 28] = 0.6
    (region,) = find_regions(heatmap, flat(), 0.5)
    assert region.area == 400
    assert region.score == pytest.approx(0.6)


def test_surroundings_below_60_percent_of_the_threshold_do_not_belong():
    heatmap = flat((0.29, 10, 10, 30, 30), (0.6, 15, 15, 20, 20))
    assert find_regions(heatmap, flat(), 0.5)[0].area == 25


def test_neighbours_of_opposite_sign_are_two_regions():
    heatmap = flat((0.8, 10, 10, 20, 20), (-0.8, 10, 20, 20, 30))
    assert {region.direction for region in find_regions(heatmap, flat(), 0.5)} == {"appeared", "disappeared"}


def test_specks_are_dropped_but_for_the_strongest():
    heatmap = flat((0.8, 5, 5, 8, 8), (-0.7, 20, 20, 23, 23), (0.9, 40, 40, 50, 50))
    (region,) = find_regions(heatmap, flat(), 0.5)
    assert region.score == pytest.approx(0.9)
    assert len(find_regions(heatmap, flat(), 0.5, smallest=9)) == 3


@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_flagged_has_a_region_however_small(sign: int):
    heatmap = flat((0.9 * sign, 5, 5, 8, 8), (0.6 * sign, 40, 40, 50, 50), (-0.7 * sign, 20, 20, 23, 23))
    strong, weak = find_regions(heatmap, flat(), 0.5)
    assert (strong.area, weak.area) == (9, 100)
    assert strong.direction == ("appeared" if sign > 0 else "disappeared")
    assert find_regions(flat((0.49, 5, 5, 8, 8)), flat(), 0.5) == []


def test_evidence_on_both_sides_is_change_in_place():
    heatmap = flat((0.8, 10, 10, 20, 20))
    assert find_regions(heatmap, np.ones_like(heatmap), 0.5)[0].direction == "changed"
    assert find_regions(heatmap, 0.5 * np.ones_like(heatmap), 0.5)[0].direction == "appeared"


@SHORT
@given(arrays(np.float32, (20, 20), elements=st.floats(-1, 1, width=32)), st.floats(0.05, 1))
def test_regions_hold_only_evidence_and_at_least_one_pixel_at_the_threshold(heatmap, threshold: float):
    for region in find_regions(heatmap, np.zeros_like(heatmap), threshold, smallest=1):
        left, top, width, height = (round(20 * value) for value in region.box)
        window = np.abs(heatmap[top : top + height, left : left + width])
        assert region.mask.shape == (height, width)
        assert region.mask.sum() == region.area
        assert window[region.mask].min() >= 0.6 * threshold - 1e-6
        assert region.score >= threshold - LEVEL_ERROR


def _stepped(rows: int = 24, cols: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Evidence on a grid that stops one cell past an edge of the picture, and the picture."""
    signed = np.zeros((rows, cols), np.float32)
    signed[:, 15:] = 0.8
    guide = np.zeros((2 * rows, 2 * cols), np.float32)
    guide[:, cols:] = 1
    return signed, guide


def test_evidence_ends_nearer_to_the_edge_of_the_thing_than_to_that_of_the_patch():
    signed, guide = _stepped()

    followed = follow_edges(signed, Guide(guide))
    smooth = upsample(signed, guide.shape)

    assert followed[24, 31] < 0.8 * smooth[24, 31]
    assert followed[24, 40] > 0.7


def test_following_edges_names_no_other_direction_and_leaves_nothing_where_nothing_was():
    signed, guide = _stepped()
    signed[:, 15:] *= -1

    followed = follow_edges(signed, Guide(guide))

    assert (followed <= 0).all()
    assert not follow_edges(np.zeros_like(signed), Guide(guide)).any()
    np.testing.assert_allclose(followed, -follow_edges(-signed, Guide(guide)), atol=1e-6)
