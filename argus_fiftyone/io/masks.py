"""Mask files → bool arrays."""

from __future__ import annotations

import os

import cv2
import numpy as np

from argus_fiftyone.io.images import read_image


def read_mask(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a mask file as bool [height, width]: above 127 is inside.

    Raises:
        ImageError: as `read_image`.
    """
    return read_image(path)[..., 0] > 127


def fit_mask(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The mask at another size, nearest neighbour, bool."""
    if mask.shape == shape:
        return mask.astype(bool)
    return cv2.resize(mask.astype(np.uint8), (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST) > 0
