"""An encoder that is shown no image twice."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
import torch

from argus_fiftyone.encoders.protocol import Encoder, FeatureKind, ImageFeatures
from argus_fiftyone.engine.cache import PACKAGE, FeatureCache, code_of, digest

LOCKS = 1024
"""Images share them by their key; so many that two at work at once seldom meet by chance."""


class CachedEncoder:
    """Features of images, each encoded once where there is a cache.

    Images may be asked for in several threads: who wants one that another is at work on, waits.
    On a CPU, images are encoded one by one when there is a cache, so that what is stored
    does not depend on what happened to share a batch.

    Attributes:
        identity: changes whenever features would; "" without a cache.
    """

    def __init__(
        self, encoder: Encoder, kinds: frozenset[FeatureKind], cache: FeatureCache | None = None
    ) -> None:
        self._encoder, self._kinds, self._cache = encoder, kinds, cache
        self.identity = encoder_identity(encoder, kinds) if cache and kinds else ""
        self._at_work = [threading.Lock() for _ in range(LOCKS)]

    def encode_images(self, images: Sequence[np.ndarray]) -> list[ImageFeatures]:
        """See `Encoder.encode_images`; of the kinds that were named at the beginning."""
        if self._cache is None:
            return self._encoder.encode_images(images, self._kinds)
        keys = [digest(self.identity, str(image.shape), image.tobytes()) for image in images]
        with ExitStack() as held:
            # In one order everywhere, so that two threads never wait for each other.
            for number in sorted({int(key[:8], 16) % len(self._at_work) for key in keys}):
                held.enter_context(self._at_work[number])
            found = {key: self._known(key) for key in dict.fromkeys(keys)}
            missing = {key: image for key, image in zip(keys, images, strict=True) if found[key] is None}
            for key, features in zip(missing, self._encode_apart(list(missing.values())), strict=True):
                self._cache.put(key, *_entry(features))
                found[key] = features
        return [features for key in keys if (features := found[key])]

    def _encode_apart(self, images: list[np.ndarray]) -> list[ImageFeatures]:
        if self._encoder.device.type != "cpu":
            return self._encoder.encode_images(images, self._kinds) if images else []
        return [self._encoder.encode_images([image], self._kinds)[0] for image in images]

    def _known(self, key: str) -> ImageFeatures | None:
        entry = self._cache.get(key) if self._cache else None
        return _features(entry[0], self._encoder.device) if entry else None


def encoder_identity(encoder: Encoder, kinds: frozenset[FeatureKind]) -> str:
    """Changes whenever features would: name, declared fingerprint, code, and a look at one small image.

    The look catches other weights under the same name. It is rounded, since sums differ
    in the last bits between processors; should it still differ, an entry is merely not found.
    """
    side = 4 * encoder.cell
    image = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    seen = encoder.encode_images([image], kinds)[0].image.float().cpu().numpy()
    declared = f"{encoder.name} {encoder.fingerprint} {sorted(kinds)}"
    return digest(declared, code_of(PACKAGE / "encoders"), np.round(seen, 2).tobytes())


def _entry(features: ImageFeatures) -> tuple[dict[str, torch.Tensor], dict[str, None]]:
    named = {f"level_{number}": level for number, level in enumerate(features.levels)}
    named["image"] = features.image
    if features.dense is not None:
        named["dense"] = features.dense
    return named, {}


def _features(tensors: dict[str, torch.Tensor], device: torch.device) -> ImageFeatures:
    there = {name: tensor.to(device) for name, tensor in tensors.items()}
    count = sum(name.startswith("level_") for name in there)
    levels = tuple(there[f"level_{number}"] for number in range(count))
    return ImageFeatures(levels, there.get("dense"), there["image"])
