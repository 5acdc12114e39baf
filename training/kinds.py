"""A second teacher, for training alone: which kind of change a cell shows, among all kinds at once.

Wordings are drawn at random, so those of like kinds seldom meet, and the head would learn that a circuit
board has a fault and not which. Here every kind has a prototype beside the cells, as in proxy losses
(Movshovitz-Attias et al., ICCV 2017); nothing of it is kept with the head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.vocabulary import KIND_WORDS

KINDS = {kind: number for number, kind in enumerate([*KIND_WORDS, "part"])}


class Prototypes(nn.Module):
    """One direction in the head's space for each kind of change."""

    def __init__(self, dim: int):
        super().__init__()
        self.directions = nn.Parameter(torch.randn(len(KINDS), dim))
        self.scale = nn.Parameter(torch.tensor(2.7))

    def forward(self, cells: Tensor, kinds: Tensor) -> Tensor:
        """Cross-entropy, frequent kinds weighing less.

        Args:
            cells: [cells, dim], unit length. kinds: [cells], numbers as in `KINDS`.
        """
        logits = self.scale.exp() * cells @ functional.normalize(self.directions, dim=1).T
        weight = kinds.bincount(minlength=len(KINDS)).clamp(min=1).float().rsqrt()
        return functional.cross_entropy(logits, kinds, weight) if len(kinds) else logits.sum()
