"""The default method on made-up pairs: how strongly a pair changed, and that stacking changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from fake_towers import FakeTowers, draw_textured
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import walk_of

from argus_fiftyone.engine.features import pair_batch
from argus_fiftyone.methods.argus import Argus
from argus_fiftyone.methods.protocol import PairBatch
from argus_fiftyone.settings import Settings
from argus_fiftyone.text.query import Query, parse_query

SHORT = settings(max_examples=40, deadline=None)
METHOD = Argus(FakeTowers())
WAYS = {way: replace(parse_query(""), direction=way) for way in ("any", "appeared", "disappeared", "changed")}
QUIET = np.full((40, 40), 0.1)


def with_a_spot(strength: float) -> np.ndarray:
    distance = QUIET.copy()
    distance[10:16, 20:26] = strength
    return distance


def strength(before: np.ndarray, after: np.ndarray, *ways: str) -> list[float]:
    """By direction asked for, of one pair."""
    queries: list[Query] = [WAYS[way] for way in ways or ("any",)]
    middle = torch.from_numpy(np.stack([before, after]))[None, None]
    return METHOD._strength(middle, queries)[0].tolist()


def test_a_pair_without_a_change_is_hardly_strong():
    nothing = np.zeros((10, 10))
    assert strength(nothing, nothing)[0] < 0.01
    unseen = np.full((10, 10), np.nan)
    assert strength(unseen, unseen)[0] < 0.01


def test_a_spot_is_strong_and_an_even_restlessness_weak():
    assert strength(QUIET, with_a_spot(0.9))[0] > 0.9
    restless = np.full((40, 40), 0.6)
    assert strength(restless, restless)[0] < 0.2


def test_strength_listens_to_the_direction_asked_for():
    spot = with_a_spot(0.9)
    came, went, either, in_place = strength(QUIET, spot, "appeared", "disappeared", "any", "changed")
    assert came > 0.9
    assert went < 0.1
    assert came == either == in_place
    assert strength(spot, QUIET, "disappeared", "appeared") == [came, went]


@SHORT
@given(st.integers(0, 2**16))
def test_strength_stays_within_zero_and_one_and_an_open_one_forgets_the_order(seed: int):
    before, after = np.random.default_rng(seed).uniform(0, 2, (2, 8, 9))
    found = strength(before, after)[0]
    assert 0 <= found <= 1
    assert found == pytest.approx(strength(after, before)[0])


def test_cells_out_of_view_do_not_count_for_strength():
    hidden, unseen = with_a_spot(0.9), QUIET.copy()
    hidden[10:16, 20:26] = unseen[10:16, 20:26] = np.nan
    assert strength(unseen, hidden)[0] < 0.1


def test_the_peak_is_a_mean_of_the_highest_and_of_one_at_least():
    many = torch.arange(1000.0).reshape(1, 1, 25, 40)
    peak, usual = METHOD._peak_and_middle(many)
    assert float(peak) == pytest.approx(997)  # 0.5 % of 1000 are five
    assert float(usual) == pytest.approx(499.5)
    few, _ = METHOD._peak_and_middle(torch.tensor([[[[1.0, 5.0]]]]))
    assert float(few) == 5


def batch_of(seeds: list[int]) -> tuple[Argus, PairBatch]:
    walk = walk_of(FakeTowers(), Settings(resolution=128))
    registered = [walk.register(*draw_textured(seed, 96)) for seed in seeds]
    assert isinstance(walk.method, Argus)
    return walk.method, pair_batch(registered, walk.features, walk.method.needs)


def test_pairs_stacked_are_observed_and_scored_as_each_alone():
    seeds = [0, 1, 2]
    queries = walk_of(FakeTowers(), Settings()).queries(["a new spot", "", "a missing bolt"])
    method, together = batch_of(seeds)
    observed = method.observe(together, {})
    found = method.score(observed, queries)
    assert found.disappeared is not None
    assert found.appeared.shape == (3, 3, *together.grid)
    for number, seed in enumerate(seeds):
        method, single = batch_of([seed])
        alone = method.observe(single, {})
        for name, tensor in alone.items():
            torch.testing.assert_close(observed[name][number : number + 1], tensor, atol=1e-5, rtol=0)
        own = method.score(alone, queries)
        assert own.disappeared is not None
        torch.testing.assert_close(found.appeared[number], own.appeared[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(found.disappeared[number], own.disappeared[0], atol=1e-5, rtol=0)


def test_evidence_is_never_negative_and_nothing_where_the_images_are_the_same():
    method, pairs = batch_of([0])
    queries = walk_of(FakeTowers(), Settings()).queries(["a new spot", ""])
    found = method.score(method.observe(pairs, {}), queries)
    assert found.appeared.min() >= 0
    assert found.appeared.max() > 0
    walk = walk_of(FakeTowers(), Settings(resolution=128))
    same = draw_textured(3, 96)[0]
    still = pair_batch([walk.register(same, same)], walk.features, method.needs)
    assert method.score(method.observe(still, {}), queries).appeared.max() < 1e-3
