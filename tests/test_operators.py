"""The operators' forms, their answers and their SDK twins."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fakes import FakeEncoder, compare_by_pixels, write_list
from fiftyone.operators.delegated import DelegatedOperationService
from fiftyone.operators.executor import ExecutionContext, ExecutionError, Executor

from argus_fiftyone.plugin.dataset import computing
from argus_fiftyone.plugin.dataset.reviews import review_pairs
from argus_fiftyone.plugin.dataset.runs import list_runs

pytestmark = pytest.mark.database

SPOTS = {"a": 0.8, "b": -0.6, "c": 0.0, "d": 0.3}
PLUGIN = "@argus/argus-fiftyone"


def operator(name: str) -> Any:
    return foo.get_operator(f"{PLUGIN}/{name}")


@pytest.fixture(autouse=True)
def no_towers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computing, "load_encoder", lambda settings: FakeEncoder())
    monkeypatch.setattr(computing, "compare_pairs", compare_by_pixels)


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[Any]:
    made = operator("import_pairs")("operated", csv=str(write_list(tmp_path, SPOTS)), overwrite=True)
    yield made
    made.delete()


def form(operator_name: str, dataset: Any, **params: Any) -> dict[str, Any]:
    """The properties of an operator's form for these inputs."""
    request = {"dataset_name": dataset.name if dataset else None, "view": [], "params": params}
    op = operator(operator_name)
    resolved = op.resolve_type(ExecutionContext(request, operator_uri=op.uri), "inputs")
    return resolved.type.properties


def faults(properties: dict[str, Any]) -> dict[str, str]:
    return {name: p.error_message for name, p in properties.items() if getattr(p, "invalid", False)}


def test_from_files_to_an_evaluated_run_in_python(dataset: Any):
    record = operator("compute_change_heatmaps")(dataset, "screws")
    assert (record["status"], record["pairs"]) == ("done", 4)
    report = operator("evaluate_change_heatmaps")(dataset, "screws")
    assert (report["found"], report["missed"]) == (2, 1)
    operator("threshold_change_heatmaps")(dataset, "screws", 0.2)
    assert operator("compare_change_runs")(dataset)["fields"] == ["screws"]
    assert operator("evaluate_change_heatmaps")(dataset, "screws")["found"] == 3
    assert operator("filter_by_change_score")(dataset, "screws", 0.5).values("pair_id") == ["a", "b"]
    assert operator("load_change_run_view")(dataset, "screws").values("pair_id") == ["a", "b", "d", "c"]
    told = operator("get_change_run_info")(dataset, "screws")
    assert (told["flagged"], told["pairs"], told["queries"]) == ("3", "4", "each pair's own query")
    operator("rename_change_run")(dataset, "screws", "line_7")
    assert operator("delete_change_run")(dataset, "line_7")["left"] == []


@pytest.mark.parametrize("queries", ["a spot; a hole", ["a spot", "a hole"]])
def test_several_queries_as_words_or_as_a_list(dataset: Any, queries: Any):
    assert operator("compute_change_heatmaps")(dataset, "k", queries)["queries"] == ["a spot", "a hole"]


def test_a_view_limits_what_is_computed(dataset: Any):
    assert operator("compute_change_heatmaps")(dataset.limit(2), "k")["pairs"] == 2


def test_a_selection_made_on_the_before_slice_means_those_pairs(dataset: Any):
    chosen = dataset.select_group_slices("before").skip(1).first().id
    params = {"run_key": "k", "encoder": "auto", "threshold": 0.5, "view_target": "SELECTED_SAMPLES"}
    context = {"dataset": dataset, "selected": [chosen], "group_slice": "before", "params": params}
    foo.execute_operator(f"{PLUGIN}/compute_change_heatmaps", context)
    assert dataset.select_group_slices("after").exists("k_score").values("pair_id") == ["b"]
    assert operator("load_change_run_view")(dataset, "k").values("pair_id") == ["b"]
    assert operator("filter_by_change_score")(dataset, "k", 0.1).values("pair_id") == ["b"]
    assert operator("get_change_run_info")(dataset, "k")["flagged"] == "1"


def test_progress_reaches_the_app_and_ends_at_one(dataset: Any):
    request = {"dataset_name": dataset.name, "view": [], "params": {"run_key": "k", "encoder": "auto"}}
    messages = list(
        operator("compute_change_heatmaps").execute(ExecutionContext(request, executor=Executor()))
    )
    sent = [message.body.params for message in messages if message.body.operator_uri == "set_progress"]
    assert sent[0]["label"] == "loading the encoder auto"
    assert sent[-1] == {"progress": 1.0, "label": "4 of 4 pairs compared"}


