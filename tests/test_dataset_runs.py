"""Runs on a dataset: what they write, resume, replace, threshold, rename and delete."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fakes import FakeEncoder, compare_by_pixels
from small_runs import after, compute, imported, maps_of

from argus_fiftyone.plugin.dataset.computing import Progress, compute_heatmaps
from argus_fiftyone.plugin.dataset.evaluations import evaluation_reports
from argus_fiftyone.plugin.dataset.fields import RunKeyError, check_key
from argus_fiftyone.plugin.dataset.ground_truth import evaluate_heatmaps
from argus_fiftyone.plugin.dataset.reviews import filter_by_score, review_counts, review_pairs, review_regions
from argus_fiftyone.plugin.dataset.runs import (
    delete_run,
    list_runs,
    load_run_view,
    rename_run,
    run_record,
    threshold_of,
)
from argus_fiftyone.plugin.dataset.thresholds import threshold_run
from argus_fiftyone.plugin.labels import read_heatmap, read_segmentation
from argus_fiftyone.settings import Settings

pytestmark = pytest.mark.database


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[Any]:
    yield from imported(tmp_path)


def test_a_run_writes_maps_regions_scores_and_words_on_the_after_slice(dataset: Any):
    compute(dataset)
    assert after(dataset, "k_direction") == {"a": "appeared", "b": "disappeared", "c": "none", "d": "none"}
    assert after(dataset, "k_score")["a"] == pytest.approx(88 / 127)
    assert after(dataset, "k_alignment")["c"] == "none needed"
    assert after(dataset, "k_warp")["a"] == [1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert len(after(dataset, "k_regions")["a"].detections) == 1
    assert read_heatmap(after(dataset, "k")["b"]).min() == pytest.approx(-66 / 127, abs=1e-4)
    assert set(dataset.select_group_slices("before").values("k_score")) == {None}


def test_the_app_opens_with_the_heatmap_on_and_the_runs_fields_together(dataset: Any):
    compute(dataset)
    compute(dataset, "l", queries=["a spot", "a hole"])
    rename_run(dataset, "k", "line_7")
    config: Any = fo.load_dataset(dataset.name).app_config
    assert config.active_fields.paths == ["l_q1"]
    coloured = {entry["path"] for entry in config.color_scheme.fields}
    assert {"line_7", "l_q1", "l_q2"} <= coloured
    groups = {group.name: list(group.paths) for group in config.sidebar_groups}
    assert groups["l_q2"][0] == "l_q2_score"
    assert groups["line_7"][0] == "line_7_score"
    assert not [path for paths in groups.values() for path in paths if path.startswith("k_")]


def test_the_record_tells_how_a_run_was_made(dataset: Any):
    compute(dataset, queries=["a spot"], settings=Settings(threshold=0.4))
    record = run_record(dataset, "k")
    assert (record["status"], record["pairs"], record["failed"]) == ("done", 4, 0)
    assert (record["queries"], record["threshold"], record["bases"]) == (["a spot"], 0.4, ["k"])
    assert record["encoder"] == "fake (pixel difference, for tests)"
    assert record["settings"]["encoder"] == "fake"


def test_several_queries_get_numbered_fields(dataset: Any):
    compute(dataset, queries=["a spot", "a hole"])
    assert run_record(dataset, "k")["bases"] == ["k_q1", "k_q2"]
    assert after(dataset, "k_q2_regions")["a"].detections[0].label == "a hole"
    assert not dataset.has_sample_field("k")


def test_only_the_pairs_of_the_view_are_computed(dataset: Any):
    compute(dataset.match({"pair_id": {"$in": ["a", "c"]}}))
    assert [name for name, score in after(dataset, "k_score").items() if score is not None] == ["a", "c"]
    assert load_run_view(dataset, "k").values("pair_id") == ["a", "c"]


def test_a_failed_pair_gets_its_error_and_the_rest_is_written(dataset: Any, tmp_path: Path):
    (tmp_path / "before" / "b.png").write_bytes(b"damaged")
    *_, last = compute(dataset)
    assert last == Progress(4, 4, 1, "4 of 4 pairs compared, 1 failed")
    errors = after(dataset, "k_error")
    assert "b.png" in errors.pop("b")
    assert set(errors.values()) == {None}
    assert after(dataset, "k_score")["b"] is None


def test_failed_pairs_are_tried_again_and_finished_ones_kept(dataset: Any, tmp_path: Path):
    picture = tmp_path / "before" / "b.png"
    good = picture.read_bytes()
    picture.write_bytes(b"damaged")
    compute(dataset)
    picture.write_bytes(good)
    _, first, *_ = compute(dataset)
    assert (first.total, first.note) == (1, "1 pairs to compare with fake, 3 already done")
    assert after(dataset, "k_error")["b"] is None
    assert after(dataset, "k_score")["b"] is not None
    assert (run_record(dataset, "k")["pairs"], run_record(dataset, "k")["failed"]) == (4, 0)


def test_a_stopped_run_keeps_what_it_computed_and_resumes(dataset: Any):
    steps = compute_heatmaps(dataset, "k", encoder=FakeEncoder(), compare=compare_by_pixels)
    for _ in range(4):
        next(steps)
    steps.close()
    assert run_record(dataset, "k")["status"] == "interrupted"
    assert [name for name, score in after(dataset, "k_score").items() if score is not None] == ["a", "b"]
    _, first, *_, last = compute(dataset)
    assert (first.total, last.done) == (2, 2)
    assert run_record(dataset, "k")["status"] == "done"


def test_a_comparison_that_raises_still_keeps_what_came_before(dataset: Any):
    def break_after_two(*arguments):
        outcomes = compare_by_pixels(*arguments)
        yield next(outcomes)
        yield next(outcomes)
        raise MemoryError("no memory left")

    with pytest.raises(MemoryError):
        list(compute_heatmaps(dataset, "k", encoder=FakeEncoder(), compare=break_after_two))
    assert len([score for score in after(dataset, "k_score").values() if score is not None]) == 2


def test_a_key_with_other_settings_is_not_mixed_into(dataset: Any):
    compute(dataset, queries=["a spot"])
    with pytest.raises(RunKeyError, match=r"run 'k' exists with other queries .* tick overwrite"):
        compute(dataset, queries=["a hole"])


def test_a_key_never_overwrites_another_field(dataset: Any):
    with pytest.raises(RunKeyError, match="would overwrite the field 'source'"):
        compute(dataset, "source")


@pytest.mark.parametrize("key", ["", "1st", "a b", "a.b", "query", "ground_truth"])
def test_a_key_that_cannot_name_a_field_is_refused(key: str):
    with pytest.raises(RunKeyError):
        check_key(key)


def test_overwriting_replaces_files_and_keeps_decisions(dataset: Any):
    compute(dataset)
    old = maps_of(dataset)
    review_pairs(dataset, "k", [dataset.first().id], "confirmed")
    region = after(dataset, "k_regions")["a"].detections[0].id
    review_regions(dataset, "k", [region], "rejected")
    compute(dataset, overwrite=True, queries=["a hole"])
    assert not any(path.exists() for path in old)
    assert after(dataset, "k_review")["a"] == "confirmed"
    (found,) = after(dataset, "k_regions")["a"].detections
    assert (found.label, found.tags) == ("a hole", ["rejected"])


def test_a_lower_threshold_finds_more_without_comparing_again(dataset: Any):
    compute(dataset)
    assert not after(dataset, "k_regions")["d"].detections
    list(threshold_run(dataset, "k", 0.2))
    assert len(after(dataset, "k_regions")["d"].detections) == 1
    assert after(dataset, "k_regions")["d"].detections[0].label == "a spot"
    assert read_segmentation(after(dataset, "k_segmentation")["b"]).sum() == 16 * 24
    assert threshold_of(dataset, "k") == 0.2
    assert dataset.mask_targets["k_segmentation"][255] == "change"


def test_a_decided_region_survives_a_threshold_that_drops_it(dataset: Any):
    compute(dataset)
    region = after(dataset, "k_regions")["a"].detections[0].id
    assert review_regions(dataset, "k", [region], "confirmed") == 1
    list(threshold_run(dataset, "k", 0.9))
    assert [d.tags for d in after(dataset, "k_regions")["a"].detections] == [["confirmed"]]


def test_a_new_decision_replaces_the_old_one_and_none_withdraws_it(dataset: Any):
    compute(dataset)
    region = after(dataset, "k_regions")["a"].detections[0].id
    for decision in ("confirmed", "rejected", None):
        review_regions(dataset, "k", [region], decision)
        review_pairs(dataset, "k", [dataset.select_group_slices("before").first().id], decision)
        assert after(dataset, "k_regions")["a"].detections[0].tags == ([decision] if decision else [])
        assert after(dataset, "k_review")["a"] == decision
    assert review_counts(dataset, "k") == {}


def test_filtering_by_score_keeps_both_slices_strongest_first(dataset: Any):
    compute(dataset)
    view = filter_by_score(dataset, "k", 0.2, 0.6)
    assert view.values("pair_id") == ["b", "d"]
    assert view.select_group_slices(["before", "after"]).count() == 4


def test_renaming_moves_the_record_the_fields_and_the_evaluation(dataset: Any):
    compute(dataset)
    list(threshold_run(dataset, "k", 0.3))
    list(evaluate_heatmaps(dataset, "k", 0.3))
    rename_run(dataset, "k", "line_7")
    assert list_runs(dataset) == ["line_7"]
    assert not [name for name in dataset.get_field_schema() if name.startswith("k")]
    assert after(dataset, "line_7_score")["a"] > 0.6
    assert "line_7_segmentation" in dataset.mask_targets
    assert [report["field"] for report in evaluation_reports(dataset)] == ["line_7"]
    assert dataset.list_evaluations() == ["line_7_pairs", "line_7_pixels"]
    assert dataset.list_saved_views() == ["line_7 false alarms", "line_7 missed", "line_7 worst first"]
    with pytest.raises(RunKeyError, match="taken"):
        rename_run(dataset, "line_7", "source")


def test_deleting_leaves_neither_fields_nor_files_nor_records(dataset: Any):
    before = {*dataset.get_field_schema(), "pair_truth"}
    compute(dataset)
    list(threshold_run(dataset, "k", 0.3))
    list(evaluate_heatmaps(dataset, "k", 0.3))
    files = maps_of(dataset)
    assert delete_run(dataset, "k") == len(files) == 12
    assert not any(path.exists() for path in files)
    assert set(dataset.get_field_schema()) == before
    assert dataset.list_runs() == dataset.list_evaluations() == dataset.list_saved_views() == []


def test_a_folder_that_is_not_argus_own_is_never_deleted(dataset: Any, tmp_path: Path):
    from argus_fiftyone.plugin.dataset.runs import update_run

    compute(dataset)
    update_run(dataset, "k", folder=str(tmp_path))
    delete_run(dataset, "k")
    assert (tmp_path / "pairs.csv").exists()


def test_an_unknown_run_is_answered_with_those_there_are(dataset: Any):
    compute(dataset)
    with pytest.raises(RunKeyError, match=r"no Argus run 'x' on 'runs'; there are: k$"):
        run_record(dataset, "x")
