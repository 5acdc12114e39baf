"""Raw evidence → evidence in [0, 1]: one curve for all pairs, that keeps order, zero and threshold."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from argus_fiftyone.engine.calibration import Curve, curve_of
from argus_fiftyone.methods.constants import changed, constants

raws = arrays(np.float32, (8, 9), elements=st.floats(0, 2, width=32))
curves = st.builds(Curve, st.floats(0.01, 2), st.floats(0.05, 0.95), st.floats(0.3, 5))
SHORT = settings(max_examples=60, deadline=None)


@SHORT
@given(raws, curves)
def test_evidence_stays_within_zero_and_one_and_keeps_the_order(raw: np.ndarray, curve: Curve):
    for values in (curve.saturate(raw), curve.stretch(curve.saturate(raw))):
        assert values.dtype == np.float32
        assert values.min() >= 0
        assert values.max() <= 1
        order = np.argsort(raw, axis=None)
        assert (np.diff(values.ravel()[order]) >= -1e-6).all()


@SHORT
@given(raws, curves)
def test_stretching_keeps_signs_and_leaves_nothing_where_nothing_was(raw: np.ndarray, curve: Curve):
    cells = curve.saturate(raw)
    np.testing.assert_array_equal(curve.stretch(-cells), -curve.stretch(cells))
    assert not curve.stretch(curve.saturate(np.zeros((3, 3)))).any()


@SHORT
@given(curves)
def test_the_cut_lands_on_the_default_threshold(curve: Curve):
    assert curve.saturate(np.array([curve.half]))[0] == pytest.approx(0.5)
    assert curve.stretch(np.array([curve.cut]))[0] == pytest.approx(0.5, abs=1e-6)
    assert (
        curve.stretch(np.array([curve.cut - 0.04]))[0] < 0.5 < curve.stretch(np.array([curve.cut + 0.04]))[0]
    )


def test_the_strongest_evidence_stays_finite():
    told = Curve(0.3, 0.55, 2.5).stretch(np.array([1.0, -1.0, 0.99999]))
    assert np.isfinite(told).all()
    assert told[0] <= 1


def test_a_pair_is_not_stretched_to_its_own_maximum():
    """The same raw evidence means the same, whatever else the pair shows."""
    curve = Curve(0.3, 0.55, 2.5)
    alone, beside_more = np.array([[0.1, 0.0]]), np.array([[0.1, 5.0]])
    assert curve.saturate(alone)[0, 0] == curve.saturate(beside_more)[0, 0]


def made(name: str, **facts: float) -> SimpleNamespace:
    return SimpleNamespace(name=name, **facts)


def test_a_method_has_the_curve_of_its_family_else_that_of_any_else_its_own_half(monkeypatch):
    known = constants("argus", "clip")["curve"]
    assert curve_of(made("argus"), "clip") == Curve(**known)  # type: ignore[arg-type]
    assert curve_of(made("argus"), "mini") == Curve(**constants("argus", "mini")["curve"])  # type: ignore[arg-type]
    assert curve_of(made("mine", half_evidence=0.2), "mini") == Curve(0.2)  # type: ignore[arg-type]
    assert curve_of(made("mine"), "") == Curve(1.0)  # type: ignore[arg-type]


def test_changed_constants_hold_within_and_on_every_family_and_go_back():
    before = {family: constants("argus", family) for family in ("mini", "clip", "fake")}
    with changed("argus", smoothing=0.3, pair_share=0.0):
        for family, known in before.items():
            assert constants("argus", family) == {**known, "smoothing": 0.3, "pair_share": 0.0}
    with pytest.raises(RuntimeError), changed("argus", smoothing=0.1):
        raise RuntimeError
    assert {family: constants("argus", family) for family in before} == before
    assert constants("mini", "argus") == {}
