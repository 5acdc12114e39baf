"""An encoder: dense features of images, unit vectors of prompts. It knows no pair and no query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch

FeatureKind = Literal["levels", "dense", "image"]
"""Visual levels; cells that text can be held against; one vector of the whole image."""


@dataclass(frozen=True)
class ImageFeatures:
    """What an encoder sees in one image, as far as it was asked for.

    Attributes:
        levels: visual maps, finest first, each [rows, cols, dim]. A cell's length says how much
            there is to see in it (all 1 where the tower has no such notion). Levels may differ
            in grid and dimension.
        dense: [rows, cols, dim], cells of unit length, comparable by dot product with
            `Encoder.encode_text`; None where it was not asked for.
        image: [dim], unit length, the whole image.
    """

    levels: tuple[torch.Tensor, ...]
    dense: torch.Tensor | None
    image: torch.Tensor


@runtime_checkable
class Encoder(Protocol):
    """Two frozen towers, one for images and one for text."""

    name: str
    """As the user writes it, e.g. "mini" or "clip:ViT-B-16-quickgelu:openai"."""

    note: str
    """One sentence every result carries ("" or e.g. "random weights: figures mean nothing")."""

    family: str
    """Towers of one family share a method's constants: "mini", "clip"."""

    cell: int
    """Image sides must be multiples of this many pixels."""

    temperature: float
    """τ that turns text similarities into posteriors: softmax(τ · cosine)."""

    one_by_one: bool
    """Whether it sees each image by itself on a core of its own, so that one may come before the other."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever features would, apart from the weights themselves; part of cache keys."""
        ...

    @property
    def device(self) -> torch.device:
        """Where features are computed."""
        ...

    def encode_images(
        self, images: Sequence[np.ndarray], kinds: frozenset[FeatureKind]
    ) -> list[ImageFeatures]:
        """Features of images of one common size.

        Args:
            images: uint8 [height, width, 3] RGB arrays, equal sizes, sides multiples of `cell`.
            kinds: what is wanted of them; more may come.

        Raises:
            ValueError: if sizes differ, a side is no multiple of `cell`, or the type is not uint8.
        """
        ...

    def encode_text(self, prompts: Sequence[str]) -> torch.Tensor:
        """Unit vectors [len(prompts), dim] in the space of `dense`. Each prompt is read once."""
        ...

    def text_support(self, texts: Sequence[str]) -> list[float]:
        """How far the towers know each wording, in [0, 1]; 0 for nonsense and for no words."""
        ...
