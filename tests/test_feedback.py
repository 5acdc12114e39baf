"""Thresholds from decisions, with their finite-sample guarantees."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_fiftyone.feedback.conformal import TooFewDecisionsError, calibrate, trade_offs

scores = st.lists(st.integers(1, 999_000).map(lambda n: n / 1e6), min_size=21, max_size=60)
rates = st.sampled_from([0.05, 0.1, 0.2, 0.5])


@settings(max_examples=40)
@given(scores, rates)
def test_left_out_in_turn_rejected_pairs_are_flagged_no_more_often_than_wanted(
    found: list[float], wanted: float
):
    cuts = [
        calibrate([], found[:i] + found[i + 1 :], "false_alarms", wanted).threshold for i in range(len(found))
    ]
    assert np.mean([score >= cut for score, cut in zip(found, cuts, strict=True)]) <= wanted + 1e-9


@settings(max_examples=40)
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


def test_trade_offs_leave_out_what_the_decisions_do_not_suffice_for():
    rejected = [i / 20 for i in range(1, 12)]
    found = trade_offs([0.5, 0.6, 0.9], rejected, "false_alarms")
    assert [row.wanted for row in found] == [0.1, 0.2, 0.3, 0.5]
    assert [row.threshold for row in found] == sorted((row.threshold for row in found), reverse=True)
    assert trade_offs([], [], "recall") == []
