"""Words held against a pair: by a trained head that reads changes, or by text-aligned cells of images."""

from __future__ import annotations

from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from argus_fiftyone.encoders.mini.encoder import MiniEncoder
from argus_fiftyone.encoders.mini.matched import CHANNELS
from argus_fiftyone.encoders.protocol import Encoder
from argus_fiftyone.methods.common.soft_alignment import match
from argus_fiftyone.methods.protocol import PairBatch, QueryBatch

Described = Float[Tensor, "pairs sides rows cols dim"]
"""Cells that words can be held against, of the before image first, then of the after image."""


class Words(Protocol):
    """What a pair says to words."""

    def describe(self, pairs: PairBatch) -> Described:
        """What no query changes; exchanging the images exchanges the sides."""
        ...

    def relevance(
        self, described: Described, queries: QueryBatch
    ) -> Float[Tensor, "pairs queries sides rows cols"]:
        """How far each cell shows what each query asks for, in [0, 1]."""
        ...


class DenseWords:
    """Both images' text-aligned cells: such towers read images, not changes."""

    def describe(self, pairs: PairBatch) -> Described:
        """See `Words.describe`."""
        assert pairs.dense is not None
        both = torch.stack([pairs.dense.before[:, 0], pairs.dense.after], dim=1)
        return both.unflatten(2, pairs.dense.grid)

    def relevance(
        self, described: Described, queries: QueryBatch
    ) -> Float[Tensor, "pairs queries sides rows cols"]:
        """See `QueryBatch.posterior`."""
        found = queries.posterior(described.flatten(1, 3))
        return found.unflatten(2, described.shape[1:4])


class HeadWords:
    """The trained head of `mini`, read backwards (for what went) and forwards (for what came)."""

    def __init__(self, encoder: MiniEncoder) -> None:
        self._encoder = encoder

    @torch.inference_mode()
    def describe(self, pairs: PairBatch) -> Described:
        """See `MiniHead.describe`."""
        levels = pairs.levels[: len(CHANNELS)]
        before, after = (
            # Permuted with the batch's axis, or torch overlooks that channels come last.
            [
                cells.unflatten(1, level.grid).permute(0, 3, 1, 2)
                for level, cells in zip(levels, side, strict=True)
            ]
            for side in ([level.before[:, 0] for level in levels], [level.after for level in levels])
        )
        return torch.stack(self._encoder.pair_head.describe(match(before, after)), dim=1)

    @torch.inference_mode()
    def relevance(
        self, described: Described, queries: QueryBatch
    ) -> Float[Tensor, "pairs queries sides rows cols"]:
        """How well the words name the change of each cell; contrasts that name it better take it away."""
        texts = [(query.text, *query.contrast) for query in queries.queries]
        asked = self._encoder.embed([text for own in texts for text in own])
        head = self._encoder.pair_head
        found = head.match_cells(described.flatten(0, 2), head.embed_queries(asked))
        named = torch.stack([_unlike(own) for own in found.split([len(own) for own in texts])])
        return named.unflatten(1, described.shape[:3]).transpose(0, 1)


def _unlike(found: Tensor) -> Tensor:
    """What the first of [texts, rows, cols] names, less where another names it better."""
    return found[0] if len(found) == 1 else found[0] * (found[0] / found.amax(dim=0).clamp(min=1e-6))


def words_of(encoder: Encoder) -> Words:
    """The trained head where the encoder brings one, else its text-aligned cells."""
    return HeadWords(encoder) if isinstance(encoder, MiniEncoder) else DenseWords()
