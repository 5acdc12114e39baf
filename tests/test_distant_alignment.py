"""Pictures from nearer, turned, mirrored or cut otherwise: what is brought together, and what is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from surfaces import draw_surface, paste_object

from argus_fiftyone.registration.align import Alignment
from argus_fiftyone.registration.distant import asked_match, common_share, find_distant
from argus_fiftyone.registration.registered_pair import at_encoding_size
from benchmarks.geometry import error, kinds


@pytest.fixture(scope="module")
def surface() -> np.ndarray:
    return draw_surface(11, 480, 640)


def aligned(before: np.ndarray, after: np.ndarray) -> Alignment:
    return at_encoding_size(before, after, 32, 640).aligned().alignment


@pytest.mark.parametrize("kind", [k for k in kinds() if "3.0" not in k])
def test_two_cuts_of_one_picture_are_registered_and_the_motion_is_right(surface, kind: str):
    drawn = kinds()[kind](surface, np.random.default_rng(0))
    done = aligned(drawn.before, drawn.after)
    assert done.registered
    assert error(done, drawn.warp) < 0.02


def test_the_outcome_says_turn_zoom_and_mirror(surface):
    for side in (cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE):
        sense = " clockwise" if side == cv2.ROTATE_90_CLOCKWISE else " anticlockwise"
        assert f"turned by 90°{sense}" in aligned(surface, cv2.rotate(surface, side)).outcome
    assert aligned(surface, surface[:, ::-1].copy()).outcome.startswith("mirrored, from ")
    farther = aligned(surface[120:360, 160:480], surface)
    assert farther.outcome.startswith("2.0x farther, from ")
    assert farther.outcome.endswith("% in view)")
    assert 0.15 < farther.overlap < 0.25


def test_the_before_picture_shows_the_same_as_after_in_view_and_after_elsewhere(surface):
    done = aligned(surface[120:360, 160:480], surface)
    assert np.abs(done.before.astype(int) - surface)[done.in_view].mean() < 4
    assert not done.in_view[:100].any()
    assert done.parallax == 0


def test_a_change_is_not_moved_away(surface):
    after = paste_object(surface)
    done = aligned(cv2.rotate(surface, cv2.ROTATE_90_COUNTERCLOCKWISE), after)
    assert done.registered
    assert np.abs(done.before.astype(int) - surface)[done.in_view].mean() < 3


@pytest.mark.parametrize("seed", [21, 22, 23])
def test_different_pictures_have_no_common_view(surface, seed: int):
    assert find_distant(draw_surface(seed, 480, 640), surface) is None


@pytest.mark.parametrize("size", [(8, 128), (31, 384), (1, 1)])
def test_strips_and_plain_pictures_have_none(size: tuple[int, int]):
    noise, plain = (
        np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8),
        np.zeros((*size, 3), np.uint8),
    )
    assert find_distant(noise, plain) is None
    assert not np.isnan(aligned(noise, plain).match)


def test_unregistered_pictures_of_two_proportions_are_stretched_as_ever(surface):
    other = draw_surface(21, 640, 480)
    done = aligned(surface, other)
    assert not done.registered
    assert done.before.shape == (640, 480, 3)
    assert (done.overlap, done.mirrored) == (1.0, False)


def test_pictures_that_only_touch_have_no_common_view():
    """Most of both would go unseen."""
    assert common_share(np.array([[1, 0, 0.5], [0, 1, 0], [0, 0, 1.0]])) == 0
    assert common_share(np.array([[1, 0, 0.3], [0, 1, 0], [0, 0, 1.0]])) == pytest.approx(0.7)
    assert common_share(np.diag([3, 3, 1.0])) == pytest.approx(1 / 9)


def test_the_less_is_in_common_the_better_it_must_match():
    assert asked_match(0.1) > asked_match(0.5) > asked_match(1.0) == 0.5


def test_parallax_is_told_as_a_share_of_the_long_side(surface):
    rows, cols = np.mgrid[: surface.shape[0], : surface.shape[1]].astype(np.float32)
    wave = 3 * np.sin(cols / cols.max() * 2 * np.pi).astype(np.float32)
    bent = cv2.remap(surface, cols, rows + wave, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    assert 1.5 / 640 < aligned(surface, bent).parallax < 4 / 640
    assert aligned(surface, surface).parallax == 0
