"""Circuit boards drawn net by net, and faults etched into their copper."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from training.scene import SIDE, Mark, blob, filled, fractal, soft

Rng = np.random.Generator
Point = tuple[int, int]
STRIP = 12
EMPTY_SHARE = 0.4
"""Of boards, those of which a broad part carries no copper."""
TURNS = [(1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1)]


@dataclass
class Board:
    """copper: uint8 [SIDE, SIDE], 1 where copper lies. segments: traces as (from, to, width);
    rims: the same for strips along the edges of broad fields."""

    copper: np.ndarray
    segments: list[tuple[Point, Point, int]]
    pads: list[tuple[Point, int]]
    rims: list[tuple[Point, Point, int]] = field(default_factory=list)


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
    left, right, top, bottom = x - wide // 2, x + wide // 2, y - tall // 2, y + tall // 2
    inset = STRIP // 2
    if tall - 2 * cut > 20:
        ends = top + cut, bottom - cut
        made.rims += [((at, ends[0]), (at, ends[1]), STRIP) for at in (left + inset, right - inset)]
    if wide - 2 * cut > 20:
        ends = left + cut, right - cut
        made.rims += [((ends[0], at), (ends[1], at), STRIP) for at in (top + inset, bottom - inset)]


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


def _spot(made: Board, rng: Rng, rims: bool = True) -> tuple[np.ndarray, np.ndarray, int]:
    """A random point on a trace (or a rim) inside the picture, its normal, and the trace's width."""
    traces = made.segments + made.rims * rims
    point, along, width = _on_a_trace(traces, rng)
    for _ in range(49):
        if (point > 15).all() and (point < SIDE - 15).all():
            break
        point, along, width = _on_a_trace(traces, rng)
    along /= np.linalg.norm(along) + 1e-6
    return point, np.array([-along[1], along[0]]) * rng.choice([-1, 1]), width


def _on_a_trace(traces: list, rng: Rng) -> tuple[np.ndarray, np.ndarray, int]:
    """A random point on a trace, the way from the trace's start to its end, and its width."""
    start, end, width = traces[rng.integers(len(traces))]
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
    length, thick = width / 2 + rng.uniform(3, 6 + width), int(rng.integers(2, 5) + width // 8)
    return (
        made.copper
        | _line(point, point + normal * length, thick)
        | _drop(point + normal * length, max(2.2, 0.6 * thick), rng)
    )


def notch(made: Board, rng: Rng) -> np.ndarray:
    point, normal, width = _spot(made, rng)
    return made.copper & ~_drop(point + normal * width * 0.55, width * rng.uniform(0.3, 0.6), rng) & 1


def open_trace(made: Board, rng: Rng) -> np.ndarray:
    point, normal, width = _spot(made, rng, rims=False)
    across, gap = normal * (width / 2 + 2), int(rng.integers(3, 9 + width // 2))
    cut = _line(point - across, point + across, gap)
    return made.copper & ~(cut | _drop(point, width * 0.4, rng)) & 1


def short(made: Board, rng: Rng) -> np.ndarray:
    """Copper from one trace to the next; where nothing lies near, any two edges are bridged."""
    for _ in range(30):
        point, normal, width = _spot(made, rng)
        reach = np.arange(width // 2 + 2, width // 2 + 80)
        track = (point + normal * reach[:, None]).astype(int)
        track = track[((track >= 0) & (track < SIDE)).all(axis=1)]
        hits = np.flatnonzero(made.copper[track[:, 1], track[:, 0]])
        if len(hits) and hits[0] > 2:
            return made.copper | _line(point, track[hits[0]], int(rng.integers(2, 7 + width // 2)))
    return spur(made, rng)


def spurious_copper(made: Board, rng: Rng) -> np.ndarray:
    free = np.argwhere(cv2.dilate(made.copper, np.ones((13, 13), np.uint8)) == 0)
    if not len(free):
        return spur(made, rng)
    row, column = free[rng.integers(len(free))]
    return made.copper | _drop(np.array([column, row], float), rng.uniform(2, 6) * rng.choice([1, 1, 2]), rng)


def pinhole(made: Board, rng: Rng) -> np.ndarray:
    point, _, width = _spot(made, rng)
    return made.copper & ~_drop(point, max(width * 0.25, 1.5), rng) & 1


FAULTS = {
    "spur": spur, "notch": notch, "open": open_trace, "short": short,
    "spurious copper": spurious_copper, "pinhole": pinhole,
}  # fmt: skip
FAULT_WEIGHTS = {"spurious copper": 2.0}
"""How often a fault is drawn, where not 1. Copper in the open looks like nothing that belongs to a board, so
it takes more pictures to learn."""


def fault_mask(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return cv2.dilate((before != after).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0


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


def solder_bridge(made: Board, rng: Rng) -> Mark:
    """Solder that flowed over neighbouring pads."""
    point, _, width = _spot(made, rng)
    mask = _drop(point, width * 1.6 + 4, rng) > 0
    shine = 1 + 0.2 * fractal(rng, 1.0, 16)[..., None]
    return Mark(mask, soft(mask, 0.8), np.clip(filled(0.72) * shine, 0, 1))
