"""The 1000 ImageNet classes as an untrained bridge from images to words (ConSE)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch.nn import functional

WEIGHTS = Path(__file__).with_name("class_names.safetensors")
"""MiniLM vectors of the names; made by `python -m training.class_names`."""
CLASSES_PER_CELL = 20


class ClassNames:
    """The names of the classes in the words of the text tower.

    Attributes:
        vectors: float32 [1000, 384], unit length.
        mean: [384]; without it all cosines crowd together.

    Source:
        ConSE (Norouzi et al., ICLR 2014): an embedding is the mean of those of the likeliest class
        names, weighted by probability. Ours differs in doing so per cell, and in subtracting the
        mean class name from cells and prompts.
    """

    def __init__(self, embed: Callable[[Sequence[str]], torch.Tensor], device: torch.device) -> None:
        from safetensors.torch import load_file

        self._embed = embed
        self.vectors = load_file(str(WEIGHTS))["vectors"].float().to(device)
        self.mean = self.vectors.mean(dim=0)
        self._centred = self.vectors - self.mean

    def encode_text(self, prompts: Sequence[str]) -> torch.Tensor:
        """[prompts, 384], unit length, to be held against `mix`."""
        return functional.normalize(self._embed(prompts) - self.mean, dim=-1)

    def mix(self, logits: torch.Tensor) -> torch.Tensor:
        """Class logits [..., 1000] → mean class names [..., 384].

        The surer the tower is, the longer: at most 1 for one name alone.
        """
        top = logits.softmax(dim=-1).topk(CLASSES_PER_CELL, dim=-1)
        return (top.values.unsqueeze(-1) * self._centred[top.indices]).sum(dim=-2)
