"""Textured scenes drawn in code, and what may happen to them: the pictures of the engine's own tests."""

from __future__ import annotations

import cv2
import numpy as np


def draw_surface(seed: int = 0, height: int = 320, width: int = 416) -> np.ndarray:
    """A surface with grain of several sizes and some shapes: uint8 [height, width, 3]."""
    random = np.random.default_rng(seed)
    surface = np.zeros((height, width, 3), np.float32)
    for size, strength in ((4, 24), (9, 30), (24, 40)):
        grain = random.standard_normal((height // size + 2, width // size + 2, 3)).astype(np.float32)
        surface += strength * cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC)
    picture = np.clip(surface + 120, 0, 255).astype(np.uint8)
    for _ in range(25):
        centre = int(random.integers(0, width)), int(random.integers(0, height))
        colour = tuple(int(value) for value in random.integers(20, 235, 3))
        cv2.circle(picture, centre, int(random.integers(4, 22)), colour, -1, cv2.LINE_AA)
    return picture


def move(picture: np.ndarray, homography: np.ndarray) -> np.ndarray:
    """The picture as it looks after a 3×3 homography in pixels, borders mirrored."""
    return cv2.warpPerspective(
        picture,
        homography,
        picture.shape[1::-1],
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )


def shift(right: float, down: float) -> np.ndarray:
    """The homography of a shift in pixels."""
    return np.array([[1, 0, right], [0, 1, down], [0, 0, 1]], float)


PASTED = np.s_[120:192, 180:260]


def paste_object(picture: np.ndarray) -> np.ndarray:
    """The picture with a dark bolt on a bright plate at `PASTED`."""
    changed = picture.copy()
    changed[PASTED] = (225, 220, 205)
    cv2.circle(changed, (220, 156), 25, (35, 35, 45), -1, cv2.LINE_AA)
    cv2.line(changed, (200, 156), (240, 156), (180, 180, 190), 6, cv2.LINE_AA)
    return changed


def relight(picture: np.ndarray, gain: float) -> np.ndarray:
    """The picture under light `gain` times as bright."""
    return np.clip(picture.astype(np.float32) * gain, 0, 255).astype(np.uint8)


def compress(picture: np.ndarray, quality: int) -> np.ndarray:
    """The picture after a round through JPEG."""
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))


def draw_plate(seed: int = 0, height: int = 320, width: int = 416) -> np.ndarray:
    """An even plate of fine grain, that looks the same everywhere: uint8 [height, width, 3]."""
    random = np.random.default_rng(seed)
    grain = cv2.GaussianBlur(random.standard_normal((height, width)).astype(np.float32), (0, 0), 1.2)
    lines = 6 * np.sin(np.arange(width) / 3)[None, :]
    return np.repeat(np.clip(130 + 55 * grain + lines, 0, 255)[..., None], 3, axis=2).astype(np.uint8)
