"""Curves from labelled pairs: what was put in is found again, and no source tells about itself."""

from __future__ import annotations

import numpy as np
import pytest
from fake_towers import FakeTowers, write_scenes

from argus_fiftyone.encoders.protocol import Encoder
from argus_fiftyone.engine.calibration import Curve, curve_of
from argus_fiftyone.io.pair_list import read_pairs
from argus_fiftyone.methods.constants import changed
from argus_fiftyone.methods.nearest_neighbour import NearestNeighbour
from argus_fiftyone.methods.registry import load_method
from argus_fiftyone.settings import Settings
from benchmarks.calibrate_methods import FLATTEST, Labelled, fitted, left_out, report, strongest


def drawn(steepness: float, count: int = 6000) -> Labelled:
    """Pairs of three sources whose labels fall as a curve says."""
    random = np.random.default_rng(0)
    evidence = random.uniform(0.02, 0.98, count)
    chance = Curve(0.2, 0.5, steepness).stretch(evidence)
    return Labelled(0.2, evidence, random.uniform(size=count) < chance, np.arange(count) % 3)


def test_the_curve_that_labels_were_drawn_from_is_found_again():
    values = fitted(drawn(steepness=2.5))
    assert values["half"] == 0.2
    assert values["cut"] == pytest.approx(0.5, abs=0.02)
    assert values["steepness"] == pytest.approx(2.5, rel=0.1)


def test_evidence_that_says_nothing_gets_the_flattest_curve_and_a_cut_in_the_middle():
    random = np.random.default_rng(0)
    nothing = Labelled(1.0, random.uniform(0.1, 0.9, 600), np.arange(600) % 2 == 0, np.arange(600) // 4 % 3)
    values = fitted(nothing)
    assert values["steepness"] == FLATTEST
    assert values["cut"] == pytest.approx(0.5, abs=0.05)


def test_sources_weigh_alike_and_within_them_both_labels_do():
    source = np.array(["large"] * 6 + ["small"] * 2 + ["one_label"] * 2)
    changed_pairs = np.array([1, 1, 1, 1, 0, 0, 1, 0, 0, 0], bool)
    weights = Labelled(1.0, np.full(10, 0.5), changed_pairs, source).weights
    np.testing.assert_allclose(weights, [1 / 8] * 4 + [1 / 4] * 2 + [1 / 2] * 4)


def test_a_source_on_another_scale_is_judged_by_the_cut_of_the_others():
    evidence = np.array([0.1, 0.2, 0.9, 0.95] * 4 + [0.81, 0.82, 0.97, 0.98])
    label = np.array([False, False, True, True] * 5)
    pairs = Labelled(1.0, evidence, label, np.repeat(["a", "b", "c", "d", "louder"], 4))
    found, alarms = left_out(pairs)
    assert found == 1
    assert alarms == pytest.approx(1 / 5)  # all of the louder source, which its own labels would spare
    assert "found 1.00, false alarms 0.20, balanced accuracy 0.900" in report("made_up", pairs)


def test_evidence_is_measured_with_the_half_that_is_being_tried(tmp_path):
    pairs, encoder = read_pairs(write_scenes(tmp_path, 2)), FakeTowers()

    class Own(NearestNeighbour):
        name = "not_in_the_constants"

        def __init__(self, encoder: Encoder) -> None:
            self.encoder, self.reach = encoder, 2

    for method in (load_method("nearest_neighbour", encoder), Own(encoder)):
        low, high = (
            strongest(method, half, encoder, pairs, Settings(resolution=128)) for half in (0.05, 0.5)
        )
        assert (low > high + 0.1).all()
    with changed("not_in_the_constants", curve={"half": 7.0}):
        assert curve_of(Own(encoder), "fake").half == 7
    assert curve_of(Own(encoder), "fake").half == 1
