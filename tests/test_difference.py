"""Novelty: what either picture shows that the other does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from surfaces import draw_surface, relight

from argus_fiftyone.methods.common.distances import (
    LARGEST_SEARCH,
    Difference,
    both_novelties,
    enlarge,
    level_novelties,
    over_levels,
    picture_novelty,
    pixel_difference,
    unit_cells,
    window_novelty,
)

WEIGHTS = (2.0, 1.0)
SHORT = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**20)


def levels(seed: int, rows: int = 8, cols: int = 10) -> list[torch.Tensor]:
    """Two made-up levels, the second at half the grid."""
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(rows // n, cols // n, 12, generator=random) for n in (1, 2)]


def cells(seed: int, rows: int = 9, cols: int = 11) -> torch.Tensor:
    return unit_cells(torch.randn(rows, cols, 16, generator=torch.Generator().manual_seed(seed)))


def difference_of(
    before: list[torch.Tensor], after: list[torch.Tensor], weights: tuple[float, ...] | list[float]
) -> Difference:
    return over_levels(level_novelties(before, after), weights)


@SHORT
@given(seeds)
def test_identical_pictures_show_nothing_new_anywhere(seed: int):
    same = levels(seed)
    difference = difference_of(same, same, WEIGHTS)
    for part in (difference.after_novelty, difference.before_novelty, difference.changed):
        torch.testing.assert_close(part, torch.zeros(8, 10), atol=1e-5, rtol=0)


@SHORT
@given(seeds)
def test_exchanging_the_pictures_exchanges_appeared_and_disappeared(seed: int):
    old, new = levels(seed), levels(seed + 1)
    forth, back = difference_of(old, new, WEIGHTS), difference_of(new, old, WEIGHTS)
    torch.testing.assert_close(forth.appeared, back.disappeared, atol=1e-6, rtol=0)
    torch.testing.assert_close(forth.disappeared, back.appeared, atol=1e-6, rtol=0)
    torch.testing.assert_close(forth.changed, back.changed, atol=1e-6, rtol=0)


@SHORT
@given(seeds)
def test_evidence_stays_in_its_range(seed: int):
    difference = difference_of(levels(seed), levels(seed + 1), WEIGHTS)
    for novelty in (difference.after_novelty, difference.before_novelty):
        assert novelty.min() >= 0
        assert novelty.max() <= 2
    assert difference.appeared.min() >= 0
    assert difference.disappeared.min() >= 0
    # Where one picture shows more that is new, the other does not.
    assert not ((difference.appeared > 0) & (difference.disappeared > 0)).any()


@SHORT
@given(seeds, st.floats(0.1, 50))
def test_weights_count_relative_to_each_other(seed: int, factor: float):
    old, new = levels(seed), levels(seed + 1)
    once = difference_of(old, new, WEIGHTS)
    scaled = difference_of(old, new, [factor * weight for weight in WEIGHTS])
    torch.testing.assert_close(once.after_novelty, scaled.after_novelty, atol=1e-5, rtol=1e-4)


@SHORT
@given(seeds, st.integers(1, 3), st.integers(-3, 3), st.integers(-3, 3))
def test_the_window_forgives_a_shift_within_its_reach(seed: int, reach: int, down: int, right: int):
    down, right = (max(-reach, min(reach, steps)) for steps in (down, right))
    first = cells(seed)
    second = torch.roll(first, (down, right), (1, 2))
    for novelty in window_novelty(first, second, reach):
        inside = novelty[reach : 9 - reach, reach : 11 - reach]
        torch.testing.assert_close(inside, torch.zeros_like(inside), atol=1e-5, rtol=0)


def test_the_window_does_not_forgive_a_shift_beyond_its_reach():
    first = cells(7)
    novelty, _ = window_novelty(first, torch.roll(first, 3, 2), reach=1)
    assert novelty.median() > 0.1


def test_a_wider_window_never_finds_more_that_is_new():
    narrow, wide = (window_novelty(cells(1), cells(2), reach)[0] for reach in (0, 2))
    assert (wide <= narrow + 1e-6).all()


@SHORT
@given(seeds, st.integers(0, 8), st.integers(0, 10))
def test_the_search_of_the_whole_picture_forgives_any_shift(seed: int, down: int, right: int):
    first = cells(seed)
    for novelty in picture_novelty(first, torch.roll(first, (down, right), (1, 2))):
        torch.testing.assert_close(novelty, torch.zeros_like(novelty), atol=1e-5, rtol=0)


def test_what_is_nowhere_in_the_other_picture_is_new_at_its_place_only():
    first = torch.zeros(4, 6, 6)
    first[0] = 1
    second = first.clone()
    second[:, 2, 3] = torch.tensor([0.0, 1, 0, 0])
    forth, back = picture_novelty(second, first)
    assert forth[2, 3] == 1
    assert forth.sum() == 1
    assert not back.any()


def test_a_large_grid_is_searched_pooled_and_comes_back_at_its_own_size():
    side = int(LARGEST_SEARCH**0.5) + 3
    first = cells(3, side, side)
    novelty, _ = picture_novelty(first, first)
    assert novelty.shape == (side, side)
    assert novelty.max() < 1e-4


def test_levels_that_do_not_match_are_refused_with_what_to_check():
    with pytest.raises(ValueError, match=r"need the same levels, got .* and .*resized to one size"):
        difference_of(levels(1), levels(1, rows=6), WEIGHTS)
    with pytest.raises(ValueError, match="2 levels need one weight each, got 1"):
        difference_of(levels(1), levels(2), [1.0])


def test_enlarging_keeps_a_constant_and_leaves_the_same_size_alone():
    flat = torch.full((3, 4), 0.7)
    torch.testing.assert_close(enlarge(flat, (9, 8)), torch.full((9, 8), 0.7))
    assert enlarge(flat, (3, 4)) is flat


def test_identical_pictures_have_no_pixel_difference():
    picture = draw_surface(1, 60, 80)
    assert pixel_difference(picture, picture).max() < 1e-3


def test_a_change_of_light_leaves_less_than_a_patch_of_another_colour():
    picture = draw_surface(2, 120, 160)
    brighter = pixel_difference(picture, relight(picture, 1.1))
    patched = picture.copy()
    patched[40:60, 50:80] = (250, 20, 20)
    found = pixel_difference(picture, patched)
    assert np.median(brighter) < 3
    assert found[45:55, 55:75].min() > 5 * np.median(brighter)
    assert found.shape == (120, 160)


@SHORT
@given(seeds, st.sampled_from([(7, 9, 16), (1, 5, 8), (50, 40, 4)]), st.integers(0, 3))
def test_both_novelties_from_one_product_are_what_each_is_alone(seed: int, shape, reach: int):
    generator = torch.Generator().manual_seed(seed)
    first, second = (unit_cells(torch.randn(*shape, generator=generator)) for _ in range(2))

    near, anywhere = both_novelties(first, second, reach)

    for found, expected in zip(near, window_novelty(first, second, reach), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    for found, expected in zip(anywhere, picture_novelty(first, second), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
