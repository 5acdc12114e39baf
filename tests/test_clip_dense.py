"""Dense attention and interpolated positions: what CLIP towers add to open_clip's own forward."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from argus_fiftyone.encoders.clip.dense import (
    ATTENTIONS,
    dense_attention,
    interpolate_positions,
    neighbourhood_prior,
)

grids = st.tuples(st.integers(1, 9), st.integers(1, 9))
sigmas = st.floats(0.1, 20)


def positions_of(rows: int, cols: int, dim: int = 4) -> torch.Tensor:
    return torch.randn(1 + rows * cols, dim, generator=torch.Generator().manual_seed(0))


@given(grids)
def test_positions_of_the_native_grid_come_back_unchanged(grid: tuple[int, int]):
    positions = positions_of(*grid)
    assert torch.equal(interpolate_positions(positions, grid, grid), positions)


@given(grids, grids)
def test_positions_fit_the_wanted_grid_and_keep_the_cls_row(native: tuple[int, int], grid: tuple[int, int]):
    positions = positions_of(*native)
    resized = interpolate_positions(positions, native, grid)
    assert resized.shape == (1 + grid[0] * grid[1], 4)
    assert torch.equal(resized[0], positions[0])


@given(grids, grids)
def test_constant_positions_stay_constant(native: tuple[int, int], grid: tuple[int, int]):
    constant = torch.full((1 + native[0] * native[1], 3), 0.7)
    assert torch.allclose(interpolate_positions(constant, native, grid), torch.tensor(0.7), atol=1e-5)


def test_interpolated_rows_and_cols_are_not_exchanged():
    rows = torch.arange(4.0).repeat_interleave(3)  # grows downwards, constant along a row
    positions = torch.cat([torch.zeros(1), rows])[:, None]
    resized = interpolate_positions(positions, (4, 3), (8, 5))[1:].reshape(8, 5)
    assert (resized.diff(dim=0) > 0).all()
    assert torch.allclose(resized.diff(dim=1), torch.tensor(0.0), atol=1e-5)


def test_positions_without_a_cls_row_are_refused():
    with pytest.raises(ValueError, match=r"1 \+ 4·4 rows, got 16: has the tower a CLS token"):
        interpolate_positions(torch.zeros(16, 3), (4, 4), (5, 5))


@given(grids, sigmas)
def test_the_prior_is_the_gaussian_of_its_definition(grid: tuple[int, int], sigma: float):
    place = torch.cartesian_prod(torch.arange(grid[0]), torch.arange(grid[1])).float()
    squared = ((place[:, None] - place[None, :]) ** 2).sum(-1)
    expected = functional.pad(torch.exp(-squared / (2 * sigma**2)), (1, 0))
    assert torch.allclose(neighbourhood_prior(grid, sigma), expected, atol=1e-6)


@given(grids, sigmas)
def test_the_prior_is_symmetric_one_on_itself_and_zero_towards_cls(grid: tuple[int, int], sigma: float):
    prior = neighbourhood_prior(grid, sigma)
    patches = prior[:, 1:]
    assert torch.equal(patches, patches.T)
    assert torch.equal(patches.diagonal(), torch.ones(len(prior)))
    assert not prior[:, 0].any()


def test_sigma_zero_leaves_the_prior_out():
    assert not neighbourhood_prior((3, 4), 0).any()


def test_a_negative_sigma_is_refused():
    with pytest.raises(ValueError, match="sigma is a width in patches"):
        neighbourhood_prior((3, 4), -1)


def heads(seed: int, patches: int = 6) -> torch.Tensor:
    return torch.randn(2, 3, 1 + patches, 5, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_dense_attention_follows_its_formula(attention: str):
    q, k, v, prior = heads(1), heads(2), heads(3), neighbourhood_prior((2, 3), 2.0)
    out = dense_attention(q, k, v, attention, prior)
    looks = {"kk": k, "vv": v, "qq": q}.get(attention)
    if looks is None:
        expected = v
    else:
        omega = functional.pad(prior, (0, 0, 1, 0))
        expected = torch.softmax(looks @ looks.mT / 5**0.5 + omega, dim=-1) @ v
    assert torch.allclose(out, expected[:, :, 1:], atol=1e-6)


@settings(max_examples=20)
@given(st.sampled_from(["kk", "vv", "qq"]), st.integers(0, 1000))
def test_what_a_patch_gathers_lies_between_the_values_it_saw(attention: str, seed: int):
    q, k, v = heads(seed), heads(seed + 1), heads(seed + 2)
    out = dense_attention(q, k, v, attention, neighbourhood_prior((2, 3), 5.0))
    low, high = v.amin(dim=2, keepdim=True), v.amax(dim=2, keepdim=True)
    assert ((out >= low - 1e-5) & (out <= high + 1e-5)).all()


def test_an_unknown_attention_is_refused():
    with pytest.raises(ValueError, match="kk, vv, qq, v"):
        dense_attention(heads(1), heads(2), heads(3), "kv", neighbourhood_prior((2, 3), 5.0))
