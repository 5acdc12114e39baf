"""Parts drawn in code, each as a float32 RGBA patch [128, 128, 4] in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from training.scene import colour

Rng = np.random.Generator
HUB = 64
PIXELS = 128


def blank(size: int = PIXELS) -> np.ndarray:
    return np.zeros((size, size, 4), np.float32)


def _disc(patch: np.ndarray, radius: float, tint, centre: tuple[int, int] = (HUB, HUB)) -> None:
    cv2.circle(patch, centre, int(radius), (*map(float, tint), 1.0), -1, cv2.LINE_AA)


def box(patch: np.ndarray, x0: float, y0: float, x1: float, y1: float, tint) -> None:
    cv2.rectangle(patch, (int(x0), int(y0)), (int(x1), int(y1)), (*map(float, tint), 1.0), -1)


def domed(patch: np.ndarray, rng: Rng, amount: float = 0.35) -> np.ndarray:
    rows, columns = np.mgrid[: patch.shape[0], : patch.shape[1]] / patch.shape[0] - 0.5
    shade = -amount * (rows * rng.uniform(0.5, 1) + columns * rng.uniform(-1, 1))
    patch[..., :3] = np.clip(patch[..., :3] + shade[..., None].astype(np.float32), 0, 1)
    return patch


def _metal(rng: Rng) -> np.ndarray:
    tints = np.array(
        [(0.7, 0.7, 0.7), (0.35, 0.35, 0.37), (0.75, 0.6, 0.3), (0.15, 0.15, 0.16), (0.85, 0.85, 0.86)]
    )
    return np.clip(tints[rng.integers(5)] * rng.uniform(0.8, 1.15), 0, 1)


def screw(rng: Rng) -> np.ndarray:
    patch, tint = blank(), _metal(rng)
    _disc(patch, 58, tint * 0.7)
    _disc(patch, 52, tint)
    wide = int(rng.integers(7, 13))
    dark = tint * 0.25
    box(patch, 20, HUB - wide // 2, 108, HUB + wide // 2, dark)
    if rng.random() < 0.6:
        box(patch, HUB - wide // 2, 20, HUB + wide // 2, 108, dark)
    return domed(patch, rng)


def bolt(rng: Rng) -> np.ndarray:
    patch, tint = blank(), _metal(rng)
    if rng.random() < 0.5:
        _disc(patch, 62, tint * 0.85)
    turn = rng.uniform(0, 1)
    hexagon = np.array(
        [(HUB + 50 * np.cos(turn + k * np.pi / 3), HUB + 50 * np.sin(turn + k * np.pi / 3)) for k in range(6)]
    )
    cv2.fillPoly(patch, [hexagon.astype(np.int32)], (*map(float, tint), 1.0), cv2.LINE_AA)
    _disc(patch, 34, tint * 0.88)
    return domed(patch, rng)


def nut(rng: Rng) -> np.ndarray:
    patch = bolt(rng)
    _disc(patch, 26, (0.08, 0.08, 0.08))
    return patch


def washer(rng: Rng) -> np.ndarray:
    patch, tint = blank(), _metal(rng)
    _disc(patch, 60, tint)
    domed(patch, rng)
    cv2.circle(patch, (HUB, HUB), int(rng.uniform(22, 36)), (0, 0, 0, 0), -1)
    return patch


def rivet(rng: Rng) -> np.ndarray:
    patch = blank()
    _disc(patch, 46, _metal(rng))
    _disc(patch, 14, (0.95, 0.95, 0.95), (50, 48))
    return domed(patch, rng, 0.7)


def capacitor(rng: Rng) -> np.ndarray:
    patch = blank()
    body = colour(rng, 0.05, 0.5)
    if rng.random() < 0.5:
        _disc(patch, 56, body)
        _disc(patch, 44, (0.75, 0.75, 0.76))
        box(patch, 62, 24, 66, 104, (0.4, 0.4, 0.4))
    else:
        box(patch, 36, 14, 92, 112, body)
        box(patch, 36, 14, 52, 112, (0.85, 0.85, 0.85))
    return domed(patch, rng)


def resistor(rng: Rng) -> np.ndarray:
    patch = blank()
    box(patch, 2, 60, 126, 67, (0.75, 0.75, 0.75))
    box(patch, 22, 42, 106, 86, [(0.8, 0.7, 0.5), (0.3, 0.55, 0.7), (0.1, 0.1, 0.1)][rng.integers(3)])
    for x in (34, 52, 70, 90):
        box(patch, x, 42, x + 7, 86, colour(rng, 0, 1))
    return domed(patch, rng)


def chip(rng: Rng) -> np.ndarray:
    patch = blank()
    for x in range(18, 112, 14):
        box(patch, x, 8, x + 6, 120, (0.8, 0.8, 0.78))
    box(patch, 10, 24, 118, 104, np.full(3, rng.uniform(0.05, 0.18)))
    _disc(patch, 6, (0.3, 0.3, 0.3), (24, 90))
    cv2.putText(
        patch,
        "".join(rng.choice(list("ABCX0123789"), 5)),
        (26, 68),
        0,
        0.6,
        (0.75, 0.75, 0.75, 1),
        2,
        cv2.LINE_AA,
    )
    return patch


def connector(rng: Rng) -> np.ndarray:
    patch = blank()
    box(patch, 6, 34, 122, 94, colour(rng, 0.1, 0.95))
    for x in range(16, 112, 16):
        box(patch, x, 50, x + 8, 78, (0.75, 0.65, 0.35))
    return domed(patch, rng)


def diode(rng: Rng) -> np.ndarray:
    patch = blank()
    tint = np.array([(0.9, 0.15, 0.1), (0.2, 0.8, 0.25), (0.95, 0.8, 0.2), (0.3, 0.4, 0.95)][rng.integers(4)])
    _disc(patch, 50, tint * 0.8)
    _disc(patch, 38, tint)
    _disc(patch, 10, (1, 1, 1), (50, 46))
    return patch


def cap(rng: Rng) -> np.ndarray:
    patch, tint = blank(), colour(rng, 0.1, 0.95)
    for k in range(24):
        turn = k * np.pi / 12
        _disc(patch, 7, tint * 0.7, (int(HUB + 54 * np.cos(turn)), int(HUB + 54 * np.sin(turn))))
    _disc(patch, 54, tint)
    _disc(patch, 42, np.clip(tint * 1.15, 0, 1))
    return domed(patch, rng)


def gasket(rng: Rng) -> np.ndarray:
    patch = blank()
    cv2.circle(
        patch,
        (HUB, HUB),
        50,
        (*map(float, np.full(3, rng.uniform(0.05, 0.25))), 1.0),
        int(rng.integers(8, 18)),
        cv2.LINE_AA,
    )
    return domed(patch, rng)


def cable(rng: Rng) -> np.ndarray:
    patch, tint = blank(), colour(rng, 0.05, 0.9)
    x = np.linspace(4, 124, 40)
    y = HUB + rng.uniform(10, 40) * np.sin(x / rng.uniform(14, 40) + rng.uniform(0, 6))
    cv2.polylines(
        patch,
        [np.stack([x, y], 1).astype(np.int32)],
        False,
        (*map(float, tint), 1.0),
        int(rng.integers(6, 13)),
        cv2.LINE_AA,
    )
    return domed(patch, rng)


def clip(rng: Rng) -> np.ndarray:
    patch, tint = blank(), _metal(rng)
    box(patch, 34, 10, 94, 118, tint)
    box(patch, 48, 26, 80, 118, tint * 0.35)
    return domed(patch, rng)


def tablet(rng: Rng) -> np.ndarray:
    patch, tint = blank(), np.clip(colour(rng, 0.4, 1.0) + 0.1, 0, 1)
    if rng.random() < 0.5:
        cv2.ellipse(patch, (HUB, HUB), (58, 26), 0, 0, 360, (*map(float, tint), 1.0), -1, cv2.LINE_AA)
    else:
        _disc(patch, 54, tint)
        box(patch, 62, 14, 65, 114, tint * 0.75)
    return domed(patch, rng)


COMPONENTS: dict[str, Callable[[Rng], np.ndarray]] = {
    made.__name__: made
    for made in (
        screw, bolt, nut, washer, rivet, capacitor, resistor, chip, connector, diode, cap,
        gasket, cable, clip, tablet,
    )
}  # fmt: skip
