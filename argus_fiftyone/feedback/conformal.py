"""From people's decisions to a threshold with a guarantee.

Decisions are few and made by someone whose time is dear, so a threshold says how many
it rests on, and is refused when they are too few.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from argus_fiftyone.io.errors import ArgusError

Goal = Literal["false_alarms", "recall"]

SCORE_STEP = 1e-6
"""Thresholds are rounded to this, so that what a form shows is what is applied."""


class TooFewDecisionsError(ArgusError, ValueError):
    """The decisions do not suffice; the message says how many of which kind do."""


@dataclass(frozen=True)
class Calibration:
    """A threshold and what is promised of it.

    Attributes:
        threshold: in (0, 1]; a pair is flagged when its score reaches it.
        goal, wanted: what was asked for: false alarms at most, or recall at least `wanted`.
        decisions: how many decisions the promise rests on (rejected ones for false
            alarms, confirmed ones for recall).
        likely: the rate that holds with 90 % confidence given just these decisions;
            the promise `wanted` holds on average over the decisions one might have made.
        false_alarms, recall: shares among the decisions themselves; nan without any.
    """

    threshold: float
    goal: Goal
    wanted: float
    decisions: int
    likely: float
    false_alarms: float
    recall: float


def calibrate(
    confirmed: Sequence[float], rejected: Sequence[float], goal: Goal, wanted: float
) -> Calibration:
    """The threshold that meets a goal on pairs like those decided on.

    With n decisions of the kind that matters, the k-th of their ordered scores is the
    threshold: k = ⌈(n+1)(1−wanted)⌉ from below for false alarms, k = ⌊(n+1)(1−wanted)⌋
    for recall. For a new pair exchangeable with them, false alarms happen with
    probability at most `wanted`, or recall is at least `wanted`, whatever the
    distribution of scores. Decisions made from the top of the list only make the
    false-alarm promise stricter; for recall they would flatter it.

    Args:
        confirmed, rejected: scores in [0, 1] of pairs with a real and with no real change.
        goal: "false_alarms" (at most) or "recall" (at least).
        wanted: the rate, in (0, 1).

    Raises:
        TooFewDecisionsError: if no threshold can promise that with so few decisions.
        ValueError: if `wanted` is out of range.

    Source:
        Split conformal prediction (Vovk et al. 2005; Lei et al., JASA 2018), one-sided
        and for one class. `likely` is the beta quantile of the same order statistic.
    """
    if not 0 < wanted < 1:
        raise ValueError(f"the wanted rate must lie between 0 and 1, got {wanted:g}")
    sure, refused = np.asarray(confirmed, float), np.asarray(rejected, float)
    scores = np.sort(refused if goal == "false_alarms" else sure)
    cut, likely = (_cut_false_alarms if goal == "false_alarms" else _cut_recall)(scores, wanted)
    return Calibration(cut, goal, wanted, scores.size, likely, _share(refused, cut), _share(sure, cut))


RATES = {"false_alarms": (0.05, 0.1, 0.2, 0.3, 0.5), "recall": (0.95, 0.9, 0.8, 0.7, 0.5)}


def trade_offs(confirmed: Sequence[float], rejected: Sequence[float], goal: Goal) -> list[Calibration]:
    """What each of `RATES` would mean; those that the decisions do not suffice for are left out."""
    found = []
    for rate in RATES[goal]:
        try:
            found.append(calibrate(confirmed, rejected, goal, rate))
        except ValueError:
            continue
    return found


def _cut_false_alarms(scores: np.ndarray, wanted: float) -> tuple[float, float]:
    rank = math.ceil((scores.size + 1) * (1 - wanted) - 1e-9)
    if rank > scores.size:
        raise _too_few(
            math.ceil(1 / wanted - 1e-9) - 1, "rejected", scores.size, f"false alarms below {wanted:g}"
        )
    above = math.floor(scores[rank - 1] / SCORE_STEP + 1e-6) + 1
    if above * SCORE_STEP > 1:
        raise ValueError(
            "rejected pairs reach a score of 1, so no threshold can keep them out; refine the query"
        )
    return above * SCORE_STEP, float(stats.beta.ppf(0.9, scores.size + 1 - rank, rank))


def _cut_recall(scores: np.ndarray, wanted: float) -> tuple[float, float]:
    rank = math.floor((scores.size + 1) * (1 - wanted) + 1e-9)
    if rank < 1:
        raise _too_few(
            math.ceil(1 / (1 - wanted) - 1e-9) - 1, "confirmed", scores.size, f"a recall of {wanted:g}"
        )
    below = max(1, math.floor(scores[rank - 1] / SCORE_STEP))
    return below * SCORE_STEP, float(stats.beta.ppf(0.1, scores.size + 1 - rank, rank))


def _too_few(needed: int, kind: str, found: int, promise: str) -> TooFewDecisionsError:
    return TooFewDecisionsError(
        f"{promise} needs {needed} {kind} pairs or more, found {found}: review more pairs or ask for less"
    )


def _share(scores: np.ndarray, cut: float) -> float:
    return float((scores >= cut).mean()) if scores.size else float("nan")