def test_a_delegated_run_does_the_same_later(dataset: Any):
    assert operator("compute_change_heatmaps")(dataset, "later", delegate=True) is None
    assert list_runs(dataset) == []
    DelegatedOperationService().execute_queued_operations(dataset_name=dataset.name)
    dataset.reload()
    assert list_runs(dataset) == ["later"]
    assert dataset.exists("later_score").count() == 4


def test_the_other_long_operators_run_delegated_too(dataset: Any, tmp_path: Path):
    operator("compute_change_heatmaps")(dataset, "k")
    review_pairs(dataset, "k", dataset.values("id"), "rejected")
    operator("evaluate_change_heatmaps")(dataset, "k", delegate=True)
    operator("threshold_change_heatmaps")(dataset, "k", 0.4, delegate=True)
    operator("export_report")(dataset, "k", str(tmp_path / "report"), pairs="confirmed", delegate=True)
    operator("calibrate_from_reviews")(dataset, "k", "false_alarms", 0.5, delegate=True)
    service = DelegatedOperationService()
    service.execute_queued_operations(dataset_name=dataset.name)
    runs = service.list_operations(dataset_name=dataset.name)
    assert [str(run.run_state) for run in runs] == ["completed"] * 4
    dataset.reload()
    assert dataset.has_evaluation("k_pairs")
    assert (tmp_path / "report" / "report.html").is_file()
    assert "k" in dataset.info["argus_calibrations"]


def test_the_message_of_a_fault_goes_to_the_app_before_it_is_raised(dataset: Any):
    request = {"dataset_name": dataset.name, "view": [], "params": {"run_key": "source", "encoder": "auto"}}
    steps = operator("compute_change_heatmaps").execute(ExecutionContext(request, executor=Executor()))
    assert next(steps).body.params["label"].startswith("Stopped: run key 'source'")
    assert "overwrite the field 'source'" in next(steps).body.params["message"]
    with pytest.raises(ExecutionError, match="source is another field of this dataset"):
        operator("compute_change_heatmaps")(dataset, "source")


def test_importing_two_folders_and_a_flat_dataset(dataset: Any, tmp_path: Path):
    folders = operator("import_pairs")(
        "operated folders",
        before=str(tmp_path / "before"),
        after=str(tmp_path / "after"),
        masks=str(tmp_path / "mask"),
    )
    assert folders.count() == 4
    flat = fo.Dataset("operated flat", overwrite=True)
    for side in ("before", "after"):
        flat.add_samples(
            [fo.Sample(filepath=str(tmp_path / side / f"{n}.png"), part=n, side=side) for n in SPOTS]
        )
    paired = operator("import_pairs")(
        "operated pairs", samples=flat, key_field="part", role_field="side", query="a spot"
    )
    assert paired.values("query") == ["a spot"] * 4


def test_the_form_refuses_what_cannot_run(dataset: Any, tmp_path: Path):
    operator("compute_change_heatmaps")(dataset, "k")
    compute = form("compute_change_heatmaps", dataset, run_key="not a name", threshold=1.5)
    assert set(faults(compute)) == {"run_key", "threshold"}
    taken = faults(form("compute_change_heatmaps", dataset, run_key="source"))
    assert "another field" in taken["run_key"]
    assert (
        "There is no such file." in faults(form("import_pairs", dataset, csv=str(tmp_path / "no.csv")))["csv"]
    )
    assert "exists" in faults(form("import_pairs", dataset, name="operated"))["name"]
    assert set(faults(form("delete_change_run", dataset, run_key="k"))) == {"sure"}
    assert not faults(form("delete_change_run", dataset, run_key="k", sure=True))
    assert set(faults(form("review_change", dataset))) == {"decision"}


def test_the_form_offers_to_resume_or_replace_an_existing_run(dataset: Any):
    operator("compute_change_heatmaps")(dataset, "k")
    assert "overwrite" not in form("compute_change_heatmaps", dataset, run_key="new")
    assert "Compute k anew" in form("compute_change_heatmaps", dataset, run_key="k")["overwrite"].view.label


def sent_by(name: str, dataset: Any, **params: Any) -> list[tuple[str, Any]]:
    """What an operator sends to the App: (operator, its parameters)."""
    context = ExecutionContext(
        {"dataset_name": dataset.name, "view": [], "params": params}, executor=Executor()
    )
    return [(sent.body.operator_uri, sent.body.params) for sent in operator(name).execute(context)]


