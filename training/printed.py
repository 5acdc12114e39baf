"""Printed things: labels with text, logos, dates. A wrong print is another patch of the same size."""

from __future__ import annotations

import cv2
import numpy as np

from training.scene import colour

Rng = np.random.Generator
SIZE = (72, 168)
LETTERS = list("ABCDEFGHKLMNPRSTUVXYZ")
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
)


def _word(rng: Rng) -> str:
    if rng.random() < 0.35:
        return f"{rng.integers(1, 32):02d}.{rng.integers(1, 13):02d}.{rng.integers(19, 40)}"
    return "".join(rng.choice(LETTERS, int(rng.integers(3, 7))))


def label(rng: Rng) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(right, wrong, empty) prints of one label, float32 RGBA patches of one size."""
    paper, ink, font = colour(rng, 0.6, 1.0), colour(rng, 0.0, 0.35), FONTS[rng.integers(4)]
    lines = [_word(rng) for _ in range(int(rng.integers(1, 3)))]
    wrong = [*lines[:-1], _word(rng)]
    return tuple(_print(paper, ink, font, text) for text in (lines, wrong, []))  # type: ignore[return-value]


def _print(paper: np.ndarray, ink: np.ndarray, font: int, lines: list[str]) -> np.ndarray:
    patch = np.ones((*SIZE, 4), np.float32)
    patch[..., :3] = paper
    cv2.rectangle(patch, (2, 2), (SIZE[1] - 3, SIZE[0] - 3), (*map(float, ink), 1.0), 1)
    for row, text in enumerate(lines):
        place = (10, 46 if len(lines) == 1 else 30 + 30 * row)
        cv2.putText(
            patch, text, place, font, 1.0 if len(lines) == 1 else 0.8, (*map(float, ink), 1.0), 2, cv2.LINE_AA
        )
    return patch


def logo(rng: Rng) -> np.ndarray:
    """A made-up emblem: a few bold shapes in two colours."""
    patch = np.zeros((96, 96, 4), np.float32)
    first, second = (*map(float, colour(rng, 0, 0.9)), 1.0), (*map(float, colour(rng, 0.2, 1.0)), 1.0)
    if rng.random() < 0.5:
        cv2.circle(patch, (48, 48), 44, first, -1, cv2.LINE_AA)
    else:
        cv2.rectangle(patch, (6, 6), (90, 90), first, -1)
    corners = rng.integers(18, 78, (int(rng.integers(3, 6)), 1, 2)).astype(np.int32)
    cv2.fillPoly(patch, [cv2.convexHull(corners)], second, cv2.LINE_AA)
    cv2.putText(
        patch, str(rng.choice(LETTERS)), (34, 62), cv2.FONT_HERSHEY_TRIPLEX, 1.2, first, 3, cv2.LINE_AA
    )
    return patch
