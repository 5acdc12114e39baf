"""Scenes with things in them: assemblies, land from above, rooms and tables."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from training import sprites, things
from training.scene import APPEARED, CHANGED, DISAPPEARED, SIDE, Canvas, Change, colour, filled, fractal, soft

Rng = np.random.Generator
Drawn = tuple[np.ndarray, np.ndarray, list[Change]]


def pasted(
    picture: np.ndarray,
    patch: np.ndarray,
    spot: tuple[float, float],
    scale: float,
    turn: float,
    shadow: float = 0.35,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`patch` (RGBA) laid on a picture at (row, column) with a cast shadow; also its mask and alpha."""
    height, width = patch.shape[:2]
    warp = cv2.getRotationMatrix2D((width / 2, height / 2), turn, scale)
    warp[:, 2] += np.array([spot[1] - width / 2, spot[0] - height / 2])
    premultiplied = np.dstack([patch[..., :3] * patch[..., 3:], patch[..., 3]])
    layer = cv2.warpAffine(
        premultiplied, warp, (SIDE, SIDE), flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    alpha = layer[..., 3:]
    dark = 1 - shadow * soft(np.roll(alpha[..., 0], (3, 3), (0, 1)), 2.5)[..., None]
    return np.clip(picture * dark * (1 - alpha) + layer[..., :3], 0, 1), alpha[..., 0] > 0.4, alpha


def cropped_texture(
    rng: Rng, textures: dict[str, np.ndarray], photographs: list[np.ndarray], other_specimen: bool
) -> tuple[Canvas, Canvas]:
    """A crop of a photographed surface or scene, twice; or two crops of one surface."""
    whole = np.ones((SIDE, SIDE), bool)
    if rng.random() < 0.5:
        photo = photograph(rng, photographs)
        return Canvas(photo, whole, "scene"), Canvas(photo, whole, "scene")
    surface = str(rng.choice(sorted(textures)))
    first = _crop(rng, textures[surface])
    second = _crop(rng, textures[surface]) if other_specimen else first
    return Canvas(first, whole, surface), Canvas(second, whole, surface)


def photograph(rng: Rng, photographs: list[np.ndarray]) -> np.ndarray:
    return _crop(rng, photographs[rng.integers(len(photographs))])


def _crop(rng: Rng, picture: np.ndarray) -> np.ndarray:
    size = int(rng.uniform(0.4, 0.95) * min(picture.shape[:2]))
    row, column = (int(rng.integers(0, limit - size + 1)) for limit in picture.shape[:2])
    crop = cv2.resize(
        picture[row : row + size, column : column + size], (SIDE, SIDE), interpolation=cv2.INTER_AREA
    )
    return crop[:, ::-1].copy() if rng.random() < 0.5 else crop


def fitted_parts(rng: Rng, before: np.ndarray, after: np.ndarray, count: int) -> Drawn:
    """A panel with parts in rows; `count` of them are missing, extra, moved, turned, swapped or recast."""
    size, names = rng.uniform(34, 92), list(sprites.COMPONENTS)
    per_row = max(int(SIDE / (size * rng.uniform(1.2, 2.0))), 2)
    step = SIDE / per_row
    kinds = [names[i] for i in rng.integers(len(names), size=2)]
    looks = {name: sprites.COMPONENTS[name](rng) for name in kinds}
    spots = [
        (step * (r + 0.5), step * (c + 0.5))
        for r in range(per_row)
        for c in range(per_row)
        if rng.random() < 0.8
    ]
    rng.shuffle(spots)
    changes: list[Change] = []
    common_turn = rng.uniform(0, 360) if rng.random() < 0.3 else 0.0
    for number, spot in enumerate(map(tuple, spots)):
        name = kinds[0] if rng.random() < 0.75 else kinds[1]
        turn = common_turn + (rng.uniform(0, 360) if name in ("screw", "bolt", "nut") else 0)
        fate = _fate(rng) if number < count else _keep
        before, after, found = fate(rng, before, after, name, looks, spot, size / 128, turn)
        changes += found
    return before, after, changes


def _fate(rng: Rng) -> Callable[..., Drawn]:
    fates = (_missing, _moved, _turned, _swapped, _recoloured)
    return fates[rng.choice(len(fates), p=(0.44, 0.16, 0.16, 0.14, 0.10))]


def _keep(rng: Rng, before, after, name, looks, spot, scale, turn) -> Drawn:
    del rng
    before, _, _ = pasted(before, looks[name], spot, scale, turn)
    after, _, _ = pasted(after, looks[name], spot, scale, turn)
    return before, after, []


def _missing(rng: Rng, before, after, name, looks, spot, scale, turn) -> Drawn:
    before, mask, alpha = pasted(before, looks[name], spot, scale, turn)
    if rng.random() < 0.4:  # an empty hole stays behind
        dark = np.zeros((128, 128, 4), np.float32)
        cv2.circle(dark, (64, 64), int(rng.uniform(14, 34)), (0.05, 0.05, 0.05, 1), -1, cv2.LINE_AA)
        after, _, _ = pasted(after, dark, spot, scale, 0, 0.0)
    del alpha
    return before, after, [Change(mask, "part", "assembly", DISAPPEARED, name)]


def _moved(rng: Rng, before, after, name, looks, spot, scale, turn) -> Drawn:
    away = rng.uniform(0.35, 0.8) * 128 * scale
    angle = rng.uniform(0, 6.3)
    to = (spot[0] + away * np.sin(angle), spot[1] + away * np.cos(angle))
    before, left, _ = pasted(before, looks[name], spot, scale, turn)
    after, taken, _ = pasted(after, looks[name], to, scale, turn)
    return before, after, [Change(left | taken, "moved", "assembly", CHANGED, name)]


def _turned(rng: Rng, before, after, name, looks, spot, scale, turn) -> Drawn:
    if name in ("screw", "bolt", "nut", "washer", "gasket", "rivet", "cap", "diode"):
        name = "chip"
        looks = {**looks, "chip": sprites.COMPONENTS["chip"](rng)}
    more = rng.choice([15, 25, 45, 90, 180]) * rng.choice([-1, 1])
    before, first, _ = pasted(before, looks[name], spot, scale, turn)
    after, second, _ = pasted(after, looks[name], spot, scale, turn + more)
    return before, after, [Change(first | second, "turned", "assembly", CHANGED, name)]


def _swapped(rng: Rng, before, after, name, looks, spot, scale, turn) -> Drawn:
    other = str(rng.choice([n for n in sprites.COMPONENTS if n != name]))
    before, first, _ = pasted(before, looks[name], spot, scale, turn)
    after, second, _ = pasted(after, sprites.COMPONENTS[other](rng), spot, scale, turn)
    return before, after, [Change(first | second, "swapped", "assembly", CHANGED, name)]


def _recoloured(rng: Rng, before, after, name, looks, spot, scale, turn) -> Drawn:
    tinted = looks[name].copy()
    tinted[..., :3] = np.clip(0.35 * tinted[..., :3] + 0.65 * colour(rng, 0.0, 1.0), 0, 1)
    before, mask, _ = pasted(before, looks[name], spot, scale, turn)
    after, _, _ = pasted(after, tinted, spot, scale, turn)
    return before, after, [Change(mask, "recoloured", "assembly", CHANGED, name)]


def _land(rng: Rng, season: Rng) -> np.ndarray:
    """Fields, bare soil and roads; `season` shifts the colours of everything that grows."""
    fields = np.argmax([fractal(rng, 0.7, 2) for _ in range(3)], axis=0)
    tints = np.array([[0.33, 0.36, 0.22], [0.45, 0.40, 0.30], [0.28, 0.32, 0.18]]) * rng.uniform(0.7, 1.4)
    tints = np.clip(tints + season.normal(0, 0.05, (3, 3)), 0, 1)
    grain = cv2.GaussianBlur(season.standard_normal((SIDE, SIDE)).astype(np.float32), (0, 0), 1.2)
    land = tints[fields] * (1 + 0.1 * fractal(rng, 1.5, 8)[..., None] + 0.25 * grain[..., None])
    for _ in range(int(rng.integers(0, 4))):
        ends = rng.integers(-40, SIDE + 40, (3, 2)).astype(np.int32)
        cv2.polylines(
            land,
            [ends],
            False,
            tuple(float(v) for v in np.full(3, rng.uniform(0.4, 0.65))),
            int(rng.integers(6, 22)),
        )
    return np.clip(land, 0, 1).astype(np.float32)


def aerial(rng: Rng, count: int) -> Drawn:
    """Land twice, in other seasons; buildings, trees, pools and cars come or go in groups."""
    place, first, second = (int(v) for v in rng.integers(0, 2**31, 3))
    before, after = (_land(np.random.default_rng(place), np.random.default_rng(s)) for s in (first, second))
    turn, size = rng.uniform(0, 90), rng.uniform(26, 85)
    for _ in range(int(rng.integers(2, 14))):
        name = str(rng.choice(["building", "tree", "tree", "parked car"]))
        before, after, _ = _settled(rng, before, after, name, size, turn, (True, True))
    changes = []
    for _ in range(count):
        name = str(rng.choice(["building", "tree", "pool", "parked car"], p=[0.62, 0.16, 0.1, 0.12]))
        for _ in range(int(rng.choice([1, 1, 2, 4]))):
            before, after, mask = _settled(rng, before, after, name, size, turn, (False, True))
            changes.append(Change(mask, "part", "land", APPEARED, name))
    return before, after, changes


def _settled(rng: Rng, before, after, name: str, size: float, turn: float, seen: tuple[bool, bool]):
    patch = things.FROM_ABOVE[name](rng)
    share = {"building": rng.uniform(0.6, 2.2), "tree": 0.5, "pool": 0.5, "parked car": 0.3}[name]
    spot, scale = tuple(rng.uniform(15, SIDE - 15, 2)), share * size / 128
    angle, mask = turn + 90 * int(rng.integers(4)), np.zeros((SIDE, SIDE), bool)
    if seen[0]:
        before, mask, _ = pasted(before, patch, spot, scale, angle)
    if seen[1]:
        after, mask, _ = pasted(after, patch, spot, scale, angle)
    return before, after, mask


def _interior(rng: Rng) -> np.ndarray:
    """A wall, a floor in perspective, doors and lamps: any corridor, hall or table top."""
    room = filled(colour(rng, 0.3, 0.95))
    horizon, vanish = int(rng.uniform(0.3, 0.7) * SIDE), int(rng.uniform(0.2, 0.8) * SIDE)
    room[horizon:] = colour(rng, 0.15, 0.8)
    for x in range(-SIDE, 2 * SIDE, int(rng.integers(40, 120))):
        cv2.line(
            room, (vanish, horizon), (x, SIDE), tuple(float(v) for v in colour(rng, 0.1, 0.8)), 1, cv2.LINE_AA
        )
    for _ in range(int(rng.integers(0, 6))):
        x, y = int(rng.integers(0, SIDE)), int(rng.integers(0, horizon))
        cv2.rectangle(
            room,
            (x, y),
            (x + int(rng.integers(10, 70)), horizon + int(rng.integers(-20, 10))),
            tuple(float(v) for v in colour(rng)),
            -1,
        )
    shade = 1 + 0.08 * fractal(rng, 0.8)[..., None] + 0.02 * fractal(rng, 1.9, 16)[..., None]
    return np.clip(cv2.GaussianBlur(room, (0, 0), 0.7) * shade, 0, 1)


def room(rng: Rng, photographs: list[np.ndarray], objects: dict[str, np.ndarray], count: int) -> Drawn:
    """Everyday things and people come, go or stay in a room or a photograph."""
    before = photograph(rng, photographs) if rng.random() < 0.25 else _interior(rng)
    after, changes, names = before.copy(), [], sorted(objects)
    for number in range(count + int(rng.integers(0, 4))):
        own = rng.random() < 0.4
        name = str(rng.choice(list(things.INDOORS))) if own else names[rng.integers(len(names))]
        patch = things.INDOORS[name](rng) if own else objects[name]
        spot, scale, turn = tuple(rng.uniform(40, SIDE - 40, 2)), rng.uniform(0.35, 1.3), rng.normal(0, 8)
        after, mask, _ = pasted(after, patch, spot, scale, turn)
        if number >= count:
            before, _, _ = pasted(before, patch, spot, scale, turn)
        else:
            changes.append(Change(mask, "part", "room", APPEARED, name))
    return before, after, changes
