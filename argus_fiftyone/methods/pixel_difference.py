"""`pixel_difference`: how far colours differ for the eye, once a change of light is taken out."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from skimage.color import deltaE_ciede2000, rgb2lab

from argus_fiftyone.encoders.protocol import Encoder
from argus_fiftyone.methods.common.pixel_maps import pixel_maps
from argus_fiftyone.methods.constants import constants
from argus_fiftyone.methods.protocol import Needs, PairBatch, QueryFree, Tensors

Image = UInt8[np.ndarray, "height width 3"]
LARGEST_GAIN = 2.0
"""More than that between two images is not light; matching it would hide a repainted part."""


class PixelDifference(QueryFree):
    """CIEDE2000 colour differences of registered, slightly blurred images. Loads no encoder.

    Colours have no direction: another colour is as much another before as after.
    """

    name = "pixel_difference"
    paper = (
        "Image differencing with the colour difference CIEDE2000 (Sharma et al., 2005), by scikit-image; "
        "ours blurs a little and takes out one gain for each colour channel first."
    )
    version = 1
    needs = Needs(pixels=True)

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.blur: float = constants(self.name, encoder.family)["blur"]

    def observe(self, pairs: PairBatch, fitted: Tensors) -> Tensors:
        """Mean colour difference of each cell; about 1 is just visible, 100 is black and white."""
        return {"appeared": pixel_maps(pairs, self._difference)}

    def _difference(self, before: Image, after: Image) -> Float[np.ndarray, "height width"]:
        old, new = (_blurred(image, self.blur) for image in (before, after))
        half = np.sqrt(_gain(old, new))
        return deltaE_ciede2000(rgb2lab(old * half / 255), rgb2lab(new / half / 255))


def _blurred(image: Image, sigma: float) -> Float[np.ndarray, "height width 3"]:
    """Single pixels differ by noise and by how edges were sampled."""
    return cv2.GaussianBlur(image.astype(np.float32), (0, 0), sigma)


def _gain(before: np.ndarray, after: np.ndarray) -> Float[np.ndarray, " 3"]:
    """By how much the light of each channel grew, as most pixels have it.

    The median over pixels does not notice a change that covers less than half of the image. It
    changes its sign with the order of the images, so that neither is the standard.
    """
    ratios = np.log(after + 1) - np.log(before + 1)
    limit = np.log(LARGEST_GAIN)
    return np.exp(np.clip(np.median(ratios, axis=(0, 1)), -limit, limit))
