"""Pixel heatmaps → regions, and heatmaps → pictures for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

Direction = Literal["appeared", "disappeared", "changed", "none"]


@dataclass(frozen=True)
class Region:
    """One connected change.

    Attributes:
        box: (left, top, width, height) as fractions of the picture, in [0, 1].
        mask: bool [rows, cols], cut to the box.
        direction: "appeared", "disappeared" or "changed".
        score: evidence in [0, 1].
        area: pixels of the heatmap inside the mask.
    """

    box: tuple[float, float, float, float]
    mask: np.ndarray
    direction: Direction
    score: float
    area: int


def find_regions(heatmap: np.ndarray, changed: np.ndarray, threshold: float, smallest: int = 12) -> list[Region]:
    """Regions where |heatmap| reaches the threshold, strongest first.

    Hysteresis: a region needs one pixel at `threshold` and extends over connected
    pixels of the same sign at 60 % of it, so that one defect stays one region.

    Args:
        heatmap: signed evidence [rows, cols] in [-1, 1].
        changed: [rows, cols] in [0, 1], the share of the evidence that is change in place.
        threshold: in (0, 1].
        smallest: regions of fewer pixels are dropped.
    """
    regions = []
    for sign in (1, -1):
        evidence = heatmap * sign
        count, labels, stats, _ = cv2.connectedComponentsWithStats((evidence >= 0.6 * threshold).astype(np.uint8))
        for index in range(1, count):
            left, top, width, height, area = (int(v) for v in stats[index])
            window = np.s_[top : top + height, left : left + width]
            mask = labels[window] == index
            score = float(evidence[window][mask].max())
            if area < smallest or score < threshold:
                continue
            regions.append(
                Region(
                    box=_as_fractions(left, top, width, height, heatmap.shape),
                    mask=mask,
                    direction=_direction(sign, float(changed[window][mask].mean())),
                    score=score,
                    area=area,
                )
            )
    return sorted(regions, key=lambda region: -region.score)


def _direction(sign: int, changed_share: float) -> Direction:
    if sign < 0:
        return "disappeared"
    return "changed" if changed_share >= 0.5 else "appeared"


def _as_fractions(
    left: int, top: int, width: int, height: int, shape: tuple[int, ...]
) -> tuple[float, float, float, float]:
    rows, cols = shape[:2]
    return left / cols, top / rows, width / cols, height / rows
