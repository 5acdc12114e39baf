"""What `mini` sees in a place, changed or not: class names for everyday things, the head for the rest.

The head knows changes. The 1000 ImageNet classes are a second, untrained bridge from
pictures to words, for things that no training caption named (ConSE).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from argus_fiftyone.encoders import mini
from argus_fiftyone.encoders.mini.head import MiniHead
from argus_fiftyone.encoders.mini.tower import MiniTower
from argus_fiftyone.encoders.protocol import ImageFeatures
from argus_fiftyone.engine.workers import Once, side_by_side
from argus_fiftyone.io.images import resize
from argus_fiftyone.methods.common.instances import cut_outs, shares, things_of
from argus_fiftyone.text.query import Query

Stages = Callable[[Sequence[np.ndarray]], list[torch.Tensor]]

CLASS_NAMES = Path(mini.__file__).with_name("class_names.safetensors")
"""Made by `python -m training.class_names`."""
CLASSES_PER_CELL = 20
COARSEST = 3
"""The level of stride 32 of the picture at its own size."""
THING_SIDE = 256
"""Pixels at which a thing is read, cut out; the tower learned at 260, and sides must be whole cells."""
ALONE = 0.5
"""What that counts beside the same thing read where it lies."""
AROUND = 5
"""Cells of stride 32 in each direction that are seen as one place."""
NAME_WEIGHT = 5.0
"""What a cosine with class names counts beside the head's deviations."""
RIVAL_WEIGHT = 0.8
RIVALS = 10
"""Known wordings, best first, against which a query has to prevail, to the head and to class names alike."""

SEEN_SHARPNESS = 0.7
"""How sure the tower may be of a class; less than it was trained to be, since runners-up tell as much."""
SAID_SHARPNESS = 1 / 0.08
"""How fast a class counts less for a query as its name lies further from the words."""
CLASSES_MEANT = 20
"""Of a thousand, those nearest to the words."""
NEVER = 1e-6
"""Keeps the logarithm of what is not there finite."""
NEAREST_NAMES = 5
"""Class names by whose mean cosine a thing is known, or not."""
NAMED_FROM, NAMED_WHOLLY = 0.27, 0.33
"""Mean cosines at which class names begin to cover what is asked for, and cover it."""
CLOSER_FROM, CLOSER_WHOLLY = -0.07, -0.03
"""How much further than wordings of changes class names may lie; further, and it names none: "a screw"."""


