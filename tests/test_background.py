"""What is normal for a pair: quiet pairs stay quiet, and what is normal is not news."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from argus_fiftyone.methods.common.background import above_normal, pixel_factor, smooth

ALL = np.ones((8, 9), bool)
NORMAL = 0.75, 0.5
"""The quantile of the map, and how much of it, that counts as normal."""
TRUST = {"calm": 6.0, "half": 40.0, "trust": 1.5, "doubt": 0.3}
distances = arrays(np.float32, (8, 9), elements=st.floats(0, 2, width=32))
SHORT = settings(max_examples=60, deadline=None)


@SHORT
@given(distances)
def test_excess_is_never_negative_and_never_more_than_the_distance(distance: np.ndarray):
    excess = above_normal(distance, ALL, *NORMAL)
    assert (excess >= 0).all()
    assert (excess <= distance).all()


def test_what_is_out_of_view_gives_nothing_and_does_not_count_as_normal():
    distance = np.full((8, 9), 0.2)
    distance[:, :4] = 2
    in_view = ALL.copy()
    in_view[:, :4] = False
    excess = above_normal(distance, in_view, *NORMAL)
    assert not excess[:, :4].any()
    np.testing.assert_allclose(excess, above_normal(np.full((8, 9), 0.2), ALL, *NORMAL) * in_view)


def test_a_pair_wholly_out_of_view_gives_nothing():
    assert not above_normal(np.ones((8, 9)), ~ALL, *NORMAL).any()


@SHORT
@given(arrays(np.float32, (8, 9), elements=st.floats(0, 255, width=32)))
def test_pixels_add_and_take_within_their_bounds(difference: np.ndarray):
    factor = pixel_factor(difference, np.ones((8, 9), bool), **TRUST)
    assert factor.min() >= 1 - TRUST["doubt"] - 1e-6
    assert factor.max() <= 1 + TRUST["trust"] + 1e-6


def test_pixels_count_where_the_light_is_steady_and_not_where_it_moved():
    steady, restless = np.zeros((10, 10)), np.full((10, 10), 60.0)
    steady[5, 5] = restless[5, 5] = 200
    everywhere = np.ones((10, 10), bool)
    assert pixel_factor(steady, everywhere, **TRUST)[5, 5] > 1.5
    np.testing.assert_allclose(pixel_factor(restless, everywhere, **TRUST), 1, atol=1e-3)


def test_smoothing_quietens_a_single_cell_and_keeps_a_plain_map():
    single = np.zeros((21, 21))
    single[10, 10] = 1
    assert smooth(single, 1.8).max() < 0.1
    assert smooth(single, 1.8).sum() == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(smooth(np.full((9, 9), 0.3), 1.8), 0.3, atol=1e-9)
