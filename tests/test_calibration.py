"""Novelty → evidence: quiet pairs stay quiet, and what is normal is not news."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from argus_fiftyone.engine.calibration import (
    FLOOR,
    PIXEL_DOUBT,
    PIXEL_TRUST,
    above_normal,
    as_evidence,
    compared_within,
    gate,
    in_step,
    pair_score,
    peak,
    pixel_factor,
    smooth,
    strongest_cells,
)

ALL = np.ones((8, 9), bool)
novelties = arrays(np.float32, (8, 9), elements=st.floats(0, 2, width=32))
SHORT = settings(max_examples=60, deadline=None)


def quiet_with_a_spot(strength: float, level: float = 0.1) -> np.ndarray:
    novelty = np.full((40, 40), level)
    novelty[10:16, 20:26] = strength
    return novelty


@SHORT
@given(novelties)
def test_excess_is_never_negative_and_never_more_than_the_novelty(novelty: np.ndarray):
    excess = above_normal(novelty, ALL)
    assert (excess >= 0).all()
    assert (excess <= novelty).all()


def test_what_is_out_of_view_gives_nothing_and_does_not_count_as_normal():
    novelty = np.full((8, 9), 0.2)
    novelty[:, :4] = 2
    in_view = ALL.copy()
    in_view[:, :4] = False
    excess = above_normal(novelty, in_view)
    assert not excess[:, :4].any()
    np.testing.assert_allclose(excess, above_normal(np.full((8, 9), 0.2), ALL) * in_view)


def test_a_pair_wholly_out_of_view_gives_nothing():
    assert not above_normal(np.ones((8, 9)), ~ALL).any()


@SHORT
@given(novelties, st.floats(0, 1))
def test_evidence_stays_within_zero_and_one_and_keeps_the_order(excess: np.ndarray, score: float):
    evidence = as_evidence(excess, score)
    assert (evidence >= 0).all()
    assert (evidence < 1).all()
    order = np.argsort(excess, axis=None)
    assert (np.diff(evidence.ravel()[order]) >= -1e-6).all()


@SHORT
@given(novelties, st.floats(0, 0.4999))
def test_what_the_score_calls_quiet_the_map_leaves_quiet(excess: np.ndarray, score: float):
    assert np.abs(in_step(1 - as_evidence(excess, score), score)).max() < 0.5


@SHORT
@given(novelties, st.floats(0.5, 1), st.sampled_from((-1, 1)))
def test_a_pair_that_is_flagged_shows_where(excess: np.ndarray, score: float, sign: int):
    heatmap = sign * as_evidence(excess, score)
    if heatmap.any():
        assert np.abs(in_step(heatmap, score)).max() > 0.5
        assert (np.sign(in_step(heatmap, score)) == np.sign(heatmap)).all()


def test_nothing_new_gives_no_evidence_whatever_the_score():
    assert not as_evidence(np.zeros((3, 3)), 0.9).any()


@SHORT
@given(novelties, st.floats(0, 1), st.floats(0, 1))
def test_a_higher_score_never_lowers_evidence(excess: np.ndarray, first: float, second: float):
    low, high = sorted((first, second))
    assert (as_evidence(excess, high) >= as_evidence(excess, low) - 1e-6).all()


@SHORT
@given(st.floats(0, 1), st.floats(0, 1))
def test_words_leave_at_least_the_floor_and_never_add(relevance: float, support: float):
    factor = float(gate(torch.tensor([[relevance]]), support, FLOOR))
    assert FLOOR - 1e-6 <= factor <= 1 + 1e-6


def test_a_query_nobody_understands_gates_nothing():
    assert (gate(torch.rand(4, 4), 0.0, FLOOR) == 1).all()


def test_what_is_relevant_passes_whole():
    assert gate(torch.ones(1, 1), 1.0, FLOOR).item() == 1
    assert gate(torch.zeros(1, 1), 1.0, FLOOR).item() == pytest.approx(FLOOR)


@SHORT
@given(arrays(np.float32, (8, 9), elements=st.floats(0, 255, width=32)))
def test_pixels_add_and_take_within_their_bounds(difference: np.ndarray):
    factor = pixel_factor(difference, np.ones((8, 9), bool))
    assert factor.min() >= 1 - PIXEL_DOUBT - 1e-6
    assert factor.max() <= 1 + PIXEL_TRUST + 1e-6


def test_pixels_count_where_the_light_is_steady_and_not_where_it_moved():
    steady, restless = np.zeros((10, 10)), np.full((10, 10), 60.0)
    steady[5, 5] = restless[5, 5] = 200
    everywhere = np.ones((10, 10), bool)
    assert pixel_factor(steady, everywhere)[5, 5] > 1.5
    np.testing.assert_allclose(pixel_factor(restless, everywhere), 1, atol=1e-3)


def test_smoothing_quietens_a_single_cell_and_keeps_a_plain_map():
    single = np.zeros((21, 21))
    single[10, 10] = 1
    assert smooth(single).max() < 0.1
    assert smooth(single).sum() == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(smooth(np.full((9, 9), 0.3)), 0.3, atol=1e-9)


def test_the_peak_is_a_mean_of_the_highest_and_of_one_at_least():
    values = np.arange(1000.0)
    assert peak(values) == pytest.approx(997)
    assert peak(np.array([1.0, 5.0])) == 5


def test_a_pair_without_novelty_scores_zero():
    nothing = np.zeros((10, 10))
    assert pair_score(nothing, nothing) == 0
    assert pair_score(np.full((10, 10), np.nan), nothing) == 0


def test_a_spot_scores_high_and_an_even_restlessness_low():
    quiet = np.full((40, 40), 0.1)
    assert pair_score(quiet_with_a_spot(0.9), quiet) > 0.9
    assert pair_score(np.full((40, 40), 0.6), np.full((40, 40), 0.6)) < 0.1


def test_the_score_listens_to_the_direction_asked_for():
    after, before = quiet_with_a_spot(0.9), np.full((40, 40), 0.1)
    assert pair_score(after, before, "appeared") > 0.9
    assert pair_score(after, before, "disappeared") < 0.1
    assert pair_score(before, after, "disappeared") == pair_score(after, before, "appeared")
    assert pair_score(after, before, "any") == pair_score(after, before, "appeared")


@SHORT
@given(novelties, novelties)
def test_scores_stay_within_zero_and_one_and_an_open_score_forgets_the_order(after, before):
    score = pair_score(after, before)
    assert 0 <= score <= 1
    assert score == pair_score(before, after)


def test_cells_out_of_view_do_not_count_for_the_score():
    after, before = quiet_with_a_spot(0.9), np.full((40, 40), 0.1)
    hidden = after.copy()
    hidden[10:16, 20:26] = np.nan
    assert pair_score(hidden, before) < 0.1


def test_of_several_changes_the_words_choose():
    novelty, fits = torch.zeros(20, 20), torch.full((20, 20), 0.1)
    novelty[2:5, 2:5] = novelty[14:17, 14:17] = 1.0
    fits[2:5, 2:5] = 0.6
    chosen = compared_within(fits[None], strongest_cells(novelty))[0]
    assert float(chosen[3, 3]) == 1.0
    assert float(chosen[15, 15]) == pytest.approx(0.1 / 0.6, abs=0.02)


def test_where_there_is_only_one_kind_of_change_the_words_leave_it_alone():
    novelty = torch.rand(20, 20)
    alike = compared_within(torch.full((1, 20, 20), 0.3), strongest_cells(novelty))
    assert torch.allclose(alike, torch.ones(20, 20))
