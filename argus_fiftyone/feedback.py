"""What people's decisions teach: a threshold with a guarantee, and prompts weighed anew.

Nothing here trains a tower. Decisions are few and made by someone whose time is
dear, so every function says how many it rests on and refuses when they are too few.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize, special, stats

from argus_fiftyone.evaluation import score_metrics

Goal = Literal["false_alarms", "recall"]

SCORE_STEP = 1e-6
"""Thresholds are rounded to this, so that what a form shows is what is applied."""

FEWEST_OF_EACH = 6
FOLDS = 4
SPREAD = 2.0
"""Standard deviation of log weights expected before any decision, among the prompts of one
side: few decisions move them little, many overrule it. The balance between the sides is free."""


class TooFewDecisionsError(ValueError):
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


@dataclass(frozen=True)
class Refinement:
    """Prompts of a query with learned weights, and what they gain on decisions held out.

    Attributes:
        prompts: as given to `refine`.
        log_weights: [prompts], added to temperature · similarity; 0 leaves a prompt as it was.
        confirmed, rejected: how many regions of each it rests on.
        auroc_before, auroc_after: how well the posterior tells confirmed from rejected
            regions of pairs that the weights had not seen.
        false_alarms_before, false_alarms_after: rejected regions among those, at the
            cut that keeps 80 % of the confirmed.
    """

    prompts: tuple[str, ...]
    log_weights: np.ndarray
    confirmed: int
    rejected: int
    auroc_before: float
    auroc_after: float
    false_alarms_before: float
    false_alarms_after: float

    @property
    def helps(self) -> bool:
        """Whether it is better than the untouched prompts on what it had not seen."""
        return self.auroc_after > self.auroc_before


@dataclass(frozen=True)
class DecidedRegions:
    """What is known of the regions people decided on.

    Attributes:
        similarities: [regions, prompts], cosine of each region's features and each prompt.
        confirmed: bool [regions].
        pairs: the pair each region lies in; held out together, because regions of one
            pair resemble each other.
    """

    similarities: np.ndarray
    confirmed: np.ndarray
    pairs: Sequence[str]


def refine(
    regions: DecidedRegions,
    prompts: Sequence[str],
    positive: np.ndarray,
    temperature: float,
    start: np.ndarray | None = None,
) -> Refinement:
    """Weigh a query's prompts so that confirmed regions resemble it and rejected ones do not.

    The posterior of a region is that of `encoders.posterior`: weighed prompts, each side
    averaged. Its logit is fitted to the decisions by balanced logistic loss,
    with log w drawn back to `start`, so that few decisions change little.

    Args:
        positive: bool [prompts]; the others are negative.
        temperature: τ of the encoder.
        start: [prompts] log weights to begin with; −2 keeps a prompt on offer that is
            not used unless the decisions ask for it. Default: all 0.

    Raises:
        TooFewDecisionsError: below six confirmed and six rejected regions, each from
            at least four pairs.
    """
    start = np.zeros(len(prompts)) if start is None else np.asarray(start, float)
    _check_enough(regions)
    before = posterior_logits(regions.similarities, start, positive, temperature)
    after = _held_out_logits(regions, positive, temperature, start)
    old, new = (score_metrics(special.expit(z), regions.confirmed) for z in (before, after))
    weights = fit_log_weights(regions.similarities, regions.confirmed, positive, temperature, start)
    sure = int(regions.confirmed.sum())
    return Refinement(
        prompts=tuple(prompts),
        log_weights=weights,
        confirmed=sure,
        rejected=len(regions.confirmed) - sure,
        auroc_before=old.auroc,
        auroc_after=new.auroc,
        false_alarms_before=old.false_alarms,
        false_alarms_after=new.false_alarms,
    )


def _check_enough(regions: DecidedRegions) -> None:
    pairs = np.asarray(regions.pairs)
    for name, chosen in (("confirmed", regions.confirmed), ("rejected", ~regions.confirmed)):
        count, spread = int(chosen.sum()), len(set(pairs[chosen]))
        if count < FEWEST_OF_EACH or spread < FOLDS:
            raise TooFewDecisionsError(
                f"refining a query needs {FEWEST_OF_EACH} {name} regions from {FOLDS} pairs or more, "
                f"found {count} from {spread}: review more regions first"
            )


def _held_out_logits(
    regions: DecidedRegions, positive: np.ndarray, temperature: float, start: np.ndarray
) -> np.ndarray:
    """Each region's logit under weights fitted without its pair."""
    logits = np.empty(len(regions.confirmed))
    for fold in _folds(regions):
        kept = ~fold
        weights = fit_log_weights(
            regions.similarities[kept], regions.confirmed[kept], positive, temperature, start
        )
        logits[fold] = posterior_logits(regions.similarities[fold], weights, positive, temperature)
    return logits


