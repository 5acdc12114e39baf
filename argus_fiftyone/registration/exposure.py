"""Bring two registered pictures to one exposure where a single gain explains how they differ.

A longer exposure clips: what was bright turns white and its texture is gone, which no
comparison of features forgives. Brightening the darker picture by the same gain makes it
clip in the same places. One gain for all channels and the whole picture cannot hide a
change of colour or of a part.
"""

from __future__ import annotations

import cv2
import numpy as np

SMALLEST_GAIN = 1.1
"""Below this the pictures count as equally exposed."""
EXPLAINED = 0.5
"""The gain must bring the typical difference below this share of what it was."""
USABLE = (12, 245)
"""Grey levels between which a pixel tells of the exposure: neither noise nor clipped."""
FEWEST_USABLE = 0.05
ESTIMATION_SIDE = 320


def match_exposure(
    before: np.ndarray, after: np.ndarray, in_view: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Both pictures at the exposure of the brighter.

    Args:
        before, after: uint8 [height, width, 3], registered.
        in_view: bool [height, width], where the before picture reaches.

    Returns:
        before, after, and the gain from before to after; 1.0 if nothing was done. Exchanging
        the pictures exchanges the results.
    """
    gain = _gain(before, after, in_view)
    if gain > 1:
        before = _brightened(before, gain)
    elif gain < 1:
        after = _brightened(after, 1 / gain)
    return before, after, gain


def _gain(before: np.ndarray, after: np.ndarray, in_view: np.ndarray) -> float:
    """The gain that explains most of the difference, or 1.0."""
    first, second = (_brightest_channel(picture) for picture in (before, after))
    seen = cv2.resize(in_view.astype(np.uint8), first.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    low, high = USABLE
    usable = seen & (np.minimum(first, second) > low) & (np.maximum(first, second) < high)
    if usable.mean() < FEWEST_USABLE:
        return 1.0
    first, second = first[usable], second[usable]
    # Of logarithms, so that exchanging the pictures gives exactly the inverse.
    gain = float(np.exp(np.median(np.log(second) - np.log(first))))
    scale = np.sqrt(gain)
    left = float(np.median(np.abs(second / scale - first * scale)))
    found = float(np.median(np.abs(second - first)))
    worthwhile = max(gain, 1 / gain) >= SMALLEST_GAIN and left < EXPLAINED * found
    return gain if worthwhile else 1.0


def _brightest_channel(picture: np.ndarray) -> np.ndarray:
    scale = min(1.0, ESTIMATION_SIDE / max(picture.shape[:2]))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    # Ten times quicker than the maximum along an axis of three.
    red, green, blue = cv2.split(small)
    return cv2.max(cv2.max(red, green), blue).astype(np.float32)


def _brightened(picture: np.ndarray, gain: float) -> np.ndarray:
    return cv2.convertScaleAbs(picture, alpha=gain)
