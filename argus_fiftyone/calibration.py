"""Novelty → evidence in [0, 1] that means the same for every pair.

Nothing here stretches a pair to its own maximum: an unchanged pair must stay quiet. What
is normal for a pair is read from the pair itself, from the middle of its own map and from
the novelty of the picture that is not asked about.
"""

from __future__ import annotations

import numpy as np

NORMAL_SHARE = 0.6
"""How much of the map's median counts as normal for the pair."""

HALF_EVIDENCE = 0.16
"""Novelty above normal that makes evidence 0.5; chosen so that most unchanged pairs stay below."""

PIXEL_CALM = 6.0
"""Typical pixel difference, in grey levels, at which trust in pixels falls to 1/e."""
PIXEL_HALF = 40.0
PIXEL_TRUST = 1.5
PIXEL_DOUBT = 0.3

SCORE_PEAK_SHARE = 0.005
SCORE_MIDDLE = 0.31
SCORE_WIDTH = 0.035


def above_normal(novelty: np.ndarray, in_view: np.ndarray) -> np.ndarray:
    """Novelty beyond what is normal for the pair, ≥ 0; 0 out of view.

    Args:
        novelty: [rows, cols] ≥ 0.
        in_view: bool [rows, cols].
    """
    normal = float(np.median(novelty[in_view])) if in_view.any() else float(np.median(novelty))
    return np.maximum(novelty - NORMAL_SHARE * normal, 0) * in_view


def as_evidence(excess: np.ndarray) -> np.ndarray:
    """Excess novelty ≥ 0 → evidence in [0, 1); 0.5 at `HALF_EVIDENCE`."""
    return excess / (excess + HALF_EVIDENCE)


def pixel_factor(difference: np.ndarray) -> np.ndarray:
    """The factor that single pixels put on a registered pair's evidence, in [1 − PIXEL_DOUBT, 1 + PIXEL_TRUST].

    The typical pixel difference of the pair says how far pixels can be trusted: where
    light moved everywhere, they say nothing and the factor is 1 everywhere.

    Args:
        difference: [rows, cols] ≥ 0 in grey levels, as `pixel_difference` gives it.
    """
    typical = float(np.median(difference))
    excess = np.maximum(difference - 2 * typical, 0)
    trust = np.exp(-typical / PIXEL_CALM)
    return 1 + trust * (PIXEL_TRUST * excess / (excess + PIXEL_HALF) - PIXEL_DOUBT)


def peak(values: np.ndarray, share: float = SCORE_PEAK_SHARE) -> float:
    """Mean of the highest `share` of the values: one cell's noise is not a peak."""
    flat = np.sort(values, axis=None)
    return float(flat[-max(1, int(share * flat.size)) :].mean())


def pair_score(novelty: np.ndarray, counter_novelty: np.ndarray, in_view: np.ndarray) -> float:
    """Evidence that the pair holds a change at all, in (0, 1), 0.5 at the default cut.

    The peak of the novelty asked about, less what is normal for the pair: the middle of
    its own map, and the peak of the other picture's novelty, which nuisance raises as
    much and a one-sided change does not.

    Args:
        novelty, counter_novelty: [rows, cols] in [0, 2] on a mid-level grid.
        in_view: bool [rows, cols].
    """
    if not in_view.any():
        return 0.0
    seen, counter = novelty[in_view], counter_novelty[in_view]
    excess = peak(seen) - 0.3 * float(np.median(seen)) - 0.3 * peak(counter)
    return float(1 / (1 + np.exp(-(excess - SCORE_MIDDLE) / SCORE_WIDTH)))
