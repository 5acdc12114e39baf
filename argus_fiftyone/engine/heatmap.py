"""Evidence on the patch grid → the signed heatmap."""

from __future__ import annotations

import cv2
import numpy as np

from argus_fiftyone.engine.regions import CLEARLY
from argus_fiftyone.text.vocabulary import Wanted

VANISHED_SHARE = 0.8
"""Weight of what vanished where nothing says it is what was asked for; most queries name what came."""

OTHER_DIRECTION = 0.4
"""What is left of a change in another direction than the one asked for; directions can be misread."""

EDGE_REACH = 3
"""Half the guided filter's window, in pixels of the guide."""

EVENLY = np.full(2 * EDGE_REACH + 1, 1 / (2 * EDGE_REACH + 1), np.float32)

EDGE_NOISE = 1e-3
"""Variance of grey, in [0, 1]², below which a difference in the guide is no edge."""


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
