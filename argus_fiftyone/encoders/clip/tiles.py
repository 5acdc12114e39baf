"""Pictures larger than a tower's attention can serve: overlapping tiles, blended, beside the whole.

A tile shows small things at native resolution; the whole picture at the tile's size shows
what a tile is part of. Both describe every cell: visual cells side by side, so that their
cosine is the mean of both cosines, text-aligned cells as their mean.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

TILE_SIDE = 448
"""Pixels; twice what most towers were trained on, which interpolated positions still carry."""
LARGEST_WHOLE = 640
"""Pictures with a longer side than this are tiled."""
TILES_PER_BATCH = 4

Walked = tuple[list[torch.Tensor], torch.Tensor, torch.Tensor]
"""Visual levels and text-aligned cells [pictures, rows, cols, dim], and pictures [pictures, dim]."""


def tiled_forward(pixels: torch.Tensor, cell: int, walk: Callable[[torch.Tensor], Walked]) -> Walked:
    """What `walk` gives for whole pictures, for pictures of any size.

    Args:
        pixels: [pictures, 3, height, width], sides multiples of `cell`.
        cell: pixels per patch.
        walk: gives every level on the grid of patches, cells of unit length.

    Source:
        Tiles weighed by a Hann window, as in overlap-add; the whole beside them as the
        coarse path of dual-scale dense prediction.
    """
    side = TILE_SIDE // cell * cell
    tile = min(side, pixels.shape[2]), min(side, pixels.shape[3])
    levels, aligned = _blended(pixels, cell, tile, walk)
    whole_levels, whole_aligned, picture = walk(_at_most(pixels, side, cell))
    grid = aligned.shape[1:3]
    beside = [
        torch.cat([near, _spread(far, grid)], dim=-1) / 2**0.5
        for near, far in zip(levels, whole_levels, strict=True)
    ]
    return beside, functional.normalize(aligned + _spread(whole_aligned, grid), dim=-1), picture


def tile_starts(length: int, tile: int, cell: int) -> list[int]:
    """First pixels of tiles that overlap by half or more and cover `length`, all on the patch grid."""
    count = 1 + max(0, -(-(length - tile) // (tile // 2)))
    last = (length - tile) // cell
    return [round(number * last / max(1, count - 1)) * cell for number in range(count)]


def hann(size: int) -> torch.Tensor:
    """A Hann window without its zeros, [size]: no cell of a tile is thrown away."""
    return torch.hann_window(size + 2, periodic=False)[1:-1]


def _blended(
    pixels: torch.Tensor, cell: int, tile: tuple[int, int], walk: Callable[[torch.Tensor], Walked]
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Levels and text-aligned cells of all tiles, weighed, on the grid of the whole picture."""
    places = [
        (top, left)
        for top in tile_starts(pixels.shape[2], tile[0], cell)
        for left in tile_starts(pixels.shape[3], tile[1], cell)
    ]
    window = torch.outer(hann(tile[0] // cell), hann(tile[1] // cell)).to(pixels.device)[..., None]
    sums: list[torch.Tensor] = []
    for start in range(0, len(places), TILES_PER_BATCH):
        some = places[start : start + TILES_PER_BATCH]
        tiles = torch.cat([pixels[..., y : y + tile[0], x : x + tile[1]] for y, x in some])
        levels, aligned, _ = walk(tiles)
        maps = [*levels, aligned]
        if not sums:
            grid = pixels.shape[2] // cell, pixels.shape[3] // cell
            sums = [one.new_zeros(len(pixels), *grid, one.shape[-1]) for one in maps]
        for total, one in zip(sums, maps, strict=True):
            for (y, x), part in zip(some, one.split(len(pixels)), strict=True):
                rows = slice(y // cell, y // cell + window.shape[0])
                total[:, rows, x // cell : x // cell + window.shape[1]] += window * part
    # Directions are what counts, so the sum of the weights cancels.
    *levels, aligned = (functional.normalize(total, dim=-1) for total in sums)
    return levels, aligned


def _at_most(pixels: torch.Tensor, side: int, cell: int) -> torch.Tensor:
    height, width = pixels.shape[2:]
    scale = side / max(height, width)
    size = [max(cell, round(length * scale / cell) * cell) for length in (height, width)]
    small = functional.interpolate(pixels.float(), size=size, mode="bilinear", antialias=True)
    return small.to(pixels.dtype)


def _spread(cells: torch.Tensor, grid: torch.Size) -> torch.Tensor:
    """[pictures, rows, cols, dim] on a finer grid, cells of unit length."""
    larger = functional.interpolate(cells.permute(0, 3, 1, 2), size=tuple(grid), mode="bilinear")
    return functional.normalize(larger.permute(0, 2, 3, 1), dim=-1)
