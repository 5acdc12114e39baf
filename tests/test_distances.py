"""Distances: what either image shows that the other does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from surfaces import draw_surface, relight
from torch.nn import functional

from argus_fiftyone.methods.common import distances
from argus_fiftyone.methods.common.background import pixel_difference
from argus_fiftyone.methods.common.distances import (
    LARGEST_SEARCH,
    LevelDistances,
    enlarge,
    level_distances,
    over_levels,
)
from argus_fiftyone.methods.protocol import Level

WEIGHTS = (2.0, 1.0)
REACH = 2
SHORT = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**20)


def cells(seed: int, rows: int = 9, cols: int = 11, pairs: int = 2) -> torch.Tensor:
    """Made-up cells, [pairs, rows, cols, 16], of any length."""
    return torch.randn(pairs, rows, cols, 16, generator=torch.Generator().manual_seed(seed))


def level(before: torch.Tensor, after: torch.Tensor) -> Level:
    grid = (before.shape[1], before.shape[2])
    valid = torch.ones(len(before), 1, grid[0] * grid[1], dtype=torch.bool)
    return Level(grid, after.flatten(1, 2), before.flatten(1, 2)[:, None], valid)


def found(before: torch.Tensor, after: torch.Tensor, reach: int = REACH) -> LevelDistances:
    return level_distances(level(before, after), reach)


def two_levels(before: int, after: int) -> list[LevelDistances]:
    """Two levels, the second at half the grid."""
    sizes = ((8, 10), (4, 5))
    return [found(cells(before + n, *size), cells(after + n, *size)) for n, size in enumerate(sizes)]


@SHORT
@given(seeds)
def test_identical_images_show_nothing_new_anywhere(seed: int):
    distance = over_levels(two_levels(seed, seed), WEIGHTS)
    torch.testing.assert_close(distance, torch.zeros(2, 2, 8, 10), atol=1e-5, rtol=0)


@SHORT
@given(seeds)
def test_exchanging_the_images_exchanges_the_sides(seed: int):
    forth = over_levels(two_levels(seed, seed + 7), WEIGHTS)
    back = over_levels(two_levels(seed + 7, seed), WEIGHTS)
    torch.testing.assert_close(forth.flip(1), back, atol=1e-6, rtol=0)


@SHORT
@given(seeds)
def test_distances_and_texture_stay_in_their_range(seed: int):
    one = found(cells(seed), cells(seed + 1))
    for distance in (one.near, one.anywhere, over_levels([one], [1.0])):
        assert distance.shape == (2, 2, 9, 11)
        assert distance.min() >= 0
        assert distance.max() <= 2
    assert one.texture.shape == (2, 9, 11)
    assert one.texture.min() > 0
    assert one.texture.max() <= 1


@SHORT
@given(seeds, st.floats(0.1, 50))
def test_weights_count_relative_to_each_other(seed: int, factor: float):
    levels = two_levels(seed, seed + 7)
    scaled = over_levels(levels, [factor * weight for weight in WEIGHTS])
    torch.testing.assert_close(over_levels(levels, WEIGHTS), scaled, atol=1e-5, rtol=1e-4)


@SHORT
@given(seeds, st.integers(1, 3), st.integers(-3, 3), st.integers(-3, 3))
def test_the_window_forgives_a_shift_within_its_reach(seed: int, reach: int, down: int, right: int):
    down, right = (max(-reach, min(reach, steps)) for steps in (down, right))
    first = cells(seed)
    near = found(first, torch.roll(first, (down, right), (1, 2)), reach).near
    inside = near[..., reach : 9 - reach, reach : 11 - reach]
    torch.testing.assert_close(inside, torch.zeros_like(inside), atol=1e-5, rtol=0)


def test_the_window_does_not_forgive_a_shift_beyond_its_reach():
    first = cells(7)
    assert found(torch.roll(first, 3, 2), first, reach=1).near.median() > 0.1


def test_a_wider_window_never_finds_more_that_is_new():
    narrow, wide = (found(cells(1), cells(2), reach).near for reach in (0, 2))
    assert (wide <= narrow + 1e-6).all()


@SHORT
@given(seeds, st.integers(0, 8), st.integers(0, 10))
def test_the_search_of_the_whole_image_forgives_any_shift(seed: int, down: int, right: int):
    first = cells(seed)
    anywhere = found(first, torch.roll(first, (down, right), (1, 2))).anywhere
    torch.testing.assert_close(anywhere, torch.zeros_like(anywhere), atol=1e-5, rtol=0)


def test_what_is_nowhere_in_the_other_image_is_new_at_its_place_only():
    before = torch.zeros(1, 6, 6, 4)
    before[..., 0] = 1
    after = before.clone()
    after[0, 2, 3] = torch.tensor([0.0, 1, 0, 0])
    went, came = found(before, after).anywhere[0]
    assert came[2, 3] == 1
    assert came.sum() == 1
    assert not went.any()


def test_a_large_grid_is_searched_pooled_and_comes_back_at_its_own_size():
    side = int(LARGEST_SEARCH**0.5) + 3
    first = cells(3, side, side, pairs=1)
    one = found(first, first)
    assert one.anywhere.shape == one.near.shape == (1, 2, side, side)
    assert one.anywhere.max() < 1e-4
    assert one.near.max() < 1e-4


@SHORT
@given(seeds, st.sampled_from([(9, 7), (5, 1), (40, 41)]), st.integers(0, 3))
def test_both_ways_to_search_find_the_same_nearby(seed: int, size: tuple[int, int], reach: int):
    """From one large product, or window by window as on large grids."""
    unit = [functional.normalize(cells(seed + n, *size), dim=-1).flatten(1, 2) for n in (0, 1)]
    at_once, _ = distances._at_once(unit[0], unit[1], size, reach)
    one_by_one, _ = distances._one_by_one(unit[0], unit[1], size, reach)
    torch.testing.assert_close(at_once, one_by_one, atol=1e-5, rtol=0)


@SHORT
@given(seeds, st.sampled_from([(3, 4), (30, 40)]))
def test_the_search_of_the_whole_image_is_the_best_of_all_cosines(seed: int, size: tuple[int, int]):
    before, after = (functional.normalize(cells(seed + n, *size), dim=-1) for n in (0, 1))
    cosine = after.flatten(1, 2) @ before.flatten(1, 2).mT
    expected = torch.stack([1 - cosine.amax(dim=1), 1 - cosine.amax(dim=2)], dim=1).unflatten(2, size)
    torch.testing.assert_close(found(before, after).anywhere, expected.clamp(min=0), atol=1e-5, rtol=0)


def test_pairs_stacked_find_what_each_finds_alone():
    before, after = cells(1, pairs=3), cells(2, pairs=3)
    together = found(before, after)
    for number in range(3):
        some = slice(number, number + 1)
        alone = found(before[some], after[some])
        torch.testing.assert_close(together.near[some], alone.near, atol=1e-6, rtol=0)
        torch.testing.assert_close(together.texture[some], alone.texture, atol=1e-6, rtol=0)


def test_a_cell_with_little_to_see_counts_less_and_no_cell_more_than_usual():
    before = cells(1, pairs=1)
    before = before / before.norm(dim=-1, keepdim=True)
    before[0, 4, 5] *= 0.1
    texture = found(before, before).texture[0]
    assert texture[4, 5] == pytest.approx(0.1, abs=1e-5)
    assert texture.sum() == pytest.approx(9 * 11 - 0.9, abs=1e-3)


def test_a_weight_too_few_is_refused():
    with pytest.raises(ValueError, match="2 levels need one weight each, got 1"):
        over_levels(two_levels(1, 2), [1.0])


def test_enlarging_keeps_a_constant_and_leaves_the_same_size_alone():
    flat = torch.full((2, 3, 4), 0.7)
    torch.testing.assert_close(enlarge(flat, (9, 8)), torch.full((2, 9, 8), 0.7))
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
