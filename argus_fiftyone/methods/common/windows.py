"""Each cell of one picture against a window of the other, as a few large matrix products.

Window by window this would be many passes over both maps, and memory, not arithmetic, sets
their pace. So a tile of cells meets all cells that any of its windows holds in one product, of
which the windows are then read off as diagonals; what they do not hold costs less than a pass.
"""

from __future__ import annotations

import torch
from torch import Tensor

TILE = 8
"""Cells on a tile's side."""


def best_nearby(first: Tensor, second: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """The best cosine of each cell within `reach` cells of its place in the other picture.

    Args:
        first, second: [n, rows, cols, dim], cells of unit length.

    Returns:
        For the first's cells and for the second's, each [n, rows, cols] in [-1, 1].
    """
    count, rows, cols, _ = first.shape
    windows = _windows(_tiles(first) @ _tiles(second, reach).mT, reach)
    # The tiles' own axes last, so that one shift of the second is one plane.
    shifts = _joined(windows, first.shape).permute(3, 4, 0, 1, 2).contiguous()
    best = torch.full((count, rows, cols), -1.0, device=first.device)
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            here, there = overlap((rows, cols), down, right)
            met = best[(..., *there)]
            torch.maximum(met, shifts[down + reach, right + reach][(..., *here)], out=met)
    return shifts.amax(dim=(0, 1)), best


def overlap(
    size: tuple[int, int] | torch.Size, down: int, right: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The parts of two equal grids that meet when the second is moved by (down, right)."""
    rows, cols = size
    here = slice(max(0, -down), _end(rows, -down)), slice(max(0, -right), _end(cols, -right))
    there = slice(max(0, down), _end(rows, down)), slice(max(0, right), _end(cols, right))
    return here, there


def _end(side: int, moved: int) -> int:
    """Where the overlap ends; a negative end would count from the other side."""
    return max(0, min(side, side + moved))


def mixed_nearby(
    first: Tensor, second: Tensor, values: Tensor, reach: int, sharpness: float
) -> tuple[Tensor, Tensor]:
    """`best_nearby` of the first's cells, and what `values` hold there.

    That is the window's mean, its cells weighed by how well they match. Beyond the edge the
    edge's cells are met again, as often as the window holds them.

    Args:
        first, second: [n, rows, cols, dim], cells of unit length.
        values: [n, rows, cols, any], what stands in the second's cells.
        sharpness: weights are softmax(sharpness · cosine) over the window.

    Returns:
        [n, rows, cols] in [-1, 1], and [n, rows, cols, any].
    """
    cosines = _tiles(first) @ _tiles(second, reach).mT
    windows = _windows(cosines, reach)
    weights = torch.zeros_like(cosines)
    _windows(weights, reach).copy_((sharpness * windows).flatten(-2).softmax(dim=-1).view(windows.shape))
    mixed = (weights @ _tiles(values, reach)).unflatten(1, (TILE, TILE))
    return _joined(windows.amax(dim=(-2, -1)), first.shape), _joined(mixed, first.shape)


def _tiles(cells: Tensor, reach: int = 0) -> Tensor:
    """[n, rows, cols, dim] → [n · tiles, (TILE + 2 · reach)², dim]: tiles with what lies around them.

    Places beyond an edge hold the edge's cells.
    """
    count, rows, cols, dim = cells.shape
    down, right = (_places(side, reach, cells.device) for side in (rows, cols))
    place = down[:, None, :, None] * cols + right[None, :, None, :]
    start = torch.arange(count, device=cells.device)[:, None] * (rows * cols)
    chosen = (start + place.flatten()).flatten()
    return cells.reshape(-1, dim).index_select(0, chosen).view(-1, (TILE + 2 * reach) ** 2, dim)


def _places(side: int, reach: int, device: torch.device) -> Tensor:
    """Rows (or cols) of each row of tiles and its surroundings: [tiles, TILE + 2 · reach]."""
    starts = torch.arange(0, side, TILE, device=device)[:, None]
    return (starts + torch.arange(-reach, TILE + reach, device=device)).clamp(0, side - 1)


def _windows(products: Tensor, reach: int) -> Tensor:
    """[tiles, TILE², (TILE + 2 · reach)²] → a view, each cell's window: [tiles, TILE, TILE, side, side]."""
    side = TILE + 2 * reach
    row = side * side  # of the product of one tile
    strides = (TILE * TILE * row, TILE * row + side, row + 1, side, 1)
    return products.as_strided((len(products), TILE, TILE, 2 * reach + 1, 2 * reach + 1), strides)


def _joined(tiles: Tensor, shape: torch.Size) -> Tensor:
    """[n · tiles, TILE, TILE, …] → [n, rows, cols, …]."""
    count, rows, cols = shape[:3]
    down, right = (-(-side // TILE) for side in (rows, cols))
    whole = tiles.view(count, down, right, *tiles.shape[1:]).transpose(2, 3)
    return whole.reshape(count, down * TILE, right * TILE, *tiles.shape[3:])[:, :rows, :cols]
