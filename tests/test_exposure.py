"""Exposure: one gain is matched with its clipping; a change of colour or of a part is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_fiftyone.registration.exposure import match_exposure

EVERYWHERE = np.ones((96, 128), bool)


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    rows, cols = np.mgrid[:96, :128]
    waves = np.stack([np.sin(rows / 5 + k) * np.cos(cols / 7 - k) for k in range(3)], axis=2)
    return (128 + 90 * waves).astype(np.uint8)


def brighter(picture: np.ndarray, gain: float) -> np.ndarray:
    return np.clip(picture * gain, 0, 255).astype(np.uint8)


@given(gain=st.floats(1.15, 1.6))
def test_a_longer_exposure_clips_the_darker_picture_in_the_same_places(scene, gain):
    before, after, found = match_exposure(scene, brighter(scene, gain), EVERYWHERE)

    assert found == pytest.approx(gain, rel=0.03)
    assert np.abs(before.astype(int) - after).max() <= 8


def test_exchanging_the_pictures_exchanges_the_results(scene):
    other = brighter(scene, 1.4)

    one, two, gain = match_exposure(scene, other, EVERYWHERE)
    back_two, back_one, inverse = match_exposure(other, scene, EVERYWHERE)

    np.testing.assert_array_equal(one, back_one)
    np.testing.assert_array_equal(two, back_two)
    assert gain * inverse == pytest.approx(1)


def test_equal_exposure_is_left_alone(scene):
    before, after, gain = match_exposure(scene, brighter(scene, 1.04), EVERYWHERE)

    assert gain == 1
    assert before is scene
    assert after.max() > 0


def test_a_part_that_turned_bright_does_not_count_as_exposure(scene):
    after = scene.copy()
    after[30:60, 40:80] = brighter(after[30:60, 40:80], 1.5)

    assert match_exposure(scene, after, EVERYWHERE)[2] == 1


def test_another_picture_is_not_brightened(scene):
    other = np.random.default_rng(0).integers(0, 256, scene.shape, np.uint8)

    assert match_exposure(scene, other, EVERYWHERE)[2] == 1


def test_a_black_picture_is_left_alone(scene):
    assert match_exposure(np.zeros_like(scene), scene, EVERYWHERE)[2] == 1
