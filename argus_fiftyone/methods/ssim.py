"""`ssim`: where light, contrast and structure of small windows differ."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8
from skimage.metrics import structural_similarity

from argus_fiftyone.methods.common.pixel_maps import pixel_maps
from argus_fiftyone.methods.protocol import Needs, PairBatch, QueryFree, Tensors

Image = UInt8[np.ndarray, "height width 3"]
WINDOW = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
"""The paper's window."""


class Ssim(QueryFree):
    """1 − SSIM, of each colour channel, then their mean. Loads no encoder; has no direction."""

    name = "ssim"
    paper = (
        "Structural similarity (Wang et al., IEEE TIP 2004) with the paper's window, by scikit-image; "
        "ours takes the mean over colour channels instead of grey, since colour can be the change."
    )
    version = 1
    needs = Needs(pixels=True)

    def observe(self, pairs: PairBatch, fitted: Tensors) -> Tensors:
        """Mean dissimilarity of each cell, in [0, 2]; 1 where nothing agrees."""
        return {"appeared": pixel_maps(pairs, _dissimilarity)}


def _dissimilarity(before: Image, after: Image) -> Float[np.ndarray, "height width"]:
    found = structural_similarity(before, after, channel_axis=2, data_range=255, full=True, **WINDOW)
    similar = np.asarray(found[1])
    return np.maximum(1 - similar.mean(axis=2), 0)
