"""Does an image show one scene or two? Views stitched side by side fall apart, one scene does not.

Each of two scenes has a normal of its own, and words that name something in one of them have
nothing to say about the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from argus_fiftyone.io.images import resize

FALLS_APART = 0.085
"""Cost of the cheapest cut below which there are two scenes."""
LIKENESS = 8.0
"""How fast two cells grow apart as their cosine falls."""
NEARNESS = 6.0
"""Cells within which neighbours hold together."""
SMALLEST_GRID = 4
STEPS = 6
"""Steps of the power iteration before its vectors are made orthogonal again."""
ROUNDS = 10
"""How often that is done."""
SHARES = torch.linspace(0.1, 0.9, 17)
"""Shares of the image that one scene may take."""


def partition(levels: Sequence[torch.Tensor], size: tuple[int, ...]) -> np.ndarray:
    """Where one of two scenes is; everywhere, if the image is one scene.

    Args:
        levels: of one image, each [rows, cols, dim].
        size: (rows, cols) wanted.

    Returns:
        bool [rows, cols].

    Source:
        Normalized cut (Shi and Malik, TPAMI 2000) of the cells of the coarsest level, once.
        Whether to cut is asked of cells averaged over their neighbours, where of cells as they are.
    """
    whole = np.ones(size, bool)
    rows, cols = (min((level.shape[side] for level in levels), default=0) for side in (0, 1))
    if min(rows, cols) < SMALLEST_GRID:
        return whole
    # Permuted with the batch's axis, or torch overlooks that channels come last, and takes ten times as long.
    stages = (level.float().cpu()[None].permute(0, 3, 1, 2) for level in levels)
    maps = [functional.adaptive_avg_pool2d(stage, (rows, cols)) for stage in stages]
    calm = [functional.avg_pool2d(functional.pad(m, (1,) * 4, mode="replicate"), 3, 1) for m in maps]
    if cheapest_cut(calm)[0] >= FALLS_APART:
        return whole
    return resize(cheapest_cut(maps)[1].numpy().astype(np.uint8), (size[0], size[1])) > 0


def cheapest_cut(maps: Sequence[torch.Tensor]) -> tuple[float, torch.Tensor]:
    """The normalized cut of an image into two, and one side of it.

    Args:
        maps: each [1, dim, rows, cols], of one grid.

    Returns:
        Cost in [0, 2], and bool [rows, cols].
    """
    rows, cols = maps[0].shape[-2:]
    cells = torch.cat([functional.normalize(m[0], dim=0) for m in maps]).flatten(1).T / len(maps) ** 0.5
    place = torch.cartesian_prod(torch.arange(rows), torch.arange(cols)).float()
    apart = torch.cdist(place, place, compute_mode="donot_use_mm_for_euclid_dist") / NEARNESS
    alike = torch.exp(LIKENESS * (cells @ cells.T - 1) - apart**2 / 2)
    degree = alike.sum(dim=1)
    along = _second_eigenvector(alike / (degree[:, None] * degree).sqrt(), degree.sqrt(), place)
    along = along / degree.sqrt()
    sides = (along[:, None] > torch.quantile(along, SHARES)).float()
    crossing = (sides * (alike @ (1 - sides))).sum(dim=0)
    held = degree @ sides
    costs = crossing / held.clamp(min=1e-6) + crossing / (degree.sum() - held).clamp(min=1e-6)
    # Where many cells are alike to the last bit, a quantile may leave one side empty.
    costs = costs.where((held > 0) & (held < degree.sum()), torch.inf)
    cheapest = int(costs.argmin())
    return float(costs[cheapest]), sides[:, cheapest].reshape(rows, cols) > 0


def _second_eigenvector(walk: torch.Tensor, first: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """Of a symmetric matrix whose first is known, by subspace iteration from the image's lowest waves."""
    first = functional.normalize(first, dim=0)
    waves = torch.pi * (place + 0.5) / (place.amax(dim=0) + 1)
    down, right = waves.unbind(dim=1)
    basis = torch.stack(
        [down.cos(), right.cos(), down.cos() * right.cos(), (2 * down).cos(), (2 * right).cos()], dim=1
    )
    for _ in range(ROUNDS):
        for _ in range(STEPS):
            basis = walk @ basis
        basis, _ = torch.linalg.qr(basis - first[:, None] * (first @ basis))
    return basis @ torch.linalg.eigh(basis.T @ walk @ basis)[1][:, -1]
