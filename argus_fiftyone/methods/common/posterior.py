"""How far each cell shows what a query names: text-aligned cells and prompts in, a probability out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import torch

from argus_fiftyone.encoders.protocol import Encoder
from argus_fiftyone.engine.workers import one_core
from argus_fiftyone.text.query import Query


@runtime_checkable
class ReadsTogether(Protocol):
    """An encoder that answers several queries for less than one after the other."""

    def relevance_of_each(self, cells: torch.Tensor, queries: Sequence[Query]) -> torch.Tensor:
        """As `Encoder.relevance` of each query, in order: [queries, rows, cols]."""
        ...


def relevance_of_each(encoder: Encoder, cells: torch.Tensor, queries: Sequence[Query]) -> torch.Tensor:
    """`Encoder.relevance` of each query, in order: [queries, rows, cols]; together where that pays."""
    if isinstance(encoder, ReadsTogether):
        return encoder.relevance_of_each(cells, queries)
    return torch.stack([encoder.relevance(cells, query) for query in queries])


def relevance_by_prompts(
    cells: torch.Tensor,
    queries: Sequence[Query],
    embed: Callable[[Sequence[str]], torch.Tensor],
    temperature: float,
) -> torch.Tensor:
    """Probability that a cell shows what a query names rather than anything else.

        p = Σ_P w e^{τs} / Σ_{P∪N} w e^{τs}, each side averaged over its prompts

    Averaging keeps a long list of negatives from outvoting a short list of positives. Prompts
    that queries share meet the cells once: of twenty queries, a third of the time.

    Args:
        cells: [rows, cols, dim], unit length.
        queries: whose prompts and log weights (log w) count.
        embed: prompts to [prompts, dim], unit length.
        temperature: τ > 0.

    Returns:
        [queries, rows, cols] in [0, 1]; 0.5 where the cell is as near to both sides.

    Source:
        Prompt-ensemble softmax as in WinCLIP and CoRegOVCD; the averaging is ours.
    """
    prompts = list(dict.fromkeys(p for query in queries for p in query.positive + query.negative))
    vectors = embed(prompts)
    with one_core():  # where sums are shared out among threads, some processors round them otherwise
        logits = temperature * (vectors @ cells.flatten(0, -2).T)
    row_of = {prompt: row for row, prompt in enumerate(prompts)}
    odds = [
        _side(query.positive, query, logits, row_of) - _side(query.negative, query, logits, row_of)
        for query in queries
    ]
    return torch.sigmoid(torch.stack(odds)).unflatten(1, cells.shape[:-1])


def _side(prompts: Sequence[str], query: Query, logits: torch.Tensor, row_of: dict[str, int]) -> torch.Tensor:
    """The log of the mean over some of a query's prompts, [cells], from the logits of all."""
    own = logits[[row_of[prompt] for prompt in prompts]]
    if query.log_weights:
        weights = [query.log_weights.get(prompt, 0.0) for prompt in prompts]
        own = own + torch.tensor(weights, device=own.device)[:, None]
    return torch.logsumexp(own, dim=0) - math.log(max(len(prompts), 1))
