"""What of each picture is not found in the other: the untrained input of the `mini` head."""

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


@torch.no_grad()
def see(before: Sequence[Tensor], after: Sequence[Tensor]) -> SeenPair:
    """Matches raw maps [n, channels, rows, cols] of strides 4 to 32 between the pictures, both ways."""
    gone, lost = _unmatched(before, after)
    come, found = _unmatched(after, before)
    return SeenPair(_folded(before), _folded(after), gone, come, torch.cat([lost, found], dim=1))


def _folded(stages: Sequence[Tensor]) -> list[Tensor]:
    fine = stages[0]
    return [torch.cat([functional.avg_pool2d(fine, 2), functional.max_pool2d(fine, 2)], dim=1), *stages[1:]]


def _unmatched(these: Sequence[Tensor], those: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
    """What of `these` is not found in `those`: residual maps, and 1 − cosine per level.
    Cosines are of raw maps; centred ones localise worse."""
    size = these[1].shape[-2:]
    fine, _ = _best_nearby(these[0], those[0], 2, keep=False)
    middle, aligned = _best_nearby(these[1], those[1], 2)
    coarse, aligned_coarse = _best_nearby(these[2], those[2], 2)
    coarsest, _ = _best_nearby(these[3], those[3], 1, keep=False)
    anywhere = _best_anywhere(these[2], those[2])
    levels = [functional.avg_pool2d(fine, 2), functional.max_pool2d(fine, 2), middle]
    levels += [resized(level, size) for level in (coarse, coarsest, anywhere)]
    return [these[1] - aligned, these[2] - aligned_coarse], torch.cat(levels, dim=1)


def _best_nearby(these: Tensor, those: Tensor, reach: int, keep: bool = True) -> tuple[Tensor, Tensor]:
    """1 − the best cosine within `reach` cells [n, 1, rows, cols], and the match, softly mixed."""
    rows, cols = these.shape[-2:]
    unit = functional.normalize(these, dim=1)
    padded = functional.pad(those, (reach,) * 4, mode="replicate")
    padded_unit = functional.normalize(padded, dim=1)
    shifts = [(y, x) for y in range(2 * reach + 1) for x in range(2 * reach + 1)]
    cosines = torch.stack(
        [(unit * padded_unit[..., y : y + rows, x : x + cols]).sum(dim=1) for y, x in shifts], dim=1
    )
    mixed = torch.zeros_like(these)
    if keep:
        weights = (cosines * 20).softmax(dim=1)
        for number, (y, x) in enumerate(shifts):
            mixed += weights[:, number : number + 1] * padded[..., y : y + rows, x : x + cols]
    return 1 - cosines.amax(dim=1, keepdim=True), mixed


def _best_anywhere(these: Tensor, those: Tensor) -> Tensor:
    flat, other = (functional.normalize(x, dim=1).flatten(2) for x in (these, those))
    best = torch.einsum("ncp,ncq->npq", flat, other).amax(dim=2)
    return 1 - best.reshape(these.shape[0], 1, *these.shape[-2:])


def resized(x: Tensor, size: torch.Size) -> Tensor:
    return (
        x
        if x.shape[-2:] == size
        else functional.interpolate(x, size=size, mode="bilinear", align_corners=False)
    )
