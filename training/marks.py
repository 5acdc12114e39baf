"""Local flaws: each returns a `Mark` that can be laid on either picture of a pair."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from training.scene import SIDE, Canvas, Mark, blob, colour, filled, fractal, place, relief, soft

Rng = np.random.Generator


def _here(canvas: Canvas, centre: tuple[float, float]) -> np.ndarray:
    """The canvas colour around a place, so that a mark can be darker or lighter than it."""
    row, column = (int(v) for v in centre)
    return canvas.picture[max(row - 12, 0) : row + 12, max(column - 12, 0) : column + 12].mean(axis=(0, 1))


def _path(rng: Rng, start: tuple[float, float], length: float, wander: float) -> np.ndarray:
    angle, points = rng.uniform(0, 2 * np.pi), [np.array(start)]
    for _ in range(max(int(length / 4), 2)):
        angle += rng.normal(0, wander)
        points.append(points[-1] + 4 * np.array([np.sin(angle), np.cos(angle)]))
    return np.array(points) - (points[-1] - points[0]) / 2


def _line(path: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """An antialiased polyline as coverage [0, 1]; drawn at four times the size."""
    big = np.zeros((SIDE * 4, SIDE * 4), np.uint8)
    for (r0, c0), (r1, c1), width in zip(path[:-1], path[1:], widths, strict=False):
        cv2.line(big, (int(c0 * 4), int(r0 * 4)), (int(c1 * 4), int(r1 * 4)), 255, max(int(width * 4), 1))
    return cv2.resize(big, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _jagged(rng: Rng, start: tuple[float, float], length: float, heading: float, rough: float) -> np.ndarray:
    """A path that keeps its heading at large and turns at every step, as brittle things break."""
    steps = max(int(length / 3), 2)
    drift = np.cumsum(rng.normal(0, 0.08, steps))
    angles = heading + drift + rough * rng.standard_normal(steps)
    return np.array(start) + 3 * np.cumsum(np.stack([np.sin(angles), np.cos(angles)], axis=1), axis=0)


def crack(canvas: Canvas, rng: Rng) -> Mark:
    centre, length = place(rng, canvas.region), rng.uniform(40, 280)
    heading, rough = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 1.1)
    path = _jagged(rng, centre, length, heading, rough)
    path -= (path[-1] - path[0]) / 2
    broad = rng.uniform(0.5, 2.8) if rng.random() < 0.75 else rng.uniform(2.5, 6.0)
    width = broad * np.clip(1 + 0.5 * rng.standard_normal(len(path)), 0.25, 2)
    cover = _line(path, width * np.sin(np.linspace(0.3, np.pi - 0.3, len(path))) ** 0.5)
    for _ in range(rng.integers(0, 5)):
        begin = tuple(path[rng.integers(len(path))])
        off = heading + rng.choice([-1, 1]) * rng.uniform(0.3, 1.3)
        branch = _jagged(rng, begin, length * rng.uniform(0.1, 0.5), off, rough)
        cover = np.maximum(cover, _line(branch, np.linspace(rng.uniform(0.6, 1.6), 0.3, len(branch))))
    cover *= canvas.region
    paint = filled(_here(canvas, centre) * rng.uniform(0.05, 0.55))
    rim = 1 + rng.uniform(0, 0.25) * np.roll(soft(cover > 0.2, 1.0), (1, 1), (0, 1))
    filled_in = soft(cover, rng.uniform(0.2, 0.4 * broad)) * rng.uniform(0.4, 1.1)
    return Mark(cover > 0.2, np.clip(filled_in, 0, 1), paint, rim.astype(np.float32))


def scratch(canvas: Canvas, rng: Rng) -> Mark:
    centre, angle = place(rng, canvas.region), rng.uniform(0, 2 * np.pi)
    cover = np.zeros((SIDE, SIDE), np.float32)
    for _ in range(rng.choice([1, 1, 2, 3, 6])):
        steps = np.linspace(-0.5, 0.5, 24) * rng.uniform(30, 220)
        turn = angle + rng.normal(0, 0.1) + steps * rng.normal(0, 0.0015)
        start = np.array(centre) + rng.normal(0, 6, 2)
        path = start + np.stack([steps * np.sin(turn), steps * np.cos(turn)], axis=1)
        cover = np.maximum(cover, _line(path, np.sin(np.linspace(0.3, 2.8, 24)) * rng.uniform(0.6, 2.2)))
    cover *= canvas.region
    here = _here(canvas, centre)
    light = (
        here + (1 - here) * rng.uniform(0.35, 1.0) if rng.random() < 0.65 else here * rng.uniform(0.2, 0.6)
    )
    return Mark(cover > 0.2, cover * rng.uniform(0.5, 1.0), filled(light))


def dent(canvas: Canvas, rng: Rng) -> Mark:
    centre, size = place(rng, canvas.region), rng.uniform(9, 38)
    height = -soft(blob(rng, centre, size, 0.2), size / 2.5)
    shade = relief(height, 1.0, rng.uniform(0, 6))
    shade *= rng.uniform(0.25, 0.7) / (np.abs(shade).max() + 1e-6)
    mask = (np.abs(shade) > 0.07) & canvas.region
    return Mark(mask, np.zeros((SIDE, SIDE), np.float32), filled(0), 1 + shade * canvas.region)


def _spots(canvas: Canvas, rng: Rng, count: int, spread: float, sizes: tuple[float, float]) -> np.ndarray:
    centre = place(rng, canvas.region)
    mask = np.zeros((SIDE * 4, SIDE * 4), np.uint8)
    for _ in range(count):
        row, column = np.array(centre) + rng.normal(0, spread, 2)
        axes = rng.uniform(*sizes, 2) * 4
        cv2.ellipse(
            mask,
            (int(column * 4), int(row * 4)),
            (int(axes[0]), int(axes[1])),
            rng.uniform(0, 180),
            0,
            360,
            255,
            -1,
        )
    return (
        cv2.resize(mask, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255 * canvas.region
    )


def pits(canvas: Canvas, rng: Rng) -> Mark:
    if rng.random() < 0.35:  # grown together: one ragged patch of rough ground
        cover = _patch(canvas, rng, (4, 16), rng.uniform(0.8, 1.6)).astype(np.float32)
    else:
        count = int(rng.choice([1, 1, 2, 4, 10, 30]))
        cover = _spots(canvas, rng, count, rng.uniform(3, 22), (1.2, rng.uniform(2.5, 12)))
    dark = filled(canvas.picture.mean(axis=(0, 1)) * rng.uniform(0.1, 0.6)) * np.clip(
        1 + rng.uniform(0.1, 0.7) * fractal(rng, 1.9, 64)[..., None], 0.1, 3
    )
    rim = 1 + rng.uniform(0.1, 0.5) * np.roll(soft(cover > 0.3, 1.2), (2, 1), (0, 1))
    return Mark(cover > 0.25, soft(cover, rng.uniform(0.4, 1.2)) * 0.95, dark, rim.astype(np.float32))


def hole(canvas: Canvas, rng: Rng) -> Mark:
    mask = (
        blob(rng, place(rng, canvas.region), rng.uniform(6, 26), rng.choice([0.0, 0.1, 0.4])) & canvas.region
    )
    rim = 1 + 0.4 * (soft(np.roll(mask, (2, 2), (0, 1)), 1.5) - soft(np.roll(mask, (-2, -2), (0, 1)), 1.5))
    return Mark(mask, soft(mask, 0.8), filled(colour(rng, 0, 0.12)), rim.astype(np.float32))


def _patch(canvas: Canvas, rng: Rng, sizes: tuple[float, float], ragged: float) -> np.ndarray:
    return blob(rng, place(rng, canvas.region), rng.uniform(*sizes), ragged) & canvas.region


def stain(canvas: Canvas, rng: Rng) -> Mark:
    mask = _patch(canvas, rng, (10, 55), rng.uniform(0.3, 1.0))
    tint = [colour(rng, 0.02, 0.35), np.array([0.3, 0.2, 0.1]), np.array([0.1, 0.1, 0.12])][rng.integers(3)]
    alpha = soft(mask, rng.uniform(0.8, 4)) * rng.uniform(0.3, 0.8)
    if rng.random() < 0.4:  # a dried ring is darker at its edge
        alpha = alpha * (0.4 + 0.9 * (1 - soft(mask, 6)))
    return Mark(mask, np.clip(alpha, 0, 0.95), filled(tint))


def rust(canvas: Canvas, rng: Rng) -> Mark:
    patch = soft(_patch(canvas, rng, (14, 60), 0.8), 4)
    alpha = np.clip((patch + 0.25 * fractal(rng, 1.5, 16) - 0.35) * 4, 0, 1) * canvas.region * (patch > 0.05)
    paint = filled([0.48, 0.24, 0.09]) * (1 + 0.35 * fractal(rng, 1.6, 16)[..., None])
    paint += np.array([0.12, 0.05, 0.0]) * fractal(rng, 1.2, 8)[..., None]
    return Mark(alpha > 0.3, alpha * rng.uniform(0.6, 0.95), np.clip(paint, 0, 1))


def discolouration(canvas: Canvas, rng: Rng) -> Mark:
    mask = _patch(canvas, rng, (22, 80), 0.4)
    return Mark(mask, soft(mask, rng.uniform(3, 12)) * rng.uniform(0.25, 0.55), filled(colour(rng, 0.1, 0.9)))


def flaking(canvas: Canvas, rng: Rng) -> Mark:
    mask = _patch(canvas, rng, (6, 36), 1.2)
    rough = fractal(rng, rng.uniform(1.4, 1.9), 16)
    under = filled(colour(rng, 0.25, 1.0) * 0.4 + rng.uniform(0.1, 0.6))
    under = under * (1 + rng.uniform(0.05, 0.2) * rough[..., None])
    under += relief(rough, rng.uniform(0, 0.3), rng.uniform(0, 6))[..., None]
    lip = 1 + 0.5 * (soft(np.roll(mask, (-2, -2), (0, 1)), 1) - soft(mask, 1)) * rng.choice([-1, 1])
    return Mark(mask, soft(mask, 0.6), np.clip(under, 0, 1), lip.astype(np.float32))


def worn(canvas: Canvas, rng: Rng) -> Mark:
    mask = _patch(canvas, rng, (22, 65), 0.5)
    rubbed = cv2.GaussianBlur(
        rng.standard_normal((SIDE, SIDE)).astype(np.float32), (0, 0), sigmaX=8, sigmaY=0.6
    )
    rubbed = rubbed if rng.random() < 0.5 else rubbed.T
    alpha = soft(mask, 5) * np.clip(0.45 + 0.35 * rubbed / rubbed.std(), 0, 1)
    here = canvas.picture[mask].mean(axis=0) if mask.any() else np.full(3, 0.5)
    return Mark(
        mask,
        alpha * rng.uniform(0.5, 1),
        filled(here * rng.uniform(0.6, 0.85) if rng.random() < 0.4 else here + (1 - here) * 0.45),
    )


def liquid(canvas: Canvas, rng: Rng) -> Mark:
    drops = _spots(canvas, rng, int(rng.integers(1, 9)), rng.uniform(5, 35), (4, rng.uniform(7, 22))) > 0.4
    inside = soft(drops, 2.5)
    glint = np.clip(relief(inside, 6, rng.uniform(3.2, 4.5)), 0, 1) ** 2
    gain = 1 - rng.uniform(0.15, 0.45) * inside
    return Mark(drops, np.clip(glint * 2, 0, 0.95), filled(1.0), gain.astype(np.float32))


def dust(canvas: Canvas, rng: Rng) -> Mark:
    cover = _spots(canvas, rng, int(rng.integers(60, 260)), rng.uniform(12, 40), (0.4, 1.4))
    area = cv2.dilate((cover > 0.15).astype(np.uint8), np.ones((7, 7))) > 0
    return Mark(area & canvas.region, cover * rng.uniform(0.5, 0.95), filled(rng.uniform(0.65, 0.95)))


def tape(canvas: Canvas, rng: Rng) -> Mark:
    row, column = place(rng, canvas.region)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    box = cv2.boxPoints(((column, row), (rng.uniform(50, 160), rng.uniform(14, 44)), rng.uniform(0, 180)))
    cv2.fillPoly(mask, [box.astype(np.int32)], 1)
    tint = [np.array([0.85, 0.75, 0.5]), np.array([0.9, 0.9, 0.88]), colour(rng)][rng.integers(3)]
    edge = 1 - 0.3 * np.abs(soft(mask, 2) - mask)
    return Mark(
        mask > 0,
        soft(mask, 0.6) * rng.uniform(0.45, 0.97),
        filled(tint) * (1 + 0.02 * fractal(rng, 1.5)[..., None]),
        edge,
    )


def chipped(canvas: Canvas, rng: Rng) -> Mark:
    """A piece out of the rim: the ground shows. Needs a canvas with a ground."""
    ring = canvas.region & ~(cv2.erode(canvas.region.astype(np.uint8), np.ones((7, 7))) > 0)
    mask = blob(rng, place(rng, ring), rng.uniform(8, 48), rng.uniform(0.2, 0.8)) & canvas.region
    ground = canvas.ground if canvas.ground is not None else filled(0.2)
    lip = 1 - 0.4 * soft(np.roll(mask, (-3, -3), (0, 1)), 2) * canvas.region
    return Mark(mask, soft(mask, 0.8), ground, lip.astype(np.float32))


def mould(canvas: Canvas, rng: Rng) -> Mark:
    cover = _spots(canvas, rng, int(rng.integers(15, 60)), rng.uniform(10, 28), (1, 6)) * np.clip(
        0.6 + 0.4 * fractal(rng, 1.7, 16), 0, 1
    )
    tint = [np.array([0.15, 0.22, 0.15]), np.array([0.45, 0.55, 0.45]), np.array([0.12, 0.12, 0.12])][
        rng.integers(3)
    ]
    return Mark(soft(cover, 2) > 0.15, soft(cover, 1.2) * 0.85, filled(tint))


def graffiti(canvas: Canvas, rng: Rng) -> Mark:
    path = _path(rng, place(rng, canvas.region), rng.uniform(150, 600), 0.7)
    centre = path.mean(axis=0)
    cover = _line(centre + (path - centre) * 0.6, np.full(len(path), rng.uniform(3, 8))) * canvas.region
    return Mark(cover > 0.3, cover * 0.92, filled(colour(rng)))


def burn(canvas: Canvas, rng: Rng) -> Mark:
    mask = _patch(canvas, rng, (12, 45), 0.5)
    paint = filled([0.09, 0.06, 0.04])
    return Mark(mask, np.clip(soft(mask, 8) * 1.2, 0, 0.92) * (soft(mask, 2) + 0.3) / 1.3, paint)


def fibre(canvas: Canvas, rng: Rng) -> Mark:
    path = _path(rng, place(rng, canvas.region), rng.uniform(40, 160), 0.25)
    cover = _line(path, np.full(len(path), rng.uniform(0.7, 1.6)))
    return Mark(cover > 0.2, cover * 0.9, filled(rng.choice([0.05, 0.95])))


def bubble(canvas: Canvas, rng: Rng) -> Mark:
    disc = _spots(canvas, rng, int(rng.integers(1, 6)), 18, (5, 16)) > 0.4
    inside = soft(disc, 2)
    gain = 1 + relief(inside, 2.5, rng.uniform(0, 6))
    return Mark(
        disc, np.zeros((SIDE, SIDE), np.float32), filled(0), np.clip(gain, 0.4, 1.7).astype(np.float32)
    )


MARKS: dict[str, Callable[[Canvas, Rng], Mark]] = {
    made.__name__: made
    for made in (
        crack, scratch, dent, pits, hole, stain, rust, discolouration, flaking, worn, liquid, dust, tape,
        chipped, mould, graffiti, burn, fibre, bubble,
    )
}  # fmt: skip
NEEDS_GROUND = {"chipped"}


def broken_in_two(canvas: Canvas, rng: Rng) -> tuple[Canvas, np.ndarray]:
    """The thing on its ground, broken right across and one piece pushed aside; and the gap, bool.
    Needs a canvas with a ground."""
    assert canvas.ground is not None
    middle = np.argwhere(canvas.region).mean(axis=0) + rng.normal(0, 20, 2)
    path = _jagged(rng, tuple(middle), 750, rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1.0))
    path += middle - path[len(path) // 2]
    down, right = path[-1] - path[0]
    across = np.array([right, -down]) / (np.hypot(down, right) + 1e-6)
    outline = np.concatenate([path, path[::-1] + 900 * across])[:, ::-1]
    side = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(side, [np.round(outline * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    piece, rest = canvas.region & (side > 0), canvas.region & (side == 0)
    warp = cv2.getRotationMatrix2D((float(middle[1]), float(middle[0])), rng.normal(0, 4), 1.0)
    warp[:, 2] += (across * rng.uniform(1, 22) + rng.normal(0, 3, 2))[::-1]
    alone = np.dstack([canvas.picture * piece[..., None], piece]).astype(np.float32)
    pushed = cv2.warpAffine(alone, warp, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
    cover, still = pushed[..., 3:], soft(rest, 0.6)[..., None]
    shade = 1 - 0.4 * soft(np.roll(cover[..., 0] + rest, (4, 4), (0, 1)), 4)[..., None]
    picture = canvas.ground * np.clip(shade, 0.4, 1) * (1 - still) + canvas.picture * still
    picture = np.clip(picture * (1 - cover) + pushed[..., :3], 0, 1)
    whole = rest | (cover[..., 0] > 0.5)
    edges, near = (_line(path, np.full(len(path), width)) > 0.3 for width in (3.0, 50.0))
    gap = canvas.region & (edges | (near & ~whole))
    return Canvas(picture, whole, canvas.surface, canvas.ground), gap
