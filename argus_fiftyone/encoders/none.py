"""`none`: stands where a method needs no encoder, so that nobody has to ask whether there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import numpy as np
import torch

from argus_fiftyone.encoders.protocol import FeatureKind


class NoEncoder:
    """Has sizes and a name, and sees and reads nothing."""

    name = fingerprint = family = "none"
    note = ""
    cell = 16
    temperature = 1.0
    device = torch.device("cpu")
    one_by_one = True

    def encode_images(self, images: Sequence[np.ndarray], kinds: frozenset[FeatureKind]) -> NoReturn:
        """Raises RuntimeError: a method that says it needs no features must not ask for any."""
        raise RuntimeError("no encoder was loaded, since the method said that it needs no features")

    def encode_text(self, prompts: Sequence[str]) -> NoReturn:
        """Raises RuntimeError: a method that says it needs no text must not ask for any."""
        raise RuntimeError("no encoder was loaded, since the method said that it needs no text")

    def text_support(self, texts: Sequence[str]) -> list[float]:
        """Nothing is understood."""
        return [0.0] * len(texts)
