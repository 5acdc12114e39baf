"""Groups whose slices have other names, and flat datasets whose words do: imported, mapped and worked on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fakes import FakeEncoder, compare_by_pixels, write_pairs
from fiftyone.operators.executor import ExecutionContext, ExecutionError

from argus_fiftyone.plugin.dataset import computing
from argus_fiftyone.plugin.dataset.imports import ImportPairsError, rows_of_flat
from argus_fiftyone.plugin.dataset.reviews import review_pairs
from argus_fiftyone.plugin.dataset.slices import NotPairedError, UnmappedSlicesError, map_slices, pairs_in
from argus_fiftyone.plugin.panels import review, triage

pytestmark = pytest.mark.database

SPOTS = {"a": 0.8, "b": -0.6, "c": 0.0, "d": 0.3}


def operator(name: str) -> Any:
    return foo.get_operator(f"@argus/argus-fiftyone/{name}")


@pytest.fixture(autouse=True)
def no_towers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computing, "load_encoder", lambda settings: FakeEncoder())
    monkeypatch.setattr(computing, "compare_pairs", compare_by_pixels)


@pytest.fixture(autouse=True)
def no_datasets_left() -> Iterator[None]:
    yield
    for name in ("flat roles", "grouped roles", "paired roles"):
        if fo.dataset_exists(name):
            fo.delete_dataset(name)


def flat_dataset(folder: Path, before: Any, after: Any) -> Any:
    flat = fo.Dataset("flat roles")
    for pair in write_pairs(folder, SPOTS):
        for path, side in ((pair.after, after), (pair.before, before)):
            flat.add_sample(fo.Sample(filepath=str(path), part=pair.id, side=side))
    return flat


def grouped_dataset(folder: Path, before: str, after: str, field: str = "group") -> Any:
    grouped = fo.Dataset("grouped roles")
    grouped.add_group_field(field, default=before)
    for pair in write_pairs(folder, SPOTS):
        group = fo.Group()
        sides = ((before, pair.before), (after, pair.after))
        for side, path in sides:
            sample = fo.Sample(filepath=str(path), part=pair.id, side=side)
            sample[field] = group.element(side)
            grouped.add_sample(sample)
    return grouped


def form(operator_name: str, dataset: Any, **params: Any) -> dict[str, Any]:
    request = {"dataset_name": dataset.name, "view": [], "params": params}
    op = operator(operator_name)
    return op.resolve_type(ExecutionContext(request, operator_uri=op.uri), "inputs").type.properties


def faults(properties: dict[str, Any]) -> dict[str, str]:
    return {name: p.error_message for name, p in properties.items() if getattr(p, "invalid", False)}


def folders(dataset: Any) -> set[tuple[str, str]]:
    """Which folders the pairs' pictures come from: the truth of what is before."""
    return {(s.pair.before.parent.name, s.pair.after.parent.name) for s in pairs_in(dataset).samples}


@pytest.mark.parametrize(("before", "after"), [("old", "new"), ("pre", "post"), ("ref", "cur")])
def test_words_of_a_flat_dataset_are_read_by_what_they_mean(tmp_path: Path, before: str, after: str):
    flat = flat_dataset(tmp_path, before, after)
    shown = form("import_pairs", flat, source="flat", key_field="part", role_field="side")["roles"]
    assert shown.view.label.startswith(f"'{before}' read as before, '{after}' as after; e.g. before a.png")
    paired = operator("import_pairs")("paired roles", samples=flat, key_field="part", role_field="side")
    assert folders(paired) == {("before", "after")}
    assert paired.info["argus_import"]["roles"] == f"'{before}' read as before, '{after}' as after"


