"""Circuit boards drawn net by net, and faults etched into their copper."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.scene import SIDE, Mark, blob, filled, fractal, soft

Rng = np.random.Generator
Point = tuple[int, int]
TURNS = [(1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1)]


@dataclass
class Board:
    """copper: uint8 [SIDE, SIDE], 1 where copper lies. segments: traces as (from, to, width)."""

    copper: np.ndarray
    segments: list[tuple[Point, Point, int]]
    pads: list[tuple[Point, int]]


def board(rng: Rng) -> Board:
    made = Board(np.zeros((SIDE, SIDE), np.uint8), [], [])
    taken = np.zeros((SIDE, SIDE), np.uint8)
    wide = int(rng.integers(4, 15))
    for _ in range(int(rng.integers(60, 260))):
        _route(made, taken, rng, max(wide + int(rng.integers(-3, 4)), 3))
    return made


def _route(made: Board, taken: np.ndarray, rng: Rng, width: int) -> None:
    """One net: a few straight runs that turn by 45° and keep clear of other nets."""
    x, y = (int(v) for v in rng.integers(-10, SIDE + 10, 2))
    at: Point = (x, y)
    turn, runs = int(rng.integers(8)), []
    own = np.zeros_like(taken)
    for _ in range(int(rng.integers(2, 6))):
        step = int(rng.integers(15, 120))
        to = (at[0] + TURNS[turn][0] * step, at[1] + TURNS[turn][1] * step)
        cv2.line(own, at, to, 1, width)
        runs.append((at, to, width))
        at, turn = to, (turn + int(rng.choice([-1, 1]))) % 8
    pads = [(end, int(width * rng.uniform(1.0, 1.8))) for end in (runs[0][0], at) if rng.random() < 0.6]
    for end, radius in pads:
        cv2.circle(own, end, radius, 1, -1)
    if (own & taken).any():
        return
    made.copper |= own
    for end, radius in pads:
        if rng.random() < 0.6:
            cv2.circle(made.copper, end, max(radius // 2, 2), 0, -1)
    made.segments += runs
    made.pads += pads
    taken |= cv2.dilate(own, np.ones((width + 4, width + 4), np.uint8))


def _spot(made: Board, rng: Rng) -> tuple[np.ndarray, np.ndarray, int]:
    """A random point on a trace inside the picture, its normal, and the trace's width."""
    point, along, width = _on_a_trace(made, rng)
    for _ in range(49):
        if (point > 15).all() and (point < SIDE - 15).all():
            break
        point, along, width = _on_a_trace(made, rng)
    along /= np.linalg.norm(along) + 1e-6
    return point, np.array([-along[1], along[0]]) * rng.choice([-1, 1]), width


def _on_a_trace(made: Board, rng: Rng) -> tuple[np.ndarray, np.ndarray, int]:
    """A random point on a trace, the way from the trace's start to its end, and its width."""
    start, end, width = made.segments[rng.integers(len(made.segments))]
    along = np.array(end, float) - start
    return np.array(start) + along * rng.uniform(0.15, 0.85), along, width


def _drop(point: np.ndarray, radius: float, rng: Rng) -> np.ndarray:
    return blob(rng, (point[1], point[0]), max(radius, 2.0), 0.5).astype(np.uint8)


def _line(start: np.ndarray, end: np.ndarray, width: int) -> np.ndarray:
    drawn = np.zeros((SIDE, SIDE), np.uint8)
    cv2.line(drawn, tuple(int(v) for v in start), tuple(int(v) for v in end), 1, max(width, 1))
    return drawn


def spur(made: Board, rng: Rng) -> np.ndarray:
    point, normal, width = _spot(made, rng)
    length = width / 2 + rng.uniform(3, 6 + width)
    return (
        made.copper
        | _line(point, point + normal * length, int(rng.integers(2, 5)))
        | _drop(point + normal * length, 2.2, rng)
    )


