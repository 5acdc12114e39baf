"""What the head of `mini` reads of a pair: maps of both images, matched with each other; untrained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

CHANNELS = (24, 48, 120, 352)
"""Channels of the maps of stride 4, 8, 16 and 32."""
FOLDED = (2 * CHANNELS[0], *CHANNELS[1:])
"""The same with the finest map folded to stride 8 as mean and maximum."""
LEVELS = (1, 0, 2, 2, 1, 0)
"""Weights of the evidence of stride 4 (mean, maximum), 8, 16, 32 and of anywhere at stride 16."""
EVIDENCE = len(LEVELS)
"""Maps per picture that say how much of it is not found in the other."""

PLAIN_FROM = 0.65
"""A difference is plain above this quantile of the picture's differences,"""
PLAIN_AT = 0.25
"""and wholly so from this share of the way from there to the strongest."""


@dataclass(frozen=True)
class MatchedPair:
    """What the trained layers read of pairs; nothing in it is trained.

    before, after: maps, the finest folded to stride 8. gone, come: the stride-8 and stride-16
    maps of before (of after) minus their best match nearby in the other picture, so that a
    shift leaves nothing, as in MetaUAS's soft alignment. evidence: [n, 12, rows, cols] in [0, 2].
    """

    before: Sequence[Tensor]
    after: Sequence[Tensor]
    gone: Sequence[Tensor]
    come: Sequence[Tensor]
    evidence: Tensor

    def swapped(self) -> MatchedPair:
        """The pairs with before and after exchanged."""
        evidence = torch.cat([self.evidence[:, EVIDENCE:], self.evidence[:, :EVIDENCE]], dim=1)
        return MatchedPair(self.after, self.before, self.come, self.gone, evidence)

    def visual(self) -> Tensor:
        """The untrained difference, both ways, above 0.6 of its median: [n, rows, cols]."""
        levels = self.evidence.new_tensor(LEVELS) / sum(LEVELS)
        sides = (torch.einsum("l,nlrc->nrc", levels, side) for side in self.evidence.chunk(2, dim=1))
        both = torch.maximum(*sides)
        usual = both.flatten(1).median(dim=1).values[:, None, None]
        return (both - 0.6 * usual).clamp(min=0)


def plain(visual: Tensor) -> Tensor:
    """How plain a difference the untrained eye sees near each cell, as the picture goes.

    Args:
        visual: [n, rows, cols] as `MatchedPair.visual`.

    Returns:
        The same shape, in [0, 1].
    """
    near = functional.max_pool2d(visual[:, None], 5, 1, 2)
    near = functional.avg_pool2d(near, 5, 1, 2)[:, 0]
    flat = near.flatten(1)
    usual, most = (value[:, None, None] for value in (flat.quantile(PLAIN_FROM, dim=1), flat.amax(dim=1)))
    return ((near - usual) / (PLAIN_AT * (most - usual) + 1e-6)).clamp(0, 1)


def resized(x: Tensor, size: torch.Size) -> Tensor:
    """[n, channels, rows, cols] brought to another grid by bilinear interpolation."""
    return (
        x
        if x.shape[-2:] == size
        else functional.interpolate(x, size=size, mode="bilinear", align_corners=False)
    )
