"""Metrics in one pass against scikit-learn, and against what they must be by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from argus_fiftyone.evaluation.metrics import (
    EvidenceHistogram,
    pair_metrics,
    recall_cut,
    score_metrics,
)
from argus_fiftyone.io.masks import fit_mask

SHORT = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 2**20)


def pictures(seed: int, count: int = 3) -> list[tuple[np.ndarray, np.ndarray]]:
    """Evidence at the levels of a 16-bit map, with ties, and masks of rectangles."""
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        mask = np.zeros((30 + number, 40), bool)
        for _ in range(int(random.integers(0, 3)) + (number == 0)):
            top, left = random.integers(0, 22, 2)
            mask[top : top + 6, left : left + 9] = True
        evidence = np.clip(random.normal(0.3 + 0.3 * mask, 0.25), 0, 1)
        evidence[evidence < 0.2] = 0.2
        made.append((np.rint(evidence * 32767) / 32767, mask))
    return made


def counted(some: list[tuple[np.ndarray, np.ndarray]]) -> EvidenceHistogram:
    histogram = EvidenceHistogram()
    for evidence, mask in some:
        histogram.add(evidence, mask)
    return histogram


def pooled(some: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([e.ravel() for e, _ in some]), np.concatenate([m.ravel() for _, m in some])


@SHORT
@given(seeds)
def test_pixels_counted_in_one_pass_give_what_scikit_learn_gives_for_all_at_once(seed: int):
    some = pictures(seed)
    evidence, mask = pooled(some)
    histogram = counted(some)
    assert histogram.average_precision() == pytest.approx(average_precision_score(mask, evidence), abs=1e-4)
    assert histogram.auroc() == pytest.approx(float(roc_auc_score(mask, evidence)), abs=1e-6)
    precision, recall, _ = precision_recall_curve(mask, evidence)
    best = (2 * precision * recall / np.maximum(precision + recall, 1e-12)).max()
    assert histogram.f1_max() == pytest.approx(best, abs=1e-4)


@SHORT
@given(seeds)
def test_counting_picture_by_picture_is_counting_them_as_one(seed: int):
    some = pictures(seed)
    evidence, mask = pooled(some)
    apart, together = counted(some), counted([(evidence[None], mask[None])])
    assert (apart.inside == together.inside).all()
    assert (apart.outside == together.outside).all()
    assert apart.auroc() == together.auroc()


@SHORT
@given(seeds, st.sampled_from([0.05, 0.3, 1.0]))
def test_overlap_per_region_never_exceeds_one(seed: int, limit: float):
    assert 0 <= counted(pictures(seed)).aupro(limit) <= 1


def test_perfect_evidence_has_perfect_metrics():
    mask = np.zeros((40, 40), bool)
    mask[5:9, 5:9] = mask[20:30, 20:34] = True
    found = pair_metrics(mask.astype(float), mask, 0.5)
    assert (found.average_precision, found.auroc, found.f1_max, found.pointing, found.iou) == (1, 1, 1, 1, 1)
    assert found.aupro == pytest.approx(1)


def test_evidence_without_any_information_ranks_at_a_half():
    mask = np.zeros((10, 10), bool)
    mask[:2] = True
    found = pair_metrics(np.full((10, 10), 0.4), mask, 0.5)
    assert found.auroc == pytest.approx(0.5)
    assert found.average_precision == pytest.approx(0.2)


def test_a_small_region_weighs_as_much_as_a_large_one_per_region():
    mask = np.zeros((50, 50), bool)
    mask[2:4, 2:4] = mask[10:40, 10:40] = True
    evidence = np.zeros((50, 50))
    evidence[2:4, 2:4] = 1
    small_only = counted([(evidence, mask)]).aupro()
    evidence[:] = 0
    evidence[10:40, 10:40] = 1
    assert small_only == pytest.approx(counted([(evidence, mask)]).aupro())
    assert 0.5 < small_only < 0.7


def test_touching_corners_make_one_region():
    mask = np.eye(6, dtype=bool)
    assert counted([(np.zeros((6, 6)), mask)]).regions == 1


def test_an_empty_mask_has_no_metrics_and_breaks_nothing():
    found = pair_metrics(np.random.default_rng(0).random((6, 6)), np.zeros((6, 6), bool), 0.5)
    assert all(math.isnan(value) for value in vars(found).values())


def test_a_mask_of_all_pixels_has_no_false_alarms_to_rank_against():
    histogram = counted([(np.ones((4, 4)), np.ones((4, 4), bool))])
    assert math.isnan(histogram.auroc())
    assert math.isnan(histogram.aupro())
    assert histogram.average_precision() == 1


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"need one shape, got \(2, 2\) and \(3, 3\)"):
        EvidenceHistogram().add(np.zeros((2, 2)), np.zeros((3, 3), bool))


def test_evidence_outside_zero_and_one_is_cut():
    histogram = counted([(np.array([[-3.0, 9.0]]), np.array([[False, True]]))])
    assert histogram.auroc() == 1


def test_the_strongest_pixel_may_miss_the_mask_by_two_percent():
    mask = np.zeros((100, 100), bool)
    mask[50:60, 50:60] = True
    evidence = np.zeros((100, 100))
    evidence[48, 55] = 1
    assert pair_metrics(evidence, mask, 0.5).pointing == 1
    evidence[48, 55], evidence[46, 55] = 0, 1
    assert pair_metrics(evidence, mask, 0.5).pointing == 0
    assert pair_metrics(np.zeros((100, 100)), mask, 0.5).pointing == 0


def test_masks_of_another_size_are_brought_to_the_heatmap():
    small = np.array([[True, False], [False, False]])
    large = fit_mask(small, (4, 6))
    assert large.dtype == bool
    assert large.sum() == 6
    assert large[:2, :3].all()
    assert fit_mask(small, (2, 2)).tolist() == small.tolist()


@SHORT
@given(seeds)
def test_scores_are_ranked_as_scikit_learn_ranks_them(seed: int):
    random = np.random.default_rng(seed)
    changed = np.append(random.random(40) < 0.5, [True, False])
    scores = np.round(np.clip(random.normal(0.4 + 0.2 * changed, 0.2), 0, 1), 3)
    found = score_metrics(scores, changed)
    assert found.auroc == pytest.approx(float(roc_auc_score(changed, scores)), abs=1e-6)
    assert found.average_precision == pytest.approx(average_precision_score(changed, scores), abs=1e-4)
    assert (scores[changed] >= found.cut).mean() >= 0.8
    assert found.false_alarms == pytest.approx((scores[~changed] >= found.cut).mean())


def test_the_cut_is_the_highest_that_keeps_enough():
    scores = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    assert recall_cut(scores, 0.8) == 0.2
    assert recall_cut(scores, 1.0) == 0.1
    assert recall_cut(scores, 0.01) == 0.5
    assert math.isnan(recall_cut(np.empty(0), 0.8))
