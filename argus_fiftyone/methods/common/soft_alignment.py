"""What of each picture is not found in the other: the untrained input of the `mini` head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from argus_fiftyone.methods.common.windows import best_nearby, mixed_nearby

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
class SeenPair:
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

    def swapped(self) -> SeenPair:
        evidence = torch.cat([self.evidence[:, EVIDENCE:], self.evidence[:, :EVIDENCE]], dim=1)
        return SeenPair(self.after, self.before, self.come, self.gone, evidence)

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
        visual: [n, rows, cols] as `SeenPair.visual`.

    Returns:
        The same shape, in [0, 1].
    """
    near = functional.max_pool2d(visual[:, None], 5, 1, 2)
    near = functional.avg_pool2d(near, 5, 1, 2)[:, 0]
    flat = near.flatten(1)
    usual, most = (value[:, None, None] for value in (flat.quantile(PLAIN_FROM, dim=1), flat.amax(dim=1)))
    return ((near - usual) / (PLAIN_AT * (most - usual) + 1e-6)).clamp(0, 1)


@torch.no_grad()
def see(before: Sequence[Tensor], after: Sequence[Tensor]) -> SeenPair:
    """Matches raw maps [n, channels, rows, cols] of strides 4 to 32 between the pictures, both ways.

    Cosines are of raw maps; centred ones localise worse."""
    old, new = _Side(before), _Side(after)
    fine, coarsest = (best_nearby(old.units[n], new.units[n], reach) for n, reach in ((0, 2), (3, 1)))
    anywhere = _best_anywhere(old.units[2], new.units[2])
    gone, come = (
        [_unmatched(these, those, level) for level in (1, 2)] for these, those in ((old, new), (new, old))
    )
    evidence = [
        _evidence(fine[side], [*(best for best, _ in nearby), coarsest[side], anywhere[side]])
        for side, nearby in enumerate((gone, come))
    ]
    lost, found = ([residual for _, residual in nearby] for nearby in (gone, come))
    return SeenPair(_folded(before), _folded(after), lost, found, torch.cat(evidence, dim=1))


class _Side:
    """One picture's maps with the channels of a cell side by side, as they are and at unit length."""

    def __init__(self, stages: Sequence[Tensor]):
        self.cells = [stage.permute(0, 2, 3, 1) for stage in stages]
        self.units = [functional.normalize(cells, dim=-1) for cells in self.cells]


def _unmatched(these: _Side, those: _Side, level: int) -> tuple[Tensor, Tensor]:
    """The best cosines nearby, and the map less its match, softly mixed: [n, channels, rows, cols]."""
    units = these.units[level], those.units[level]
    best, mixed = mixed_nearby(*units, those.cells[level], reach=2, sharpness=20)
    return best, (these.cells[level] - mixed).permute(0, 3, 1, 2)


def _evidence(fine: Tensor, others: Sequence[Tensor]) -> Tensor:
    """1 − the best cosines per level, stride 8 the first of `others`: [n, EVIDENCE, rows, cols]."""
    folded = _mean_and_most(1 - fine[:, None])
    return torch.cat([folded, *(resized(1 - best[:, None], folded.shape[-2:]) for best in others)], dim=1)


def _best_anywhere(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """The best cosine of each cell [n, rows, cols, dim] in the whole other picture, for either picture."""
    cosines = first.flatten(1, 2) @ second.flatten(1, 2).mT
    return cosines.amax(dim=2).view(first.shape[:3]), cosines.amax(dim=1).view(first.shape[:3])


def _folded(stages: Sequence[Tensor]) -> list[Tensor]:
    return [_mean_and_most(stages[0]), *stages[1:]]


def _mean_and_most(fine: Tensor) -> Tensor:
    """Two by two cells as one: their means, then their maxima, [n, 2 · channels, rows / 2, cols / 2]."""
    return torch.cat([functional.avg_pool2d(fine, 2), functional.max_pool2d(fine, 2)], dim=1)


def resized(x: Tensor, size: torch.Size) -> Tensor:
    return (
        x
        if x.shape[-2:] == size
        else functional.interpolate(x, size=size, mode="bilinear", align_corners=False)
    )
