"""The cascade of alignment: what is found, what is left alone, and how it is told."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest
from surfaces import PASTED, compress, draw_surface, move, paste_object, relight, shift

from argus_fiftyone.registration.align import align
from argus_fiftyone.registration.cascade import REGISTERED_MATCH
from argus_fiftyone.registration.local_correlation import local_match
from argus_fiftyone.registration.motion_models import find_flow

TILTED = np.array([[1.02, 0.03, -6.0], [-0.02, 0.99, 9.0], [4e-5, -3e-5, 1.0]])


@pytest.fixture(scope="module")
def surface() -> np.ndarray:
    return draw_surface(11)


def error_in_pixels(found: np.ndarray, true: np.ndarray, shape: tuple[int, ...]) -> float:
    """Largest distance between where a grid of points lands under two homographies."""
    height, width = shape[:2]
    columns, rows = np.meshgrid(np.linspace(0.1, 0.9, 9), np.linspace(0.1, 0.9, 9))
    fractions = np.stack([columns, rows], axis=-1).reshape(-1, 1, 2)
    landed = cv2.perspectiveTransform(fractions, found) * [width, height]
    wanted = cv2.perspectiveTransform(fractions * [width, height], true)
    return float(np.linalg.norm(landed - wanted, axis=-1).max())


@pytest.mark.parametrize(("right", "down"), [(3, 0), (-5, 7), (12.5, -4.25)])
def test_a_known_shift_is_found_to_half_a_pixel(surface, right: float, down: float):
    after = move(surface, shift(right, down))
    done = align(surface, after)
    assert done.registered
    assert done.stage in ("shift", "homography")
    assert error_in_pixels(done.warp, shift(right, down), surface.shape) < 0.5


def test_a_known_homography_is_found_to_a_pixel(surface):
    done = align(surface, move(surface, TILTED))
    assert done.stage == "homography"
    assert done.registered
    assert error_in_pixels(done.warp, TILTED, surface.shape) < 1


def test_the_homography_is_found_under_other_light_and_compression(surface):
    after = compress(relight(move(surface, TILTED), 0.8), 60)
    assert error_in_pixels(align(surface, after).warp, TILTED, surface.shape) < 1.5


def test_a_change_in_the_scene_does_not_mislead_alignment(surface):
    done = align(surface, paste_object(move(surface, shift(6, 4))))
    assert error_in_pixels(done.warp, shift(6, 4), surface.shape) < 0.5


def test_pictures_larger_than_estimation_are_aligned_in_their_own_pixels():
    surface = draw_surface(5, 720, 960)
    done = align(surface, move(surface, shift(16, -9)))
    assert error_in_pixels(done.warp, shift(16, -9), surface.shape) < 1


def test_aligning_brings_the_pictures_closer(surface):
    after = move(surface, TILTED)
    done = align(surface, after)
    inside = done.in_view
    unaligned = np.abs(surface.astype(int) - after)[inside].mean()
    assert np.abs(done.before.astype(int) - after)[inside].mean() < 0.3 * unaligned


def test_identical_pictures_are_left_as_they_are(surface):
    done = align(surface, surface)
    assert (done.stage, done.registered, done.match) == ("identity", True, 1.0)
    assert np.array_equal(done.before, surface)
    assert done.in_view.all()
    np.testing.assert_allclose(done.warp, np.eye(3), atol=1e-12)
    assert done.outcome == "identity (match 1.00)"


def test_the_same_frame_with_noise_is_not_moved(surface):
    noise = np.random.default_rng(0).normal(0, 4, surface.shape)
    done = align(surface, np.clip(surface + noise, 0, 255).astype(np.uint8))
    assert done.registered
    assert error_in_pixels(done.warp, np.eye(3), surface.shape) < 0.3


@pytest.mark.parametrize("seed", [21, 22, 23])
def test_different_specimens_are_left_unregistered_and_where_they_were(surface, seed: int):
    done = align(surface, draw_surface(seed))
    assert not done.registered
    assert done.stage == "identity"
    assert np.array_equal(done.before, surface)
    assert done.outcome.startswith("identity (unregistered, match ")


def test_plain_pictures_without_any_texture_are_not_moved():
    before, after = (np.full((64, 96, 3), level, np.uint8) for level in (90, 140))
    done = align(before, after)
    assert done.stage == "identity"
    assert done.in_view.all()


def test_what_the_before_picture_does_not_reach_is_out_of_view(surface):
    done = align(surface, move(surface, shift(40, 0)))
    assert not done.in_view[:, :38].any()
    assert done.in_view[20:-20, 60:].all()
    assert done.in_view.shape == surface.shape[:2]


def test_out_of_view_the_before_picture_shows_what_after_shows_under_its_own_light(surface):
    dark = relight(surface, 0.8)
    done = align(dark, move(surface, shift(40, 0)))
    expected = relight(move(surface, shift(40, 0)), 0.8)
    assert np.abs(done.before[:, :30].astype(int) - expected[:, :30]).mean() < 8


def bent(picture: np.ndarray, most: float) -> np.ndarray:
    """The picture as parallax bends it: a slow wave of displacement, `most` pixels at its crest."""
    rows, cols = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    wave = most * np.sin(cols / cols.max() * 2 * np.pi).astype(np.float32)
    return cv2.remap(picture, cols, rows + wave, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)


def test_parallax_is_refined_away_and_the_outcome_says_by_how_much(surface):
    after = bent(surface, 3)
    done = align(surface, after)
    assert re.search(r"refined by flow up to [2-6] px \(match 0\.\d\d", done.outcome)
    unrefined = np.abs(surface.astype(int) - after)[20:-20, 20:-20].mean()
    assert np.abs(done.before.astype(int) - after)[20:-20, 20:-20].mean() < 0.5 * unrefined


def test_refinement_does_not_draw_away_a_real_change(surface):
    after = paste_object(bent(surface, 3))
    done = align(surface, after)
    assert "refined" in done.outcome
    # What lies under the object is still the bare surface, not stretched towards the object.
    left = np.abs(done.before[PASTED].astype(int) - bent(surface, 3)[PASTED]).mean()
    assert left < 0.3 * np.abs(done.before[PASTED].astype(int) - after[PASTED]).mean()


def test_a_part_that_moved_by_itself_is_not_moved_back(surface):
    before, after = surface.copy(), surface.copy()
    part = draw_surface(77)[:48, :48]
    before[100:148, 150:198], after[104:152, 156:204] = part, part
    done = align(before, after)
    gap = np.abs(done.before.astype(int) - after)[100:152, 150:204].mean()
    assert gap > 0.8 * np.abs(before.astype(int) - after)[100:152, 150:204].mean()


@pytest.mark.parametrize("right", [-16, 16])
@pytest.mark.parametrize("angle", [-3, 0, 3])
def test_a_camera_that_was_knocked_is_put_right(surface, right: float, angle: float):
    motion = np.vstack([cv2.getRotationMatrix2D((208, 160), angle, 1), [0, 0, 1]])
    motion[0, 2] += right
    done = align(surface, move(surface, motion))
    assert done.registered
    assert error_in_pixels(done.warp, motion, surface.shape) < 0.5


def test_the_outcome_says_in_a_phrase_what_was_done(surface):
    moved = align(surface, move(surface, shift(40, 0)))
    assert re.fullmatch(
        r"(shift by 40\.\d px|homography from \d+ inliers) \(match [01]\.\d\d, \d\d% in view\)", moved.outcome
    )


def test_pictures_of_two_sizes_are_refused(surface):
    with pytest.raises(ValueError, match=r"need one size, got \(320, 416\) and \(300, 416\)"):
        align(surface, surface[:300])


@pytest.mark.parametrize("gain", [0.7, 1.3])
def test_the_match_is_blind_to_light(gain: float):
    # Mid greys only, so that no level is cut off by the brighter light.
    surface = (draw_surface(3) * 0.5 + 40).astype(np.uint8)
    assert local_match(surface, relight(surface, gain)) > 0.95


def test_the_match_tells_one_scene_from_another(surface):
    assert local_match(surface, draw_surface(31)) < REGISTERED_MATCH
    assert local_match(surface, surface) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("size", [(16, 128), (8, 128), (31, 384), (128, 16)])
def test_a_strip_too_narrow_for_flow_is_left_without(size: tuple[int, int]):
    """OpenCV reads beyond such images, which ended the whole process."""
    before, after = np.random.default_rng(0).integers(0, 256, (2, *size), np.uint8)
    assert find_flow(before, after, np.ones(size, bool)) is None
