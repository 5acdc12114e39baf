"""Faults of etching: copper that is missing or left over, drawn into a board's copper.

Half of them are neat, as a plotter would draw them, half ragged, as acid, dust and people with a
scalpel leave them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import cv2
import numpy as np

from training.boards import Board
from training.scene import SIDE, Mark, blob, filled, fractal, soft

Rng = np.random.Generator
MARGIN = 12
RAGGED_SHARE = 0.6
DEEPEST = 80
"""Pixels within which the far side of a piece of copper is looked for."""


def spur(made: Board, rng: Rng) -> np.ndarray:
    """Copper that sticks out of an edge and ends in the open."""
    at, out, thickness = _edge(made.copper, rng)
    width = rng.uniform(2.5, 5.5 + min(thickness, 24) / 8)
    drawn = _stroke(at - 3 * out, at + _tilted(out, 0.5, rng) * rng.uniform(5, 16 + width), width, rng)
    elsewhere = made.copper * (1 - _piece(made.copper, at))
    return made.copper | drawn & (1 - cv2.dilate(elsewhere, np.ones((5, 5), np.uint8)))


def notch(made: Board, rng: Rng) -> np.ndarray:
    """A bite into an edge that does not reach the other side."""
    at, out, thickness = _edge(made.copper, rng)
    depth = min(rng.uniform(0.35, 0.7) * thickness, rng.uniform(5, 24))
    width = rng.uniform(0.4, 1.0) * min(depth, 9)
    into = at - _tilted(out, 0.6, rng) * (depth - width / 2)
    return made.copper & ~_stroke(at + 3 * out, into, width, rng)


def open_trace(made: Board, rng: Rng) -> np.ndarray:
    """A trace cut through."""
    at, across, width = _trace(made, rng)
    across = _tilted(across, 0.5, rng) * (width / 2 + 4)
    return made.copper & ~_stroke(at - across, at + across, rng.uniform(3, 7 + width / 3), rng)


def short(made: Board, rng: Rng) -> np.ndarray:
    """Copper from one net to the next; a spur where none lies near."""
    for _ in range(30):
        at, out, _ = _edge(made.copper, rng)
        way, own = _tilted(out, 0.4, rng), _piece(made.copper, at)
        track = _within(at + way * np.arange(1, DEEPEST)[:, None])
        hits = np.flatnonzero(made.copper[track[:, 1], track[:, 0]])
        hits = hits[hits > 3]
        if len(hits) and not own[track[hits[0], 1], track[hits[0], 0]]:
            width = rng.uniform(2.5, 8) if rng.random() < 0.7 else rng.uniform(8, 16)
            return made.copper | _stroke(at - 2 * out, track[hits[0]] + 2 * way, width, rng)
    return spur(made, rng)


def spurious_copper(made: Board, rng: Rng) -> np.ndarray:
    """Copper in the open, clear of everything else; a spur where there is no room."""
    clear = cv2.distanceTransform(1 - made.copper, cv2.DIST_L2, 3)
    at, room = _inside(clear, 7, rng)
    if not room:
        return spur(made, rng)
    most = min(0.6 * room, 12.0)
    return made.copper | (_fleck(at, rng.uniform(2.2, max(most, 3.0)), rng) & (clear > 2))


def pinhole(made: Board, rng: Rng) -> np.ndarray:
    """A hole within copper that reaches no edge; a notch where copper is too narrow."""
    depth = cv2.distanceTransform(made.copper, cv2.DIST_L2, 3)
    at, room = _inside(depth, 3, rng)
    if not room:
        return notch(made, rng)
    hole = _fleck(at, rng.uniform(1.4, min(max(0.6 * room, 1.6), 8.0)), rng)
    return made.copper & ~(hole & (depth > 1.5))


FAULTS: dict[str, Callable[[Board, Rng], np.ndarray]] = {
    "spur": spur, "notch": notch, "open": open_trace, "short": short,
    "spurious copper": spurious_copper, "pinhole": pinhole,
}  # fmt: skip
FAULT_WEIGHTS = {"spurious copper": 1.5}
"""How often a fault is drawn, where not 1. Copper in the open looks like nothing that belongs to a board, so
it takes more pictures to learn."""


def fault_mask(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return cv2.dilate((before != after).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0


def solder_bridge(made: Board, rng: Rng) -> Mark:
    """Solder that flowed over neighbouring pads."""
    at, _, width = _trace(made, rng)
    mask = blob(rng, (at[1], at[0]), width * 1.6 + 4)
    shine = 1 + 0.2 * fractal(rng, 1.0, 16)[..., None]
    return Mark(mask, soft(mask, 0.8), np.clip(filled(0.72) * shine, 0, 1))


def _edge(copper: np.ndarray, rng: Rng) -> tuple[np.ndarray, np.ndarray, float]:
    """A random point (x, y) on an edge of copper, the way out, and how thick the copper is there."""
    rim = copper - cv2.erode(copper, np.ones((3, 3), np.uint8))
    at, _ = _inside(rim, 1, rng)
    x, y = at.astype(int)
    around = cv2.GaussianBlur(copper[y - 9 : y + 10, x - 9 : x + 10].astype(np.float32), (0, 0), 2.5)
    slope = np.array([around[9, 10] - around[9, 8], around[10, 9] - around[8, 9]])
    out = -slope / (np.linalg.norm(slope) + 1e-6)
    track = _within(at - out * np.arange(1, DEEPEST)[:, None])
    gaps = np.flatnonzero(copper[track[:, 1], track[:, 0]] == 0)
    return at, out, float(gaps[0] + 1 if len(gaps) else max(len(track), 3))


def _piece(copper: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The connected copper at a point (x, y), uint8 [SIDE, SIDE]."""
    labels = cv2.connectedComponents(copper)[1]
    x, y = at.astype(int)
    return (labels == labels[y, x]).astype(np.uint8)


