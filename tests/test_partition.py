"""One scene or two: where pictures fall apart, and that a single scene stays whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_fiftyone.methods.common.background import each_part
from argus_fiftyone.methods.common.partition import cheapest_cut, partition

SHORT = settings(max_examples=40, deadline=None)
ROWS, COLS, DIM = 12, 20, 16


def stitched(split: int, seed: int = 0, noise: float = 0.2) -> torch.Tensor:
    """[ROWS, COLS, DIM]: one direction left of the split, another right of it."""
    made = torch.Generator().manual_seed(seed)
    left, right = torch.linalg.qr(torch.randn(DIM, 2, generator=made))[0].T
    cells = left.expand(ROWS, COLS, DIM).clone()
    cells[:, split:] = right
    return cells + noise * torch.randn(ROWS, COLS, DIM, generator=made) / DIM**0.5


@SHORT
@given(split=st.integers(4, 16), seed=st.integers(0, 50))
def test_two_views_side_by_side_are_two_scenes_parted_at_the_seam(split: int, seed: int):
    scene = partition([stitched(split, seed)], (4 * ROWS, 4 * COLS))
    one = scene if scene[0, 0] else ~scene
    assert one[:, : 4 * split].all()
    assert not one[:, 4 * split :].any()


def test_one_surface_is_one_scene():
    assert partition([stitched(0, noise=0.8)], (ROWS, COLS)).all()


def test_a_surface_that_changes_slowly_is_one_scene():
    angle = torch.linspace(0, 1.5, COLS).expand(ROWS, COLS)
    assert partition([torch.stack([angle.cos(), angle.sin()], dim=-1)], (ROWS, COLS)).all()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_picture_without_any_texture_is_one_scene(value: float):
    assert partition([torch.full((ROWS, COLS, DIM), value)], (ROWS, COLS)).all()


def test_a_picture_of_few_cells_and_one_without_levels_are_one_scene():
    assert partition([torch.rand(3, 20, DIM)], (6, 40)).all()
    assert partition([], (6, 40)).shape == (6, 40)


def test_levels_of_several_grids_are_cut_on_the_coarsest():
    fine = stitched(8).repeat_interleave(2, dim=0).repeat_interleave(2, dim=1)
    scene = partition([fine, stitched(8, seed=1)], (ROWS, COLS))
    assert len({*scene[:, :8].ravel()}) == len({*scene[:, 8:].ravel()}) == 1
    assert scene[0, 0] != scene[0, -1]


def test_the_cut_is_that_of_the_exact_eigenvector():
    """Against a full decomposition of the same graph, written out."""
    cells = torch.nn.functional.normalize(stitched(7, noise=0.5), dim=-1).flatten(0, 1)
    place = torch.cartesian_prod(torch.arange(ROWS), torch.arange(COLS)).float()
    alike = torch.exp(8 * (cells @ cells.T - 1) - torch.cdist(place, place) ** 2 / 72)
    degree = alike.sum(dim=1)
    exact = torch.linalg.eigh(alike / (degree[:, None] * degree).sqrt())[1][:, -2] / degree.sqrt()
    costs = []
    for share in torch.linspace(0.1, 0.9, 17):
        side = exact > torch.quantile(exact, share)
        crossing = alike[side][:, ~side].sum()
        costs.append(float(crossing / degree[side].sum() + crossing / degree[~side].sum()))
    cost, _ = cheapest_cut([stitched(7, noise=0.5).permute(2, 0, 1)[None]])
    assert cost == pytest.approx(min(costs), rel=1e-3)


def test_each_scene_is_calibrated_by_itself():
    scene = np.zeros((2, 4), bool)
    scene[:, :2] = True
    values = np.array([[1.0, 3.0, 10.0, 30.0]] * 2)
    put = each_part(scene, lambda part: values / values[part].mean())
    np.testing.assert_allclose(put, [[0.5, 1.5, 0.5, 1.5]] * 2)
    whole = each_part(np.ones((2, 4), bool), lambda part: values / values[part].mean())
    np.testing.assert_allclose(whole, values / 11)
