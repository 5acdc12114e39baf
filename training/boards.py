"""Circuit boards drawn net by net, and the inks they are shown in."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.scene import SIDE, filled, fractal, soft

Rng = np.random.Generator
Point = tuple[int, int]
EMPTY_SHARE = 0.4
"""Of boards, those of which a broad part carries no copper."""
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
    if rng.random() < EMPTY_SHARE:
        np.rot90(taken, int(rng.integers(4)))[: int(rng.uniform(0.3, 0.75) * SIDE)] = 1
    wide = int(rng.integers(3, 15) if rng.random() < 0.6 else rng.integers(12, 34))
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(1, 4))):
            _pour(made, taken, rng)
    for _ in range(int(rng.integers(0, 4))):
        _bus(made, taken, rng, max(wide + int(rng.integers(-3, 2)), 3))
    sparse = rng.random() < 0.5
    for _ in range(int(rng.integers(3, 30) if sparse else rng.integers(60, 260))):
        _route(made, taken, rng, max(wide + int(rng.integers(-3, 4)), 3))
    return made


def _pour(made: Board, taken: np.ndarray, rng: Rng) -> None:
    """A broad field of copper with straight sides, cut corners and holes."""
    x, y = (int(v) for v in rng.integers(0, SIDE, 2))
    wide, tall = (int(v) for v in rng.integers(40, 160, 2))
    cut = int(rng.integers(0, min(wide, tall) // 2))
    corners = [(0, cut), (cut, 0), (wide - cut, 0), (wide, cut), (wide, tall - cut), (wide - cut, tall)]
    corners += [(cut, tall), (0, tall - cut)]
    own = np.zeros_like(taken)
    cv2.fillPoly(own, [np.array([(x + u - wide // 2, y + v - tall // 2) for u, v in corners])], 1)
    if (own & taken).any():
        return
    taken |= cv2.dilate(own, np.ones((13, 13), np.uint8))
    for _ in range(int(rng.integers(0, 6))):
        hole = x + int(rng.normal(0, wide / 5)), y + int(rng.normal(0, tall / 5))
        cv2.circle(own, hole, int(rng.integers(2, 8)), 0, -1)
    made.copper |= own


def _bus(made: Board, taken: np.ndarray, rng: Rng, width: int) -> None:
    """Several traces side by side that turn together."""
    x, y = (int(v) for v in rng.integers(20, SIDE - 20, 2))
    turn, spacing = int(rng.integers(8)), width + int(rng.integers(3, 10))
    first, second = int(rng.integers(30, 160)), int(rng.integers(30, 160))
    bend = (turn + int(rng.choice([-1, 1]))) % 8
    out, on = np.array(TURNS[turn]), np.array(TURNS[bend])
    beside = np.array([-out[1], out[0]]) / np.hypot(*out) * spacing
    for number in range(int(rng.integers(3, 9))):
        at = np.array([x, y]) + beside * number
        points = [at, at + out * first, at + out * first + on * second]
        (a, b, c) = [(int(p[0]), int(p[1])) for p in points]
        own = np.zeros_like(taken)
        cv2.line(own, a, b, 1, width)
        cv2.line(own, b, c, 1, width)
        if (own & taken).any():
            continue
        made.copper |= own
        made.segments += [(a, b, width), (b, c, width)]
        taken |= cv2.dilate(own, np.ones((5, 5), np.uint8))


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


@dataclass
class Ink:
    """Colours of copper and of what lies between, float [3]; how soft the edges are, in pixels."""

    copper: np.ndarray
    base: np.ndarray
    softness: float
    photographed: bool


def black_and_white(style: Rng) -> Ink:
    black, white = np.full(3, style.uniform(0, 0.1)), np.full(3, style.uniform(0.9, 1.0))
    return Ink(*((black, white) if style.random() < 0.5 else (white, black)), 0.5, False)


def painter(style: Rng) -> Ink:
    """As a photograph shows it."""
    boards = [(0.05, 0.3, 0.15), (0.05, 0.15, 0.35), (0.1, 0.1, 0.1), (0.45, 0.08, 0.08), (0.6, 0.5, 0.3)]
    metal = [(0.75, 0.5, 0.25), (0.8, 0.8, 0.78), (0.25, 0.5, 0.25), (0.85, 0.7, 0.35)]
    copper, base = np.array(metal[style.integers(4)]), np.array(boards[style.integers(5)])
    return Ink(copper, base, style.uniform(0.6, 1.6), True)


def painted(copper: np.ndarray, ink: Ink, rng: Rng) -> np.ndarray:
    """The board as a picture; edges fray a little differently on every exposure."""
    frayed = (soft(copper, 1.2) + 0.10 * fractal(rng, 1.9, 32)) > 0.5
    cover = soft(frayed, ink.softness)[..., None]
    grain = 1 + (0.03 * fractal(rng, 1.8, 16)[..., None] if ink.photographed else 0)
    return np.clip((filled(ink.base) * (1 - cover) + filled(ink.copper) * cover) * grain, 0, 1)
