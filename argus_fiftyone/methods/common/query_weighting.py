"""Words choose among what changed: between changes of one pair, between things, between two scenes.

Words gate what the eye has found; they never find anything by themselves. And they gate only as
far as they are understood, so a query that nobody can read shows every change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from argus_fiftyone.methods.common.distances import enlarge

NAMES_STEEP = 3.0
"""How fast evidence fades as a place resembles what is named less than the best place does."""
SIDE_STEEP, SIDE_CLEAR = 2.0, 2.0
"""How fast, and from which difference on, one image shows more clearly what is named than the other."""
NAMES_LEAST = 0.3
"""What is left of a place that surely shows something else, since images are misread."""
STRONG_SHARE = 0.1
"""The share of the map, strongest first, among which that place is sought."""

SCENE_STEEP = 24.0
"""How fast a scene fades as the words fit it less than the other scene."""
SCENE_LEAST = 1 / 150
"""What is left of a scene that the words surely do not mean."""


def gate(relevance: Tensor, support: Tensor, floor: float) -> Tensor:
    """The factor that words put on visual evidence, in [floor, 1].

    Args:
        relevance: [pairs, queries, sides, rows, cols] in [0, 1].
        support: how far each query was understood, [queries] in [0, 1]; 0 leaves evidence as it is.
        floor: what is left where relevance is 0, in [0, 1].
    """
    return 1 - support[:, None, None, None] * (1 - floor) * (1 - relevance)


def among_changes(
    excess: Tensor, relevance: Tensor, support: Tensor, *, floor: float, best_share: float, least_best: float
) -> Tensor:
    """Evidence, less where another change of the pair fits the words better.

    Of several changes the words choose; where there is only one kind, they leave it alone.

    Args:
        excess: [pairs, queries or 1, sides, rows, cols] ≥ 0.
        relevance: how well the words name the change of each cell, [pairs, queries, sides, …] in [0, 1].
        support: as in `gate`.
        floor: what words leave of a place when another change fits them better.
        best_share: the share of the map, strongest first, among which the best fit is sought.
        least_best: relevance below which even the best fit is a poor one.
    """
    words = enlarge(relevance, excess.shape[-2:])
    flat = excess.flatten(-2)
    count = flat.shape[-1] - math.ceil((1 - best_share) * (flat.shape[-1] - 1))
    strongest = flat.topk(count, dim=-1).indices.expand(*words.shape[:-2], -1)
    best = torch.quantile(words.flatten(-2).gather(-1, strongest), 0.9, dim=-1).clamp(min=least_best)
    within = (words / best[..., None, None]).clamp(max=1)
    return excess * gate(within, support, floor)


def among_things(distance: Sequence[Tensor], likeness: Sequence[Tensor], named: float) -> list[Tensor]:
    """Evidence of both images, less where a place resembles what is named less than another does.

    What another thing covered goes with it: where one image clearly shows what is named, the
    other image's places fade with those of the first.

    Args:
        distance: of the before and of the after image, [rows, cols] ≥ 0.
        likeness: of their places to what is named, natural logarithms of a ratio, [rows, cols].
        named: how far the query names a thing and no change, in [0, 1].
    """
    alike = [enlarge(like, n.shape) for like, n in zip(likeness, distance, strict=True)]
    best = [_likest(like, n) for like, n in zip(alike, distance, strict=True)]
    left = [torch.exp(NAMES_STEEP * (like - top).clamp(max=0)) for like, top in zip(alike, best, strict=True)]
    chosen = []
    for side, other in ((0, 1), (1, 0)):
        follows = torch.sigmoid(SIDE_STEEP * (best[other] - best[side] - SIDE_CLEAR))
        both = torch.lerp(left[side], torch.minimum(*left), follows)
        chosen.append(distance[side] * (1 - named * (1 - NAMES_LEAST) * (1 - both)))
    return chosen


def _likest(alike: Tensor, distance: Tensor) -> Tensor:
    """The likeness of the place that is likest, among strong changes."""
    strong = distance >= torch.quantile(distance.flatten(), 1 - STRONG_SHARE)
    return torch.quantile(alike[strong], 0.9)


def among_scenes(part: Tensor, sides: Sequence[tuple[Tensor, Tensor]], named: float) -> Tensor:
    """The factor that words put on each of two scenes, [rows, cols] in [SCENE_LEAST, 1].

    Args:
        part: bool [rows, cols], one of them.
        sides: of each image that is asked about, how well the words fit what is there, [rows, cols]
            on an open scale, and evidence, [rows, cols] ≥ 0 on the grid of `part`.
        named: how far the query names a thing and no change, in [0, 1]; such a query chooses no scene.
    """
    fits = torch.tensor([max(_mean_fit(*side, one) for side in sides) for one in (part, ~part)])
    behind = (fits - fits.max()).nan_to_num()  # where neither changed, neither is behind
    left = torch.exp(SCENE_STEEP * (1 - named) * behind).clamp(min=SCENE_LEAST).to(sides[0][1])
    return torch.where(part, *left)


def _mean_fit(fit: Tensor, distance: Tensor, part: Tensor) -> float:
    """Over one scene, strong changes counting for more; what shows no change says nothing."""
    rows, cols = fit.shape
    weight = functional.adaptive_avg_pool2d((distance * part)[None, None], (rows, cols))[0, 0] ** 2
    total = float(weight.sum())
    return float((fit * weight).sum()) / total if total > 0 else -torch.inf
