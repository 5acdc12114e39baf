"""How far each cell shows what a query names: text-aligned cells and prompts in, a probability out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch

from argus_fiftyone.query import Query


def relevance_by_prompts(
    cells: torch.Tensor, query: Query, embed: Callable[[Sequence[str]], torch.Tensor], temperature: float
) -> torch.Tensor:
    """The posterior of the query's own prompts and weights; arguments as in `posterior`."""
    positive, negative = embed(query.positive), embed(query.negative)
    log_weights = weights_of(query.positive + query.negative, query.log_weights, positive.device)
    return posterior(cells, positive, negative, temperature, log_weights)


def posterior(
    cells: torch.Tensor,
    positive: torch.Tensor,
    negative: torch.Tensor,
    temperature: float,
    log_weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Probability that a cell shows the queried thing rather than anything else.

        p = Σ_P w e^{τs} / Σ_{P∪N} w e^{τs}, each side averaged over its prompts

    Averaging keeps a long list of negatives from outvoting a short list of positives.

    Args:
        cells: [rows, cols, dim], unit length.
        positive, negative: prompts, [P, dim] and [N, dim], unit length.
        temperature: τ > 0.
        log_weights: [P + N], log w; None for equal weights.

    Returns:
        [rows, cols] in [0, 1]; 0.5 where the cell is as near to both sides.

    Source:
        Prompt-ensemble softmax as in WinCLIP and CoRegOVCD; the averaging is ours.
    """
    logits = temperature * (cells @ torch.cat([positive, negative]).T)
    if log_weights is not None:
        logits = logits + log_weights
    split = len(positive)
    sides = [
        torch.logsumexp(part, dim=-1) - math.log(max(part.shape[-1], 1))
        for part in (logits[..., :split], logits[..., split:])
    ]
    return torch.sigmoid(sides[0] - sides[1])


def weights_of(
    prompts: Sequence[str], log_weights: Mapping[str, float], device: torch.device
) -> torch.Tensor | None:
    """Log weights in the order of the prompts; None where all are 0."""
    if not log_weights:
        return None
    return torch.tensor([log_weights.get(prompt, 0.0) for prompt in prompts], device=device)
