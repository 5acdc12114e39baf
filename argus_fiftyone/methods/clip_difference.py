"""`clip_difference`: how much more of a query cells show after than before, p_after(q) − p_before(q)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from argus_fiftyone.encoders.protocol import Encoder
from argus_fiftyone.methods.common.windows import best_nearby
from argus_fiftyone.methods.constants import constants
from argus_fiftyone.methods.protocol import Evidence, Level, Needs, PairBatch, QueryBatch, Tensors

Cells = Float[Tensor, "pairs queries rows cols"]
CELL_AXIS = 2
"""Of [pairs, sides, rows, cols, dim]: where the cells begin."""


class ClipDifference:
    """The difference of two posteriors, each cell against the best-matching one nearby.

    Two things would otherwise count as change everywhere. A thing one cell further off vanishes
    here and appears there: so each cell meets the highest posterior within reach of its place in the
    other image. And light or focus moves all posteriors of an image a little towards the query or away:
    so the median difference of the pair's log odds is taken from both images, half from each. Neither
    breaks the symmetry: an identical pair gives 0, exchanging the images exchanges the maps.

    Where there are no words, or none the encoder understands (support 0), there is no posterior to
    compare: the cells themselves are, as half the cosine distance to the nearest cell within reach.
    """

    name = "clip_difference"
    paper = (
        "Posterior difference of text-aligned cells, as in CoRegOVCD (arXiv 2604.02160), without its "
        "geometry and regions; ours searches nearby and removes the pair's median difference."
    )
    version = 1
    needs = Needs(frozenset({"dense"}), text=True)

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        numbers = constants(self.name, encoder.family)
        self.reach: int = numbers["reach"]
        self.open_weight: float = numbers["open_weight"]

    def fit(self, images: Iterable[PairBatch]) -> Tensors:
        """Nothing is learned."""
        return {}

    def observe(self, pairs: PairBatch, fitted: Tensors) -> Tensors:
        """Both images' cells, their plain distances, and what is in view."""
        assert pairs.dense is not None
        cells = _both_sides(pairs.dense)
        seen = pairs.valid_on(pairs.dense.grid).to(cells.device)
        best = best_nearby(cells[:, 0], cells[:, 1], self.reach)
        distance = (1 - torch.stack(best, dim=1)).clamp(min=0) / 2
        return {"cells": cells, "distance": distance, "seen": seen}

    def score(self, observed: Tensors, queries: QueryBatch) -> Evidence:
        """The positive part appeared, the negative part disappeared."""
        plain, seen = self.open_weight * observed["distance"][:, None], observed["seen"]
        told = (queries.support > 0).to(plain.device)[:, None, None]
        sides = self._difference(observed["cells"], seen, queries)
        gone, come = (
            torch.where(told, by_words, plain[:, :, side]) * seen[:, None]
            for side, by_words in enumerate(sides)
        )
        return Evidence(come, gone)

    def _difference(
        self, cells: Tensor, seen: Bool[Tensor, "pairs rows cols"], queries: QueryBatch
    ) -> tuple[Cells, Cells]:
        """What each query finds only before, and what only after."""
        flat = queries.posterior(cells.flatten(1, 3))
        odds = torch.logit(by_side(flat, cells), eps=1e-6)
        bias = _median(odds[:, :, 1] - odds[:, :, 0], seen) / 2
        before, after = torch.sigmoid(odds[:, :, 0] + bias), torch.sigmoid(odds[:, :, 1] - bias)
        return self._beyond(before, after), self._beyond(after, before)

    def _beyond(self, own: Cells, other: Cells) -> Cells:
        """How far a cell lies above all cells within reach of its place in the other image, ≥ 0."""
        nearby = functional.max_pool2d(other, 2 * self.reach + 1, stride=1, padding=self.reach)
        return (own - nearby).clamp(min=0)


def _both_sides(level: Level) -> Float[Tensor, "pairs sides rows cols dim"]:
    """The before image's cells, then the after image's, at unit length."""
    both = torch.stack([level.unit_before[:, 0], level.unit_after], dim=1)
    return both.unflatten(CELL_AXIS, level.grid)


def by_side(flat: Tensor, cells: Tensor) -> Float[Tensor, "pairs queries sides rows cols"]:
    """[pairs, queries, all cells of a pair] in the shape of the cells [pairs, sides, rows, cols, dim]."""
    return flat.unflatten(2, cells.shape[1:4])


def _median(difference: Cells, seen: Bool[Tensor, "pairs rows cols"]) -> Float[Tensor, "pairs queries 1 1"]:
    """The median of what is in view, changing its sign with the difference; 0 if nothing is in view."""
    flat = difference.where(seen[:, None], torch.nan).flatten(2)
    # torch takes the lower of two middle values: taken from both ends, it is the mean of both.
    middle = (flat.nanmedian(dim=2).values - (-flat).nanmedian(dim=2).values) / 2
    return middle.nan_to_num(0)[..., None, None]
