"""From people's decisions on regions to a query that is read better. Nothing here trains a tower.

Decisions are few, so weights stay near where they began unless many decisions agree, and
what is gained is measured only on pairs that were held out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from argus_fiftyone.evaluation.metrics import score_metrics
from argus_fiftyone.feedback.conformal import TooFewDecisionsError

FEWEST_OF_EACH = 6
FOLDS = 4
CHANCE = 0.5
LEAST_GAIN = 0.01
"""AUROC that a further contrast must gain to be taken."""

SPREAD = 2.0
"""Standard deviation of log weights expected before any decision, among the prompts of one
side: few decisions move them little, many overrule it. The balance between the sides is free."""


@dataclass(frozen=True)
class Refinement:
    """Prompts of a query with learned weights, and what they gain on decisions held out.

    Attributes:
        log_weights: by prompt, added to temperature · similarity; empty where none were fitted.
        contrast: further prompts of what the thing is not.
        confirmed, rejected: how many regions of each it rests on.
        auroc_before, auroc_after: how well the posterior tells confirmed from rejected
            regions of pairs that the weights had not seen.
        false_alarms_before, false_alarms_after: rejected regions among those, at the
            cut that keeps 80 % of the confirmed.
    """

    log_weights: Mapping[str, float]
    contrast: tuple[str, ...]
    confirmed: int
    rejected: int
    auroc_before: float
    auroc_after: float
    false_alarms_before: float
    false_alarms_after: float

    @property
    def helps(self) -> bool:
        """Whether it is better than the untouched prompts on what it had not seen, and than chance."""
        return self.auroc_after > max(self.auroc_before, CHANCE)


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

    The posterior of a region is that of `QueryBatch.posterior`: weighed prompts, each side
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
    before = special.expit(posterior_logits(regions.similarities, start, positive, temperature))
    after = _held_out(regions, lambda kept, left: _weighed(regions, kept, left, positive, temperature, start))
    fitted = fit_log_weights(regions.similarities, regions.confirmed, positive, temperature, start)
    weights = {prompt: float(weight) for prompt, weight in zip(prompts, fitted, strict=True)}
    return _refinement(regions, before, after, weights, ())


def refine_by_contrasts(regions: DecidedRegions, contrasts: Sequence[str]) -> Refinement:
    """Choose contrast prompts, for encoders that read a query as a whole and weigh no prompts.

    Contrasts are taken one by one, each the one that best tells confirmed from rejected
    regions by then, as long as one gains a hundredth of AUROC. Several contrasts leave a
    region the smallest of the relevances that each alone leaves it.

    Args:
        regions: here `similarities` holds relevances in [0, 1]: of the plain query first,
            then with each contrast alone, [regions, 1 + contrasts].

    Raises:
        TooFewDecisionsError: as `refine`.
    """
    _check_enough(regions)
    columns, known = regions.similarities, regions.confirmed
    after = _held_out(
        regions, lambda kept, left: columns[left][:, _choose(columns[kept], known[kept])].min(axis=1)
    )
    chosen = _choose(columns, known)
    return _refinement(regions, columns[:, 0], after, {}, tuple(contrasts[i - 1] for i in chosen if i))


def _choose(columns: np.ndarray, confirmed: np.ndarray) -> list[int]:
    """Columns to take the smallest of, the plain query (0) always among them."""
    chosen, best = [0], score_metrics(columns[:, 0], confirmed).auroc
    while len(chosen) < columns.shape[1]:
        rest = [i for i in range(columns.shape[1]) if i not in chosen]
        gains = {i: score_metrics(columns[:, [*chosen, i]].min(axis=1), confirmed).auroc for i in rest}
        winner = max(gains, key=lambda i: gains[i])
        if not gains[winner] >= best + LEAST_GAIN:
            break
        chosen, best = [*chosen, winner], gains[winner]
    return chosen


def _refinement(
    regions: DecidedRegions,
    before: np.ndarray,
    after: np.ndarray,
    log_weights: Mapping[str, float],
    contrast: tuple[str, ...],
) -> Refinement:
    old, new = (score_metrics(scores, regions.confirmed) for scores in (before, after))
    sure = int(regions.confirmed.sum())
    return Refinement(
        log_weights=log_weights,
        contrast=contrast,
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


def _held_out(regions: DecidedRegions, judge: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """Each region judged by what was learned without its pair; `judge` gets (learn from, judge)."""
    scores = np.empty(len(regions.confirmed))
    for fold in _folds(regions):
        scores[fold] = judge(~fold, fold)
    return scores


def _weighed(
    regions: DecidedRegions,
    kept: np.ndarray,
    left: np.ndarray,
    positive: np.ndarray,
    temperature: float,
    start: np.ndarray,
) -> np.ndarray:
    weights = fit_log_weights(
        regions.similarities[kept], regions.confirmed[kept], positive, temperature, start
    )
    return special.expit(posterior_logits(regions.similarities[left], weights, positive, temperature))


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
    """log p / (1 − p) of the weighed posterior, [regions]; as `QueryBatch.posterior`, in numpy.

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
