"""Words choose: between two scenes, between things, between changes of one pair."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_fiftyone.engine.calibration import MAP_FLOOR, strongest_cells
from argus_fiftyone.methods.common.query_weighting import (
    NAMES_LEAST,
    SCENE_LEAST,
    among_changes,
    among_scenes,
    among_things,
)

SHORT = settings(max_examples=40, deadline=None)
SCENE = np.zeros((8, 12), bool)
SCENE[:, :6] = True


def half_and_half(left: float, right: float) -> torch.Tensor:
    return torch.where(torch.from_numpy(SCENE), left, right)


def test_the_scene_that_the_words_fit_stays_whole_and_the_other_fades():
    factor = among_scenes(SCENE, [(half_and_half(0.0, 2.0), torch.ones(8, 12))], 0.0)
    assert (factor[:, 6:] == 1).all()
    assert torch.allclose(factor[:, :6], torch.tensor(SCENE_LEAST))


@SHORT
@given(left=st.floats(-3, 3), right=st.floats(-3, 3), named=st.floats(0, 1))
def test_what_fits_no_worse_is_left_alone(left: float, right: float, named: float):
    factor = among_scenes(SCENE, [(half_and_half(left, right), torch.rand(8, 12))], named)
    assert factor.max() == 1
    assert factor.min() >= SCENE_LEAST - 1e-6
    if named == 1:
        assert (factor == 1).all()


def test_either_picture_may_speak_for_a_scene():
    sides = [
        (half_and_half(0.0, 1.0), torch.ones(8, 12)),
        (half_and_half(3.0, 1.0), torch.ones(8, 12)),
    ]
    assert (among_scenes(SCENE, sides, 0.0)[:, :6] == 1).all()


def test_where_nothing_changed_nothing_speaks_for_a_scene():
    novelty = half_and_half(0.0, 1.0)
    factor = among_scenes(SCENE, [(half_and_half(9.0, 0.0), novelty)], 0.0)
    assert (factor[:, 6:] == 1).all()


def test_without_any_change_both_scenes_are_left_alone():
    assert (among_scenes(SCENE, [(half_and_half(1.0, 0.0), torch.zeros(8, 12))], 0.0) == 1).all()


def two_things() -> tuple[torch.Tensor, torch.Tensor]:
    """Novelty of two changed places, and a likeness that the second has by far."""
    novelty, likeness = torch.zeros(20, 20), torch.zeros(20, 20)
    novelty[2:8, 2:8] = novelty[12:18, 12:18] = 1
    likeness[12:18, 12:18] = 4.0
    return novelty, likeness


def test_of_two_things_the_one_that_is_named_keeps_its_evidence():
    novelty, likeness = two_things()
    for chosen in among_things([novelty, novelty], [likeness, likeness], 1.0):
        assert torch.allclose(chosen[12:18, 12:18], torch.tensor(1.0))
        assert torch.allclose(chosen[2:8, 2:8], torch.tensor(NAMES_LEAST), atol=0.01)


def test_what_another_thing_covered_goes_with_it():
    novelty, likeness = two_things()
    nothing_like_it = torch.zeros(20, 20)
    before, after = among_things([novelty, novelty], [nothing_like_it, likeness], 1.0)
    assert float(before[2:8, 2:8].max()) < NAMES_LEAST + 0.05
    assert float(before[12:18, 12:18].min()) > 0.9
    assert torch.allclose(after[12:18, 12:18], torch.tensor(1.0), atol=0.01)


def test_a_thing_that_moved_is_kept_where_it_was_and_where_it_is():
    novelty, now = two_things()
    before, after = among_things([novelty, novelty], [now.flip(0, 1), now], 1.0)
    assert float(before[2:8, 2:8].min()) > 0.8
    assert float(after[12:18, 12:18].min()) > 0.8


def test_names_have_no_say_where_a_change_is_named():
    novelty, likeness = torch.rand(9, 9), torch.rand(9, 9)
    for chosen in among_things([novelty, novelty], [likeness, likeness], 0.0):
        assert torch.equal(chosen, novelty)


def test_a_change_that_fits_the_words_worse_than_another_keeps_a_floor():
    novelty, relevance = torch.zeros(20, 20), torch.zeros(20, 20)
    novelty[0, :8] = 1
    relevance[0, :4] = 0.9
    chosen = among_changes(novelty, strongest_cells(novelty), relevance[None], 1.0)[0]
    assert torch.allclose(chosen[0, :4], torch.tensor(1.0))
    assert torch.allclose(chosen[0, 4:8], torch.tensor(MAP_FLOOR))