def test_words_that_nobody_knows_are_asked_for_and_never_guessed(tmp_path: Path):
    flat = flat_dataset(tmp_path, "right", "left")
    asked = {"source": "flat", "key_field": "part", "role_field": "side", "name": "paired roles"}
    assert "'left', 'right'" in faults(form("import_pairs", flat, **asked))["before_value"]
    answered = form("import_pairs", flat, **asked, before_value="right")
    assert not faults(answered)
    assert answered["roles"].view.label == (
        "'right' read as before, 'left' as after; e.g. before a.png, after a.png"
    )
    del asked["name"], asked["source"]
    with pytest.raises(ExecutionError, match="'left', 'right' do not say which comes first"):
        operator("import_pairs")("paired roles", samples=flat, **asked)
    with pytest.raises(ImportPairsError, match=r"'left', 'right' .*before_value"):
        rows_of_flat(flat, "part", "side")
    paired = operator("import_pairs")("paired roles", samples=flat, **asked, before_value="right")
    assert folders(paired) == {("before", "after")}


def test_a_person_may_mean_known_words_the_other_way_round(tmp_path: Path):
    flat = flat_dataset(tmp_path, "bad", "good")
    asked = {"source": "flat", "key_field": "part", "role_field": "side"}
    shown = form("import_pairs", flat, **asked, before_value="bad")["roles"].view.label
    assert shown == "'bad' read as before, 'good' as after; e.g. before a.png, after a.png"
    del asked["source"]
    paired = operator("import_pairs")("paired roles", samples=flat, **asked, before_value="bad")
    assert folders(paired) == {("before", "after")}


def test_a_yes_or_no_field_is_asked_for_and_a_first_picture_alone_stops_nobody(tmp_path: Path):
    flat = flat_dataset(tmp_path, False, True)
    flat.delete_samples([flat.first().id])
    asked = {"source": "flat", "key_field": "part", "role_field": "side"}
    assert "'False', 'True'" in faults(form("import_pairs", flat, **asked))["before_value"]
    assert not faults(form("import_pairs", flat, **asked, before_value="False"))
    del asked["source"]
    paired = operator("import_pairs")("paired roles", samples=flat, **asked, before_value=False)
    assert (folders(paired), paired.count()) == ({("before", "after")}, 3)


def test_tags_may_tell_before_from_after(tmp_path: Path):
    flat = flat_dataset(tmp_path, "x", "y")
    flat.match({"side": "x"}).tag_samples(["before", "night"])
    flat.match({"side": "y"}).tag_samples(["after", "night"])
    found = rows_of_flat(flat, "part", "tags")
    assert {(row.pair.before.parent.name, row.pair.after.parent.name) for row in found.rows} == {
        ("before", "after")
    }


def test_two_pictures_of_one_role_and_a_third_word_are_named_and_left_out(tmp_path: Path):
    flat = flat_dataset(tmp_path, "old", "new")
    flat.match({"part": "b"}).set_field("side", "old").save()
    flat.match({"part": "c", "side": "new"}).set_field("side", "mask").save()
    found = rows_of_flat(flat, "part", "side")
    assert [row.pair.id for row in found.rows] == ["a", "d"]
    assert "b: neither of its two pictures is before the other" in found.incomplete
    assert any("side 'mask' is neither before nor after" in line for line in found.incomplete)


@pytest.mark.parametrize("field", ["group", "plate"])
def test_groups_can_be_paired_by_a_field_of_all_their_slices(tmp_path: Path, field: str):
    grouped = grouped_dataset(tmp_path, "left", "right", field)
    paired = operator("import_pairs")(
        "paired roles", samples=grouped, key_field="part", role_field="side", before_value="left"
    )
    assert folders(paired) == {("before", "after")}
    by_slice = rows_of_flat(grouped, "part", f"{field}.name", before_value="left")
    assert len(by_slice.rows) == 4


def work_through(grouped: Any, before: str, after: str) -> None:
    """Everything a person does with pairs, on groups with slices of these names."""
    assert folders(grouped) == {("before", "after")}
    assert set(grouped.select_group_slices(before).values("k_score")) == {None}
    flat = grouped.select_group_slices(after)
    for sample in flat:
        mask = fo.Segmentation(mask_path=sample.filepath.replace("/after/", "/mask/"))
        grouped.set_values("ground_truth", {sample.id: mask}, key_field="id")
    operator("threshold_change_heatmaps")(grouped, "k", 0.2)
    assert operator("evaluate_change_heatmaps")(grouped, "k")["found"] == 3
    review_pairs(grouped, "k", grouped.select_group_slices(before).values("id"), "confirmed")
    assert grouped.select_group_slices(after).count_values("k_review") == {"confirmed": 4}
    assert operator("filter_by_change_score")(grouped, "k", 0.2).count() == 3
    assert operator("load_change_run_view")(grouped, "k").values("part") == ["a", "b", "d", "c"]


