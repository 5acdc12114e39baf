"""`argus`, the default: features without a counterpart in the other image, as far as words mean them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from argus_fiftyone.encoders.mini.encoder import MiniEncoder
from argus_fiftyone.encoders.pieces import independent
from argus_fiftyone.encoders.protocol import Encoder, FeatureKind
from argus_fiftyone.io.images import resize
from argus_fiftyone.methods.common.background import (
    above_normal,
    each_part,
    pixel_difference,
    pixel_factor,
    smooth,
)
from argus_fiftyone.methods.common.distances import (
    LevelDistances,
    Sides,
    enlarge,
    level_distances,
    over_levels,
)
from argus_fiftyone.methods.common.partition import partition
from argus_fiftyone.methods.common.query_weighting import among_changes, among_scenes, among_things, gate
from argus_fiftyone.methods.common.region_classifier import (
    COARSEST,
    PARTITION_LEVELS,
    ReadImage,
    RegionClassifier,
)
from argus_fiftyone.methods.common.words import DenseWords, HeadWords, Words
from argus_fiftyone.methods.constants import constants
from argus_fiftyone.methods.protocol import Evidence, Needs, PairBatch, QueryBatch, Tensors
from argus_fiftyone.text.query import Query

TRAINED: frozenset[FeatureKind] = frozenset({"levels"})
UNTRAINED: frozenset[FeatureKind] = frozenset({"levels", "dense"})
"""Features it reads with a trained head, and without one."""

TINY = 1e-12

SIDES_ASKED = {"disappeared": slice(1), "appeared": slice(1, 2)}
"""Which image a query is about, by its direction; both where that is open."""


@dataclass(frozen=True)
class Constants:
    """The method's numbers on one encoder family.

    Attributes:
        level_weights: how much each level counts, finest first; None: all alike.
        middle_level: the level that scores a pair, since its peaks tell nuisance from change best.
        reach: cells of misalignment to forgive, on every level.
        smoothing: standard deviation in cells of the finest grid.
        normal_quantile, normal_share: see `above_normal`.
        pixel_calm, pixel_half, pixel_trust, pixel_doubt: see `pixel_factor`.
        floor: what words leave of a pair's score when it surely shows something else. Far above 0,
            since towers err.
        map_floor, best_share, least_best: see `among_changes`.
        score_peak_share: the share of the map, strongest first, whose mean is its peak.
        score_normal, score_counter: how much of the map's own middle, and of the other image's peak,
            counts as normal.
        pair_share: how far the strength of the pair moves its map: 0 not at all, 1 wholly.
        pair_middle, pair_width: excess at which the strength of a pair is one half, and its scale.
    """

    level_weights: tuple[float, ...] | None
    middle_level: int
    reach: int
    smoothing: float
    normal_quantile: float
    normal_share: float
    pixel_calm: float
    pixel_half: float
    pixel_trust: float
    pixel_doubt: float
    floor: float
    map_floor: float
    best_share: float
    least_best: float
    score_peak_share: float
    score_normal: float
    score_counter: float
    pair_share: float
    pair_middle: float
    pair_width: float


class Argus:
    """Nearest-neighbour distances over levels, above what is normal for the pair, weighed by words.

    Words are read by a trained head where the encoder brings one, as `mini` does, else by the
    posterior of text-aligned cells.
    """

    name = "argus"
    paper = (
        "Ours: local and global nearest-neighbour distances (GeSCF, AnomalyDINO), gated by a text posterior."
    )
    version = 2
    needs = Needs(UNTRAINED, text=True, pixels=True)
    encoder: Encoder

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        numbers = constants(self.name, encoder.family)
        self.constants = Constants(**{key: numbers[key] for key in Constants.__dataclass_fields__})
        trained = isinstance(encoder, MiniEncoder)
        self._words: Words = HeadWords(encoder) if trained else DenseWords()
        self._classifier = RegionClassifier(encoder) if trained else None
        if trained:
            self.needs = replace(self.needs, features=TRAINED)

    def fit(self, images: Iterable[PairBatch]) -> Tensors:
        """Nothing is learned."""
        return {}

    def observe(self, pairs: PairBatch, fitted: Tensors) -> Tensors:
        """Excess distances, the cells that words are held against, and what tells places apart."""
        described, (whole, middle), parts, pixels = independent(
            [
                partial(self._words.describe, pairs),
                partial(self._distances, pairs),
                partial(self._parts, pairs),
                partial(_pixels, pairs),
            ]
        )
        seen = pairs.valid_on(middle.shape[-2:])[:, None].to(middle.device)
        observed = {
            "excess": self._excess(pairs, whole, pixels, parts),
            "middle": middle.where(seen, torch.nan),
            "described": described,
            "part": torch.from_numpy(np.stack(parts)),
        }
        if self._classifier:
            level = pairs.levels[COARSEST]
            coarse = torch.stack([level.before[:, 0], level.after], dim=1).float()
            assert pairs.pixels is not None
            observed |= {"coarse": coarse.unflatten(2, level.grid), "pixels": pairs.pixels[:, :2].flip(1)}
        return observed

    def score(self, observed: Tensors, queries: QueryBatch) -> Evidence:
        """Excess distances as far as the words mean them, moved by the strength of the pair as a whole."""
        excess, middle = (observed[name][:, None] for name in ("excess", "middle"))
        if (queries.support > 0).any():
            excess, middle = self._weighed(excess, middle, observed, queries)
        strength = self._strength(middle, queries.queries)[..., None, None, None]
        strongest = excess.amax(dim=(-2, -1), keepdim=True).clamp(min=TINY)
        raw = excess * (strength / strongest) ** self.constants.pair_share
        return Evidence(raw[:, :, 1], raw[:, :, 0])

    def _distances(self, pairs: PairBatch) -> tuple[Sides, Sides]:
        """Over all levels, and near ones on the middle level only."""
        levels: list[LevelDistances] = [
            level_distances(level, self.constants.reach) for level in pairs.levels
        ]
        weights = self.constants.level_weights or (1.0,) * len(levels)
        middle = levels[min(self.constants.middle_level, len(levels) - 1)]
        return over_levels(levels, weights), middle.near

    def _parts(self, pairs: PairBatch) -> list[np.ndarray]:
        """Of each after image one of its scenes, bool [rows, cols]; all of it where there is only one."""
        if not self._classifier:
            return [np.ones(pairs.grid, bool)] * len(pairs)
        levels = [pairs.levels[number] for number in PARTITION_LEVELS]
        return [
            partition([level.after[number].unflatten(0, level.grid) for level in levels], pairs.grid)
            for number in range(len(pairs))
        ]

    def _excess(
        self, pairs: PairBatch, whole: Sides, pixels: list[np.ndarray], parts: list[np.ndarray]
    ) -> Sides:
        """Distance above what is normal for its scene, more where pixels agree."""
        in_view = pairs.valid_on(pairs.grid).numpy()
        each = zip(whole.cpu().numpy(), pixels, parts, in_view, strict=True)
        found = np.stack([self._excess_of(*one) for one in each])
        return torch.from_numpy(found).to(whole.device)

    def _excess_of(
        self, sides: np.ndarray, difference: np.ndarray, part: np.ndarray, seen: np.ndarray
    ) -> np.ndarray:
        """The same of one pair: float32 [sides, rows, cols]."""
        c = self.constants
        trust = {"calm": c.pixel_calm, "half": c.pixel_half, "trust": c.pixel_trust, "doubt": c.pixel_doubt}
        # The less, the more the light differs: how much single pixels add.
        factor = each_part(part, lambda own: pixel_factor(difference, own, **trust))

        def above(side: np.ndarray) -> np.ndarray:
            calm = smooth(side, c.smoothing)
            usual = c.normal_quantile, c.normal_share
            return each_part(part, lambda own: above_normal(calm, seen & own, *usual))

        return np.stack([(above(side) * factor).astype(np.float32) for side in sides])

    def _weighed(
        self, excess: Tensor, middle: Tensor, observed: Tensors, queries: QueryBatch
    ) -> tuple[Tensor, Tensor]:
        """Both as far as each query's words mean them: [pairs, queries, sides, rows, cols]."""
        c, support = self.constants, queries.support.to(excess)
        if self._classifier:
            excess, middle, named = self._by_regions(excess, middle, observed, queries)
            # What names a thing was read from places; as a change it would be misread.
            support = support * (1 - named.to(support))
        relevance = self._words.relevance(observed["described"], queries).to(excess.device)
        middle = middle * enlarge(gate(relevance, support, c.floor), middle.shape[-2:])
        limits = {"floor": c.map_floor, "best_share": c.best_share, "least_best": c.least_best}
        return among_changes(excess, relevance, support, **limits), middle

    def _by_regions(
        self, excess: Tensor, middle: Tensor, observed: Tensors, queries: QueryBatch
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Both, less in places that show something else than what is named; and how far each query
        names a thing and no change, [queries] in [0, 1]."""
        assert self._classifier
        told = [bool(support) for support in queries.support]
        named = [self._classifier.named(q) if t else 0.0 for q, t in zip(queries.queries, told, strict=True)]
        both = []
        for pair in range(len(excess)):
            images = self._read(observed, pair)
            sides, part = (excess[pair, 0], middle[pair, 0]), observed["part"][pair].to(excess.device)
            for query, own, understood in zip(queries.queries, named, told, strict=True):
                both.append(self._in_regions(query, own, images, part, *sides) if understood else sides)
        shape = len(excess), len(queries)
        excess, middle = (torch.stack(kind).unflatten(0, shape) for kind in zip(*both, strict=True))
        return excess, middle, torch.tensor(named)

    def _read(self, observed: Tensors, pair: int) -> list[ReadImage]:
        assert self._classifier
        images = list(observed["pixels"][pair].cpu().numpy())
        described, coarse, excess = (observed[name][pair] for name in ("described", "coarse", "excess"))
        orders = (images[0], images[1]), (images[1], images[0])
        read = self._classifier.read
        return [read(described[side], coarse[side], excess[side], orders[side]) for side in (0, 1)]

    def _in_regions(
        self,
        query: Query,
        named: float,
        images: list[ReadImage],
        part: Tensor,
        excess: Tensor,
        middle: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """One query's two distances of one pair, [sides, rows, cols] each."""
        classifier = self._classifier
        assert classifier
        if named < 1 and not part.all():
            asked = SIDES_ASKED.get(query.direction, slice(2))
            fits = independent([partial(classifier.fit, image, query) for image in images[asked]])
            factor = among_scenes(part, list(zip(fits, excess[asked], strict=True)), named)
            excess, middle = (sides * enlarge(factor, sides.shape[-2:]) for sides in (excess, middle))
        if named:
            likeness = independent([partial(classifier.likeness, image, query) for image in images])
            excess = torch.stack(among_things(list(excess), likeness, named))
        return excess, middle

    def _strength(self, middle: Tensor, queries: Sequence[Query]) -> Float[Tensor, "pairs queries"]:
        """How strongly a pair changed in the direction asked for, or in the likelier one, in [0, 1].

        The peak of the distance asked about, less what is normal for the pair: the middle of its own
        map, and the peak of the other image's, which nuisance raises as much and a one-sided change
        does not.
        """
        found = [self._peak_and_middle(pair) for pair in middle]
        peak, usual = (torch.stack(kind).expand(-1, len(queries), -1) for kind in zip(*found, strict=True))
        c = self.constants
        excess = peak - c.score_normal * usual - c.score_counter * peak.flip(-1)
        asked = [
            excess[:, n, SIDES_ASKED.get(q.direction, slice(2))].amax(dim=-1) for n, q in enumerate(queries)
        ]
        return torch.sigmoid((torch.stack(asked, dim=1) - c.pair_middle) / c.pair_width)

    def _peak_and_middle(self, middle: Tensor) -> tuple[Tensor, Tensor]:
        """Mean of the highest, and median, of one pair's cells in view, [queries, sides]; 0 without any."""
        flat = middle.flatten(2)
        ordered = flat[..., ~flat[0, 0].isnan()].sort(dim=-1).values
        count = ordered.shape[-1]
        if not count:
            return flat.new_zeros(flat.shape[:2]), flat.new_zeros(flat.shape[:2])
        highest = ordered[..., -max(1, int(self.constants.score_peak_share * count)) :].mean(dim=-1)
        return highest, (ordered[..., count // 2] + ordered[..., ~(count // 2)]) / 2


def _pixels(pairs: PairBatch) -> list[np.ndarray]:
    assert pairs.pixels is not None
    images = pairs.pixels.numpy()
    return [
        pixel_difference(resize(before, pairs.grid), resize(after, pairs.grid))
        for after, before in images[:, :2]
    ]
