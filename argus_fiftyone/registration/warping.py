"""Moving pictures: where they then reach, and what is shown where they do not."""

from __future__ import annotations

import cv2
import numpy as np

from argus_fiftyone.registration.motion_models import places, sampled

MARGIN_SHARE = 0.015
LIGHT_CELL = 8
"""Pixels; light is compared on pictures smaller by this."""


def reached(homography: np.ndarray, target: tuple[int, ...], reach: np.ndarray) -> np.ndarray:
    """Where a picture so moved reaches in a target of (height, width), less a margin: bool [height, width].

    Args:
        homography: 3×3, pixels of the picture → pixels of the target.
        reach: bool, where the picture shows something, at its own size.
    """
    height, width = target[:2]
    there = cv2.warpPerspective(reach.astype(np.uint8) * 255, homography, (width, height))
    margin = _margin((height, width))
    # The outermost pixels of a warp are guesses; but the picture's own border is no edge of view.
    return cv2.erode((there > 127).astype(np.uint8), np.ones((margin, margin)), borderValue=1) > 0


def warped(picture: np.ndarray, homography: np.ndarray, target: tuple[int, ...]) -> np.ndarray:
    """The picture moved into a target of (height, width)."""
    size = target[1], target[0]
    return cv2.warpPerspective(
        picture, homography, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


def flowed(picture: np.ndarray, homography: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """The picture moved by a homography and then by a flow [height, width, 2], resampled once."""
    height, width = flow.shape[:2]
    sources = cv2.perspectiveTransform(places(flow).reshape(-1, 1, 2), np.linalg.inv(homography))
    return sampled(picture, sources.reshape(height, width, 2))


def filled(picture: np.ndarray, after: np.ndarray, in_view: np.ndarray) -> np.ndarray:
    """The picture where it is in view, and the after picture under its light elsewhere.

    A border of guesses would look new, and encoders look far around: it would be heard in view.
    """
    height, width = in_view.shape
    size = max(1, width // LIGHT_CELL), max(1, height // LIGHT_CELL)
    small = [cv2.resize(p, size, interpolation=cv2.INTER_AREA).astype(np.float32) for p in (picture, after)]
    known = cv2.resize(in_view.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    light = cv2.GaussianBlur((small[0] - small[1]) * known[..., None], (0, 0), 4)
    light /= cv2.GaussianBlur(known, (0, 0), 4)[..., None] + 1e-3
    relit = after + cv2.resize(light, (width, height))
    # No seam: within the margin, which was reached but is not trusted, one fades into the other.
    near = cv2.blur(
        in_view.astype(np.float32), (_margin(in_view.shape),) * 2, borderType=cv2.BORDER_REPLICATE
    )
    share = np.where(in_view, 1, np.minimum(1, 2 * near))[..., None]
    return np.clip(np.rint(share * picture + (1 - share) * relit), 0, 255).astype(np.uint8)


def _margin(shape: tuple[int, ...]) -> int:
    return 2 * max(1, round(MARGIN_SHARE * max(shape))) + 1


def rescaled(homography: np.ndarray, shape: tuple[int, ...], target: tuple[int, ...]) -> np.ndarray:
    """The homography between pixels of pictures of one size as one between pixels of another size."""
    there = np.linalg.inv(_pixel_to_fraction(target)) @ _pixel_to_fraction(shape)
    return there @ homography @ np.linalg.inv(there)


def in_fractions(homography: np.ndarray, before: tuple[int, ...], after: tuple[int, ...]) -> np.ndarray:
    """A homography from pixels of before to pixels of after as one between fractions; the sizes are given."""
    return _pixel_to_fraction(after) @ homography @ np.linalg.inv(_pixel_to_fraction(before))


def from_fractions(warp: np.ndarray, before: tuple[int, ...], after: tuple[int, ...]) -> np.ndarray:
    """The reverse of `in_fractions`."""
    return np.linalg.inv(_pixel_to_fraction(after)) @ warp @ _pixel_to_fraction(before)


def _pixel_to_fraction(shape: tuple[int, ...]) -> np.ndarray:
    # A pixel's coordinates are its centre's, a fraction counts from the picture's edge.
    height, width = shape[:2]
    return np.array([[1 / width, 0, 0.5 / width], [0, 1 / height, 0.5 / height], [0, 0, 1]])
