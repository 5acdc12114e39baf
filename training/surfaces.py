"""Procedural backgrounds. Each takes a style (shared by specimens) and a specimen generator."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from training.scene import SIDE, Canvas, blob, colour, filled, fractal, relief

Rng = np.random.Generator
WHOLE = np.ones((SIDE, SIDE), bool)


def _grained(tint: np.ndarray, texture: np.ndarray, strength: float) -> np.ndarray:
    return np.clip(filled(tint) * (1 + strength * texture[..., None]), 0, 1)


def asphalt(style: Rng, specimen: Rng) -> Canvas:
    """Bound chippings: grey, fine, some lighter or darker than the rest, hardly any pattern at large."""
    grey = style.uniform(0.25, 0.65) + style.uniform(-0.025, 0.025, 3)
    size = style.choice([0.5, 0.8, 1.2, 1.8, 2.6]) * style.uniform(0.8, 1.25)
    fine, stones = (_speckle(specimen, size * factor) for factor in (0.6, 1.5))
    light, dark = (np.clip(grain - style.uniform(0.8, 1.8), 0, 2) for grain in (stones, -fine))
    at_large = style.uniform(0.0, 0.35) * fractal(specimen, 0.9, 3)
    lit = relief(fine + 1.5 * stones, 1.0, style.uniform(0, 6))
    texture = fine + 0.5 * stones + style.uniform(0.5, 2.0) * (light - dark) + at_large
    texture = texture / texture.std() + style.uniform(0.0, 2.0) * lit / (lit.std() + 1e-6)
    return Canvas(_grained(grey, texture, style.uniform(0.03, 0.16)), WHOLE, "road")


def _speckle(specimen: Rng, sigma: float) -> np.ndarray:
    """Grain of one size, in pixels, of deviation 1."""
    noise = cv2.GaussianBlur(specimen.standard_normal((SIDE, SIDE)).astype(np.float32), (0, 0), sigma)
    return noise / (noise.std() + 1e-6)


def concrete(style: Rng, specimen: Rng) -> Canvas:
    tint = style.uniform(0.45, 0.85) + style.uniform(-0.03, 0.05) * np.array([1, 0.5, -1])
    texture = fractal(specimen, style.uniform(0.9, 1.5), 4)
    return Canvas(_grained(tint, texture, style.uniform(0.02, 0.08)), WHOLE, "concrete")


def brushed_metal(style: Rng, specimen: Rng) -> Canvas:
    lines = specimen.standard_normal((SIDE, SIDE)).astype(np.float32)
    lines = cv2.GaussianBlur(lines, (0, 0), sigmaX=style.uniform(0.5, 1.5), sigmaY=style.uniform(15, 60))
    bands = cv2.GaussianBlur(lines, (0, 0), sigmaX=12, sigmaY=0.1)
    texture = lines / lines.std() + bands / (bands.std() + 1e-6)
    texture = texture if style.random() < 0.6 else texture.T
    picture = _grained(style.uniform(0.2, 0.75) * _metal_tint(style), texture, style.uniform(0.03, 0.12))
    return _framed(Canvas(picture, WHOLE, "metal"), style, specimen)


def _metal_tint(style: Rng) -> np.ndarray:
    tints = [(1, 1, 1), (1, 0.99, 0.96), (1.1, 0.95, 0.65), (1.1, 0.8, 0.62), (0.93, 0.98, 1.05)]
    return np.array(tints[style.integers(len(tints))])


def _framed(canvas: Canvas, style: Rng, specimen: Rng) -> Canvas:
    """Sometimes the plate ends inside the picture and the ground shows."""
    if style.random() < 0.5:
        return canvas
    ground = filled(colour(style, 0.0, 0.9) * style.uniform(0.1, 1.0)) * (
        1 + 0.03 * fractal(specimen)[..., None]
    )
    left, right, top, bottom = (int(v) for v in style.uniform(0, 45, 4) + specimen.uniform(0, 6, 4))
    region = np.zeros((SIDE, SIDE), np.uint8)
    cv2.rectangle(region, (left, top), (SIDE - right, SIDE - bottom), 1, -1)
    return _on_ground(canvas, region > 0, np.clip(ground, 0, 1))


def _on_ground(canvas: Canvas, region: np.ndarray, ground: np.ndarray) -> Canvas:
    edge = cv2.GaussianBlur(region.astype(np.float32), (0, 0), 1.0)[..., None]
    shadow = (
        1 - 0.35 * cv2.GaussianBlur(np.roll(region, (4, 4), (0, 1)).astype(np.float32), (0, 0), 4)[..., None]
    )
    return Canvas(canvas.picture * edge + ground * shadow * (1 - edge), region, canvas.surface, ground)


def thread(style: Rng, specimen: Rng) -> Canvas:
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    turn, pitch = style.uniform(-0.5, 0.5), style.uniform(35, 190)
    along = rows + columns * np.tan(turn) + style.uniform(10, 40) * np.sin(columns / SIDE * np.pi)
    phase = along / pitch * 2 * np.pi + specimen.uniform(0, 0.6)
    shine = np.sin(phase) + 0.5 * np.sin(2 * phase + style.uniform(0, 6)) + 0.25 * np.sin(5 * phase)
    fine = cv2.GaussianBlur(
        specimen.standard_normal((SIDE, SIDE)).astype(np.float32), (0, 0), sigmaX=25, sigmaY=0.7
    )
    texture = shine + style.uniform(0.1, 0.5) * fine / fine.std()
    if style.random() < 0.3:
        texture = texture.T
    picture = _grained(0.45 * _metal_tint(style), texture, style.uniform(0.2, 0.45))
    if style.random() < 0.5:  # polished: broad lights, little between them and the dark
        picture = 1 / (1 + np.exp(-style.uniform(4, 9) * (picture - picture.mean(axis=(0, 1)))))
        picture = picture * (0.2 + 0.7 * _metal_tint(style)) * style.uniform(0.6, 1.0)
    return Canvas(cv2.GaussianBlur(picture, (0, 0), style.uniform(0.3, 2.0)), WHOLE, "thread")


def painted(style: Rng, specimen: Rng, light: float = 0.0) -> Canvas:
    """Fields of thick paint beside each other, as on toys, walls and painted models."""
    fields = np.argmax([fractal(style, 0.6, 3) for _ in range(style.integers(1, 5))], axis=0)
    if style.random() < 0.4:
        size = style.integers(50, 130)
        rows, columns = np.mgrid[:SIDE, :SIDE] // size
        fields = (rows + columns) % 3
    tints = np.stack([colour(style) for _ in range(5)])
    strokes = cv2.GaussianBlur(fractal(specimen, 1.6), (0, 0), sigmaX=style.uniform(0.6, 5), sigmaY=0.8)
    shade = relief(strokes, style.uniform(0.05, 0.9), style.uniform(0, 6) + light)
    if style.random() < 0.5:  # thick, with crumbs and pores in it
        crumbs = np.clip(fractal(specimen, 1.6, 24) - style.uniform(0.5, 1.5), 0, 2)
        shade += relief(crumbs, style.uniform(0.2, 1.0), style.uniform(0, 6) + light)
    return _framed(Canvas(np.clip(tints[fields] + shade[..., None], 0, 1), WHOLE, "paint"), style, specimen)


def plastic(style: Rng, specimen: Rng) -> Canvas:
    picture = _grained(
        colour(style, 0.1, 0.95), fractal(specimen, style.uniform(0.5, 1.9), 2), style.uniform(0.005, 0.05)
    )
    return _framed(Canvas(picture, WHOLE, "plastic"), style, specimen)


def tile(style: Rng, specimen: Rng) -> Canvas:
    """Glazed and smooth, or unglazed: sintered, grey, with the marks of grinding."""
    if style.random() < 0.4:
        ground = brushed_metal(style, specimen)
        grey = ground.picture.mean(axis=2, keepdims=True) * np.ones(3)
        grain = 1 + style.uniform(0.01, 0.06) * fractal(specimen, 1.8, 16)[..., None]
        return Canvas(np.clip(grey * grain, 0, 1), ground.region, "tile", ground.ground)
    picture = _grained(colour(style, 0.3, 0.95), fractal(specimen, 1.2, 3), style.uniform(0.01, 0.08))
    picture += relief(fractal(specimen, 1.5, 32), style.uniform(0, 0.03), 1.0)[..., None]
    return _framed(Canvas(np.clip(picture, 0, 1), WHOLE, "tile"), style, specimen)


def wood(style: Rng, specimen: Rng) -> Canvas:
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    bend = cv2.GaussianBlur(fractal(specimen, 0.7, 2), (0, 0), 10)
    rings = np.sin((columns + 40 * bend + 0.05 * rows) / style.uniform(3, 12))
    grain = cv2.GaussianBlur(
        specimen.standard_normal((SIDE, SIDE)).astype(np.float32), (0, 0), sigmaX=0.6, sigmaY=9
    )
    tint = np.array([0.62, 0.42, 0.24]) * style.uniform(0.5, 1.4) + style.uniform(0, 0.1)
    texture = rings + grain / grain.std()
    return Canvas(
        _grained(tint, texture if style.random() < 0.5 else texture.T, style.uniform(0.04, 0.12)),
        WHOLE,
        "wood",
    )


def fabric(style: Rng, specimen: Rng) -> Canvas:
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    wobble = 3 * fractal(specimen, 0.6, 4)
    size = style.uniform(1.2, 3.5)
    weave = np.sin((rows + wobble) / size) * np.sin((columns + wobble) / size)
    texture = weave + 0.5 * fractal(specimen, 1.4)
    surface = "leather" if style.random() < 0.3 else "fabric"
    if surface == "leather":
        texture = 8 * relief(fractal(specimen, 1.3, 24), 1.0, 1.0)
    return Canvas(_grained(colour(style, 0.1, 0.9), texture, style.uniform(0.04, 0.12)), WHOLE, surface)


def stone(style: Rng, specimen: Rng, light: float = 0.0) -> Canvas:
    """Carved or natural stone: a lit height map, bright sandstone to black bronze."""
    height = fractal(style, style.uniform(0.8, 1.2), int(style.integers(3, 10))) + 0.15 * fractal(
        specimen, 1.6, 16
    )
    shade = relief(height, style.uniform(0.8, 2.5), style.uniform(0, 6) + light)
    tint = colour(style, 0.1, 0.85) * 0.4 + 0.6 * style.uniform(0.08, 0.75)
    picture = np.clip(filled(tint) * (1 + shade[..., None] * 1.5), 0, 1)
    canvas = Canvas(picture, WHOLE, "stone")
    if style.random() < 0.5:
        return canvas
    ground = _grained(colour(style, 0.5, 1.0), fractal(specimen), 0.01)
    return _on_ground(canvas, blob(style, (160, 160), style.uniform(100, 140), 0.4), ground)


def biscuit(style: Rng, specimen: Rng, light: float = 0.0) -> Canvas:
    height = fractal(specimen, style.uniform(1.0, 1.4), 8)
    creases = np.clip(1 - np.abs(fractal(specimen, 1.3, 5)) / style.uniform(0.04, 0.12), 0, 1)
    height = height - style.uniform(0, 1.2) * creases  # it cracks on top while it is baked: no flaw
    tint = np.array([0.80, 0.60, 0.35]) * style.uniform(0.6, 1.15)
    picture = _grained(tint, height, 0.10) + relief(height, style.uniform(0.1, 0.6), 0.8 + light)[..., None]
    for _ in range(style.integers(0, 14)):
        chip = blob(specimen, tuple(specimen.uniform(60, 260, 2)), specimen.uniform(4, 10))
        picture[chip] = np.array([0.2, 0.11, 0.07]) * specimen.uniform(0.7, 1.4)
    region = blob(specimen, (160, 160), style.uniform(85, 135), specimen.uniform(0.02, 0.12))
    ground = _grained(colour(style, 0.05, 0.9), fractal(specimen, 1.8, 16), style.uniform(0.01, 0.1))
    return _on_ground(Canvas(np.clip(picture, 0, 1), WHOLE, "food"), region, ground)


def bricks(style: Rng, specimen: Rng) -> Canvas:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    tall, joint = int(style.integers(22, 50)), int(style.integers(2, 6))
    course = rows // tall
    shifted = columns + (course % 2) * tall
    mortar = (rows % tall < joint) | (shifted % (2 * tall) < joint)
    each = specimen.standard_normal((40, 40))[course, shifted // (2 * tall)]
    tint = np.array([0.6, 0.3, 0.22]) if style.random() < 0.6 else colour(style, 0.3, 0.9)
    picture = _grained(tint, each + fractal(specimen, 1.6), style.uniform(0.04, 0.12))
    picture[mortar] = 0.6 + 0.03 * fractal(specimen, 1.8)[mortar][:, None]
    return Canvas(np.clip(picture, 0, 1), WHOLE, "wall")


SURFACES: dict[str, Callable[..., Canvas]] = {
    made.__name__: made
    for made in (
        asphalt,
        concrete,
        brushed_metal,
        thread,
        painted,
        plastic,
        tile,
        wood,
        fabric,
        stone,
        biscuit,
        bricks,
    )
}
LIT = ("painted", "stone", "biscuit")
"""Surfaces with relief, which look different when the light comes from elsewhere."""
