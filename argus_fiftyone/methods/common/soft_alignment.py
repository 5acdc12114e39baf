"""Soft alignment: which parts of each image are found in the other, and where they are not."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from argus_fiftyone.encoders.mini.matched import MatchedPair, resized
from argus_fiftyone.methods.common.windows import best_nearby, mixed_nearby


@torch.no_grad()
def match(before: Sequence[Tensor], after: Sequence[Tensor]) -> MatchedPair:
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
    return MatchedPair(_folded(before), _folded(after), lost, found, torch.cat(evidence, dim=1))


class _Side:
    """One picture's maps with the channels of a cell side by side, as they are and at unit length."""

    def __init__(self, stages: Sequence[Tensor]) -> None:
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
