"""What a pair shows before anyone asks anything, and how the cache keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from argus_fiftyone.engine.cache import FeatureCache, code_identity, digest, pair_key
from argus_fiftyone.io.pair_list import Pair
from argus_fiftyone.methods.protocol import Tensors

if TYPE_CHECKING:  # the walk observes; this file only keeps what it observed
    from argus_fiftyone.engine.compare import Walk

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

    def __init__(self, walk: Walk, cache: FeatureCache) -> None:
        self._cache, self._resolution = cache, walk.settings.resolution
        self._device, method = walk.encoder.device, walk.method
        fitted = (part for name in sorted(walk.fitted) for part in (name, _bytes(walk.fitted[name])))
        seen_by = walk.features.identity, method.name, str(method.version)
        self._identity = digest(*seen_by, code_identity(), *fitted)

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


def _bytes(tensor: torch.Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
