"""Words choose among what changed: between two scenes, between things, between changes of one pair."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from argus_fiftyone.engine.calibration import MAP_FLOOR, compared_within, gate
from argus_fiftyone.methods.common.distances import enlarge

NAMES_STEEP = 3.0
"""How fast evidence fades as a place resembles what is named less than the best place does."""
SIDE_STEEP, SIDE_CLEAR = 2.0, 2.0
"""How fast, and from which difference on, one picture shows more clearly what is named than the other."""
NAMES_LEAST = 0.3
"""What is left of a place that surely shows something else, since pictures are misread."""
STRONG_SHARE = 0.1
"""The share of the map, strongest first, among which that place is sought."""

SCENE_STEEP = 24.0
"""How fast a scene fades as the words fit it less than the other scene."""
SCENE_LEAST = 1 / 150
"""What is left of a scene that the words surely do not mean."""


def among_changes(
    novelty: torch.Tensor, strongest: torch.Tensor, relevance: torch.Tensor, support: float | torch.Tensor
) -> torch.Tensor:
    """Novelty, less where another change of the pair fits the words better: [queries, rows, cols].

    Args:
        novelty: [rows, cols] ≥ 0.
        strongest: its `strongest_cells`.
        relevance: how well the words name the change of each cell, [queries, rows, cols] in [0, 1].
        support: how far the queries were understood, in [0, 1], as in `gate`.
    """
    words = enlarge_each(relevance, novelty.shape)
    return novelty * gate(compared_within(words, strongest), support, MAP_FLOOR)


def enlarge_each(values: torch.Tensor, size: tuple[int, ...] | torch.Size) -> torch.Tensor:
    """[queries, rows, cols] brought to another grid by bilinear interpolation."""
    if values.shape[1:] == torch.Size(size):
        return values
    return functional.interpolate(values[None], size=tuple(size), mode="bilinear", align_corners=False)[0]


def among_things(
    novelty: Sequence[torch.Tensor], likeness: Sequence[torch.Tensor], named: float
) -> list[torch.Tensor]:
    """Novelty of both pictures, less where a changed place resembles what is named less than another does.

    What another thing covered goes with it: where one picture clearly shows what is named, the
    other picture's places fade with those of the first.

    Args:
        novelty: of the before and of the after picture, [rows, cols] ≥ 0.
        likeness: of their places to what is named, natural logarithms of a ratio, [rows, cols].
        named: how far the query names a thing and no change, in [0, 1].
    """
    alike = [enlarge(like, n.shape) for like, n in zip(likeness, novelty, strict=True)]
    best = [_likest(like, n) for like, n in zip(alike, novelty, strict=True)]
    left = [torch.exp(NAMES_STEEP * (like - top).clamp(max=0)) for like, top in zip(alike, best, strict=True)]
    chosen = []
    for side, other in ((0, 1), (1, 0)):
        follows = torch.sigmoid(SIDE_STEEP * (best[other] - best[side] - SIDE_CLEAR))
        both = torch.lerp(left[side], torch.minimum(*left), follows)
        chosen.append(novelty[side] * (1 - named * (1 - NAMES_LEAST) * (1 - both)))
    return chosen


def _likest(alike: torch.Tensor, novelty: torch.Tensor) -> torch.Tensor:
    """The likeness of the place that is likest, among strong changes."""
    strong = novelty >= torch.quantile(novelty.flatten(), 1 - STRONG_SHARE)
    return torch.quantile(alike[strong], 0.9)


def among_scenes(
    scene: np.ndarray, sides: Sequence[tuple[torch.Tensor, torch.Tensor]], named: float
) -> torch.Tensor:
    """The factor that words put on each of two scenes, [rows, cols] in [SCENE_LEAST, 1].

    Args:
        scene: bool [rows, cols], one of them.
        sides: of each picture that is asked about, how well the words fit what is there, [rows, cols]
            on an open scale, and novelty, [rows, cols] ≥ 0 on the grid of `scene`.
        named: how far the query names a thing and no change, in [0, 1]; such a query chooses no scene.
    """
    one = torch.from_numpy(scene)
    fits = torch.tensor([max(_mean_fit(*side, part) for side in sides) for part in (one, ~one)])
    behind = (fits - fits.max()).nan_to_num()  # where neither changed, neither is behind
    left = torch.exp(SCENE_STEEP * (1 - named) * behind).clamp(min=SCENE_LEAST)
    return torch.where(one, *left)


def _mean_fit(fit: torch.Tensor, novelty: torch.Tensor, part: torch.Tensor) -> float:
    """Over one scene, strong changes counting for more; what shows no change says nothing."""
    rows, cols = fit.shape
    weight = functional.adaptive_avg_pool2d((novelty * part)[None, None], (rows, cols))[0, 0] ** 2
    total = float(weight.sum())
    return float((fit * weight).sum()) / total if total > 0 else -torch.inf