@dataclass(frozen=True)
class ReadPlaces:
    """Of one picture what serves all queries; made when first asked for.

    Attributes:
        cells: what `Encoder.describe` says of it.
        looked: what `MiniPlaces.look` kept.
        novelty: [rows, cols] ≥ 0, on the grid on which places are told apart.
        pictures: this one and the other of the pair, uint8 [height, width, 3].
        stages: what the tower sees in pictures, as `MiniEncoder.stages`.
    """

    cells: torch.Tensor
    looked: torch.Tensor
    novelty: torch.Tensor
    pictures: tuple[np.ndarray, np.ndarray]
    stages: Stages
    tower: MiniTower
    head: MiniHead
    names: torch.Tensor
    name_mean: torch.Tensor

    @Once
    def rivals(self) -> torch.Tensor:
        """How well the known wordings that fit best do: [rows, cols] of the cells, in deviations."""
        return _best(self.head.standing(self.cells, self.head.embed_queries(self.head.known)))

    @Once
    def named_rivals(self) -> torch.Tensor:
        """The same by class names: [rows, cols] of `around`, cosines."""
        return _best(self.cosines(functional.normalize(self.head.known - self.name_mean, dim=-1)))

    def cosines(self, wordings: torch.Tensor) -> torch.Tensor:
        """Of `around` with wordings as of `encode_text`, [n, 384]: [n, rows, cols]."""
        return (functional.normalize(self.around, dim=-1) @ wordings.T).permute(2, 0, 1)

    @Once
    def around(self) -> torch.Tensor:
        """Mean class names of places, [rows, cols, 384]; places of novelty outweigh those around them."""
        coarse = self.looked.permute(2, 0, 1)[None]
        rows, cols = coarse.shape[-2:]
        weight = functional.adaptive_avg_pool2d(self.novelty.to(coarse)[None, None], (rows, cols)) + 1e-3
        margin = (AROUND // 2,) * 4
        sums = (
            functional.avg_pool2d(functional.pad(x, margin), AROUND, 1) for x in (coarse * weight, weight)
        )
        return class_mix(self.tower.classes(next(sums) / next(sums)), self.names)[0]

    @Once
    def things(self) -> torch.Tensor:
        """Which thing each place belongs to: int64 [rows, cols], as `things_of`."""
        return things_of(self.novelty).to(self.looked.device)

    @Once
    def classes(self) -> torch.Tensor:
        """What class each thing is of: probabilities [things, 1000].

        It is read twice, alone and where it lies: some things are known by what is around them.
        """
        things = self.things.cpu()
        cut = cut_outs(things, self.novelty, *self.pictures)
        pieces = [partial(self._summed_up, thing) for thing in cut]
        alone = torch.stack(side_by_side(pieces, self.looked.is_cpu))
        cells = self.tower.summed_up(self.looked.permute(2, 0, 1)[None])[0].flatten(0, 1)
        there = shares(things, self.novelty, self.looked.shape[:2]).to(cells) @ cells
        # The classifier is linear: of a mean it says the mean of what it says of each.
        logits = self.tower.classifier(torch.lerp(there, alone, ALONE))
        return (SEEN_SHARPNESS * logits).softmax(dim=-1)

    @torch.inference_mode()
    def _summed_up(self, thing: np.ndarray) -> torch.Tensor:
        """What the classifier reads of a thing cut out: [1280]."""
        last = self.stages([resize(thing, (THING_SIDE, THING_SIDE))])[-1]
        return self.tower.summed_up(last).mean(dim=(0, 1, 2))


def class_mix(logits: torch.Tensor, names: torch.Tensor) -> torch.Tensor:
    """Class logits [..., 1000] → mean class names [..., 384].

    The surer the tower is, the longer: at most 1 for one name alone.
    """
    top = logits.softmax(dim=-1).topk(CLASSES_PER_CELL, dim=-1)
    return (top.values.unsqueeze(-1) * names[top.indices]).sum(dim=-2)


def _best(fits: torch.Tensor) -> torch.Tensor:
    """The mean of the best few of [wordings, rows, cols]."""
    return fits.topk(RIVALS, dim=0).values.mean(dim=0)


def _ramp(value: float, begin: float, end: float) -> float:
    return min(1.0, max(0.0, (value - begin) / (end - begin)))


class MiniPlaces:
    """Implements `PlaceReader`.

    Source:
        ConSE (Norouzi et al., ICLR 2014): an embedding is the mean of those of the likeliest
        class names, weighted by probability. Ours differs in doing so per place, and in
        subtracting the mean class name from places and prompts, without which all cosines
        crowd together. Of things ours asks the other way round, how likely the classes are
        that the words may mean. Prevailing over rival wordings is the hubness correction of
        CSLS (Conneau et al., ICLR 2018), on one side.
    """

    levels: tuple[int, ...] = (2, 3)

    def __init__(
        self,
        tower: MiniTower,
        stages: Stages,
        head: MiniHead,
        embed: Callable[[Sequence[str]], torch.Tensor],
    ) -> None:
        self._tower, self._stages, self._head, self._embed = tower, stages, head, embed

    @torch.inference_mode()
    def look(self, features: ImageFeatures) -> torch.Tensor:
        """See `PlaceReader.look`."""
        return features.visual[COARSEST].float()

    def read(
        self,
        cells: torch.Tensor,
        looked: torch.Tensor,
        novelty: torch.Tensor,
        pictures: tuple[np.ndarray, np.ndarray],
    ) -> ReadPlaces:
        """See `PlaceReader.read`."""
        towers = self._stages, self._tower, self._head
        return ReadPlaces(cells, looked, novelty, pictures, *towers, self._names, self._name_mean)

    @torch.inference_mode()
    def likeness(self, read: ReadPlaces, query: Query) -> torch.Tensor:
        """See `PlaceReader.likeness`."""
        meant = (SAID_SHARPNESS * self._to_names(query)).softmax(dim=-1).mean(dim=0)
        # Hundreds of far names would together outweigh the few that may be meant.
        likeliest = meant.topk(CLASSES_MEANT)
        by_chance = 1 / len(meant)
        found = read.classes[:, likeliest.indices] @ likeliest.values
        return (found / by_chance + NEVER).log()[read.things]

    @torch.inference_mode()
    def named(self, query: Query) -> float:
        """See `PlaceReader.named`.

        Wordings of changes are held against the thing alone: a place may have any name.
        """
        to_names = float(self._to_names(query).topk(NEAREST_NAMES, dim=-1).values.mean())
        to_changes = float(self._head.nearness(self._embed(query.things)).mean())
        covered = _ramp(to_names, NAMED_FROM, NAMED_WHOLLY)
        return covered * _ramp(to_names - to_changes, CLOSER_FROM, CLOSER_WHOLLY)

    @torch.inference_mode()
    def fit(self, read: ReadPlaces, query: Query) -> torch.Tensor:
        """See `PlaceReader.fit`."""
        asked = self._head.standing(read.cells, self._head.embed_queries(self._embed([query.text])))[0]
        wanted = functional.normalize(self.encode_text(query.positive).mean(dim=0, keepdim=True), dim=-1)
        named = read.cosines(wanted)[0] - RIVAL_WEIGHT * read.named_rivals
        named = functional.interpolate(
            named[None, None], size=asked.shape, mode="bilinear", align_corners=False
        )[0, 0]
        return asked - RIVAL_WEIGHT * read.rivals + NAME_WEIGHT * named

    def encode_text(self, prompts: Sequence[str]) -> torch.Tensor:
        """[prompts, 384], unit length, to be held against `class_mix`."""
        return functional.normalize(self._embed(prompts) - self._name_mean, dim=-1)

    def class_mix(self, coarse: torch.Tensor) -> torch.Tensor:
        """The tower's stride-32 map [n, channels, rows, cols] → mean class names [n, rows, cols, 384]."""
        return class_mix(self._tower.classes(coarse), self._names)

    def _to_names(self, query: Query) -> torch.Tensor:
        """Cosines of the things with the class names, neither in a sentence: [things, 1000]."""
        return self._embed(query.things) @ self._vectors.T

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
