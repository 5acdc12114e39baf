"""What changes between two pictures although nothing happened."""

from __future__ import annotations

import cv2
import numpy as np

from training.scene import SIDE, blob, fractal, soft

Rng = np.random.Generator


def moved(picture: np.ndarray, changes: np.ndarray, rng: Rng, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Shift, rotation, scale and parallax of one picture and of the map of its changes."""
    turn, scale = rng.normal(0, 0.8) * reach, 1 + rng.normal(0, 0.006) * reach
    warp = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), turn, scale)
    warp[:, 2] += rng.normal(0, 2.5, 2) * reach
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    depth = rng.uniform(0, 1.2) * reach * fractal(rng, 0.4, 3)
    x = warp[0, 0] * columns + warp[0, 1] * rows + warp[0, 2] + depth
    y = warp[1, 0] * columns + warp[1, 1] * rows + warp[1, 2] + depth * rng.normal()
    x, y = x.astype(np.float32), y.astype(np.float32)
    return (
        cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT),
        cv2.remap(changes, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT),
    )


def relit(picture: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Gain, gamma, colour of the light, a gradient across the scene, sometimes a cast shadow."""
    gain = 1 + strength * (rng.normal(0, 0.10) + rng.normal(0, 0.03, 3))
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    angle = rng.uniform(0, 6.3)
    slope = 1 + strength * rng.normal(0, 0.22) * (rows * np.sin(angle) + columns * np.cos(angle))
    lit = np.clip(picture, 0, 1) ** np.exp(strength * rng.normal(0, 0.15)) * gain * slope[..., None]
    if rng.random() < 0.3 * strength:
        lit *= cast_shadow(rng)[..., None]
    if rng.random() < 0.15 * strength:
        lit += (
            rng.uniform(0.1, 0.5)
            * soft(blob(rng, tuple(rng.uniform(0, SIDE, 2)), rng.uniform(15, 60)), 18)[..., None]
        )
    return np.clip(lit, 0, 1)


def cast_shadow(rng: Rng) -> np.ndarray:
    shade = np.zeros((SIDE, SIDE), np.uint8)
    corners = rng.uniform(-0.3, 1.3, (4, 2)) * SIDE
    cv2.fillPoly(shade, [cv2.convexHull(corners.astype(np.int32)[:, None])], 1)
    return 1 - rng.uniform(0.15, 0.6) * soft(shade, rng.uniform(1, 14))


def captured(picture: np.ndarray, rng: Rng, coarse: float) -> np.ndarray:
    """Blur, low resolution, sensor noise and JPEG, as uint8. `coarse` is the pair's own resolution."""
    if coarse < 1:
        small = cv2.resize(picture, None, fx=coarse, fy=coarse, interpolation=cv2.INTER_AREA)
        picture = cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.35:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.4))
    picture = picture + rng.normal(0, rng.uniform(0, 0.02), picture.shape)
    image = (np.clip(picture, 0, 1) * 255).round().astype(np.uint8)
    if rng.random() < 0.6:
        encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(45, 96))])[1]
        decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
        assert decoded is not None, "a JPEG just encoded can be decoded"
        return decoded
    return image
