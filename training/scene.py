"""The vocabulary of the generator: canvases, marks laid on them, changes between them."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import ArrayLike

SIDE = 320
"""Pixels per side of every synthetic picture."""

APPEARED, DISAPPEARED, CHANGED = "appeared", "disappeared", "changed"
OPPOSITE = {APPEARED: DISAPPEARED, DISAPPEARED: APPEARED, CHANGED: CHANGED}


@dataclass
class Canvas:
    """A scene before anything happens to it.

    picture: float32 [SIDE, SIDE, 3] in [0, 1]. region: bool, where the thing of interest
    lies. surface: key into `captions.SURFACES`. ground: what is seen where the thing is broken off.
    """

    picture: np.ndarray
    region: np.ndarray
    surface: str
    ground: np.ndarray | None = None


@dataclass
class Mark:
    """Something laid on a canvas: `picture × gain × (1 − alpha) + paint × alpha`."""

    mask: np.ndarray
    alpha: np.ndarray
    paint: np.ndarray
    gain: np.ndarray = field(default_factory=lambda: np.ones((SIDE, SIDE), np.float32))

    def laid_on(self, picture: np.ndarray) -> np.ndarray:
        alpha = self.alpha[..., None]
        return np.clip(picture * self.gain[..., None] * (1 - alpha) + self.paint * alpha, 0, 1)

    def limited_to(self, area: np.ndarray) -> Mark:
        """The same mark at an earlier stage of its growth, covering only `area` (bool)."""
        soft = cv2.GaussianBlur(area.astype(np.float32), (0, 0), 1.0)
        return Mark(self.mask & area, self.alpha * soft, self.paint, 1 + (self.gain - 1) * soft)


@dataclass
class Change:
    """One change: where, what, on what, of which part, which way."""

    mask: np.ndarray
    kind: str
    surface: str
    direction: str
    part: str = ""


@dataclass
class Pair:
    """before, after: uint8 [SIDE, SIDE, 3]; changes lie in the after picture's frame."""

    before: np.ndarray
    after: np.ndarray
    changes: list[Change]


def fractal(
    rng: np.random.Generator, roughness: float = 1.0, coarsest: int = 4, side: int = SIDE
) -> np.ndarray:
    """Fractal noise [side, side], mean 0, deviation about 1; greater roughness keeps finer grain."""
    total = np.zeros((side, side), np.float32)
    cells, weight = coarsest, 1.0
    while cells <= side:
        layer = rng.standard_normal((cells, cells)).astype(np.float32)
        total += weight * cv2.resize(layer, (side, side), interpolation=cv2.INTER_CUBIC)
        cells, weight = cells * 2, weight * 0.5 * roughness
    return (total - total.mean()) / (total.std() + 1e-6)


def relief(height: np.ndarray, strength: float, angle: float) -> np.ndarray:
    """Light falling from `angle` (radians) on a height map: shading around 0."""
    dy, dx = np.gradient(cv2.GaussianBlur(height, (0, 0), 0.8))
    return strength * (np.cos(angle) * dx + np.sin(angle) * dy).astype(np.float32)


def blob(
    rng: np.random.Generator, centre: tuple[float, float], radius: float, ragged: float = 0.5
) -> np.ndarray:
    """A closed, irregular bool area around `centre` (row, column), mean radius in pixels."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    stretch, turn = rng.uniform(0.5, 1.0), rng.uniform(0, np.pi)
    y, x = rows - centre[0], columns - centre[1]
    u, v = x * np.cos(turn) + y * np.sin(turn), (y * np.cos(turn) - x * np.sin(turn)) / stretch
    edge = radius * (1 + ragged * 0.5 * fractal(rng, 1.1, 8))
    return np.hypot(u, v) < edge


def soft(mask: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma)


def place(rng: np.random.Generator, region: np.ndarray) -> tuple[float, float]:
    """A random (row, column) inside `region`, away from the picture's border."""
    inner = region.copy()
    inner[:20], inner[-20:], inner[:, :20], inner[:, -20:] = False, False, False, False
    spots = np.argwhere(inner if inner.any() else region)
    row, column = spots[rng.integers(len(spots))]
    return float(row), float(column)


def colour(rng: np.random.Generator, low: float = 0.05, high: float = 0.95) -> np.ndarray:
    """A random colour, as often muted as vivid."""
    grey = rng.uniform(low, high)
    vivid = rng.uniform(low, high, 3)
    return (grey + (vivid - grey) * rng.uniform(0, 1)).astype(np.float32)


def filled(tint: ArrayLike) -> np.ndarray:
    """One colour, or one grey, all over: float32 [SIDE, SIDE, 3]."""
    return np.broadcast_to(np.asarray(tint, np.float32), (SIDE, SIDE, 3)).copy()