def test_a_dry_run_shows_three_pairs_and_writes_nothing(dataset: Any):
    fields = set(dataset.get_field_schema())
    sent = sent_by("compute_change_heatmaps", dataset, dry_run=True, queries="a spot", encoder="auto")
    name, page = sent[-1]
    assert name == "show_output"
    assert [key for key in page["results"] if page["results"][key].startswith("data:image/jpeg")] == [
        "pair_0",
        "pair_1",
        "pair_2",
    ]
    dataset.reload()
    assert set(dataset.get_field_schema()) == fields
    assert list_runs(dataset) == []
    assert "at" in form("compute_change_heatmaps", dataset, encoder="auto")["estimate"].view.label


def test_a_finished_run_ends_on_a_page_with_next_steps(dataset: Any):
    name, page = sent_by("compute_change_heatmaps", dataset, run_key="k", encoder="auto")[-1]
    assert name == "show_output"
    assert "2 of 4 pairs flagged" in str(page["outputs"])
    assert "Argus triage" in str(page["outputs"])


def test_the_form_tells_pairs_and_time_before_running(dataset: Any):
    assert "4 pairs. How long: try" in form("compute_change_heatmaps", dataset)["estimate"].view.label
    operator("compute_change_heatmaps")(dataset, "k", encoder="fake")
    told = form("compute_change_heatmaps", dataset, encoder="fake", queries="a; b")["estimate"].view.label
    assert told.startswith("4 pairs, 2 queries, about 1 s, at")


def test_settings_can_be_kept_under_a_name_and_used_again(dataset: Any):
    params = {"queries": "a hole", "encoder": "auto", "threshold": 0.3}
    sent_by("compute_change_heatmaps", dataset, run_key="k", save_preset="night shift", **params)
    again = form("compute_change_heatmaps", dataset, preset="night shift")
    assert "queries" not in again
    assert "threshold 0.3" in again["preset_told"].view.label
    sent_by("compute_change_heatmaps", dataset, run_key="l", preset="night shift")
    record = operator("compute_change_heatmaps")(dataset, "l", "a hole", threshold=0.3)
    assert (record["queries"], record["threshold"]) == (["a hole"], 0.3)


def test_calibrating_previews_its_promise_and_refuses_at_the_field(dataset: Any):
    operator("compute_change_heatmaps")(dataset, "k")
    asked = {"field": "k", "goal": "false_alarms"}
    refused = faults(form("calibrate_from_reviews", dataset, wanted=0.1, **asked))
    assert refused["wanted"].startswith("false alarms below 0.1 needs 9 rejected pairs or more, found 0")
    operator("review_change")(dataset, "k", "rejected", sample_ids=dataset.values("id"))
    dataset.reload()
    fine = form("calibrate_from_reviews", dataset, wanted=0.4, **asked)
    assert not faults(fine)
    assert "at most 40% of unchanged pairs flagged" in fine["promise"].view.label
    found = operator("calibrate_from_reviews")(dataset, "k", "false_alarms", 0.4)
    assert found["decisions"] == 4


def test_a_report_is_exported_from_python(dataset: Any, tmp_path: Path):
    operator("compute_change_heatmaps")(dataset, "k")
    path = operator("export_report")(dataset, "k", tmp_path / "report")
    assert path.is_file()
    assert (tmp_path / "report" / "regions.json").is_file()


def test_forms_on_a_dataset_without_pairs_say_how_to_get_there():
    plain = fo.Dataset("plain", overwrite=True)
    for name in ("compute_change_heatmaps", "threshold_change_heatmaps", "evaluate_change_heatmaps"):
        assert "Import before/after pairs" in faults(form(name, plain))["blocked"]


def test_forms_before_the_first_run_say_what_comes_first(dataset: Any):
    for name in ("get_change_run_info", "delete_change_run", "evaluate_change_heatmaps"):
        assert "Compute change heatmaps" in faults(form(name, dataset))["blocked"]


def test_reviewing_from_python_marks_pairs_and_regions(dataset: Any):
    operator("compute_change_heatmaps")(dataset, "k")
    first = dataset.first()
    operator("review_change")(dataset, "k", "confirmed", sample_ids=[first.id])
    operator("review_change")(dataset, "k", "rejected", region_ids=[first.k_regions.detections[0].id])
    dataset.reload()
    assert dataset.first().k_review == "confirmed"
    assert dataset.first().k_regions.detections[0].tags == ["rejected"]
    operator("review_change")(dataset, "k", "withdraw", sample_ids=[first.id])
    assert dataset.count_values("k_review") == {None: 4}
