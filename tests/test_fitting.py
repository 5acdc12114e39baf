"""A method that learns from a run sees all its pairs before the first is compared."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from fake_towers import write_scenes

from argus_fiftyone.encoders.none import NoEncoder
from argus_fiftyone.engine.batch import compare_pairs
from argus_fiftyone.engine.cache import FeatureCache
from argus_fiftyone.io.pair_list import Pair, read_pairs
from argus_fiftyone.methods.protocol import Needs, PairBatch, QueryFree, Tensors
from argus_fiftyone.runs.folder import RunFolderError
from argus_fiftyone.runs.on_ray import run_on_ray
from argus_fiftyone.settings import Settings

SMALL = Settings(resolution=64)


class AboveTheRunsMean(QueryFree):
    """How far an after image is brighter than the mean of the run."""

    name, paper, version = "above_the_runs_mean", "made up", 1
    needs = Needs(pixels=True, fit="run")

    def fit(self, images: Iterable[PairBatch]) -> Tensors:
        means = [batch.pixels[:, 0].float().mean() for batch in images if batch.pixels is not None]
        return {"mean": torch.stack(means).mean(), "count": torch.tensor(len(means))}

    def observe(self, pairs: PairBatch, fitted: Tensors) -> Tensors:
        assert pairs.pixels is not None
        above = (pairs.pixels[:, 0].float().mean(dim=-1) - fitted["mean"]).clamp(min=0)
        return {"appeared": above * fitted["count"]}


@pytest.fixture
def pairs(tmp_path: Path) -> list[Pair]:
    return read_pairs(write_scenes(tmp_path, 3))


def test_it_sees_the_whole_run_even_when_one_pair_is_left_to_compare(pairs):
    all_at_once = list(compare_pairs(pairs, NoEncoder(), SMALL, method=AboveTheRunsMean(NoEncoder())))
    method = AboveTheRunsMean(NoEncoder())
    resumed = list(compare_pairs(pairs[2:], NoEncoder(), SMALL, method=method, fit_on=pairs))
    alone = list(compare_pairs(pairs[2:], NoEncoder(), SMALL, method=AboveTheRunsMean(NoEncoder())))
    assert resumed[0].comparisons[0].score == all_at_once[2].comparisons[0].score
    assert alone[0].comparisons[0].score != all_at_once[2].comparisons[0].score


def test_a_pair_that_cannot_be_read_is_left_out_of_fitting_and_told(pairs, tmp_path):
    broken = [*pairs, Pair("gone", tmp_path / "gone.png", tmp_path / "gone.png")]
    found = list(compare_pairs(broken, NoEncoder(), SMALL, method=AboveTheRunsMean(NoEncoder())))
    assert ["no such file" in each.error for each in found] == [False, False, False, True]


def test_what_was_observed_under_another_fit_is_not_taken_from_the_cache(pairs, tmp_path):
    cache = FeatureCache(tmp_path / "cache")
    few, many = (
        list(compare_pairs(some, NoEncoder(), SMALL, method=AboveTheRunsMean(NoEncoder()), cache=cache))
        for some in (pairs[:1], pairs)
    )
    assert few[0].comparisons[0].score != many[0].comparisons[0].score


def test_it_is_not_spread_over_ray(pairs, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    settings = Settings(method="test_fitting:AboveTheRunsMean")
    with pytest.raises(RunFolderError, match="learns from the whole run"):
        run_on_ray(pairs, tmp_path / "out", settings, NoEncoder())