def test_groups_of_known_words_need_no_mapping(tmp_path: Path):
    grouped = grouped_dataset(tmp_path, "old", "new")
    assert "before_slice" not in form("compute_change_heatmaps", grouped)
    assert operator("compute_change_heatmaps")(grouped, "k")["pairs"] == 4
    work_through(grouped, "old", "new")


def test_groups_of_any_words_are_mapped_once_in_the_form(tmp_path: Path):
    grouped = grouped_dataset(tmp_path, "right", "left")
    unasked = faults(form("compute_change_heatmaps", grouped))
    assert set(unasked) == {"before_slice", "after_slice"}
    assert unasked["before_slice"] == "Choose one of this dataset's slices: right, left."
    chosen = {"before_slice": "right", "after_slice": "left"}
    assert faults(form("compute_change_heatmaps", grouped, **{**chosen, "after_slice": "right"}))
    answered = form("compute_change_heatmaps", grouped, **chosen)
    assert not faults(answered)
    assert answered["one_pair"].view.label == "The first pair: before a.png, after a.png"
    stored: Any = fo.load_dataset("grouped roles").info
    assert "argus_slices" not in stored
    operator("compute_change_heatmaps")(grouped, "k", **chosen)
    grouped.reload()
    assert "before_slice" not in form("compute_change_heatmaps", grouped)
    work_through(grouped, "right", "left")
    assert folders(grouped.clone("paired roles")) == {("before", "after")}


def test_the_import_form_maps_slices_without_copying(tmp_path: Path):
    grouped = grouped_dataset(tmp_path, "right", "left")
    opened = form("import_pairs", grouped)
    assert opened["source"].default == "slices"
    assert "name" not in opened
    mapped = operator("import_pairs")(samples=grouped, before_slice="right", after_slice="left")
    assert mapped is grouped
    grouped.reload()
    assert folders(grouped) == {("before", "after")}
    assert form("import_pairs", grouped)["source"].default != "slices"


@pytest.mark.parametrize("name", ["threshold_change_heatmaps", "evaluate_change_heatmaps", "review_change"])
def test_other_forms_say_where_slices_are_mapped(tmp_path: Path, name: str):
    grouped = grouped_dataset(tmp_path, "right", "left")
    told = faults(form(name, grouped))["blocked"]
    assert "the group slices right, left: say which one is before" in told


def test_slices_that_are_not_there_and_a_new_meaning_under_a_run_are_refused(tmp_path: Path):
    grouped = grouped_dataset(tmp_path, "right", "left")
    with pytest.raises(UnmappedSlicesError, match="has the group slices right, left"):
        pairs_in(grouped)
    with pytest.raises(NotPairedError, match="are not two slices of 'grouped roles', which has right, left"):
        map_slices(grouped, "up", "left")
    map_slices(grouped, "right", "left")
    operator("compute_change_heatmaps")(grouped, "k")
    grouped.reload()
    with pytest.raises(NotPairedError, match="has the runs k with right and left"):
        map_slices(grouped, "left", "right")


def test_the_panels_work_on_groups_of_other_names(tmp_path: Path):
    grouped = grouped_dataset(tmp_path, "right", "left")
    context = ExecutionContext({"dataset_name": "grouped roles", "view": [], "params": {}})
    assert "say which one is before" in triage.describe(context)["message"]
    operator("compute_change_heatmaps")(grouped, "k", before_slice="right", after_slice="left")
    grouped.reload()
    assert triage.describe(context)["base"] == "k"
    opened = review.describe(context, grouped.first().id)["pair"]
    assert Path(opened["before"]["path"]).parent.name == "before"
    assert Path(opened["after"]["path"]).parent.name == "after"
