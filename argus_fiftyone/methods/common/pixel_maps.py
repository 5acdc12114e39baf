"""From two registered images to a map of cells, for methods that compare pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from argus_fiftyone.methods.protocol import PairBatch


def pixel_maps(
    pairs: PairBatch, difference: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> Float[Tensor, "pairs rows cols"]:
    """The mean difference of each cell of the pairs' grid, float32; 0 out of view.

    Args:
        difference: takes a before and an after image, uint8 [height, width, 3], and returns
            [height, width] ≥ 0.
    """
    assert pairs.pixels is not None
    found = [difference(before, after) for after, before, *_ in pairs.pixels.numpy()]
    maps = torch.from_numpy(np.stack(found).astype(np.float32))
    cells = functional.interpolate(maps[:, None], size=pairs.grid, mode="area")[:, 0]
    return cells * pairs.valid_on(pairs.grid)
