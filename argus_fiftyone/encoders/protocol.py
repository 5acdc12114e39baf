"""What every encoder offers: dense features of pictures, unit vectors of prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from argus_fiftyone.text.query import Query


@dataclass(frozen=True)
class ImageFeatures:
    """What an encoder sees in one picture.

    Attributes:
        visual: one tensor per level, finest first, each [rows, cols, dim]. A cell's length
            says how much there is to see in it (all 1 where the tower has no such notion).
            Levels may differ in grid and dimension.
        text_aligned: [rows, cols, dim], cells of unit length, comparable by dot product
            with `Encoder.encode_text`; no rows and cols where words are held against pairs
            alone (`Encoder.describe`).
        picture: [dim], unit length, the whole picture.
    """

    visual: tuple[torch.Tensor, ...]
    text_aligned: torch.Tensor
    picture: torch.Tensor


class PlaceReader(Protocol):
    """What an encoder can say of places, changed or not, beside what it says of changes."""

    levels: tuple[int, ...]
    """Visual levels by whose likeness a picture of two scenes falls apart."""

    def look(self, features: ImageFeatures) -> torch.Tensor:
        """What is kept of a picture to be read when someone asks: [rows, cols, dim]."""
        ...

    def read(
        self,
        cells: torch.Tensor,
        looked: torch.Tensor,
        novelty: torch.Tensor,
        pictures: tuple[np.ndarray, np.ndarray],
    ) -> Any:
        """One picture, in the encoder's own terms; serves all queries.

        Args:
            cells: one of `Encoder.describe`'s tensors.
            looked: what `look` kept.
            novelty: [rows, cols] ≥ 0, on any grid; places of novelty outweigh those around them.
            pictures: this one and the other of the pair, as they were encoded, in one frame.
        """
        ...

    def likeness(self, read: Any, query: Query) -> torch.Tensor:
        """How far each place resembles what is named: [rows, cols] of the novelty's grid.

        The logarithm of how much likelier the name is than any name would be by chance.
        """
        ...

    def named(self, query: Query) -> float:
        """How far the query names a thing that it knows by name, and no change, in [0, 1]."""
        ...

    def fit(self, read: Any, query: Query) -> torch.Tensor:
        """How well the words fit what is there and what changed there: [rows, cols], on an open scale."""
        ...


@runtime_checkable
class Encoder(Protocol):
    """What the corridor asks of a pair of towers."""

    name: str
    """As the user writes it, e.g. "mini" or "clip:ViT-B-16-quickgelu:openai"."""

    note: str
    """One sentence every result carries ("" or e.g. "random weights: figures mean nothing")."""

    cell: int
    """Picture sides must be multiples of this many pixels."""

    temperature: float
    """τ that turns text similarities into posteriors: softmax(τ · cosine)."""

    level_weights: tuple[float, ...]
    """How much each visual level counts, finest first."""

    @property
    def places(self) -> PlaceReader | None:
        """What it can say of places; None: a picture counts as one scene, and only changes are named."""
        ...

    def encode_images(self, pictures: Sequence[np.ndarray]) -> list[ImageFeatures]:
        """Features of pictures of one common size.

        Args:
            pictures: uint8 [height, width, 3] RGB arrays, equal sizes, sides multiples of `cell`.

        Raises:
            ValueError: if sizes differ, a side is no multiple of `cell`, or the type is not uint8.
        """
        ...

    def encode_text(self, prompts: Sequence[str]) -> torch.Tensor:
        """Unit vectors [len(prompts), dim] in the space of `text_aligned`."""
        ...

    def read_queries(self, queries: Sequence[Query]) -> None:
        """Read the words of queries that will be asked about: many at once take half the time of one by one.

        Changes no result; `relevance` reads what was not read before.
        """
        ...

    def understands(self, texts: Sequence[str]) -> float:
        """How far the towers know these wordings, in [0, 1]; 0 for nonsense and for no words."""
        ...

    def describe(self, before: ImageFeatures, after: ImageFeatures) -> tuple[torch.Tensor, torch.Tensor]:
        """Cells that words can be held against, for what the before and the after picture show.

        Returns:
            Two tensors [rows, cols, dim] that `relevance` reads; exchanging the pictures
            exchanges them.
        """
        ...

    def relevance(self, cells: torch.Tensor, query: Query) -> torch.Tensor:
        """How far each cell of one of `describe`'s tensors shows what is asked: [rows, cols] in [0, 1]."""
        ...


def one_by_one(encoder: Encoder) -> bool:
    """Whether it sees each picture by itself on a core of its own, so that one may come before the other.

    An encoder says so by an attribute of that name.
    """
    return getattr(encoder, "one_by_one", False)


class EncoderUnavailable(Exception):
    """The encoder cannot run here; the message says why and names the ways out."""


@dataclass(frozen=True)
class EncoderEntry:
    """One line of `argus encoders`.

    Attributes:
        name: what to write after `--encoder`.
        ready: whether it runs here now, without any network.
        description: one sentence.
        missing: what stands in the way; "" when ready.
        download_mb: size of what would have to be fetched, in megabytes.
    """

    name: str
    ready: bool
    description: str
    missing: str = ""
    download_mb: int = 0