def _folds(regions: DecidedRegions) -> list[np.ndarray]:
    """Pairs dealt out in turn, those with confirmed regions first, so that every fold has both kinds."""
    pairs = np.asarray(regions.pairs)
    sure = set(pairs[regions.confirmed])
    order = sorted(set(pairs), key=lambda pair: (pair not in sure, pair))
    fold_of = {pair: index % FOLDS for index, pair in enumerate(order)}
    numbers = np.array([fold_of[pair] for pair in pairs])
    return [numbers == index for index in range(FOLDS)]


def posterior_logits(
    similarities: np.ndarray, log_weights: np.ndarray, positive: np.ndarray, temperature: float
) -> np.ndarray:
    """log p / (1 − p) of the weighed posterior, [regions]; as `encoders.posterior`, in numpy.

    Args:
        similarities: [regions, prompts] cosines.
        log_weights: [prompts].
        positive: bool [prompts], at least one of each kind.
        temperature: τ.
    """
    terms = temperature * similarities + log_weights
    sides = (terms[:, positive], terms[:, ~positive])
    for_it, against = (special.logsumexp(side, axis=1) - np.log(side.shape[1]) for side in sides)
    return for_it - against


def fit_log_weights(
    similarities: np.ndarray,
    confirmed: np.ndarray,
    positive: np.ndarray,
    temperature: float,
    start: np.ndarray,
) -> np.ndarray:
    """The log weights [prompts] of least loss; see `refine`. Deterministic."""
    fitted = optimize.minimize(
        loss_and_slope,
        start,
        (similarities, confirmed, positive, temperature, start),
        jac=True,
        method="L-BFGS-B",
    )
    return fitted.x


def loss_and_slope(
    log_weights: np.ndarray,
    similarities: np.ndarray,
    confirmed: np.ndarray,
    positive: np.ndarray,
    temperature: float,
    start: np.ndarray,
) -> tuple[float, np.ndarray]:
    """Balanced mean logistic loss minus the log prior around `start`, and its slope by the log weights."""
    logits = posterior_logits(similarities, log_weights, positive, temperature)
    sign = np.where(confirmed, 1.0, -1.0)
    share = np.where(confirmed, 0.5 / max(confirmed.sum(), 1), 0.5 / max((~confirmed).sum(), 1))
    loss = (share * np.logaddexp(0, -sign * logits)).sum()
    by_logit = -share * sign * special.expit(-sign * logits)
    terms = temperature * similarities + log_weights
    by_weight = np.empty_like(terms)
    by_weight[:, positive] = special.softmax(terms[:, positive], axis=1)
    by_weight[:, ~positive] = -special.softmax(terms[:, ~positive], axis=1)
    pull = 1 / (len(confirmed) * SPREAD**2)
    away = log_weights - start
    for side in (positive, ~positive):
        away[side] -= away[side].mean()
    return float(loss + pull / 2 * (away**2).sum()), by_logit @ by_weight + pull * away
