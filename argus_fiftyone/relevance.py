"""How far each cell shows what the query names: prompts and text-aligned features in, a gate out.

Words gate what the eye has found; they never find anything by themselves. And they gate
only as far as the encoder understands them, so a query it cannot read shows every change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

FLOOR = 0.25
"""What is left of a change that surely shows something else. Above 0, since towers err."""


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
    logits = temperature * cells @ torch.cat([positive, negative]).T
    if log_weights is not None:
        logits = logits + log_weights
    split = len(positive)
    sides = [torch.logsumexp(part, dim=-1) - _log_count(part) for part in (logits[..., :split], logits[..., split:])]
    return torch.sigmoid(sides[0] - sides[1])


def gate(relevance: torch.Tensor, support: float) -> torch.Tensor:
    """The factor on visual evidence, in [FLOOR, 1].

    Args:
        relevance: [rows, cols] in [0, 1].
        support: how far the query was understood, in [0, 1]; 0 leaves evidence as it is.
    """
    return 1 - support * (1 - FLOOR) * (1 - relevance)


def weights_of(prompts: Sequence[str], log_weights: Mapping[str, float], device: torch.device) -> torch.Tensor | None:
    """Log weights in the order of the prompts; None where all are 0."""
    if not log_weights:
        return None
    return torch.tensor([log_weights.get(prompt, 0.0) for prompt in prompts], device=device)


def _log_count(part: torch.Tensor) -> float:
    return float(torch.log(torch.tensor(float(max(part.shape[-1], 1)))))
