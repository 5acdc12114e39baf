"""Names for the places of an image: class names for everyday things, the trained head for changes.

The head knows changes. The 1000 ImageNet classes are a second, untrained bridge from images to
words, for things that no training caption named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch.nn import functional

from argus_fiftyone.encoders.mini.encoder import MiniEncoder
from argus_fiftyone.encoders.pieces import Once, independent
from argus_fiftyone.io.images import resize
from argus_fiftyone.methods.common.instances import crops, instances_of, shares
from argus_fiftyone.text.query import Query

COARSEST = 3
"""The level of stride 32 of the image at its own size."""
PARTITION_LEVELS = (2, 3)
"""Levels by whose likeness an image of two scenes falls apart."""
CROP_SIDE = 256
"""Pixels at which a crop is classified; the tower learned at 260, and sides must be whole cells."""
ALONE = 0.5
"""What a crop counts beside the same instance seen where it lies."""
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
class ReadImage:
    """What serves all queries about one image of a pair; made when first asked for.

    Attributes:
        described: what the head says of its changes, [rows, cols, dim].
        coarse: the tower's map of stride 32, [rows, cols, channels].
        distance: [rows, cols] ≥ 0, on the grid on which instances are told apart.
        images: this one and the other of the pair, in one frame, uint8 [height, width, 3].
    """

    described: torch.Tensor
    coarse: torch.Tensor
    distance: torch.Tensor
    images: tuple[np.ndarray, np.ndarray]
    encoder: MiniEncoder

    @Once
    def rivals(self) -> torch.Tensor:
        """How well the known wordings that fit best do: [rows, cols] of `described`, in deviations."""
        head = self.encoder.pair_head
        return _best(head.standing(self.described, head.embed_queries(head.known)))

    @Once
    def named_rivals(self) -> torch.Tensor:
        """The same by class names: [rows, cols] of `around`, cosines."""
        known = self.encoder.pair_head.known - self.encoder.class_names.mean
        return _best(self.cosines(functional.normalize(known, dim=-1)))

    def cosines(self, wordings: torch.Tensor) -> torch.Tensor:
        """Of `around` with wordings as of `ClassNames.encode_text`, [n, 384]: [n, rows, cols]."""
        return (functional.normalize(self.around, dim=-1) @ wordings.T).permute(2, 0, 1)

    @Once
    def around(self) -> torch.Tensor:
        """Mean class names of places, [rows, cols, 384]; places of change outweigh those around them."""
        coarse = self.coarse.permute(2, 0, 1)[None]
        rows, cols = coarse.shape[-2:]
        weight = functional.adaptive_avg_pool2d(self.distance.to(coarse)[None, None], (rows, cols)) + 1e-3
        margin = (AROUND // 2,) * 4
        sums = (
            functional.avg_pool2d(functional.pad(x, margin), AROUND, 1) for x in (coarse * weight, weight)
        )
        return self.encoder.class_names.mix(self.encoder.tower.classes(next(sums) / next(sums)))[0]

    @Once
    def instances(self) -> torch.Tensor:
        """Which instance each place belongs to: int64 [rows, cols], as `instances_of`."""
        return instances_of(self.distance).to(self.coarse.device)

    @Once
    def classes(self) -> torch.Tensor:
        """What class each instance is of: probabilities [instances, 1000].

        It is classified twice, alone and where it lies: some things are known by what is around them.
        """
        instances, tower = self.instances.cpu(), self.encoder.tower
        cut = crops(instances, self.distance, *self.images)
        alone = torch.stack(independent([partial(self._summed_up, crop) for crop in cut]))
        cells = tower.summed_up(self.coarse.permute(2, 0, 1)[None])[0].flatten(0, 1)
        there = shares(instances, self.distance, self.coarse.shape[:2]).to(cells) @ cells
        # The classifier is linear: of a mean it says the mean of what it says of each.
        logits = tower.classifier(torch.lerp(there, alone, ALONE))
        return (SEEN_SHARPNESS * logits).softmax(dim=-1)

    @torch.inference_mode()
    def _summed_up(self, crop: np.ndarray) -> torch.Tensor:
        """What the classifier reads of a crop: [1280]."""
        last = self.encoder.stages([resize(crop, (CROP_SIDE, CROP_SIDE))])[-1]
        return self.encoder.tower.summed_up(last).mean(dim=(0, 1, 2))


def _best(fits: torch.Tensor) -> torch.Tensor:
    """The mean of the best few of [wordings, rows, cols]."""
    return fits.topk(RIVALS, dim=0).values.mean(dim=0)


def _ramp(value: float, begin: float, end: float) -> float:
    return min(1.0, max(0.0, (value - begin) / (end - begin)))


class RegionClassifier:
    """Holds what a query names against the places of an image.

    Source:
        ConSE (Norouzi et al., ICLR 2014) per place. Of instances ours asks the other way round, how
        likely the classes are that the words may mean. Prevailing over rival wordings is the hubness
        correction of CSLS (Conneau et al., ICLR 2018), on one side.
    """

    def __init__(self, encoder: MiniEncoder) -> None:
        self._encoder = encoder

    def read(
        self,
        described: torch.Tensor,
        coarse: torch.Tensor,
        distance: torch.Tensor,
        images: tuple[np.ndarray, np.ndarray],
    ) -> ReadImage:
        """One image of a pair; see `ReadImage`."""
        return ReadImage(described, coarse, distance, images, self._encoder)

    @torch.inference_mode()
    def likeness(self, read: ReadImage, query: Query) -> torch.Tensor:
        """How far each place resembles what is named: [rows, cols] of the distance's grid.

        The logarithm of how much likelier the name is than any name would be by chance.
        """
        meant = (SAID_SHARPNESS * self._to_names(query)).softmax(dim=-1).mean(dim=0)
        # Hundreds of far names would together outweigh the few that may be meant.
        likeliest = meant.topk(CLASSES_MEANT)
        by_chance = 1 / len(meant)
        found = read.classes[:, likeliest.indices] @ likeliest.values
        return (found / by_chance + NEVER).log()[read.instances]

    @torch.inference_mode()
    def named(self, query: Query) -> float:
        """How far the query names a thing that has a class name, and no change, in [0, 1].

        Wordings of changes are held against the thing alone: a place may have any name.
        """
        to_names = float(self._to_names(query).topk(NEAREST_NAMES, dim=-1).values.mean())
        embedded = self._encoder.embed(query.things)
        to_changes = float(self._encoder.pair_head.nearness(embedded).mean())
        covered = _ramp(to_names, NAMED_FROM, NAMED_WHOLLY)
        return covered * _ramp(to_names - to_changes, CLOSER_FROM, CLOSER_WHOLLY)

    @torch.inference_mode()
    def fit(self, read: ReadImage, query: Query) -> torch.Tensor:
        """How well the words fit what is there and what changed there: [rows, cols], on an open scale."""
        head, names = self._encoder.pair_head, self._encoder.class_names
        asked = head.standing(read.described, head.embed_queries(self._encoder.embed([query.text])))[0]
        positive: Sequence[str] = query.positive
        wanted = functional.normalize(names.encode_text(positive).mean(dim=0, keepdim=True), dim=-1)
        named = read.cosines(wanted)[0] - RIVAL_WEIGHT * read.named_rivals
        named = functional.interpolate(
            named[None, None], size=asked.shape, mode="bilinear", align_corners=False
        )[0, 0]
        return asked - RIVAL_WEIGHT * read.rivals + NAME_WEIGHT * named

    def _to_names(self, query: Query) -> torch.Tensor:
        """Cosines of the things with the class names, neither in a sentence: [things, 1000]."""
        return self._encoder.embed(query.things) @ self._encoder.class_names.vectors.T
