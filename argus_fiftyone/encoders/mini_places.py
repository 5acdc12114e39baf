"""What `mini` sees in a place, changed or not: class names for everyday things, the head for the rest.

The head knows changes. The 1000 ImageNet classes are a second, untrained bridge from
pictures to words, for things that no training caption named (ConSE).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import torch
from torch.nn import functional

from argus_fiftyone.encoders.mini_head import MiniHead
from argus_fiftyone.encoders.mini_tower import MiniTower
from argus_fiftyone.encoders.protocol import PictureFeatures
from argus_fiftyone.query import Query

CLASS_NAMES = Path(__file__).with_name("mini_names.safetensors")
"""Made by `python -m training.class_names`."""
CLASSES_PER_CELL = 20
COARSEST = 3
"""The level of stride 32 of the whole picture."""
AROUND = 5
"""Cells of stride 32 in each direction that are seen as one place."""
NAME_WEIGHT = 3.0
"""What a cosine with class names counts beside the head's deviations."""
RIVAL_WEIGHT = 0.5
RIVALS = 10
"""Known wordings, best first, against which a query has to prevail."""


class MiniPlaces:
    """Implements `PlaceReader`.

    Source:
        ConSE (Norouzi et al., ICLR 2014): an embedding is the mean of those of the likeliest
        class names, weighted by probability. Ours differs in doing so per place, and in
        subtracting the mean class name from places and prompts, without which all cosines
        crowd together. Prevailing over rival wordings is the hubness correction of CSLS
        (Conneau et al., ICLR 2018), on one side.
    """

    levels: tuple[int, ...] = (2, 3)

    def __init__(
        self, tower: MiniTower, head: MiniHead, embed: Callable[[Sequence[str]], torch.Tensor]
    ) -> None:
        self._tower, self._head, self._embed = tower, head, embed

    @torch.inference_mode()
    def look(self, features: PictureFeatures, novelty: torch.Tensor) -> torch.Tensor:
        """See `PlaceReader.look`."""
        coarse = features.visual[COARSEST].permute(2, 0, 1)[None].float()
        rows, cols = coarse.shape[-2:]
        weight = functional.adaptive_avg_pool2d(novelty.to(coarse)[None, None], (rows, cols)) + 1e-3
        margin = (AROUND // 2,) * 4
        sums = (
            functional.avg_pool2d(functional.pad(x, margin), AROUND, 1) for x in (coarse * weight, weight)
        )
        return (next(sums) / next(sums))[0].permute(1, 2, 0)

    @torch.inference_mode()
    def read(self, looked: torch.Tensor) -> torch.Tensor:
        """See `PlaceReader.read`."""
        return self.class_mix(looked.permute(2, 0, 1)[None])[0]

    @torch.inference_mode()
    def likeness(self, read: torch.Tensor, query: Query) -> torch.Tensor:
        """See `PlaceReader.likeness`."""
        return read @ self._wanted(query)

    @torch.inference_mode()
    def fit(self, cells: torch.Tensor, read: torch.Tensor, query: Query) -> torch.Tensor:
        """See `PlaceReader.fit`."""
        asked = self._head.standing(cells, self._head.embed_queries(self._embed([query.text])))[0]
        rivals = self._head.standing(cells, self._head.embed_queries(self._head.known))
        rivals = rivals.topk(RIVALS, dim=0).values.mean(dim=0)
        named = functional.normalize(read, dim=-1) @ self._wanted(query)
        named = functional.interpolate(
            named[None, None], size=asked.shape, mode="bilinear", align_corners=False
        )[0, 0]
        return asked - RIVAL_WEIGHT * rivals + NAME_WEIGHT * named

    def encode_text(self, prompts: Sequence[str]) -> torch.Tensor:
        """[prompts, 384], unit length, to be held against `class_mix`."""
        return functional.normalize(self._embed(prompts) - self._name_mean, dim=-1)

    def class_mix(self, coarse: torch.Tensor) -> torch.Tensor:
        """The tower's stride-32 map [n, channels, rows, cols] → mean class names [n, rows, cols, 384].

        The surer the tower is, the longer: at most 1 for one name alone.
        """
        top = self._tower.classes(coarse).softmax(dim=-1).topk(CLASSES_PER_CELL, dim=-1)
        return (top.values.unsqueeze(-1) * self._names[top.indices]).sum(dim=-2)

    def _wanted(self, query: Query) -> torch.Tensor:
        return functional.normalize(self.encode_text(query.positive).mean(dim=0), dim=0)

    @cached_property
    def _name_mean(self) -> torch.Tensor:
        return self._vectors.mean(dim=0)

    @cached_property
    def _names(self) -> torch.Tensor:
        return self._vectors - self._name_mean

    @cached_property
    def _vectors(self) -> torch.Tensor:
        """MiniLM vectors of the 1000 class names, float32 [1000, 384]."""
        from safetensors.torch import load_file

        return load_file(str(CLASS_NAMES))["vectors"].float().to(self._head.known.device)
