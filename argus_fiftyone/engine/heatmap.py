"""Evidence on the patch grid → the signed heatmap in pixels, its regions, and pictures for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from argus_fiftyone.text.query import Wanted

CLEARLY = 1.15
"""How many times newer one picture must be than the other for a direction to be named."""
VANISHED_SHARE = 0.8
"""Weight of what vanished where nothing says it is what was asked for; most queries name what came."""
OTHER_DIRECTION = 0.4
"""What is left of a change in another direction than the one asked for; directions can be misread."""

EDGE_REACH = 3
"""Half the guided filter's window, in pixels of the guide."""
EVENLY = np.full(2 * EDGE_REACH + 1, 1 / (2 * EDGE_REACH + 1), np.float32)
EDGE_NOISE = 1e-3
"""Variance of grey, in [0, 1]², below which a difference in the guide is no edge."""

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


def assemble(
    after_evidence: np.ndarray, before_evidence: np.ndarray, wanted: Wanted
) -> tuple[np.ndarray, np.ndarray]:
    """Signed evidence, and the share of it that is change in place.

    What is new in the after picture counts as +. What is new in the before picture, and
    clearly more so than what came in its place, vanished and counts as −.
    Where only vanishing is asked for, the roles are exchanged.

    Args:
        after_evidence, before_evidence: [rows, cols] in [0, 1].
        wanted: the direction the query asks for.

    Returns:
        signed [rows, cols] in [-1, 1], and the changed share [rows, cols] in [0, 1].
    """
    if wanted == "disappeared":
        signed, share = assemble(before_evidence, after_evidence, "appeared")
        return -signed, share
    vanished = np.where(before_evidence > CLEARLY * after_evidence, VANISHED_SHARE * before_evidence, 0)
    if wanted != "any":
        vanished = OTHER_DIRECTION * vanished
    in_place = np.minimum(after_evidence, before_evidence)
    signed = np.where(after_evidence >= vanished, after_evidence, -vanished)
    return signed, in_place / np.maximum(np.maximum(after_evidence, before_evidence), 1e-6)


class Guide:
    """The edges of a picture, looked at once for all the evidence that is to follow them.

    Args:
        grey: float32 [height, width] in [0, 1], the after picture, finer than the grid of evidence.
    """

    def __init__(self, grey: np.ndarray) -> None:
        self.grey, self.mean = grey, _box(grey)
        self.spread = _box(grey * grey) - self.mean**2 + EDGE_NOISE


def follow_edges(signed: np.ndarray, guide: Guide) -> np.ndarray:
    """Evidence that ends where the picture has an edge, not where a patch ends.

    Half the evidence is drawn to the edges and half stays smooth, so that a peak stays one point.

    Args:
        signed: [rows, cols] in [-1, 1].

    Returns:
        float32 [height, width] in [-1, 1], the guide's size; 0 stays 0.

    Source:
        Guided filter (He et al., ECCV 2010), the map fitted in each window as a linear function of the guide.
    """
    coarse = upsample(signed, guide.grey.shape[:2])
    mean = _box(coarse)
    slope = (_box(coarse * guide.grey) - mean * guide.mean) / guide.spread
    guided = _box(slope) * guide.grey + _box(mean - slope * guide.mean)
    # A linear fit may overshoot into the other sign, which would name a direction nobody saw.
    sign = np.sign(coarse)
    guided = sign * np.clip(sign * guided, 0, 1)
    return ((coarse + guided) / 2).astype(np.float32, copy=False)


def _box(values: np.ndarray) -> np.ndarray:
    # Two passes in float32; `cv2.blur` sums in float64, which takes half as long again.
    return cv2.sepFilter2D(values, -1, EVENLY, EVENLY)


def upsample(signed: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The heatmap in pixels: float32 [height, width] in [-1, 1], smooth between cells."""
    height, width = size
    return np.clip(
        cv2.resize(signed.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR), -1, 1
    )


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
        smallest: regions of fewer pixels are dropped.
    """
    regions = []
    lowest, highest, *_ = cv2.minMaxLoc(heatmap)
    for sign, strongest in ((1, highest), (-1, -lowest)):
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
        for index in range(1, count):
            left, top, width, height, area = (int(v) for v in stats[index])
            if area < smallest:
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
