"""The precision–recall curve of pairs: thinned for the screen, and none where nothing is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_curve

from argus_fiftyone.evaluation.metrics import EvidenceHistogram


@given(st.integers(0, 10_000))
def test_the_thinned_curve_lies_on_the_full_one(seed: int):
    random = np.random.default_rng(seed)
    truth = random.random((1, 400)) < 0.3
    evidence = np.rint(np.clip(random.normal(0.4 + 0.2 * truth, 0.2), 0, 1) * 65535) / 65535
    histogram = EvidenceHistogram()
    histogram.add(evidence, truth)
    thresholds, precision, recall = histogram.precision_recall(20)
    full = precision_recall_curve(truth[0], evidence[0])
    for threshold, p, r in zip(thresholds, precision, recall, strict=True):
        at = np.searchsorted(full[2], threshold - 1e-6)
        assert (p, r) == pytest.approx((full[0][at], full[1][at]))
    assert len(recall) <= 21
    assert recall[-1] == 1
    assert (np.diff(recall) >= 0).all()
    assert (np.diff(thresholds) < 0).all()


def test_without_positives_there_is_no_curve():
    histogram = EvidenceHistogram()
    histogram.add(np.zeros((2, 2)), np.zeros((2, 2), bool))
    assert [part.size for part in histogram.precision_recall()] == [0, 0, 0]
