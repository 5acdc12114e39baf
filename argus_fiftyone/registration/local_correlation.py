"""How well two pictures show the same thing in the same place, whatever the light: the judge of alignment."""

from __future__ import annotations

import cv2
import numpy as np

MATCH_SIDE = 320
"""Pictures are compared no larger than this; finer detail costs time and adds nothing."""


def local_match(before: np.ndarray, after: np.ndarray, in_view: np.ndarray | None = None) -> float:
    """Mean local correlation of two pictures, in [-1, 1], blind to light and weighted by texture.

    Correlation is taken in Gaussian windows of σ = 3 px on pictures of 320 px, which a
    change of gain or offset leaves as it is.
    """
    first, second = as_small_grey(before), as_small_grey(after)
    view = np.ones(first.shape, np.uint8) if in_view is None else in_view.astype(np.uint8)
    return mean_match(LocalMatch(second).of(first), cv2.resize(view, first.shape[::-1]) > 0)


class LocalMatch:
    """Local correlation of pictures with one after picture, whose half of the work is done once."""

    def __init__(self, after: np.ndarray) -> None:
        self.after = after.astype(np.float32)
        self.mean, self.variance = _moments(self.after)

    def of(self, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Correlation times weight, and weight, each [rows, cols]; the weight grows with texture."""
        values = before.astype(np.float32)
        mean, variance = _moments(values)
        covariance = _smooth(values * self.after) - mean * self.mean
        energy = np.sqrt(variance * self.variance)
        weight = np.sqrt(energy)
        return (covariance + 8) / energy * weight, weight


def mean_match(local: tuple[np.ndarray, np.ndarray], in_view: np.ndarray) -> float:
    """The mean of `LocalMatch.of` over what is in view, in [-1, 1]."""
    weighed, weight = ((values * in_view).sum() for values in local)
    return float(weighed / max(float(weight), 1e-9))


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Local mean and variance."""
    mean = _smooth(values)
    # A floor of 8 grey levels² keeps sensor noise in flat areas from voting.
    return mean, np.maximum(_smooth(values * values) - mean * mean + 8, 8)


def _smooth(values: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(values, (0, 0), 3)


def as_small_grey(picture: np.ndarray) -> np.ndarray:
    """The picture without colour: uint8 [rows, cols], long side at most MATCH_SIDE."""
    scale = min(1.0, MATCH_SIDE / max(picture.shape[:2]))
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey
