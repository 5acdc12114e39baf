"""What each picture shows that the other does not: features in, signed evidence out.

Novelty is asymmetric on purpose. A crack that appeared has no counterpart before, while
the sound surface it replaced is still to be found beside it afterwards: novelty of the
after picture is high there and novelty of the before picture low. That asymmetry is the
direction of the change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch.nn import functional

from argus_fiftyone.methods.common.windows import best_nearby, overlap

LARGEST_SEARCH = 1700
"""Above this many cells the search of the whole picture runs on cells pooled two by two."""


@dataclass(frozen=True)
class Difference:
    """Evidence of change on the finest patch grid, [rows, cols], all ≥ 0.

    Exchanging the pictures exchanges `appeared` and `disappeared`, and the two novelties.

    Attributes:
        after_novelty: what the after picture shows and the before picture does not.
        before_novelty: the reverse.
    """

    after_novelty: torch.Tensor
    before_novelty: torch.Tensor

    @property
    def appeared(self) -> torch.Tensor:
        """The after picture's novelty beyond the before picture's."""
        return (self.after_novelty - self.before_novelty).clamp(min=0)

    @property
    def disappeared(self) -> torch.Tensor:
        """The before picture's novelty beyond the after picture's."""
        return (self.before_novelty - self.after_novelty).clamp(min=0)

    @property
    def changed(self) -> torch.Tensor:
        """Novelty on both sides: the place shows one thing before and another after."""
        return torch.minimum(self.after_novelty, self.before_novelty)


@dataclass(frozen=True)
class LevelNovelty:
    """Novelty of the after and of the before picture on one level, each [rows, cols] in [0, 2].

    Attributes:
        near, anywhere: against the surroundings of the place, and the whole, of the other picture.
        texture: how much there is to see in each cell, [rows, cols] in (0, 1].
    """

    near: tuple[torch.Tensor, torch.Tensor]
    anywhere: tuple[torch.Tensor, torch.Tensor]
    texture: torch.Tensor


def level_novelties(
    before: Sequence[torch.Tensor], after: Sequence[torch.Tensor], reach: int = 2
) -> list[LevelNovelty]:
    """Novelty of each picture against the other, level by level.

    Args:
        before, after: levels, finest first, each [rows, cols, dim]; a cell's length says how
            much there is to see in it.
        reach: cells of misalignment to forgive, on every level.

    Raises:
        ValueError: if the levels do not match in number or grid.
    """
    grids = [tuple(level.shape) for level in before], [tuple(level.shape) for level in after]
    if grids[0] != grids[1]:
        raise ValueError(
            f"before and after need the same levels, got {grids[0]} and {grids[1]}: "
            "were both pictures resized to one size?"
        )
    novelties = []
    for old, new in zip(before, after, strict=True):
        texture = _texture(old, new)
        near, anywhere = both_novelties(unit_cells(new), unit_cells(old), reach)
        novelties.append(LevelNovelty(near, anywhere, texture))
    return novelties


def over_levels(novelties: Sequence[LevelNovelty], weights: Sequence[float]) -> Difference:
    """The levels' weighed mean on the grid of the first.

    Args:
        weights: one per level, ≥ 0.

    Raises:
        ValueError: if there is not one weight per level.
    """
    if len(weights) != len(novelties):
        raise ValueError(f"{len(novelties)} levels need one weight each, got {len(weights)}")
    size, total = novelties[0].texture.shape, sum(weights)
    sides = [torch.zeros(size, device=novelties[0].texture.device) for _ in range(2)]
    for level, weight in zip(novelties, weights, strict=True):
        for side, near, anywhere in zip(sides, level.near, level.anywhere, strict=True):
            side += weight / total * enlarge(level.texture * (near + anywhere) / 2, size)
    return Difference(*sides)


def unit_cells(level: torch.Tensor) -> torch.Tensor:
    """[rows, cols, dim] → float32 [dim, rows, cols] with cells of unit length.

    A view: in memory a cell's channels stay side by side, as products of cells like them.
    """
    return functional.normalize(level.float(), dim=-1).permute(2, 0, 1)


def window_novelty(
    first: torch.Tensor, second: torch.Tensor, reach: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """1 − the best cosine within `reach` cells of the same place, for each picture against the other.

    Args:
        first, second: [dim, rows, cols], cells of unit length.

    Returns:
        Novelty of the first and of the second, each [rows, cols] in [0, 2].

    Source:
        Local-window nearest neighbour, as in GeSCF and Dual-Image Enhanced CLIP; the
        window forgives what alignment left over. One product serves both directions.
    """
    found = best_nearby(first.permute(1, 2, 0)[None], second.permute(1, 2, 0)[None], reach)
    return (1 - found[0][0]).clamp(min=0), (1 - found[1][0]).clamp(min=0)


def picture_novelty(first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """1 − the best cosine anywhere in the other picture, for each picture.

    This is what tells a defect from another specimen's harmless texture: the texture is
    found again somewhere, the defect is not.

    Args:
        first, second: [dim, rows, cols], cells of unit length.

    Returns:
        Novelty of the first and of the second, each [rows, cols] in [0, 2].

    Source:
        One-reference nearest neighbour as in PatchCore and AnomalyDINO, without a memory bank.
    """
    size = first.shape[1:]
    while first.shape[1] * first.shape[2] > LARGEST_SEARCH:
        first, second = _pooled(first), _pooled(second)
    grid = first.shape[1:]
    bank = second.flatten(1)
    best_first, best_second = [], torch.full((bank.shape[1],), -1.0, device=bank.device)
    for some in first.flatten(1).T.split(1024):
        cosine = some @ bank
        best_first.append(cosine.amax(dim=1))
        best_second = torch.maximum(best_second, cosine.amax(dim=0))
    found = torch.cat(best_first), best_second
    first_novelty, second_novelty = (enlarge((1 - best).clamp(min=0).reshape(grid), size) for best in found)
    return first_novelty, second_novelty


def both_novelties(
    first: torch.Tensor, second: torch.Tensor, reach: int
) -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    """`window_novelty` and `picture_novelty`, from one product where the grid is small enough."""
    rows, cols = first.shape[1:]
    if rows * cols > LARGEST_SEARCH:
        return window_novelty(first, second, reach), picture_novelty(first, second)
    cosine = first.flatten(1).T @ second.flatten(1)
    anywhere = [(1 - cosine.amax(dim=side)).clamp(min=0).reshape(rows, cols) for side in (1, 0)]
    by_place = cosine.view(rows, cols, rows, cols)
    best = [torch.full((rows, cols), -1.0, device=first.device) for _ in range(2)]
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            # Cells (r, c) of the first that meet (r + down, c + right) of the second.
            met = by_place.diagonal(down, 0, 2).diagonal(right, 0, 1)
            for side, place in zip(best, overlap(first.shape[1:], down, right), strict=True):
                side[place] = torch.maximum(side[place], met)
    near = [(1 - side).clamp(min=0) for side in best]
    return (near[0], near[1]), (anywhere[0], anywhere[1])


def pixel_difference(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Difference of colours that a change of light does not explain.

    Args:
        before, after: uint8 [height, width, 3] RGB, registered.

    Returns:
        float32 [height, width] ≥ 0, in grey levels; 0 for identical pictures.
    """
    matched = _match_light(before.astype(np.float32), after.astype(np.float32))
    colour = np.abs(cv2.GaussianBlur(after - matched, (0, 0), 1.0)).mean(axis=2)
    lab = [cv2.cvtColor(p, cv2.COLOR_RGB2LAB).astype(np.float32)[..., 1:] for p in (before, after)]
    hue = lab[1] - lab[0]
    hue = np.abs(cv2.GaussianBlur(hue - hue.mean(axis=(0, 1)), (0, 0), 1.0)).sum(axis=2)
    return colour + 0.5 * hue


