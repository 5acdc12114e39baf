import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import check_grad

from argus_fiftyone.feedback import (
    DecidedRegions,
    TooFewDecisionsError,
    calibrate,
    fit_log_weights,
    loss_and_slope,
    posterior_logits,
    refine,
)

scores = st.lists(st.integers(1, 999_000).map(lambda n: n / 1e6), min_size=21, max_size=60)
rates = st.sampled_from([0.05, 0.1, 0.2, 0.5])


@given(scores, rates)
def test_left_out_in_turn_rejected_pairs_are_flagged_no_more_often_than_wanted(
    found: list[float], wanted: float
):
    cuts = [
        calibrate([], found[:i] + found[i + 1 :], "false_alarms", wanted).threshold for i in range(len(found))
    ]
    assert np.mean([score >= cut for score, cut in zip(found, cuts, strict=True)]) <= wanted + 1e-9


@given(scores, rates)
def test_left_out_in_turn_confirmed_pairs_are_flagged_at_least_as_often_as_wanted(
    found: list[float], miss: float
):
    cuts = [
        calibrate(found[:i] + found[i + 1 :], [], "recall", 1 - miss).threshold for i in range(len(found))
    ]
    assert np.mean([score >= cut for score, cut in zip(found, cuts, strict=True)]) >= 1 - miss - 1e-9


@given(scores)
def test_fewer_false_alarms_never_need_a_lower_threshold(found: list[float]):
    cuts = [calibrate([], found, "false_alarms", wanted).threshold for wanted in (0.5, 0.2, 0.1, 0.05)]
    assert cuts == sorted(cuts)


@given(scores, st.randoms())
def test_the_order_of_decisions_does_not_matter(found: list[float], random):
    shuffled = random.sample(found, len(found))
    assert (
        calibrate([], found, "false_alarms", 0.1).threshold
        == calibrate([], shuffled, "false_alarms", 0.1).threshold
    )


def test_the_calibration_says_what_it_rests_on():
    found = calibrate([0.7, 0.9], [i / 100 for i in range(50)], "false_alarms", 0.1)
    assert found.threshold == pytest.approx(0.450001)
    assert (found.decisions, found.recall, found.false_alarms) == (50, 1, pytest.approx(0.08))
    assert 0.1 < found.likely < 0.2


@pytest.mark.parametrize(
    ("goal", "kind", "wanted"), [("false_alarms", "rejected", 0.05), ("recall", "confirmed", 0.95)]
)
def test_too_few_decisions_are_refused_with_the_number_needed(goal, kind: str, wanted: float):
    with pytest.raises(TooFewDecisionsError, match=f"needs 19 {kind} pairs or more, found 18"):
        calibrate([0.5] * 18, [0.5] * 18, goal, wanted)
    assert calibrate([0.5] * 19, [0.5] * 19, goal, wanted).decisions == 19


def test_rejected_pairs_at_full_score_cannot_be_kept_out_by_a_threshold():
    with pytest.raises(ValueError, match="no threshold can keep them out"):
        calibrate([], [1.0] * 20, "false_alarms", 0.1)


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
    assert found.log_weights[1] > found.log_weights[0]
    assert found.log_weights[3] > found.log_weights[2]
    assert found.helps
    assert found.auroc_after > found.auroc_before + 0.02
    assert (found.confirmed, found.rejected) == (30, 30)


def test_decisions_without_a_pattern_do_not_pretend_to_help_much():
    found = [refine(made_regions(seed, 60, useful=0), PROMPTS, POSITIVE, 40.0) for seed in range(8)]
    gains = [each.auroc_after - each.auroc_before for each in found]
    assert abs(np.mean(gains)) < 0.1


def test_a_prompt_on_offer_is_taken_up_further_when_decisions_ask_for_it():
    start = np.array([0, 0, 0, -2.0])
    helpful = refine(made_regions(1, 60, useful=0.6), PROMPTS, POSITIVE, 40.0, start).log_weights
    useless = refine(made_regions(1, 60, useful=0), PROMPTS, POSITIVE, 40.0, start).log_weights
    assert helpful[3] - helpful[2] > useless[3] - useless[2] + 1


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
