"""Refining a query from decided regions: when it pays, and when it is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad

from argus_fiftyone.feedback.conformal import TooFewDecisionsError
from argus_fiftyone.feedback.prompt_weights import (
    DecidedRegions,
    fit_log_weights,
    loss_and_slope,
    posterior_logits,
    refine,
    refine_by_contrasts,
)


def made_regions(seed: int, regions: int = 24, useful: float = 0.3) -> DecidedRegions:
    """Two positive prompts, of which the second tells, and two negative ones, of which the fourth does."""
    random = np.random.default_rng(seed)
    confirmed = np.arange(regions) % 2 == 0
    similarities = random.normal(0.2, 0.02, (regions, 4))
    similarities[:, 0] += random.normal(0, 0.1, regions)
    similarities[:, 1] += useful * 0.2 * confirmed
    similarities[:, 3] += useful * 0.2 * ~confirmed
    return DecidedRegions(similarities, confirmed, [f"pair {i // 2}" for i in range(regions)])


POSITIVE = np.array([True, True, False, False])
PROMPTS = ["a shiny part", "a crack", "a floor", "a shadow"]


def test_refining_favours_the_prompts_that_tell_and_helps_on_pairs_not_seen():
    found = refine(made_regions(0, 60), PROMPTS, POSITIVE, 40.0)
    assert found.log_weights["a crack"] > found.log_weights["a shiny part"]
    assert found.log_weights["a shadow"] > found.log_weights["a floor"]
    assert found.helps
    assert found.auroc_after > found.auroc_before + 0.02
    assert (found.confirmed, found.rejected) == (30, 30)


def test_decisions_without_a_pattern_do_not_pretend_to_help_much():
    found = [refine(made_regions(seed, 60, useful=0), PROMPTS, POSITIVE, 40.0) for seed in range(4)]
    gains = [each.auroc_after - each.auroc_before for each in found]
    assert abs(np.mean(gains)) < 0.15


def test_a_prompt_on_offer_is_taken_up_further_when_decisions_ask_for_it():
    start = np.array([0, 0, 0, -2.0])
    helpful = refine(made_regions(1, 60, useful=0.6), PROMPTS, POSITIVE, 40.0, start).log_weights
    useless = refine(made_regions(1, 60, useful=0), PROMPTS, POSITIVE, 40.0, start).log_weights
    assert helpful["a shadow"] - helpful["a floor"] > useless["a shadow"] - useless["a floor"] + 1


@pytest.mark.parametrize("count", [2, 10])
def test_refining_with_too_few_decisions_is_refused(count: int):
    with pytest.raises(TooFewDecisionsError, match="needs 6 confirmed regions from 4 pairs or more"):
        refine(made_regions(0, count), PROMPTS, POSITIVE, 40.0)


def test_many_regions_of_one_pair_are_not_many_decisions():
    regions = made_regions(0, 40)
    one_pair = DecidedRegions(regions.similarities, regions.confirmed, ["the same"] * 40)
    with pytest.raises(TooFewDecisionsError, match="found 20 from 1"):
        refine(one_pair, PROMPTS, POSITIVE, 40.0)


@given(st.integers(0, 1000))
def test_the_slope_is_the_derivative_of_the_loss(seed: int):
    regions = made_regions(seed)
    random = np.random.default_rng(seed)
    rest = (regions.similarities, regions.confirmed, POSITIVE, 40.0, np.zeros(4))
    point = random.normal(size=4)
    assert (
        check_grad(lambda w: loss_and_slope(w, *rest)[0], lambda w: loss_and_slope(w, *rest)[1], point) < 1e-5
    )


@settings(max_examples=25)
@given(st.integers(0, 1000))
def test_fitting_never_ends_worse_than_it_began(seed: int):
    regions = made_regions(seed)
    rest = (regions.similarities, regions.confirmed, POSITIVE, 40.0, np.zeros(4))
    fitted = fit_log_weights(*rest)
    assert loss_and_slope(fitted, *rest)[0] <= loss_and_slope(np.zeros(4), *rest)[0] + 1e-12


@given(st.integers(0, 1000), st.floats(-3, 3))
def test_weighing_everything_alike_changes_no_posterior(seed: int, shift: float):
    similarities = made_regions(seed).similarities
    plain = posterior_logits(similarities, np.zeros(4), POSITIVE, 40.0)
    assert posterior_logits(similarities, np.full(4, shift), POSITIVE, 40.0) == pytest.approx(plain)


def relevance_columns(seed: int, useful: float) -> DecidedRegions:
    """Relevance of the plain query, and with two contrasts, of which the second drops rejected regions."""
    random = np.random.default_rng(seed)
    confirmed = np.arange(40) % 2 == 0
    plain = random.uniform(0.4, 0.6, 40)
    first = plain * random.uniform(0.9, 1.0, 40)
    second = plain * np.where(confirmed, 1.0, 1 - useful)
    return DecidedRegions(
        np.stack([plain, first, second], 1), confirmed, [f"pair {i // 2}" for i in range(40)]
    )


@settings(max_examples=15)
@given(st.integers(0, 300))
def test_the_contrast_that_names_the_false_alarms_is_chosen(seed: int):
    found = refine_by_contrasts(relevance_columns(seed, 0.6), ["dust", "a shadow"])
    assert "a shadow" in found.contrast
    assert found.helps
    assert found.auroc_after > 0.9


def test_contrasts_that_gain_nothing_are_left_out():
    regions = relevance_columns(0, 0.0)
    regions.similarities[:, 1] = regions.similarities[:, 0]
    found = refine_by_contrasts(regions, ["dust", "a shadow"])
    assert found.contrast == ()
    assert not found.helps