def notch(made: Board, rng: Rng) -> np.ndarray:
    point, normal, width = _spot(made, rng)
    return made.copper & ~_drop(point + normal * width * 0.55, width * rng.uniform(0.3, 0.6), rng) & 1


def open_trace(made: Board, rng: Rng) -> np.ndarray:
    point, normal, width = _spot(made, rng)
    cut = _line(point - normal * (width / 2 + 2), point + normal * (width / 2 + 2), int(rng.integers(3, 9)))
    return made.copper & ~(cut | _drop(point, width * 0.4, rng)) & 1


def short(made: Board, rng: Rng) -> np.ndarray:
    """Copper from one trace to the next; where nothing lies near, any two edges are bridged."""
    for _ in range(30):
        point, normal, width = _spot(made, rng)
        reach = np.arange(width // 2 + 2, 45)
        track = (point + normal * reach[:, None]).astype(int)
        track = track[((track >= 0) & (track < SIDE)).all(axis=1)]
        hits = np.flatnonzero(made.copper[track[:, 1], track[:, 0]])
        if len(hits) and hits[0] > 2:
            return made.copper | _line(point, track[hits[0]], int(rng.integers(2, 7)))
    return spur(made, rng)


def spurious_copper(made: Board, rng: Rng) -> np.ndarray:
    free = np.argwhere(cv2.dilate(made.copper, np.ones((13, 13), np.uint8)) == 0)
    if not len(free):
        return spur(made, rng)
    row, column = free[rng.integers(len(free))]
    return made.copper | _drop(np.array([column, row], float), rng.uniform(2, 6), rng)


def pinhole(made: Board, rng: Rng) -> np.ndarray:
    point, _, width = _spot(made, rng)
    return made.copper & ~_drop(point, max(width * 0.25, 1.5), rng) & 1


FAULTS = {
    "spur": spur, "notch": notch, "open": open_trace, "short": short,
    "spurious copper": spurious_copper, "pinhole": pinhole,
}  # fmt: skip


def fault_mask(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return cv2.dilate((before != after).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0


def painter(style: Rng) -> tuple[np.ndarray, np.ndarray, float]:
    """(copper colour, board colour, softness): drawn black and white, or as a photograph."""
    if style.random() < 0.55:
        black, white = np.full(3, style.uniform(0, 0.1)), np.full(3, style.uniform(0.9, 1.0))
        return (black, white, 0.5) if style.random() < 0.5 else (white, black, 0.5)
    boards = [(0.05, 0.3, 0.15), (0.05, 0.15, 0.35), (0.1, 0.1, 0.1), (0.45, 0.08, 0.08), (0.6, 0.5, 0.3)]
    metal = [(0.75, 0.5, 0.25), (0.8, 0.8, 0.78), (0.25, 0.5, 0.25), (0.85, 0.7, 0.35)]
    return np.array(metal[style.integers(4)]), np.array(boards[style.integers(5)]), style.uniform(0.6, 1.6)


def painted(copper: np.ndarray, ink: tuple[np.ndarray, np.ndarray, float], rng: Rng) -> np.ndarray:
    """The board as a picture; edges fray a little differently on every exposure."""
    metal, base, softness = ink
    frayed = (soft(copper, 1.2) + 0.10 * fractal(rng, 1.9, 32)) > 0.5
    cover = soft(frayed, softness)[..., None]
    grain = 1 + (0.03 * fractal(rng, 1.8, 16)[..., None] if softness > 0.5 else 0)
    return np.clip((filled(base) * (1 - cover) + filled(metal) * cover) * grain, 0, 1)


def solder_bridge(made: Board, rng: Rng) -> Mark:
    """Solder that flowed over neighbouring pads."""
    point, _, width = _spot(made, rng)
    mask = _drop(point, width * 1.6 + 4, rng) > 0
    shine = 1 + 0.2 * fractal(rng, 1.0, 16)[..., None]
    return Mark(mask, soft(mask, 0.8), np.clip(filled(0.72) * shine, 0, 1))
