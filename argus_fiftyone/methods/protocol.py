"""The method seam: what a method needs, what it gets, and what it returns.

A method answers one question: what do these images show, of the query, that their references
do not? It sees stacks of registered pairs as tensors and returns raw evidence. The engine
registers, batches, caches, calibrates, upsamples and finds regions; no method knows a file,
a thread or a threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Protocol

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn import functional

from argus_fiftyone.encoders.protocol import Encoder, FeatureKind
from argus_fiftyone.text.query import Query

Tensors = Mapping[str, Tensor]
"""Named tensors; of an observation the first axis is pairs."""


@dataclass(frozen=True)
class Needs:
    """What a method asks of the engine, and of whoever chooses it.

    Attributes:
        features: what of the encoder's features; empty: no encoder is loaded.
        text: whether it reads words; without, every query shows the same and query support is 0.
        pixels: whether it wants the registered images themselves.
        references: how many before images it compares with.
        fit: what it learns from before the first pair: nothing, the normal (before) images of the
            run, or all unlabelled images of the run. The engine shows it the run's pairs.
        encoders: families of encoders it runs on; "*" stands for any.
    """

    features: frozenset[FeatureKind] = frozenset()
    text: bool = False
    pixels: bool = False
    references: Literal["none", "one", "several"] = "one"
    fit: Literal["none", "normals", "run"] = "none"
    encoders: tuple[str, ...] = ("*",)


@dataclass(frozen=True)
class Level:
    """One map of all images, the before images already in the after image's frame.

    Cells are as the encoder gave them: their length says how much there is to see. Unit vectors are
    derived from them, since a length times a unit vector is not the cell again to the last bit.

    Attributes:
        grid: (rows, cols); cells = rows · cols.
        after, before: the cells; reference 0 is the pair's before image.
        valid: False where a reference does not reach, or a pair has fewer references.
    """

    grid: tuple[int, int]
    after: Float[Tensor, "pairs cells dim"]
    before: Float[Tensor, "pairs references cells dim"]
    valid: Bool[Tensor, "pairs references cells"]

    @cached_property
    def unit_after(self) -> Float[Tensor, "pairs cells dim"]:
        """The after cells at unit length, float32."""
        return functional.normalize(self.after.float(), dim=-1)

    @cached_property
    def unit_before(self) -> Float[Tensor, "pairs references cells dim"]:
        """The before cells at unit length, float32."""
        return functional.normalize(self.before.float(), dim=-1)


@dataclass(frozen=True)
class PairBatch:
    """Pairs of one size on one device, ordinary tensors without gradients.

    Attributes:
        grid: (rows, cols) of the finest map that is there; evidence may have any grid.
        levels: visual maps, finest first; empty if not needed.
        dense: text-aligned cells; None if not needed.
        image: vectors of whole images, the after image first; None if not needed.
        pixels: registered RGB images on the CPU, the after image first; None if not needed.
        in_view: where reference 0 reaches, at the size of the pixels, on the CPU.
        registered: whether each reference was brought into the after image's frame.
    """

    grid: tuple[int, int]
    levels: tuple[Level, ...]
    dense: Level | None
    image: Float[Tensor, "pairs images dim"] | None
    pixels: UInt8[Tensor, "pairs images height width 3"] | None
    in_view: Bool[Tensor, "pairs height width"]
    registered: Bool[Tensor, "pairs references"]

    def __len__(self) -> int:
        return len(self.in_view)

    def valid_on(self, grid: tuple[int, int]) -> Bool[Tensor, "pairs rows cols"]:
        """Where reference 0 reaches, on a grid of cells, on the CPU."""
        return seen_on(self.in_view, grid)


def seen_on(
    in_view: Bool[Tensor, "pairs height width"], grid: tuple[int, int]
) -> Bool[Tensor, "pairs rows cols"]:
    """What is in view on a grid of cells: cells of which at least half the pixels are."""
    return functional.interpolate(in_view[:, None].float(), size=grid, mode="area")[:, 0] >= 0.5


@dataclass(frozen=True)
class QueryBatch:
    """Queries in words and, for whoever asks, as unit vectors of their prompts.

    Attributes:
        queries: as they were parsed.
        support: how far the encoder understands each, in [0, 1]; 0 for an open query.
        encode_text: the encoder's; prompts are read when a method first asks for them.
        temperature: the encoder's τ.
    """

    queries: tuple[Query, ...]
    support: Float[Tensor, " queries"]
    encode_text: Callable[[Sequence[str]], Tensor]
    temperature: float

    def __len__(self) -> int:
        return len(self.queries)

    def __getitem__(self, some: slice) -> QueryBatch:
        return replace(self, queries=self.queries[some], support=self.support[some])

    @cached_property
    def _prompts(self) -> list[str]:
        """The distinct prompts of all queries."""
        return list(dict.fromkeys(p for query in self.queries for p in query.positive + query.negative))

    @cached_property
    def prompts(self) -> Float[Tensor, "prompts dim"]:
        """The distinct prompts of all queries, unit length."""
        return self.encode_text(self._prompts)

    @cached_property
    def rows(self) -> list[tuple[list[int], list[int]]]:
        """By query the rows of `prompts` that speak for it and those that speak against it."""
        row_of = {prompt: row for row, prompt in enumerate(self._prompts)}
        sides = ((query.positive, query.negative) for query in self.queries)
        return [([row_of[p] for p in own], [row_of[p] for p in other]) for own, other in sides]

    def posterior(self, cells: Float[Tensor, "pairs cells dim"]) -> Float[Tensor, "pairs queries cells"]:
        """Probability that a cell shows what a query names rather than anything else, in [0, 1].

            p = Σ_P w e^{τs} / Σ_{P∪N} w e^{τs}, each side averaged over its prompts

        Averaging keeps a long list of negatives from outvoting a short list of positives. An open
        query names everything: 1. Prompts that queries share meet the cells once.

        Args:
            cells: unit length.

        Source:
            Prompt-ensemble softmax as in WinCLIP and CoRegOVCD; the averaging is ours.
        """
        logits = self.temperature * self._cosines(cells)
        found = [self._posterior(logits, number) for number in range(len(self))]
        return torch.stack(found, dim=1)

    def similarity(self, cells: Float[Tensor, "pairs cells dim"]) -> Float[Tensor, "pairs queries cells"]:
        """Mean cosine of a cell with the prompts that speak for each query, in [-1, 1]; 0 for an open one."""
        cosines = self._cosines(cells)
        nothing = torch.zeros_like(cells[..., 0])
        means = (cosines[:, own].mean(dim=1) if own else nothing for own, _ in self.rows)
        return torch.stack(list(means), dim=1)

    def _cosines(self, cells: Tensor) -> Tensor:
        """Of each prompt with each cell: [pairs, prompts, cells]; open queries alone need no words."""
        if not self._prompts:
            return cells.new_zeros(len(cells), 0, cells.shape[1])
        return self.prompts.to(cells) @ cells.mT

    def _posterior(self, logits: Tensor, number: int) -> Tensor:
        (own, other), query = self.rows[number], self.queries[number]
        if not own:
            return logits.new_ones(len(logits), logits.shape[2])
        return torch.sigmoid(
            _side(query.positive, own, query, logits) - _side(query.negative, other, query, logits)
        )


def _side(prompts: Sequence[str], rows: Sequence[int], query: Query, logits: Tensor) -> Tensor:
    """The log of the mean over some of a query's prompts: [pairs, cells]."""
    own = logits[:, rows]
    if query.log_weights:
        weights = torch.tensor([query.log_weights.get(prompt, 0.0) for prompt in prompts])
        own = own + weights.to(own)[:, None]
    count = torch.tensor(float(max(len(rows), 1)))
    return torch.logsumexp(own, dim=1) - torch.log(count).to(own)


