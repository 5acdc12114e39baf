"""Which changed places belong together: a thing is named as a whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch.nn import functional

OUTLINE = 0.35
"""The share of the strongest novelty above which neighbouring cells are one thing."""
MOST_THINGS = 6
"""Those of most novelty, since reading a thing takes time; weaker places belong to the nearest."""
ANOTHER_COLOUR = 16
"""Grey levels from which on a pixel wholly shows something else."""
PIXEL_BLUR = 2.0
"""Pixels; what is a little like what was there before is not to have holes."""
BACKGROUND = 255
"""White, as single things are often photographed."""
MARGIN = 0.05
"""White on each side of a thing, as a share of its longer side."""
LEAST_SIDE = 32
"""Pixels; a smaller piece shows nothing that has a name."""


def things_of(novelty: torch.Tensor) -> torch.Tensor:
    """Of each cell the number of its thing, counted from 0: int64 [rows, cols].

    A thing is a connected place of strong novelty, one of the `MOST_THINGS` of most novelty;
    what lies between things belongs to the nearest.

    Args:
        novelty: [rows, cols] ≥ 0.
    """
    strong = (novelty > 0) & (novelty >= OUTLINE * novelty.max())
    count, labels = cv2.connectedComponents(strong.cpu().numpy().astype(np.uint8))
    if count < 3:
        return torch.zeros(novelty.shape, dtype=torch.int64)
    labels = _largest(labels, novelty.cpu().numpy())
    outside = (labels == 0).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(
        outside, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    thing = np.zeros(nearest.max() + 1, np.int64)
    thing[nearest[labels > 0]] = labels[labels > 0] - 1
    return torch.from_numpy(thing[nearest])


def _largest(labels: np.ndarray, novelty: np.ndarray) -> np.ndarray:
    """The places of most novelty, numbered from 1 in their old order; 0 elsewhere."""
    total = np.bincount(labels.ravel(), novelty.ravel())
    total[0] = 0
    kept = np.sort(np.argsort(-total, kind="stable")[: min(MOST_THINGS, len(total) - 1)])
    number = np.zeros(len(total), labels.dtype)
    number[kept] = np.arange(1, len(kept) + 1)
    return number[labels]


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


def cut_outs(
    things: torch.Tensor, novelty: torch.Tensor, picture: np.ndarray, other: np.ndarray
) -> list[np.ndarray]:
    """Each thing on white, in a square that it all but fills: uint8 [side, side, 3], sides as they come.

    A tower that learned names from pictures of single things reads a thing better without what
    lies around it. Around it is what did not change: where novelty is weak, and what both
    pictures show alike to the pixel.

    Args:
        things: int64 [rows, cols], as `things_of` gives it.
        novelty: [rows, cols] ≥ 0, the same grid.
        picture: uint8 [height, width, 3] that shows the things.
        other: the other picture of the pair, in the same frame.
    """
    fresh = _pixels_changed(picture, other)
    strong = (novelty.cpu() / (OUTLINE * float(novelty.max()) + 1e-9)).clamp(max=1).numpy()
    cut = []
    for number in range(int(things.max()) + 1):
        own = np.where(things.numpy() == number, strong, 0).astype(np.float32)
        opaque = cv2.resize(own, fresh.shape[::-1], interpolation=cv2.INTER_LINEAR) * fresh
        cut.append(_on_white(picture, opaque))
    return cut


def _pixels_changed(picture: np.ndarray, other: np.ndarray) -> np.ndarray:
    """float32 [height, width] in [0, 1]: 0 where both pictures show the same."""
    red, green, blue = cv2.split(cv2.absdiff(picture, other))
    steps = cv2.convertScaleAbs(cv2.max(cv2.max(red, green), blue), alpha=255 / ANOTHER_COLOUR)
    return cv2.GaussianBlur(steps, (0, 0), PIXEL_BLUR).astype(np.float32) / 255


def _on_white(picture: np.ndarray, opaque: np.ndarray) -> np.ndarray:
    top, bottom = _extent(opaque.max(axis=1))
    left, right = _extent(opaque.max(axis=0))
    side = max(LEAST_SIDE, round(max(bottom - top, right - left) * (1 + 2 * MARGIN)))
    down, across = (top + bottom - side) // 2, (left + right - side) // 2
    there = np.s_[max(0, down) : down + side, max(0, across) : across + side]
    white = np.full((side, side, 3), BACKGROUND, np.uint8)
    part, weight = picture[there].astype(np.float32), opaque[there][..., None]
    height, width = part.shape[:2]
    begin = max(0, -down), max(0, -across)
    white[begin[0] : begin[0] + height, begin[1] : begin[1] + width] = np.rint(
        BACKGROUND + (part - BACKGROUND) * weight
    )
    return white


def _extent(strongest: np.ndarray) -> tuple[int, int]:
    """From where to where something is more than half there; all of it where nothing is."""
    there = np.flatnonzero(strongest > 0.5)
    return (int(there[0]), int(there[-1]) + 1) if there.size else (0, strongest.size)
