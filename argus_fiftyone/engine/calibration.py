"""Novelty → evidence in [0, 1] that means the same for every pair.

Nothing here stretches a pair to its own maximum: an unchanged pair must stay quiet. What
is normal for a pair is read from the pair itself, from the bulk of its own map and from
the novelty of the picture that is not asked about.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch

from argus_fiftyone.text.query import Wanted

SMOOTHING = 1.8
"""Standard deviation in cells of the finest grid."""

NORMAL_QUANTILE = 0.75
NORMAL_SHARE = 0.5
"""How much of this quantile of the map counts as normal for the pair."""

HALF_EVIDENCE = 0.30
"""Calibrated novelty that makes evidence 0.5."""
PAIR_SHARE = 0.25
"""How far the pair's own score moves its evidence: 0 not at all, 1 wholly."""
PAIR_MIDDLE = 0.415
"""Excess of a pair's score at which its say in the map is one half."""
PAIR_WIDTH = 0.08
QUIET_MOST = 0.49
"""The most that a pair below the default threshold may show."""
LOUD_LEAST = 0.51
"""The least that the strongest place of any other pair shows."""

PIXEL_CALM = 6.0
"""Typical pixel difference, in grey levels, at which trust in pixels falls to 1/e."""
PIXEL_HALF = 40.0
PIXEL_TRUST = 1.5
PIXEL_DOUBT = 0.3

FLOOR = 0.65
"""What words leave of a pair's score when it surely shows something else. Far above 0, since towers err."""
MAP_FLOOR = 0.27
"""What words leave of a place when another change of the same pair fits them better."""
BEST_SHARE = 0.02
"""The share of the map, strongest first, among which the change that fits best is sought."""
LEAST_BEST = 0.1
"""Relevance below which even the best fit is a poor one."""

SCORE_PEAK_SHARE = 0.005
SCORE_NORMAL = 0.3
SCORE_COUNTER = 0.3
SCORE_MIDDLE = 0.43
"""Excess at which a pair scores 0.5: about where 80 % of real changes are found."""
SCORE_WIDTH = 0.04


def smooth(novelty: np.ndarray) -> np.ndarray:
    """Novelty [rows, cols] averaged over neighbours: single cells are noisy, changes are not single cells."""
    return cv2.GaussianBlur(novelty, (0, 0), SMOOTHING)


def above_normal(novelty: np.ndarray, in_view: np.ndarray) -> np.ndarray:
    """Novelty beyond what is normal for the pair, ≥ 0; 0 out of view.

    Args:
        novelty: [rows, cols] ≥ 0.
        in_view: bool [rows, cols].
    """
    normal = float(np.quantile(novelty[in_view] if in_view.any() else novelty, NORMAL_QUANTILE))
    return np.maximum(novelty - NORMAL_SHARE * normal, 0) * in_view


def as_evidence(excess: np.ndarray, score: float) -> np.ndarray:
    """Excess novelty → evidence in [0, 1), the pair's score taken into account.

        e = x / (x + HALF_EVIDENCE),  x = excess · (s / max excess)^PAIR_SHARE,
        s the score's excess on a flatter curve

    Args:
        excess: [rows, cols] ≥ 0.
        score: the pair's, in [0, 1].
    """
    strongest = float(excess.max())
    if strongest <= 0:
        return np.zeros_like(excess)
    # The logit is flattened, so that the map fades more slowly than the score falls.
    pair_excess = SCORE_MIDDLE + _logit(score) * SCORE_WIDTH
    share = 1 / (1 + np.exp(-(pair_excess - PAIR_MIDDLE) / PAIR_WIDTH))
    scaled = excess * (share / strongest) ** PAIR_SHARE
    return scaled / (scaled + HALF_EVIDENCE)


def in_step(heatmap: np.ndarray, score: float) -> np.ndarray:
    """The heatmap, signed, with its peak on the side of 0.5 on which the score is.

    What the score calls quiet the map leaves quiet, and a pair that is flagged shows where.
    """
    strongest = float(np.abs(heatmap).max())
    if score < 0.5 <= strongest:
        return heatmap * (QUIET_MOST / strongest)
    if score >= 0.5 and 0 < strongest < LOUD_LEAST:
        return heatmap * (LOUD_LEAST / strongest)
    return heatmap


