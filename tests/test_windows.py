"""Windows read off large products say what going through them cell by cell says."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from argus_fiftyone.methods.common.windows import best_nearby, mixed_nearby

SHORT = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**20)
sides = st.integers(1, 19)


def units(seed: int, rows: int, cols: int) -> Tensor:
    """Two made-up pictures' cells of unit length, [2, rows, cols, 6]."""
    cells = torch.randn(2, rows, cols, 6, generator=torch.Generator().manual_seed(seed))
    return functional.normalize(cells, dim=-1)


def window(cells: Tensor, picture: int, row: int, col: int, reach: int) -> Tensor:
    """All that stands around one place, beyond an edge the edge's cells: [side², dim]."""
    _, rows, cols, _ = cells.shape
    found = [
        cells[picture, min(max(row + down, 0), rows - 1), min(max(col + right, 0), cols - 1)]
        for down in range(-reach, reach + 1)
        for right in range(-reach, reach + 1)
    ]
    return torch.stack(found)


def test_a_grid_narrower_than_the_window_is_searched_whole():
    first, second = units(0, 1, 2), units(1, 1, 2)
    forth, back = best_nearby(first, second, reach=3)
    cosines = torch.einsum("nrcd,nred->nce", first, second)
    torch.testing.assert_close(forth[:, 0], cosines.amax(dim=2))
    torch.testing.assert_close(back[:, 0], cosines.amax(dim=1))


@SHORT
@given(seeds, sides, sides, st.integers(0, 3), st.data())
def test_each_place_finds_the_best_of_its_window(seed: int, rows: int, cols: int, reach: int, data):
    first, second = units(seed, rows, cols), units(seed + 1, rows, cols)
    picture, row, col = (data.draw(st.integers(0, side - 1)) for side in (2, rows, cols))
    forth, back = best_nearby(first, second, reach)
    assert forth.shape == back.shape == (2, rows, cols)
    for found, one, other in ((forth, first, second), (back, second, first)):
        expected = (window(other, picture, row, col, reach) @ one[picture, row, col]).max()
        torch.testing.assert_close(found[picture, row, col], expected, atol=1e-5, rtol=0)


@SHORT
@given(seeds, sides, sides, st.integers(0, 3), st.data())
def test_each_place_mixes_its_window_by_how_well_it_matches(
    seed: int, rows: int, cols: int, reach: int, data
):
    first, second = units(seed, rows, cols), units(seed + 1, rows, cols)
    values = 3 * second[..., :4] + 1
    picture, row, col = (data.draw(st.integers(0, side - 1)) for side in (2, rows, cols))
    best, mixed = mixed_nearby(first, second, values, reach, sharpness=20)
    cosines = window(second, picture, row, col, reach) @ first[picture, row, col]
    expected = (20 * cosines).softmax(dim=0) @ window(values, picture, row, col, reach)
    assert mixed.shape == (2, rows, cols, 4)
    torch.testing.assert_close(mixed[picture, row, col], expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(best[picture, row, col], cosines.max(), atol=1e-5, rtol=0)


@SHORT
@given(seeds, st.integers(-2, 2), st.integers(-2, 2))
def test_what_moved_within_reach_is_found_whole(seed: int, down: int, right: int):
    first = units(seed, 12, 17)
    best, mixed = mixed_nearby(first, first.roll((down, right), (1, 2)), first, reach=2, sharpness=1e4)
    torch.testing.assert_close(best[:, 2:-2, 2:-2], torch.ones(2, 8, 13), atol=1e-5, rtol=0)
    expected = first.roll((-down, -right), (1, 2))
    torch.testing.assert_close(mixed[:, 4:-4, 4:-4], expected[:, 4:-4, 4:-4], atol=1e-4, rtol=0)