@dataclass(frozen=True)
class Evidence:
    """What a method found, on its own raw scale: ≥ 0, higher means more change.

    Two maps and not one signed map: where both are high the place shows one thing before and
    another after, which a signed map cannot tell from nothing.

    Attributes:
        appeared: of the after image; the axis of queries is 1 where all queries share it.
        disappeared: of the before image; None: the method has no direction.
        score: evidence for each query anywhere in the pair, in [0, 1] with 0.5 at the default
            threshold; None: the engine takes it from the calibrated maps.
    """

    appeared: Float[Tensor, "pairs queries rows cols"]
    disappeared: Float[Tensor, "pairs queries rows cols"] | None = None
    score: Float[Tensor, "pairs queries"] | None = None


class Method(Protocol):
    """One way to tell change. Built with the encoder it reads from, or None where it needs none.

    `name`, `paper`, `version` and `needs` are attributes of the class: they are read before it is built.
    """

    name: str
    """As users write it, snake case."""

    paper: str
    """The source, and how ours differs; one or two sentences."""

    version: int
    """Raised whenever results change: part of cache keys and run records."""

    needs: Needs
    """What it asks for; may depend on the encoder."""

    encoder: Encoder
    """What it was built with; `load_method` says so."""

    def fit(self, images: Iterable[PairBatch]) -> Tensors:
        """What it learns before the first pair; {} unless `needs.fit` says otherwise."""
        ...

    def observe(self, pairs: PairBatch, fitted: Tensors) -> Tensors:
        """What no query changes; kept in the cache. The first axis of each tensor is pairs."""
        ...

    def score(self, observed: Tensors, queries: QueryBatch) -> Evidence:
        """What the observation says to each query."""
        ...


class QueryFree:
    """A method that learns nothing and reads no words: `observe` returns its two maps, and that is all."""

    needs: Needs
    encoder: Encoder

    def __init__(self, encoder: Encoder) -> None:
        """Of the encoder it needs nothing but the features that it gets."""
        self.encoder = encoder

    def fit(self, images: Iterable[PairBatch]) -> Tensors:
        """Nothing is learned."""
        return {}

    def score(self, observed: Tensors, queries: QueryBatch) -> Evidence:
        """The same for every query."""
        gone = observed.get("disappeared")
        return Evidence(observed["appeared"][:, None], None if gone is None else gone[:, None])
