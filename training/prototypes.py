"""A second teacher, for training alone: which kind of change a cell shows among all kinds at once, and on
which surface among all surfaces.

Wordings are drawn at random, so those of like kinds seldom meet, and the head would learn that a circuit
board has a fault and not which. Here every kind has a prototype beside the cells, as in proxy losses
(Movshovitz-Attias et al., ICCV 2017); nothing of it is kept with the head.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.vocabulary import KIND_WORDS, SURFACE_WORDS

KINDS = {kind: number for number, kind in enumerate([*KIND_WORDS, "part"])}
SURFACES = {surface: number for number, surface in enumerate([*SURFACE_WORDS, "scene"])}


class Prototypes(nn.Module):
    """One direction in the head's space for each name."""

    def __init__(self, dim: int, names: Collection[str]):
        super().__init__()
        self.directions = nn.Parameter(torch.randn(len(names), dim))
        self.scale = nn.Parameter(torch.tensor(2.7))

    def forward(self, cells: Tensor, shown: Tensor) -> Tensor:
        """Cross-entropy, frequent names weighing less.

        Args:
            cells: [cells, dim], unit length. shown: [cells], numbers as in `KINDS` or `SURFACES`.
        """
        logits = self.scale.exp() * cells @ functional.normalize(self.directions, dim=1).T
        weight = shown.bincount(minlength=len(self.directions)).clamp(min=1).float().rsqrt()
        return functional.cross_entropy(logits, shown, weight) if len(shown) else logits.sum()