def _inside(depth: np.ndarray, least: float, rng: Rng) -> tuple[np.ndarray, float]:
    """A random point (x, y), away from the picture's border, where `depth` is at least so much, and
    its depth; 0 where there is none."""
    inner = np.zeros_like(depth)
    inner[MARGIN:-MARGIN, MARGIN:-MARGIN] = depth[MARGIN:-MARGIN, MARGIN:-MARGIN]
    spots = np.argwhere(inner >= least)
    if not len(spots):
        return np.full(2, SIDE / 2), 0.0
    row, column = spots[rng.integers(len(spots))]
    return np.array([column, row], float), float(depth[row, column])


def _trace(made: Board, rng: Rng) -> tuple[np.ndarray, np.ndarray, int]:
    """A random point (x, y) on a trace, the way across it, and its width; in the picture if any is."""
    at, along, width = _on_a_trace(made, rng)
    for _ in range(49):
        if (at > MARGIN).all() and (at < SIDE - MARGIN).all():
            break
        at, along, width = _on_a_trace(made, rng)
    along = along / (np.linalg.norm(along) + 1e-6)
    return at, np.array([-along[1], along[0]]), width


def _on_a_trace(made: Board, rng: Rng) -> tuple[np.ndarray, np.ndarray, int]:
    start, end, width = made.segments[rng.integers(len(made.segments))]
    along = np.array(end, float) - start
    return np.array(start) + along * rng.uniform(0.1, 0.9), along, width


def _within(track: np.ndarray) -> np.ndarray:
    """The points of a track as whole pixels, up to the picture's border."""
    points = track.astype(int)
    left = np.flatnonzero(((points < 0) | (points >= SIDE)).any(axis=1))
    return points[: left[0]] if len(left) else points


def _tilted(way: np.ndarray, spread: float, rng: Rng) -> np.ndarray:
    """A way turned by a random angle with this deviation, in radians."""
    angle = rng.normal(0, spread)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return turn @ way


def _stroke(start: np.ndarray, end: np.ndarray, width: float, rng: Rng) -> np.ndarray:
    """A line as uint8 [SIDE, SIDE]: straight and even, or wandering and of uneven width."""
    drawn = np.zeros((SIDE, SIDE), np.uint8)
    length = float(np.linalg.norm(end - start))
    ragged = rng.random() < RAGGED_SHARE
    steps = np.linspace(0, 1, max(2, int(length / 3)) if ragged else 2)[:, None]
    points = start + (end - start) * steps
    if ragged:
        points[1:-1] += rng.normal(0, min(1.6, 0.08 * length), (len(points) - 2, 2))
        points += np.sin(np.pi * steps) * rng.normal(0, 0.07 * length, 2)
    for one, other in itertools.pairwise(points):
        here = width * rng.uniform(0.45, 1.35) if ragged else width
        ends = [tuple(int(v) for v in np.rint(point)) for point in (one, other)]
        cv2.line(drawn, ends[0], ends[1], 1, max(round(here), 1))
    return drawn


def _fleck(at: np.ndarray, radius: float, rng: Rng) -> np.ndarray:
    """A small spot as uint8 [SIDE, SIDE]: round, or drawn out and ragged."""
    if rng.random() >= RAGGED_SHARE:
        return blob(rng, (at[1], at[0]), max(radius, 1.5), 0.5).astype(np.uint8)
    half = _tilted(np.array([1.0, 0.0]), 2.0, rng) * radius * rng.uniform(0.8, 1.8)
    return _stroke(at - half, at + half, max(1.1 * radius, 1.5), rng)
