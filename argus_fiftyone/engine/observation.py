"""What a pair shows before anyone asks anything, and how the cache keeps it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from argus_fiftyone.engine.cache import FeatureCache, pair_key
from argus_fiftyone.io.pair_list import Pair
from argus_fiftyone.methods.protocol import Tensors

GUIDE = "guide"
"""Stands beside the method's tensors in the cache."""


@dataclass(frozen=True)
class Observation:
    """What a pair shows before anyone asks anything; shared by all queries.

    Attributes:
        tensors: what the method observed; the first axis holds this one pair.
        guide: float32 in [0, 1], the after image in grey at twice the finest patch grid.
        alignment, warp: as in `Comparison`.
        size: (height, width) of the after image before it was scaled down.
    """

    tensors: Tensors
    guide: np.ndarray
    alignment: str
    warp: tuple[float, ...]
    size: tuple[int, int]


class PairStore:
    """Observations of pairs, kept under the bytes of both files and all that decides what is observed."""

    def __init__(self, cache: FeatureCache, identity: str, device: torch.device, resolution: int) -> None:
        """Args: see `Walk.identity`; the encoder's device; and the resolution of `Settings`."""
        self._cache, self._identity, self._device, self._resolution = cache, identity, device, resolution

    def key(self, pair: Pair) -> str | None:
        """The key of a pair; None if a file cannot be read, which decoding will tell better."""
        return pair_key(self._identity, pair.before, pair.after, self._resolution)

    def get(self, key: str | None) -> Observation | None:
        """What was kept under the key, the method's tensors on the encoder's device; or None."""
        known = self._cache.get(key) if key else None
        if not known:
            return None
        tensors, facts = known
        guide = tensors.pop(GUIDE).numpy()
        there = {name: tensor.to(self._device) for name, tensor in tensors.items()}
        return Observation(there, guide, facts["alignment"], tuple(facts["warp"]), tuple(facts["size"]))

    def put(self, key: str, observed: Observation) -> None:
        """Keep an observation, exactly."""
        facts = {name: getattr(observed, name) for name in ("alignment", "warp", "size")}
        self._cache.put(key, {**observed.tensors, GUIDE: torch.from_numpy(observed.guide)}, facts)
