"""A heatmap for people: evidence in colour and regions outlined on the after image."""

from __future__ import annotations

import cv2
import numpy as np

from argus_fiftyone.engine.regions import Region
from argus_fiftyone.io.images import resize

APPEARED = (230, 60, 40)
DISAPPEARED = (40, 110, 230)


def overlay(after: np.ndarray, heatmap: np.ndarray, regions: list[Region], threshold: float) -> np.ndarray:
    """The after picture, greyed, with evidence in colour and regions outlined.

    Red: appeared or changed; blue: disappeared. Colour fades in from 70 % of the threshold,
    so that a quiet pair looks quiet.

    Returns:
        uint8 [rows, cols, 3], the heatmap's size.
    """
    base = resize(after, heatmap.shape).astype(np.float32)
    # Half the colour stays, so that the inspector still recognises the part.
    base = 0.5 * base + 0.5 * base.mean(axis=2, keepdims=True)
    faintest = 0.7 * threshold
    strength = np.clip((np.abs(heatmap) - faintest) / (1 - faintest), 0, 1)[..., None] * 0.85
    colour = np.where(
        heatmap[..., None] >= 0, np.array(APPEARED, np.float32), np.array(DISAPPEARED, np.float32)
    )
    picture = np.clip(base * (1 - strength) + colour * strength, 0, 255).astype(np.uint8)
    for region in regions:
        _outline(picture, region)
    return picture


def _outline(picture: np.ndarray, region: Region) -> None:
    """Draw the region's contour in place, with a white rim that shows on any ground."""
    rows, cols = picture.shape[:2]
    offset = round(region.box[0] * cols), round(region.box[1] * rows)
    contours, _ = cv2.findContours(
        region.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=offset
    )
    thin = max(1, round(max(rows, cols) / 400))
    colour = DISAPPEARED if region.direction == "disappeared" else APPEARED
    cv2.drawContours(picture, contours, -1, (255, 255, 255), 3 * thin, cv2.LINE_AA)
    cv2.drawContours(picture, contours, -1, colour, thin, cv2.LINE_AA)
