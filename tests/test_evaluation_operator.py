"""What the form of Evaluate offers and says, and what its result page claims."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone.operators as foo
import pytest
from fiftyone.operators.executor import ExecutionContext, ExecutionError, Executor
from small_runs import compute, imported

from argus_fiftyone.plugin.dataset.evaluations import evaluation_report, latest_report
from argus_fiftyone.plugin.dataset.runs import threshold_of

pytestmark = pytest.mark.database

URI = "@argus/argus-fiftyone/evaluate_change_heatmaps"


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[Any]:
    yield from imported(tmp_path)


def operator() -> Any:
    return foo.get_operator(URI)


def context(dataset: Any, view: Any = None, selected: list[str] | None = None, **params: Any) -> Any:
    """What the App sends: a filtered view, ticked samples, and what the form holds."""
    stages = view._serialize() if view is not None else []
    request = {"dataset_name": dataset.name, "view": stages, "selected": selected or [], "params": params}
    return ExecutionContext(request, executor=Executor(), operator_uri=URI)


def form(dataset: Any, **given: Any) -> dict[str, Any]:
    return operator().resolve_type(context(dataset, **given), "inputs").type.properties


def offered(properties: dict[str, Any]) -> list[str]:
    return [choice.label for choice in properties["pairs"].view.choices]


def result_page(dataset: Any, **given: Any) -> str:
    """The words of the page that ends an evaluation."""
    steps = operator().execute(context(dataset, field="k", threshold=0.5, **given))
    *_, last = (step.body for step in steps)
    return str(last.params)


def test_all_pairs_are_measured_while_a_view_is_filtered_and_pairs_are_ticked(dataset: Any):
    compute(dataset)
    ticked = [dataset.first().id]
    asked = form(dataset, view=dataset.limit(2), selected=ticked)
    assert asked["pairs"].default == "dataset"
    assert offered(asked) == [
        "Whole data set: 4 pairs with heatmaps",
        "Current view: 2 pairs with heatmaps",
        "Selected in the grid: 1 pair with heatmaps",
    ]
    page = result_page(dataset, view=dataset.limit(2), selected=ticked)
    assert "**4 of 4 pairs, whole data set**" in page


def test_form_page_and_record_name_the_part_that_was_chosen(dataset: Any):
    compute(dataset)
    result_page(dataset)
    ticked = [dataset.select_group_slices("before").skip(3).first().id]
    for pairs, count, name in (("view", 2, "current view"), ("selected", 1, "selected pairs")):
        given = {"view": dataset.limit(2), "selected": ticked, "pairs": pairs}
        assert "reported by itself" in form(dataset, **given)["told"].view.label
        page = result_page(dataset, **given)
        assert f"**{count} of 4 pairs, {name}**" in page
        assert "This is a part" in page
        dataset.reload()
        assert latest_report(dataset, "k")["target"] == name
    whole = evaluation_report(dataset, "k")
    assert whole is not None
    assert whole["pairs"] == 4


def test_a_selection_that_is_gone_is_refused(dataset: Any):
    compute(dataset)
    with pytest.raises(ValueError, match="no pair is selected any more"):
        result_page(dataset, pairs="selected")


def test_form_and_page_say_when_the_runs_threshold_moves(dataset: Any):
    compute(dataset)
    told = form(dataset, field="k", threshold=0.3)["told"].view.label
    assert "threshold moves from 0.5 to 0.3" in told
    steps = operator().execute(context(dataset, field="k", threshold=0.3))
    *_, last = (step.body for step in steps)
    assert "threshold moved from 0.5 to 0.3" in str(last.params)


def test_another_querys_masks_are_refused_in_the_form_until_a_person_says_they_mark_it_too(dataset: Any):
    compute(dataset, queries=["a hole"])
    refused = form(dataset)["shared_truth"]
    assert refused.invalid
    assert refused.error_message.startswith("4 pairs left out: their masks belong to “a spot”")
    assert not getattr(form(dataset, shared_truth=True)["shared_truth"], "invalid", False)
    with pytest.raises(ExecutionError, match="their masks belong to “a spot”"):
        operator()(dataset, "k")
    report = operator()(dataset, "k", shared_truth=True)
    assert report["pairs"] == 4
    assert form(dataset)["shared_truth"].default is True


def test_the_form_says_what_it_does_not_know_of_the_truth(dataset: Any):
    compute(dataset)
    assert "unknown" not in form(dataset)
    dataset.clear_sample_field("query")
    compute(dataset, "l", queries=["a hole"])
    told = form(dataset, field="l")["unknown"].view.label
    assert told == "The pairs name no query of their own: their masks are taken to mark “a hole”."
    dataset.clone_sample_field("k", "anomalib")
    assert form(dataset, field="anomalib")["unknown"].view.label.startswith("Nobody noted what")


def test_pairs_that_were_left_out_are_named_on_the_page(dataset: Any):
    dataset.set_values("query", {dataset.first().id: "a hole"}, key_field="id")
    compute(dataset, queries=["a spot"])
    page = result_page(dataset)
    assert "**3 of 4 pairs, whole data set**" in page
    assert "1 pair left out: their masks belong to “a hole”, and “a spot” was asked." in page


def test_a_view_from_python_is_a_part_and_moves_no_threshold(dataset: Any):
    compute(dataset)
    report = operator()(dataset.limit(2), "k", 0.3)
    assert (report["pairs"], report["of"], report["part"]) == (2, 4, True)
    assert threshold_of(dataset, "k") == 0.5
