"""A run stands at one threshold: nothing that is computed or applied later mixes another into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEncoder, compare_by_pixels
from small_runs import after, compute, imported

from argus_fiftyone.plugin.dataset.computing import compute_heatmaps
from argus_fiftyone.plugin.dataset.fields import RunKeyError
from argus_fiftyone.plugin.dataset.runs import rename_run, run_record, threshold_of
from argus_fiftyone.plugin.dataset.thresholds import threshold_heatmaps, threshold_run
from argus_fiftyone.plugin.labels import read_segmentation
from argus_fiftyone.plugin.operators.runs import describe_run
from argus_fiftyone.settings import Settings

pytestmark = pytest.mark.database


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[Any]:
    yield from imported(tmp_path)


def forget(dataset: Any, pair: str, *bases: str) -> None:
    """Take a pair's score away, so that it counts as not yet computed."""
    sample = dataset.select_group_slices("after").match({"pair_id": pair}).first().id
    for base in bases:
        dataset.set_values(f"{base}_regions", {sample: None}, key_field="id")
        dataset.set_values(f"{base}_score", {sample: None}, key_field="id")


def found(dataset: Any, field: str = "k") -> dict[str, int]:
    """Regions per pair."""
    return {pair: len(each.detections) for pair, each in after(dataset, f"{field}_regions").items()}


def test_a_resumed_pair_gets_the_threshold_that_the_run_stands_at(dataset: Any):
    compute(dataset)
    list(threshold_run(dataset, "k", 0.2))
    forget(dataset, "d", "k")
    compute(dataset)
    assert found(dataset) == {"a": 1, "b": 1, "c": 0, "d": 1}
    assert threshold_of(dataset, "k") == 0.2
    assert after(dataset, "k_direction")["d"] == "appeared"


def test_a_resumed_pair_gets_a_mask_where_the_others_have_one(dataset: Any):
    compute(dataset)
    list(threshold_run(dataset, "k", 0.2))
    old = after(dataset, "k_segmentation")["d"].mask_path
    forget(dataset, "d", "k")
    dataset.set_field("k_segmentation", None).save()
    compute(dataset)
    mask = after(dataset, "k_segmentation")["d"]
    assert mask.mask_path == old
    assert read_segmentation(mask).sum() == 16 * 24


def test_the_rest_of_an_interrupted_run_follows_a_threshold_set_in_between(dataset: Any):
    steps = compute_heatmaps(dataset, "k", encoder=FakeEncoder(), compare=compare_by_pixels)  # type: ignore[arg-type]
    for _ in range(4):
        next(steps)
    steps.close()
    list(threshold_run(dataset, "k", 0.2))
    compute(dataset)
    assert found(dataset)["d"] == 1


def test_each_query_keeps_its_own_threshold(dataset: Any):
    compute(dataset, queries=["a spot", "a hole"])
    list(threshold_heatmaps(dataset, "k_q1", 0.2))
    list(threshold_heatmaps(dataset, "k_q2", 0.9))
    for pair in ("a", "d"):
        forget(dataset, pair, "k_q1", "k_q2")
    compute(dataset, queries=["a spot", "a hole"])
    assert found(dataset, "k_q1") == {"a": 1, "b": 1, "c": 0, "d": 1}
    assert found(dataset, "k_q2") == {"a": 0, "b": 0, "c": 0, "d": 0}
    assert after(dataset, "k_q2_direction")["a"] == "none"


def test_a_pair_computed_twice_counts_once(dataset: Any):
    compute(dataset)
    for _ in range(2):
        forget(dataset, "a", "k")
        compute(dataset)
    assert (run_record(dataset, "k")["pairs"], run_record(dataset, "k")["failed"]) == (4, 0)


def test_a_failure_outside_the_resumed_view_is_still_counted(dataset: Any, tmp_path: Path):
    (tmp_path / "before" / "b.png").write_bytes(b"damaged")
    compute(dataset.match({"pair_id": {"$in": ["a", "b"]}}))
    compute(dataset.match({"pair_id": {"$in": ["c", "d"]}}))
    assert (run_record(dataset, "k")["pairs"], run_record(dataset, "k")["failed"]) == (3, 1)


def test_a_run_may_be_resumed_by_the_threshold_it_began_or_stands_at_and_by_no_other(dataset: Any):
    compute(dataset)
    list(threshold_run(dataset, "k", 0.2))
    compute(dataset)
    compute(dataset, settings=Settings(threshold=0.2))
    with pytest.raises(RunKeyError, match="exists with other settings"):
        compute(dataset, settings=Settings(threshold=0.3))
    assert threshold_of(dataset, "k") == 0.2


def test_computing_anew_begins_at_the_threshold_asked_for(dataset: Any):
    compute(dataset)
    list(threshold_run(dataset, "k", 0.2))
    compute(dataset, overwrite=True)
    assert threshold_of(dataset, "k") == 0.5
    assert found(dataset)["d"] == 0


def test_a_threshold_applied_to_a_view_is_applied_to_the_whole_run(dataset: Any):
    compute(dataset)
    list(threshold_run(dataset.match({"pair_id": "a"}), "k", 0.2))
    assert found(dataset)["d"] == 1
    assert threshold_of(dataset, "k") == 0.2


def test_a_threshold_that_was_interrupted_is_told_until_one_is_applied(dataset: Any):
    compute(dataset)
    steps = threshold_run(dataset, "k", 0.2)
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert describe_run(dataset, "k")["threshold"].startswith("0.5 (0.2 was interrupted")
    rename_run(dataset, "k", "l")
    assert "interrupted" in describe_run(dataset, "l")["threshold"]
    list(threshold_run(dataset, "l", 0.3))
    assert describe_run(dataset, "l")["threshold"] == "0.3"
