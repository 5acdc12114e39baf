"""Composes synthetic pairs: a scene, several changes in it, and what else differs between pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from training import board_faults, boards, nuisance, printed, scenes, sources
from training.marks import MARKS, NEEDS_GROUND, broken_in_two
from training.scene import APPEARED, CHANGED, DISAPPEARED, OPPOSITE, SIDE, Canvas, Change, Pair
from training.surfaces import LIT, SURFACES

Rng = np.random.Generator
Drawn = tuple[np.ndarray, np.ndarray, list[Change]]
CLEAN_SHARE = 0.18
BROKEN_SHARE = 0.3
"""Of flawed things on a ground, those broken in two."""
MARK_WEIGHTS = {
    "crack": 3.0,
    "scratch": 2.0,
    "pits": 2.0,
    "flaking": 1.5,
    "chipped": 2.5,
    "worn": 1.5,
}


@dataclass(frozen=True)
class Assets:
    textures: dict[str, np.ndarray]
    photographs: list[np.ndarray]
    objects: dict[str, np.ndarray]

    @classmethod
    def load(cls, folder: Path) -> Assets:
        return cls(sources.textures(folder), sources.photographs(folder), sources.objects(folder))


def make_pair(seed: int, assets: Assets) -> Pair:
    """The pair that belongs to a seed; the same on every machine."""
    rng = np.random.default_rng(seed)
    makers = (flawed_surface, faulty_board, scanned_board, assembly, from_above, indoors, misprint)
    weights = (0.39, 0.08, 0.14, 0.15, 0.10, 0.09, 0.05)
    make = makers[rng.choice(len(makers), p=weights)]
    before, after, changes = make(rng, assets)
    if rng.random() < 0.5:
        before, after = after, before
        changes = [Change(c.mask, c.kind, c.surface, OPPOSITE[c.direction], c.part) for c in changes]
    calm = make is scanned_board
    return _photographed(before, after, changes, rng, calm)


def _photographed(before: np.ndarray, after: np.ndarray, changes: list[Change], rng: Rng, calm: bool) -> Pair:
    """Both pictures as cameras give them; calm: by a scanner, which knows neither light nor angle."""
    index = np.zeros((SIDE, SIDE), np.uint8)
    for number, change in enumerate(changes, start=1):
        index[change.mask] = number
    strength = float(rng.choice([0.0, 0.4, 1.0, 1.6], p=[0.12, 0.28, 0.4, 0.2]))
    strength = 0.1 if calm else strength
    before, _ = nuisance.moved(before.astype(np.float32), np.zeros_like(index), rng, 0.5 * strength)
    after, index = nuisance.moved(after.astype(np.float32), index, rng, 0.5 * strength)
    coarse = 1.0 if calm or rng.random() < 0.55 else float(rng.uniform(0.22, 0.8))
    grey = rng.random() < 0.2
    pictures = [
        nuisance.captured(nuisance.relit(_grey(p) if grey else p, rng, strength), rng, coarse)
        for p in (before, after)
    ]
    kept = [
        Change(index == n, c.kind, c.surface, c.direction, c.part) for n, c in enumerate(changes, start=1)
    ]
    return Pair(pictures[0], pictures[1], kept)


def _grey(picture: np.ndarray) -> np.ndarray:
    return np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2)


def _count(rng: Rng) -> int:
    return 0 if rng.random() < CLEAN_SHARE else int(rng.choice([1, 2, 3, 4], p=[0.4, 0.3, 0.2, 0.1]))


def _surface(rng: Rng, assets: Assets, photo_share: float = 0.15) -> tuple[Canvas, Canvas]:
    """The same surface twice; in a third of cases two specimens of it."""
    other_specimen = rng.random() < 0.35
    if rng.random() < photo_share:
        return scenes.cropped_texture(rng, assets.textures, assets.photographs, other_specimen)
    name = str(rng.choice(sorted(SURFACES)))
    make = SURFACES[name]
    style, specimen = (int(v) for v in rng.integers(0, 2**31, 2))
    second = specimen + 1 if other_specimen else specimen
    first = make(np.random.default_rng(style), np.random.default_rng(specimen))
    light = {"light": rng.normal(0, 0.9)} if name in LIT and rng.random() < 0.5 else {}
    return first, make(np.random.default_rng(style), np.random.default_rng(second), **light)


def flawed_surface(rng: Rng, assets: Assets) -> Drawn:
    first, second = _surface(rng, assets)
    before, after = first.picture.copy(), second.picture.copy()
    if np.array_equal(first.region, second.region) and np.abs(before - after).mean() < 0.02:
        for kind in rng.choice(sorted(set(MARKS) - NEEDS_GROUND), int(rng.integers(0, 3))):
            lasting = MARKS[kind](first, rng)
            before, after = lasting.laid_on(before), lasting.laid_on(after)
    changes, count = [], _count(rng)
    if count and second.ground is not None and rng.random() < BROKEN_SHARE:
        second, gap = broken_in_two(second, rng)
        after = second.picture.copy()
        changes.append(Change(gap, "broken_through", second.surface, APPEARED))
    for _ in range(count - len(changes)):
        before, after, change = _mark(second, before, after, rng)
        changes.append(change)
    return before, after, changes


def _mark(
    canvas: Canvas, before: np.ndarray, after: np.ndarray, rng: Rng
) -> tuple[np.ndarray, np.ndarray, Change]:
    """One flaw more in the after picture; now and then one that was smaller before."""
    kinds = sorted(set(MARKS) - (NEEDS_GROUND if canvas.ground is None else set()))
    weights = np.array([MARK_WEIGHTS.get(kind, 1.0) for kind in kinds])
    kind = str(rng.choice(kinds, p=weights / weights.sum()))
    mark = MARKS[kind](canvas, rng)
    mask = mark.mask
    if rng.random() < 0.12 and mask.sum() > 150:
        early = np.zeros((SIDE, SIDE), np.uint8)
        row, column = (int(v) for v in np.argwhere(mask)[rng.integers(mask.sum())])
        cv2.circle(early, (column, row), int(0.4 * np.sqrt(mask.sum()) + 4), 1, -1)
        before = mark.limited_to(early > 0).laid_on(before)
        mask = mask & ~(early > 0)
    return before, mark.laid_on(after), Change(mask, kind, canvas.surface, APPEARED)


def faulty_board(rng: Rng, assets: Assets) -> Drawn:
    del assets
    return _etched(boards.board(rng), boards.painter(rng), rng)


def scanned_board(rng: Rng, assets: Assets) -> Drawn:
    """As a line scanner gives it: black and white, and both exposures alike."""
    del assets
    return _etched(boards.board(rng), boards.black_and_white(rng), rng)


def _etched(made: boards.Board, ink: boards.Ink, rng: Rng) -> Drawn:
    if len(made.segments) == 0:
        made.segments.append(((20, 160), (300, 160), 8))
    copper, changes = made.copper.copy(), []
    kinds = list(board_faults.FAULTS)
    weights = np.array([board_faults.FAULT_WEIGHTS.get(kind, 1.0) for kind in kinds])
    for _ in range(_count(rng) * int(rng.integers(1, 4))):
        kind = str(rng.choice(kinds, p=weights / weights.sum()))
        faulty = board_faults.FAULTS[kind](made, rng)
        mask = board_faults.fault_mask(made.copper, faulty)
        copper = np.where(made.copper != faulty, faulty, copper)
        changes.append(Change(mask, kind, "board", APPEARED))
    before, after = boards.painted(made.copper, ink, rng), boards.painted(copper, ink, rng)
    if ink.photographed and rng.random() < 0.15:
        bridge = board_faults.solder_bridge(made, rng)
        after = bridge.laid_on(after)
        changes.append(Change(bridge.mask, "solder bridge", "board", APPEARED))
    return before, after, changes


def assembly(rng: Rng, assets: Assets) -> Drawn:
    ground, second = _surface(rng, assets, 0.03)
    before, after, changes = scenes.fitted_parts(rng, ground.picture, second.picture, _count(rng))
    if rng.random() < 0.3:
        whole = Canvas(after, np.ones((SIDE, SIDE), bool), ground.surface)
        before, after, change = _mark(whole, before, after, rng)
        changes.append(change)
    return before, after, changes


def from_above(rng: Rng, assets: Assets) -> Drawn:
    del assets
    return scenes.aerial(rng, _count(rng))


def indoors(rng: Rng, assets: Assets) -> Drawn:
    return scenes.room(rng, assets.photographs, assets.objects, _count(rng))


def misprint(rng: Rng, assets: Assets) -> Drawn:
    ground, second = _surface(rng, assets)
    right, wrong, empty = printed.label(rng)
    emblem, other = printed.logo(rng), printed.logo(rng)
    spots = [tuple(rng.uniform(80, 240, 2)), tuple(rng.uniform(60, 260, 2))]
    text = [("wrong text", wrong, CHANGED), ("missing text", empty, DISAPPEARED), ("same", right, CHANGED)]
    kind, print_after, way = text[rng.integers(3)]
    before, mask, _ = scenes.pasted(ground.picture, right, spots[0], 1.0, 0.0)
    after, _, _ = scenes.pasted(second.picture, print_after, spots[0], 1.0, 0.0)
    changes = [] if kind == "same" else [Change(mask, kind, "label", way)]
    change_logo = rng.random() < 0.5
    before, mask, _ = scenes.pasted(before, emblem, spots[1], 0.8, 0.0)
    after, _, _ = scenes.pasted(after, other if change_logo else emblem, spots[1], 0.8, 0.0)
    if change_logo:
        changes.append(Change(mask, "wrong logo", "label", CHANGED))
    return before, after, changes
