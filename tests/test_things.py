"""Changed places that belong together are one thing."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_fiftyone.things import shares, things_of

SHORT = settings(max_examples=40, deadline=None)


def two_blots() -> torch.Tensor:
    novelty = torch.full((24, 32), 0.1)
    novelty[4:10, 4:10] = 1.0
    novelty[12:20, 20:28] = 0.6
    return novelty


def test_two_blots_are_two_things():
    things = things_of(two_blots())
    assert things.unique().tolist() == [0, 1]
    assert things[4:10, 4:10].unique().numel() == 1
    assert things[4, 4] != things[12, 20]


def test_what_lies_between_belongs_to_the_nearest():
    things = things_of(two_blots())
    assert things[0, 0] == things[4, 4]
    assert things[23, 31] == things[12, 20]


def test_where_nothing_changed_all_is_one_thing():
    assert (things_of(torch.zeros(6, 7)) == 0).all()


def test_a_coarser_grid_speaks_of_a_thing_where_it_is():
    novelty = two_blots()
    things = things_of(novelty)
    share = shares(things, novelty, (3, 4)).unflatten(1, (3, 4))
    first = share[int(things[4, 4])]
    assert int(first.argmax()) in (0, 1, 4, 5)
    assert first[2, 3] < 0.01


@SHORT
@given(seed=st.integers(0, 10_000), rows=st.integers(2, 20), cols=st.integers(2, 20))
def test_every_cell_has_a_thing_and_every_thing_is_spoken_of_once(seed: int, rows: int, cols: int):
    novelty = torch.rand(rows, cols, generator=torch.Generator().manual_seed(seed)) ** 4
    things = things_of(novelty)
    share = shares(things, novelty, (max(1, rows // 2), max(1, cols // 2)))
    assert things.shape == novelty.shape
    assert len(share) == int(things.max()) + 1
    assert torch.allclose(share.sum(dim=1), torch.ones(len(share)), atol=1e-4)
