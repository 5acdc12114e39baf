"""Regions of a signed heatmap, each with its direction and score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np

CLEARLY = 1.15
"""How many times newer one picture must be than the other for a direction to be named."""

LEVEL_ERROR = 1e-5
"""A third of a level of a stored map: a threshold that is a score itself finds that score's pixel."""

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

    def as_record(self) -> dict[str, Any]:
        """The region without its mask, as plain values."""
        return {
            "box": [round(value, 5) for value in self.box],
            "direction": self.direction,
            "score": round(self.score, 4),
            "area": self.area,
        }


def main_direction(regions: list[Region]) -> Direction:
    """The direction of the strongest region; "none" where there is none."""
    return regions[0].direction if regions else "none"


def find_regions(
    heatmap: np.ndarray, changed: np.ndarray, threshold: float, smallest: int = 12
) -> list[Region]:
    """Regions where |heatmap| reaches the threshold, strongest first.

    Hysteresis: a region needs one pixel at `threshold` and extends over connected
    pixels of the same sign at 60 % of it, so that one defect stays one region.

    Args:
        heatmap: signed evidence [rows, cols] in [-1, 1].
        changed: the share of the evidence that is change in place, in [0, 1], on any grid.
        threshold: in (0, 1].
        smallest: regions of fewer pixels are dropped, but for that of the strongest pixel: what is
            flagged has a region.
    """
    regions, threshold = [], threshold - LEVEL_ERROR
    lowest, highest, *places = cv2.minMaxLoc(heatmap)
    for sign, strongest, (col, row) in ((-1, -lowest, places[0]), (1, highest, places[1])):
        if strongest < threshold:
            continue
        # Components of a whole large map would cost more than all else an answer takes.
        faintest = 0.6 * threshold
        shown = (heatmap >= faintest if sign > 0 else heatmap <= -faintest).view(np.uint8)
        first_col, first_row, cols, rows = cv2.boundingRect(shown)
        part = shown[first_row : first_row + rows, first_col : first_col + cols]
        # This algorithm counts boxes and areas in half the time that OpenCV's default takes.
        count, labels, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(
            part, 8, cv2.CV_32S, cv2.CCL_BBDT
        )
        kept = labels[row - first_row, col - first_col] if strongest >= max(highest, -lowest) else 0
        for index in range(1, count):
            left, top, width, height, area = (int(v) for v in stats[index])
            if area < smallest and index != kept:
                continue
            mask = labels[top : top + height, left : left + width] == index
            left, top = left + first_col, top + first_row
            inside = mask.view(np.uint8)
            least, most, *_ = cv2.minMaxLoc(heatmap[top : top + height, left : left + width], inside)
            score = most if sign > 0 else -least
            if score < threshold:
                continue
            box = _as_fractions(left, top, width, height, heatmap.shape)
            share = cv2.mean(_part(changed, box, mask.shape), inside)[0]
            regions.append(Region(box, mask, _direction(sign, share), score, area))
    return sorted(regions, key=lambda region: -region.score)


def _part(values: np.ndarray, box: tuple[float, float, float, float], size: tuple[int, ...]) -> np.ndarray:
    """The part of [rows, cols] inside a box of fractions, brought to another size without blending."""
    places = []
    for first, extent, cells, pixels in zip(box[1::-1], box[3:1:-1], values.shape, size, strict=True):
        places.append(((first + extent * (np.arange(pixels) + 0.5) / pixels) * cells).astype(int))
    rows, cols = places
    return values[rows].take(cols, axis=1)


def _direction(sign: int, changed_share: float) -> Direction:
    if sign < 0:
        return "disappeared"
    return "changed" if changed_share > 1 / CLEARLY else "appeared"


def _as_fractions(
    left: int, top: int, width: int, height: int, shape: tuple[int, ...]
) -> tuple[float, float, float, float]:
    rows, cols = shape[:2]
    return left / cols, top / rows, width / cols, height / rows
