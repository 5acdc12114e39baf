"""What an evaluation covers: all pairs or a part, which threshold, and whose masks."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import after, compute, imported

from argus_fiftyone.plugin.dataset.evaluations import (
    evaluation_report,
    evaluation_reports,
    evaluation_scope,
    latest_report,
    table_of,
)
from argus_fiftyone.plugin.dataset.exporting import export_report
from argus_fiftyone.plugin.dataset.ground_truth import NoTruthError, evaluate_heatmaps
from argus_fiftyone.plugin.dataset.reviews import review_pairs, review_regions
from argus_fiftyone.plugin.dataset.runs import delete_run, rename_run, set_threshold, threshold_of, update_run
from argus_fiftyone.plugin.dataset.scores import count_scores, curve_of
from argus_fiftyone.plugin.dataset.thresholds import threshold_heatmaps
from argus_fiftyone.plugin.dataset.triage import ranked_view

pytestmark = pytest.mark.database


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[Any]:
    yield from imported(tmp_path)


@pytest.fixture
def evaluated(dataset: Any) -> Any:
    """With the run k, evaluated at 0.5 on all four pairs: a and b found, d missed, c quiet."""
    compute(dataset)
    list(evaluate_heatmaps(dataset, "k", 0.5))
    return dataset


def left_behind(dataset: Any) -> dict[str, Any]:
    """All that an evaluation of the whole run leaves where others look."""
    report = {**(evaluation_report(dataset, "k") or {})}
    return {
        "report": report,
        "outcomes": after(dataset, "k_outcome"),
        "overlaps": after(dataset, "k_iou"),
        "missed": dataset.load_saved_view("k missed").values("pair_id"),
        "panel": dataset.load_evaluation_results("k_pairs").metrics(),
        "threshold": threshold_of(dataset, "k"),
    }


def test_an_evaluation_of_a_part_leaves_the_figures_of_all_pairs_alone(evaluated: Any):
    before = left_behind(evaluated)
    list(evaluate_heatmaps(evaluated.limit(2), "k", 0.6, target="current view"))
    assert left_behind(evaluated) == before
    part = latest_report(evaluated, "k")
    assert (part["pairs"], part["of"], part["target"], part["threshold"]) == (2, 4, "current view", 0.6)
    assert (part["found"], part["missed"]) == (1, 1)


def test_a_view_that_holds_all_heatmaps_is_the_whole_run(dataset: Any):
    compute(dataset.limit(2))
    list(evaluate_heatmaps(dataset.limit(2), "k", 0.5, target="current view"))
    (report,) = evaluation_reports(dataset)
    assert (report["pairs"], report["of"], report["target"]) == (2, 4, "whole data set")


def test_the_scope_says_how_many_pairs_at_which_threshold(evaluated: Any):
    scope = evaluation_scope(evaluated, "k")
    assert scope is not None
    assert (scope["threshold"], scope["pairs"], scope["of"], scope["stale"]) == (0.5, 4, 4, False)
    assert scope["told"] == "4 of 4 pairs, whole data set, at threshold 0.5"
    assert evaluation_scope(evaluated, "other") is None


def test_the_scope_of_a_part_counts_only_where_nothing_else_was_measured(dataset: Any):
    compute(dataset)
    list(evaluate_heatmaps(dataset.limit(1), "k", 0.5))
    assert evaluation_scope(dataset, "k")["pairs"] == 1  # type: ignore[index]
    assert evaluation_reports(dataset) == []
    list(evaluate_heatmaps(dataset, "k", 0.5))
    list(evaluate_heatmaps(dataset.limit(1), "k", 0.5))
    assert evaluation_scope(dataset, "k")["pairs"] == 4  # type: ignore[index]


def test_parts_stand_beside_whole_runs_only_where_asked(evaluated: Any):
    list(evaluate_heatmaps(evaluated.limit(1), "k", 0.5, target="selected pairs"))
    rows = {row["metric"]: row for row in table_of(evaluation_reports(evaluated, parts=True))}
    assert rows["Measured on"]["k"] == "4 of 4 pairs, whole data set"
    assert rows["Measured on"]["k_part"] == "1 of 4 pairs, selected pairs"
    assert [report["pairs"] for report in evaluation_reports(evaluated)] == [4]


def test_a_part_moves_and_goes_with_its_run(evaluated: Any):
    list(evaluate_heatmaps(evaluated.limit(1), "k", 0.5))
    rename_run(evaluated, "k", "line_7")
    fields = [report["field"] for report in evaluation_reports(evaluated, parts=True)]
    assert fields == ["line_7", "line_7"]
    delete_run(evaluated, "line_7")
    assert evaluated.list_runs() == []


def test_outcomes_and_saved_views_follow_the_threshold_and_figures_are_marked_stale(evaluated: Any):
    list(threshold_heatmaps(evaluated, "k", 0.2))
    assert after(evaluated, "k_outcome") == {"a": "found", "b": "found", "c": "quiet", "d": "found"}
    assert evaluated.load_saved_view("k missed").count() == 0
    assert evaluated.load_evaluation_results("k_pairs").metrics()["recall"] == 1
    scope = evaluation_scope(evaluated, "k")
    assert scope is not None
    assert scope["stale"]
    assert scope["why"] == "measured at 0.5, the run stands at 0.2; evaluate again"


def test_pixels_of_another_threshold_stand_under_a_key_that_says_so(evaluated: Any):
    set_threshold(evaluated, "k", 0.2)
    assert evaluated.list_evaluations() == ["k_pairs", "k_pixels_at_0_5"]
    set_threshold(evaluated, "k", 0.5)
    assert evaluated.list_evaluations() == ["k_pairs", "k_pixels"]
    set_threshold(evaluated, "k", 0.2)
    list(evaluate_heatmaps(evaluated, "k", 0.2))
    assert evaluated.list_evaluations() == ["k_pairs", "k_pixels"]
    assert not evaluation_scope(evaluated, "k")["stale"]  # type: ignore[index]


def test_a_run_computed_anew_makes_its_evaluation_stale(evaluated: Any):
    compute(evaluated, overwrite=True)
    assert evaluation_scope(evaluated, "k")["why"] == "the run was computed anew since; evaluate again"  # type: ignore[index]


def test_more_heatmaps_than_were_measured_make_an_evaluation_stale(dataset: Any):
    compute(dataset.limit(2))
    list(evaluate_heatmaps(dataset, "k", 0.5))
    compute(dataset)
    assert evaluation_scope(dataset, "k")["why"].startswith("measured when 2 pairs had heatmaps, now 4 do")  # type: ignore[index]


def test_figures_stored_by_argus_0_1_0_are_shown_as_of_unknown_scope(evaluated: Any, tmp_path: Path):
    old = evaluated.get_run_info("k_evaluation").config.report
    for name in ("of", "target", "part", "heatmaps", "asked", "refused", "skipped_pairs"):
        del old[name]
    update_run(evaluated, "k_evaluation", report=old)
    (report,) = evaluation_reports(evaluated)
    told = "measured by Argus 0.1.0, which did not note on which pairs; evaluate again"
    assert report["stale"] == told
    assert table_of([report])[-2:] == [
        {"metric": "Measured on", "k": "4 pairs"},
        {"metric": "Up to date", "k": f"no: {told}"},
    ]
    assert told in exported(evaluated, tmp_path / "out")[0]


def exported(dataset: Any, folder: Path, **options: Any) -> tuple[str, list[dict[str, str]]]:
    list(export_report(dataset, "k", folder, **options))
    rows = list(csv.DictReader((folder / "pairs.csv").read_text().splitlines()))
    return (folder / "report.html").read_text(), rows


def test_the_report_states_the_threshold_of_every_figure(evaluated: Any, tmp_path: Path):
    list(threshold_heatmaps(evaluated, "k", 0.2))
    page, rows = exported(evaluated, tmp_path / "out")
    assert "flagged at 0.2" in page
    assert "<th>found at 0.2</th><td>3</td>" in page
    assert "<th>missed at 0.2</th><td>0</td>" in page
    assert "IoU at 0.5" in page
    assert "measured at 0.5, the run stands at 0.2; evaluate again" in page
    assert [(row["outcome"], row["threshold"]) for row in rows][3] == ("found", "0.2")


def test_an_up_to_date_report_says_what_it_rests_on_and_no_more(evaluated: Any, tmp_path: Path):
    page, _ = exported(evaluated, tmp_path / "out")
    assert "4 of 4 pairs, whole data set, against ground_truth, measured at 0.5." in page
    assert "Out of date" not in page


def test_the_confirmed_report_has_the_confirmed_regions_alone_at_any_threshold(dataset: Any, tmp_path: Path):
    compute(dataset)
    confirmed = dataset.match({"pair_id": "b"}).first().k_regions.detections[0].id
    review_regions(dataset, "k", [confirmed], "confirmed")
    list(threshold_heatmaps(dataset, "k", 0.7))
    page, _ = exported(dataset, tmp_path / "out", confirmed=True)
    coco = json.loads((tmp_path / "out" / "regions.json").read_text())
    assert [Path(image["file_name"]).stem for image in coco["images"]] == ["b"]
    assert len(coco["annotations"]) == 1
    assert "<b>b</b>" in page
    assert "<b>a</b>" not in page


def test_a_pair_confirmed_without_a_region_is_named_as_one_without_a_box(dataset: Any, tmp_path: Path):
    compute(dataset)
    review_pairs(dataset, "k", [dataset.first().id], "confirmed")
    page, _ = exported(dataset, tmp_path / "out", confirmed=True)
    assert json.loads((tmp_path / "out" / "regions.json").read_text())["annotations"] == []
    assert "1 of them without a confirmed region" in page


OTHER = "a hole"
REFUSED = "4 pairs left out: their masks belong to “a spot”, and these heatmaps were asked for “a hole”"


@pytest.mark.parametrize("asked", [OTHER, ""])
def test_a_query_is_never_measured_against_masks_of_another(dataset: Any, asked: str):
    compute(dataset, queries=[asked])
    told = REFUSED if asked else "“any change”: choose a mask field made for that query, or say that these"
    with pytest.raises(NoTruthError, match=told):
        list(evaluate_heatmaps(dataset, "k", 0.5))
    assert evaluation_reports(dataset) == []
    counts = count_scores(dataset, "k", 0.5).scored
    assert {count.truth for count in counts} == {""}
    assert curve_of(counts) == ([], None)
    assert ranked_view(dataset, "k", "missed", 0.5).count() == 0


def test_the_same_query_in_other_capitals_is_the_pairs_own(dataset: Any):
    compute(dataset, queries=["A  Spot"])
    list(evaluate_heatmaps(dataset, "k", 0.5))
    assert {count.truth for count in count_scores(dataset, "k", 0.5).scored} == {"change", "nochange"}


def test_masks_that_a_person_says_mark_the_query_too_are_used_everywhere(dataset: Any, tmp_path: Path):
    compute(dataset, queries=[OTHER])
    list(evaluate_heatmaps(dataset, "k", 0.5, shared_truth=True))
    assert {count.truth for count in count_scores(dataset, "k", 0.5).scored} == {"change", "nochange"}
    list(evaluate_heatmaps(dataset, "k", 0.5))
    with pytest.raises(NoTruthError, match="their masks belong to “a spot”"):
        list(evaluate_heatmaps(dataset, "k", 0.5, shared_truth=False))
    assert {count.truth for count in count_scores(dataset, "k", 0.5).scored} == {""}
    assert evaluation_scope(dataset, "k")["stale"]  # type: ignore[index]
    assert {row["outcome"] for row in exported(dataset, tmp_path / "out")[1]} == {""}


def test_pairs_of_other_queries_are_left_out_and_counted(dataset: Any):
    a = dataset.match({"pair_id": "a"}).first().id
    dataset.set_values("query", {a: OTHER}, key_field="id")
    compute(dataset, queries=["a spot"])
    list(evaluate_heatmaps(dataset, "k", 0.5))
    report = latest_report(dataset, "k")
    assert (report["pairs"], report["of"], report["refused"]) == (3, 4, [[OTHER, 1]])
    assert after(dataset, "k_outcome") == {"a": None, "b": "found", "c": "quiet", "d": "missed"}


def test_a_mask_field_made_for_the_query_is_taken_at_a_persons_word(dataset: Any):
    dataset.clone_sample_field("ground_truth", "holes")
    dataset.clear_sample_field("change")
    compute(dataset, queries=[OTHER])
    list(evaluate_heatmaps(dataset, "k", 0.5, "holes"))
    assert latest_report(dataset, "k")["pairs"] == 4
    assert {count.truth for count in count_scores(dataset, "k", 0.5).scored} == {"change", "nochange"}


def test_without_labels_the_panel_knows_the_truth_from_the_evaluation(dataset: Any):
    dataset.clear_sample_field("change")
    compute(dataset)
    assert curve_of(count_scores(dataset, "k", 0.5).scored) == ([], None)
    mask = dataset.match({"pair_id": "c"}).first()
    mask["change"] = "nochange"
    mask.save()
    list(evaluate_heatmaps(dataset, "k", 0.5))
    assert curve_of(count_scores(dataset, "k", 0.5).scored)[1] == 1
    assert ranked_view(dataset, "k", "missed", 0.5).values("pair_id") == ["d"]
    assert ranked_view(dataset, "k", "false_alarms", 0.5).count() == 0


def test_pairs_without_a_query_of_their_own_have_masks_for_any(dataset: Any):
    dataset.clear_sample_field("query")
    compute(dataset, queries=[OTHER])
    list(evaluate_heatmaps(dataset, "k", 0.5))
    assert {count.truth for count in count_scores(dataset, "k", 0.5).scored} == {"change", "nochange"}


def test_the_report_of_another_query_shows_neither_its_words_nor_its_truth(dataset: Any, tmp_path: Path):
    compute(dataset, queries=[OTHER])
    page, rows = exported(dataset, tmp_path / "out")
    assert "a hole · score" in page
    assert "a spot · score" not in page
    assert {(row["query"], row["change"]) for row in rows} == {("a hole", "")}


def test_figures_are_the_same_whether_asked_in_one_go_or_after_a_part(evaluated: Any):
    whole = evaluation_report(evaluated, "k")
    list(evaluate_heatmaps(evaluated.limit(3), "k", 0.4))
    list(evaluate_heatmaps(evaluated, "k", 0.5))
    again = evaluation_report(evaluated, "k")
    assert whole is not None
    assert again is not None
    assert np.isclose(whole["pixel_ap"], again["pixel_ap"])
    assert {**whole, "timestamp": 0} == {**again, "timestamp": 0}