def _match_light(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The before picture under the after picture's light: one gain and offset per channel.

    The gain is capped, so that light is matched and a real change of colour is not.
    """
    spread = [picture.std(axis=(0, 1)) + 1 for picture in (before, after)]
    gain = np.clip(spread[1] / spread[0], 0.5, 2)
    return (before - before.mean(axis=(0, 1))) * gain + after.mean(axis=(0, 1))


def _texture(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """How much there is to see in each cell of either picture, in (0, 1], median and above 1.

    Cells with nothing in them have a direction made of noise; light alone turns it.
    """
    length = torch.maximum(before.float().norm(dim=-1), after.float().norm(dim=-1))
    return (length / length.median().clamp(min=1e-6)).clamp(max=1)


def enlarge(values: torch.Tensor, size: tuple[int, ...] | torch.Size) -> torch.Tensor:
    """[rows, cols] brought to another grid by bilinear interpolation."""
    if values.shape == torch.Size(size):
        return values
    return functional.interpolate(values[None, None], size=tuple(size), mode="bilinear", align_corners=False)[
        0, 0
    ]


def _pooled(cells: torch.Tensor) -> torch.Tensor:
    rows, cols = (side // 2 * 2 for side in cells.shape[1:])
    four = [cells[:, down:rows:2, right:cols:2] for down in (0, 1) for right in (0, 1)]
    return functional.normalize(four[0] + four[1] + four[2] + four[3], dim=0)
