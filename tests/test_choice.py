"""Words choose: between two scenes, between things, between changes of one pair."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_fiftyone.methods.common.query_weighting import (
    NAMES_LEAST,
    SCENE_LEAST,
    among_changes,
    among_scenes,
    among_things,
    gate,
)

FLOOR = 0.65
LIMITS = {"floor": 0.27, "best_share": 0.02, "least_best": 0.1}
SHORT = settings(max_examples=40, deadline=None)
SCENE = torch.zeros(8, 12, dtype=torch.bool)
SCENE[:, :6] = True


def half_and_half(left: float, right: float) -> torch.Tensor:
    return torch.where(SCENE, left, right)


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
    distance = half_and_half(0.0, 1.0)
    factor = among_scenes(SCENE, [(half_and_half(9.0, 0.0), distance)], 0.0)
    assert (factor[:, 6:] == 1).all()


def test_without_any_change_both_scenes_are_left_alone():
    assert (among_scenes(SCENE, [(half_and_half(1.0, 0.0), torch.zeros(8, 12))], 0.0) == 1).all()


def two_things() -> tuple[torch.Tensor, torch.Tensor]:
    """Distance of two changed places, and a likeness that the second has by far."""
    distance, likeness = torch.zeros(20, 20), torch.zeros(20, 20)
    distance[2:8, 2:8] = distance[12:18, 12:18] = 1
    likeness[12:18, 12:18] = 4.0
    return distance, likeness


def test_of_two_things_the_one_that_is_named_keeps_its_evidence():
    distance, likeness = two_things()
    for chosen in among_things([distance, distance], [likeness, likeness], 1.0):
        assert torch.allclose(chosen[12:18, 12:18], torch.tensor(1.0))
        assert torch.allclose(chosen[2:8, 2:8], torch.tensor(NAMES_LEAST), atol=0.01)


def test_what_another_thing_covered_goes_with_it():
    distance, likeness = two_things()
    nothing_like_it = torch.zeros(20, 20)
    before, after = among_things([distance, distance], [nothing_like_it, likeness], 1.0)
    assert float(before[2:8, 2:8].max()) < NAMES_LEAST + 0.05
    assert float(before[12:18, 12:18].min()) > 0.9
    assert torch.allclose(after[12:18, 12:18], torch.tensor(1.0), atol=0.01)


def test_a_thing_that_moved_is_kept_where_it_was_and_where_it_is():
    distance, now = two_things()
    before, after = among_things([distance, distance], [now.flip(0, 1), now], 1.0)
    assert float(before[2:8, 2:8].min()) > 0.8
    assert float(after[12:18, 12:18].min()) > 0.8


def test_names_have_no_say_where_a_change_is_named():
    distance, likeness = torch.rand(9, 9), torch.rand(9, 9)
    for chosen in among_things([distance, distance], [likeness, likeness], 0.0):
        assert torch.equal(chosen, distance)


@SHORT
@given(st.floats(0, 1), st.floats(0, 1))
def test_words_leave_at_least_the_floor_and_never_add(relevance: float, support: float):
    factor = gate(torch.full((1, 1, 2, 1, 1), relevance), torch.tensor([support]), FLOOR)
    assert factor.min() >= FLOOR - 1e-6
    assert factor.max() <= 1 + 1e-6


def test_a_query_nobody_understands_gates_nothing_and_leaves_others_alone():
    relevance = torch.rand(3, 2, 2, 4, 4)
    factor = gate(relevance, torch.tensor([0.0, 1.0]), FLOOR)
    assert (factor[:, 0] == 1).all()
    torch.testing.assert_close(factor[:, 1], FLOOR + (1 - FLOOR) * relevance[:, 1])


def test_what_is_relevant_passes_whole():
    assert (gate(torch.ones(1, 1, 2, 1, 1), torch.ones(1), FLOOR) == 1).all()
    assert gate(torch.zeros(1, 1, 2, 1, 1), torch.ones(1), FLOOR).amax().item() == pytest.approx(FLOOR)


def sides(*images: torch.Tensor) -> torch.Tensor:
    """Maps of the sides of one pair and one query: [1, 1, sides, rows, cols]."""
    return torch.stack(images)[None, None]


def test_a_change_that_fits_the_words_worse_than_another_keeps_a_floor():
    distance, relevance = torch.zeros(20, 20), torch.zeros(20, 20)
    distance[0, :8] = 1
    relevance[0, :4] = 0.9
    chosen = among_changes(sides(distance), sides(relevance), torch.ones(1), **LIMITS)[0, 0, 0]
    assert torch.allclose(chosen[0, :4], torch.tensor(1.0))
    assert torch.allclose(chosen[0, 4:8], torch.tensor(LIMITS["floor"]))


def test_of_several_changes_the_words_choose_by_how_well_each_fits():
    distance, fits = torch.zeros(20, 20), torch.full((20, 20), 0.1)
    distance[2:5, 2:5] = distance[14:17, 14:17] = 1.0
    fits[2:5, 2:5] = 0.6
    chosen = among_changes(sides(distance), sides(fits), torch.ones(1), **(LIMITS | {"floor": 0.0}))[0, 0, 0]
    assert float(chosen[3, 3]) == 1.0
    assert float(chosen[15, 15]) == pytest.approx(0.1 / 0.6, abs=0.02)


def test_where_there_is_only_one_kind_of_change_the_words_leave_it_alone():
    distance = torch.rand(20, 20)
    alike = among_changes(sides(distance), sides(torch.full((20, 20), 0.3)), torch.ones(1), **LIMITS)
    assert torch.allclose(alike, sides(distance))


def test_pairs_queries_and_sides_are_chosen_among_each_by_itself():
    made = torch.Generator().manual_seed(0)
    distance = torch.rand(3, 1, 2, 12, 16, generator=made)
    relevance = torch.rand(3, 4, 2, 6, 8, generator=made)
    support = torch.rand(4, generator=made)
    together = among_changes(distance, relevance, support, **LIMITS)
    assert together.shape == (3, 4, 2, 12, 16)
    for pair in range(3):
        for query in range(4):
            one = slice(pair, pair + 1), slice(query, query + 1)
            alone = among_changes(distance[one[0]], relevance[one], support[one[1]], **LIMITS)
            torch.testing.assert_close(together[one], alone)