def _logit(score: float) -> float:
    score = min(max(score, 1e-6), 1 - 1e-6)
    return float(np.log(score / (1 - score)))


def strongest_cells(novelty: torch.Tensor) -> torch.Tensor:
    """Where novelty [rows, cols] is strongest: indices into it, flattened."""
    flat = novelty.flatten()
    return (flat >= torch.quantile(flat, 1 - BEST_SHARE)).nonzero()[:, 0]


def compared_within(relevance: torch.Tensor, strongest: torch.Tensor) -> torch.Tensor:
    """Relevance in proportion to that of the change of this pair that fits the words best, in [0, 1].

    Of several changes the words choose; where there is only one kind, they leave it alone.

    Args:
        relevance: [queries, rows, cols] in [0, 1].
        strongest: the cells with the strongest changes, as `strongest_cells` gives them.
    """
    best = torch.quantile(relevance.flatten(1)[:, strongest], 0.9, dim=1).clamp(min=LEAST_BEST)
    return (relevance / best[:, None, None]).clamp(max=1)


def gate(relevance: torch.Tensor, support: float | torch.Tensor, floor: float) -> torch.Tensor:
    """The factor that words put on visual evidence, in [floor, 1].

    Words gate what the eye has found; they never find anything by themselves. And they
    gate only as far as they are understood, so a query nobody can read shows every change.

    Args:
        relevance: [..., rows, cols] in [0, 1].
        support: how far the query was understood, in [0, 1]; 0 leaves evidence as it is.
            Of several queries: [queries, 1, 1].
        floor: what is left where relevance is 0, in [0, 1].
    """
    return 1 - support * (1 - floor) * (1 - relevance)


def pixel_factor(difference: np.ndarray, scene: np.ndarray) -> np.ndarray:
    """The factor that single pixels put on evidence, in [1 − PIXEL_DOUBT, 1 + PIXEL_TRUST].

    The typical pixel difference of the pair says how far pixels can be trusted: where
    light moved everywhere, they say nothing and the factor is 1 everywhere.

    Args:
        difference: [rows, cols] ≥ 0 in grey levels, as `pixel_difference` gives it.
        scene: bool [rows, cols], where what is typical is looked for.
    """
    typical = float(np.median(difference[scene]))
    excess = np.maximum(difference - 2 * typical, 0)
    trust = np.exp(-typical / PIXEL_CALM)
    return 1 + trust * (PIXEL_TRUST * excess / (excess + PIXEL_HALF) - PIXEL_DOUBT)


def peak(ordered: np.ndarray, share: float = SCORE_PEAK_SHARE) -> float:
    """Mean of the highest `share` of values in ascending order: one cell's noise is not a peak."""
    return float(ordered[-max(1, int(share * ordered.size)) :].mean())


def pair_score(after: np.ndarray, before: np.ndarray, wanted: Wanted = "any") -> float:
    """Evidence that the pair holds the change asked for, in [0, 1], 0.5 at the default cut.

    The peak of the novelty asked about, less what is normal for the pair: the middle of
    its own map, and the peak of the other picture's novelty, which nuisance raises as
    much and a one-sided change does not. Where the direction is open, the likelier counts.

    Args:
        after, before: novelty of either picture, [rows, cols] in [0, 2]; nan out of view.
        wanted: the direction the query asks for.
    """
    came, went = _peak_and_middle(after), _peak_and_middle(before)
    scores = [_one_sided(*came, went[0]), _one_sided(*went, came[0])]
    if wanted == "appeared":
        return scores[0]
    return scores[1] if wanted == "disappeared" else max(scores)


def _peak_and_middle(novelty: np.ndarray) -> tuple[float, float]:
    """Mean of the highest, and median, of the cells in view; 0 and 0 where there are none."""
    ordered = np.sort(novelty, axis=None)  # nan comes last
    ordered = ordered[: ordered.size - np.count_nonzero(np.isnan(novelty))]
    if not ordered.size:
        return 0.0, 0.0
    half = ordered.size // 2
    return peak(ordered), float(ordered[half] + ordered[~half]) / 2


def _one_sided(highest: float, middle: float, counter: float) -> float:
    if not highest:
        return 0.0
    excess = highest - SCORE_NORMAL * middle - SCORE_COUNTER * counter
    return float(1 / (1 + np.exp(-(excess - SCORE_MIDDLE) / SCORE_WIDTH)))
