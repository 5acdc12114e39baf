"""Things seen from above and indoors, each as an RGBA patch like those of `sprites`."""

from __future__ import annotations

import cv2
import numpy as np

from training.scene import colour, fractal
from training.sprites import HUB, PIXELS, blank, box, domed

Rng = np.random.Generator


def building(rng: Rng) -> np.ndarray:
    """A roof from straight above: flat and bright, or two pitched halves, with wings and fittings."""
    patch = blank()
    roof = np.clip(colour(rng, 0.2, 0.85) * 0.5 + rng.uniform(0.1, 0.55), 0, 1)
    y0, y1 = sorted((int(rng.integers(4, 44)), int(rng.integers(84, 124))))
    halves = (roof, roof) if rng.random() < 0.4 else (roof, roof * rng.uniform(0.6, 0.85))
    box(patch, 6, y0, 122, (y0 + y1) / 2, halves[0])
    box(patch, 6, (y0 + y1) / 2, 122, y1, halves[1])
    if rng.random() < 0.5:
        box(patch, int(rng.integers(10, 60)), 4, int(rng.integers(66, 120)), 124, halves[rng.integers(2)])
    for _ in range(int(rng.integers(0, 8))):
        x, y = int(rng.integers(14, 110)), int(rng.integers(y0 + 4, max(y1 - 8, y0 + 5)))
        wide, tall = int(rng.integers(3, 12)), int(rng.integers(3, 8))
        box(patch, x, y, x + wide, y + tall, roof * rng.uniform(0.5, 1.3))
    grain = 1 + 0.05 * fractal(rng, 1.8, 16, PIXELS)
    patch[..., :3] = np.clip(patch[..., :3] * grain[..., None], 0, 1)
    return patch


def tree(rng: Rng) -> np.ndarray:
    noise = fractal(rng, 1.3, 8, PIXELS)
    rows, columns = np.mgrid[:PIXELS, :PIXELS] - HUB
    patch = blank()
    patch[..., 3] = np.hypot(rows, columns) < 44 + 8 * noise
    patch[..., :3] = np.clip(
        np.array([0.16, 0.26, 0.12]) * rng.uniform(0.6, 1.4) * (1 + 0.35 * noise[..., None]), 0, 1
    )
    return patch


def pool(rng: Rng) -> np.ndarray:
    patch = blank()
    cv2.ellipse(patch, (HUB, HUB), (54, 34), 0, 0, 360, (0.85, 0.83, 0.78, 1.0), -1)
    cv2.ellipse(patch, (HUB, HUB), (46, 26), 0, 0, 360, (0.25, 0.65, 0.8, 1.0), -1)
    return patch


def parked_car(rng: Rng) -> np.ndarray:
    """A car from straight above."""
    patch, tint = blank(), colour(rng, 0.05, 0.95)
    box(patch, 10, 40, 118, 88, tint)
    box(patch, 36, 45, 52, 83, (0.1, 0.12, 0.15))
    box(patch, 86, 47, 98, 81, (0.1, 0.12, 0.15))
    return patch


def walker(rng: Rng) -> np.ndarray:
    """A standing or walking person, seen from the side, in plain clothes."""
    patch = blank()
    coat, legs, skin = (
        colour(rng, 0.03, 0.6),
        colour(rng, 0.03, 0.4),
        np.array([0.8, 0.6, 0.5]) * rng.uniform(0.4, 1.1),
    )
    stride = int(rng.integers(0, 12))
    for side in (-1, 1):
        cv2.line(
            patch,
            (HUB + 5 * side, 74),
            (HUB + (5 + stride) * side, 122),
            (*map(float, legs), 1.0),
            11,
            cv2.LINE_AA,
        )
        cv2.line(
            patch,
            (HUB + 14 * side, 40),
            (HUB + (15 + stride // 2) * side, 74),
            (*map(float, coat * 0.85), 1.0),
            7,
            cv2.LINE_AA,
        )
    cv2.ellipse(patch, (HUB, 54), (16, 27), 0, 0, 360, (*map(float, coat), 1.0), -1, cv2.LINE_AA)
    cv2.ellipse(patch, (HUB, 18), (9, 12), 0, 0, 360, (*map(float, skin), 1.0), -1, cv2.LINE_AA)
    cv2.ellipse(patch, (HUB, 12), (9, 8), 0, 180, 360, (0.12, 0.09, 0.07, 1.0), -1, cv2.LINE_AA)
    return domed(patch, rng, 0.2)


def bag(rng: Rng) -> np.ndarray:
    patch, tint = blank(), colour(rng, 0.03, 0.7)
    cv2.ellipse(patch, (HUB, 44), (26, 26), 0, 180, 360, (*map(float, tint * 0.7), 1.0), 6, cv2.LINE_AA)
    box(patch, 22, 44, 106, 112, tint)
    box(patch, 38, 66, 90, 104, tint * 0.8)
    return domed(patch, rng)


FROM_ABOVE = {"building": building, "tree": tree, "pool": pool, "parked car": parked_car}
INDOORS = {"person": walker, "bag": bag}
