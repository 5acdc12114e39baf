"""Which changed places belong together: an instance is named as a whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch.nn import functional

OUTLINE = 0.35
"""The share of the strongest distance above which neighbouring cells are one instance."""
MOST_INSTANCES = 6
"""Those of most distance, since reading an instance takes time; weaker places belong to the nearest."""
ANOTHER_COLOUR = 16
"""Grey levels from which on a pixel wholly shows something else."""
PIXEL_BLUR = 2.0
"""Pixels; what is a little like what was there before is not to have holes."""
BACKGROUND = 255
"""White, as single instances are often photographed."""
MARGIN = 0.05
"""White on each side of an instance, as a share of its longer side."""
LEAST_SIDE = 32
"""Pixels; a smaller piece shows nothing that has a name."""


def instances_of(distance: torch.Tensor) -> torch.Tensor:
    """Of each cell the number of its instance, counted from 0: int64 [rows, cols].

    An instance is a connected place of strong distance, one of the `MOST_INSTANCES` of most distance;
    what lies between instances belongs to the nearest.

    Args:
        distance: [rows, cols] ≥ 0.
    """
    strong = (distance > 0) & (distance >= OUTLINE * distance.max())
    count, labels = cv2.connectedComponents(strong.cpu().numpy().astype(np.uint8))
    if count < 3:
        return torch.zeros(distance.shape, dtype=torch.int64)
    labels = _largest(labels, distance.cpu().numpy())
    outside = (labels == 0).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(
        outside, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    instance = np.zeros(nearest.max() + 1, np.int64)
    instance[nearest[labels > 0]] = labels[labels > 0] - 1
    return torch.from_numpy(instance[nearest])


def _largest(labels: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """The places of most distance, numbered from 1 in their old order; 0 elsewhere."""
    total = np.bincount(labels.ravel(), distance.ravel())
    total[0] = 0
    kept = np.sort(np.argsort(-total, kind="stable")[: min(MOST_INSTANCES, len(total) - 1)])
    number = np.zeros(len(total), labels.dtype)
    number[kept] = np.arange(1, len(kept) + 1)
    return number[labels]


def shares(instances: torch.Tensor, distance: torch.Tensor, grid: Sequence[int]) -> torch.Tensor:
    """How much each cell of a coarser grid says of each instance: [instances, rows · cols], rows sum to 1.

    Strong changes count for more, as squares.

    Args:
        instances: int64 [rows, cols], as `instances_of` gives it.
        distance: [rows, cols] ≥ 0, the same grid.
    """
    apart = functional.one_hot(instances).permute(2, 0, 1) * distance.cpu() ** 2
    rows, cols = grid
    weight = functional.adaptive_avg_pool2d(apart[None], (rows, cols))[0].flatten(1)
    return weight / weight.sum(dim=1, keepdim=True).clamp(min=1e-9)


def crops(
    instances: torch.Tensor, distance: torch.Tensor, image: np.ndarray, other: np.ndarray
) -> list[np.ndarray]:
    """Each instance on white, in a square that it all but fills: uint8 [side, side, 3], sides as they come.

    A tower that learned names from images of single instances reads an instance better without what
    lies around it. Around it is what did not change: where distance is weak, and what both
    images show alike to the pixel.

    Args:
        instances: int64 [rows, cols], as `instances_of` gives it.
        distance: [rows, cols] ≥ 0, the same grid.
        image: uint8 [height, width, 3] that shows the instances.
        other: the other image of the pair, in the same frame.
    """
    fresh = _pixels_changed(image, other)
    strong = (distance.cpu() / (OUTLINE * float(distance.max()) + 1e-9)).clamp(max=1).numpy()
    cut = []
    for number in range(int(instances.max()) + 1):
        own = np.where(instances.numpy() == number, strong, 0).astype(np.float32)
        opaque = cv2.resize(own, fresh.shape[::-1], interpolation=cv2.INTER_LINEAR) * fresh
        cut.append(_on_white(image, opaque))
    return cut


def _pixels_changed(image: np.ndarray, other: np.ndarray) -> np.ndarray:
    """float32 [height, width] in [0, 1]: 0 where both images show the same."""
    red, green, blue = cv2.split(cv2.absdiff(image, other))
    steps = cv2.convertScaleAbs(cv2.max(cv2.max(red, green), blue), alpha=255 / ANOTHER_COLOUR)
    return cv2.GaussianBlur(steps, (0, 0), PIXEL_BLUR).astype(np.float32) / 255


def _on_white(image: np.ndarray, opaque: np.ndarray) -> np.ndarray:
    top, bottom = _extent(opaque.max(axis=1))
    left, right = _extent(opaque.max(axis=0))
    side = max(LEAST_SIDE, round(max(bottom - top, right - left) * (1 + 2 * MARGIN)))
    down, across = (top + bottom - side) // 2, (left + right - side) // 2
    there = np.s_[max(0, down) : down + side, max(0, across) : across + side]
    white = np.full((side, side, 3), BACKGROUND, np.uint8)
    part, weight = image[there].astype(np.float32), opaque[there][..., None]
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
