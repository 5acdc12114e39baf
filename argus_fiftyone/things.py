"""Which changed places belong together: a thing is named as a whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch.nn import functional

OUTLINE = 0.35
"""The share of the strongest novelty above which neighbouring cells are one thing."""


def things_of(novelty: torch.Tensor) -> torch.Tensor:
    """Of each cell the number of its thing, counted from 0: int64 [rows, cols].

    A thing is a connected place of strong novelty; what lies between things belongs to the nearest.

    Args:
        novelty: [rows, cols] ≥ 0.
    """
    strong = (novelty > 0) & (novelty >= OUTLINE * novelty.max())
    count, labels = cv2.connectedComponents(strong.cpu().numpy().astype(np.uint8))
    if count < 3:
        return torch.zeros(novelty.shape, dtype=torch.int64)
    outside = (labels == 0).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(
        outside, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    thing = np.zeros(nearest.max() + 1, np.int64)
    thing[nearest[labels > 0]] = labels[labels > 0] - 1
    return torch.from_numpy(thing[nearest])


def shares(things: torch.Tensor, novelty: torch.Tensor, grid: Sequence[int]) -> torch.Tensor:
    """How much each cell of a coarser grid says of each thing: [things, rows · cols], rows adding up to 1.

    Strong changes count for more, as squares.

    Args:
        things: int64 [rows, cols], as `things_of` gives it.
        novelty: [rows, cols] ≥ 0, the same grid.
    """
    apart = functional.one_hot(things).permute(2, 0, 1) * novelty.cpu() ** 2
    rows, cols = grid
    weight = functional.adaptive_avg_pool2d(apart[None], (rows, cols))[0].flatten(1)
    return weight / weight.sum(dim=1, keepdim=True).clamp(min=1e-9)
