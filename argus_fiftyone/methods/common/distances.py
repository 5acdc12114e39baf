"""Nearest-neighbour distances: what each image shows and the other does not.

They are asymmetric on purpose. A crack that appeared has no counterpart before, while the sound
surface that it replaced is still to be found beside it afterwards: the after image's distance is
high there and the before image's low. That asymmetry is the direction of the change.

The axis "sides" holds the before image's distances first, then the after image's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from argus_fiftyone.methods.common.windows import best_nearby, overlap
from argus_fiftyone.methods.protocol import Level

LARGEST_SEARCH = 1700
"""Above this many cells the search of the whole image runs on cells pooled two by two."""
SEARCHED_TOGETHER = 1024
"""Cells whose cosines with the whole other image are held at once."""

Sides = Float[Tensor, "pairs sides rows cols"]


@dataclass(frozen=True)
class LevelDistances:
    """Distances on one level, in [0, 2].

    Attributes:
        near: to the best cell within reach of the same place in the other image.
        anywhere: to the best cell of the whole other image.
        texture: how much there is to see in each cell of either image, in (0, 1].
    """

    near: Sides
    anywhere: Sides
    texture: Float[Tensor, "pairs rows cols"]


def level_distances(level: Level, reach: int) -> LevelDistances:
    """Distances of both images of each pair on one level.

    Args:
        reach: cells of misalignment to forgive.

    Source:
        Local-window nearest neighbour, as in GeSCF and Dual-Image Enhanced CLIP; one-reference nearest
        neighbour as in PatchCore and AnomalyDINO, without a memory bank. The latter tells a defect from
        another specimen's harmless texture: the texture is found again somewhere, the defect is not.
    """
    before, after = level.unit_before[:, 0], level.unit_after
    search = _at_once if before.shape[1] <= LARGEST_SEARCH else _one_by_one
    near, anywhere = search(before, after, level.grid, reach)
    return LevelDistances(near, anywhere, _texture(level))


def over_levels(levels: Sequence[LevelDistances], weights: Sequence[float]) -> Sides:
    """The levels' weighed mean on the grid of the first.

    Args:
        weights: one per level, ≥ 0.

    Raises:
        ValueError: if there is not one weight per level.
    """
    if len(weights) != len(levels):
        raise ValueError(f"{len(levels)} levels need one weight each, got {len(weights)}")
    total = torch.zeros_like(levels[0].near)
    for level, weight in zip(levels, weights, strict=True):
        both = level.texture[:, None] * (level.near + level.anywhere) / 2
        total += weight / sum(weights) * enlarge(both, total.shape[-2:])
    return total


def enlarge(values: Tensor, size: tuple[int, ...] | torch.Size) -> Tensor:
    """[…, rows, cols] brought to another grid by bilinear interpolation."""
    if values.shape[-2:] == torch.Size(size):
        return values
    flat = values.reshape(1, -1, *values.shape[-2:])
    large = functional.interpolate(flat, size=tuple(size), mode="bilinear", align_corners=False)
    return large.view(*values.shape[:-2], *size)


def _at_once(before: Tensor, after: Tensor, grid: tuple[int, int], reach: int) -> tuple[Tensor, Tensor]:
    """Both distances from one product [pairs, cells, cells]."""
    cosine = after @ before.mT
    anywhere = torch.stack([cosine.amax(dim=1), cosine.amax(dim=2)], dim=1).unflatten(2, grid)
    by_place = cosine.view(-1, *grid, *grid)
    best = [cosine.new_full((len(cosine), *grid), -1.0) for _ in range(2)]
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            # Cells (r, c) of the after image that meet (r + down, c + right) of the before image.
            met = by_place.diagonal(down, 1, 3).diagonal(right, 1, 2)
            for side, place in zip(best, reversed(overlap(grid, down, right)), strict=True):
                side[(..., *place)] = torch.maximum(side[(..., *place)], met)
    return _as_distance(torch.stack(best, dim=1)), _as_distance(anywhere)


def _one_by_one(before: Tensor, after: Tensor, grid: tuple[int, int], reach: int) -> tuple[Tensor, Tensor]:
    """The same for large grids: a window at the grid's own size, anywhere on pooled cells."""
    first, second = after.unflatten(1, grid), before.unflatten(1, grid)
    near = torch.stack(best_nearby(first, second, reach)[::-1], dim=1)
    while first.shape[1] * first.shape[2] > LARGEST_SEARCH:
        first, second = _pooled(first), _pooled(second)
    anywhere = torch.stack(_best_anywhere(second.flatten(1, 2), first.flatten(1, 2)), dim=1)
    return _as_distance(near), enlarge(_as_distance(anywhere).unflatten(2, first.shape[1:3]), grid)


def _best_anywhere(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """The best cosine of each cell of either image in the whole other one, [pairs, cells] each."""
    best_after, best_before = [], before.new_full(before.shape[:2], -1.0)
    for some in after.split(SEARCHED_TOGETHER, dim=1):
        cosine = some @ before.mT
        best_after.append(cosine.amax(dim=2))
        best_before = torch.maximum(best_before, cosine.amax(dim=1))
    return best_before, torch.cat(best_after, dim=1)


def _as_distance(cosine: Tensor) -> Tensor:
    return (1 - cosine).clamp(min=0)


def _texture(level: Level) -> Tensor:
    """How much there is to see in each cell of either image, in (0, 1], median and above 1.

    Cells with nothing in them have a direction made of noise; light alone turns it.
    """
    length = torch.maximum(level.before[:, 0].float().norm(dim=-1), level.after.float().norm(dim=-1))
    usual = length.median(dim=1, keepdim=True).values.clamp(min=1e-6)
    return (length / usual).clamp(max=1).unflatten(1, level.grid)


def _pooled(cells: Tensor) -> Tensor:
    """[pairs, rows, cols, dim] at half the grid, unit length."""
    rows, cols = (side // 2 * 2 for side in cells.shape[1:3])
    four = [cells[:, down:rows:2, right:cols:2] for down in (0, 1) for right in (0, 1)]
    return functional.normalize(four[0] + four[1] + four[2] + four[3], dim=-1)
