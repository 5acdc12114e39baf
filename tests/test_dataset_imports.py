"""Pair lists and folders as grouped datasets: what is taken, skipped and refused."""

from datetime import date
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fakes import write_list, write_pairs

from argus_fiftyone.plugin.dataset.imports import (
    ImportPairsError,
    ImportReport,
    PairRows,
    import_pairs,
    rows_of_csv,
    rows_of_flat,
    rows_of_folders,
)
from argus_fiftyone.plugin.dataset.slices import NotPairedError, groups_of, pairs_in

pytestmark = pytest.mark.database

SPOTS = {"a": 0.8, "b": -0.6, "c": 0.0}


def run_import(found: PairRows, name: str) -> tuple[Any, ImportReport]:
    report = ImportReport(len(found.rows))
    *_, dataset = import_pairs(name, found, report, overwrite=True)
    return dataset, report


def test_a_csv_becomes_groups_with_masks_labels_and_its_other_columns(tmp_path: Path):
    dataset, report = run_import(rows_of_csv(write_list(tmp_path, SPOTS)), "csv")
    after = dataset.select_group_slices("after")
    assert report.imported == 3
    assert dataset.default_group_slice == "after"
    assert after.values("pair_id") == ["a", "b", "c"]
    assert after.values("query") == ["a spot"] * 3
    assert after.values("change") == ["change", "change", "nochange"]
    assert after.values("source") == ["bench"] * 3
    assert after.values("ground_truth.mask_path") == [str(tmp_path / "mask" / f"{n}.png") for n in SPOTS]
    assert dataset.mask_targets["ground_truth"] == {0: "background", 255: "change"}


def test_a_pair_with_a_missing_picture_is_named_and_left_out(tmp_path: Path):
    pairs = write_list(tmp_path, SPOTS)
    (tmp_path / "after" / "b.png").unlink()
    dataset, report = run_import(rows_of_csv(pairs), "missing")
    assert dataset.count() == 2
    assert report.incomplete == [f"b: no such file {tmp_path / 'after' / 'b.png'}"]
    assert dataset.info["argus_import"]["incomplete"] == report.incomplete


def test_a_damaged_mask_costs_the_ground_truth_not_the_pair(tmp_path: Path):
    pairs = write_list(tmp_path, SPOTS)
    (tmp_path / "mask" / "a.png").write_bytes(b"no picture")
    dataset, report = run_import(rows_of_csv(pairs), "damaged")
    assert dataset.count() == 3
    assert "a: imported without ground truth" in report.incomplete[0]


def test_two_folders_are_matched_by_name_and_strays_are_reported(tmp_path: Path):
    write_pairs(tmp_path, SPOTS)
    (tmp_path / "before" / "b.png").unlink()
    (tmp_path / "after" / "c.png").rename(tmp_path / "after" / "c2.png")
    found = rows_of_folders(tmp_path / "before", tmp_path / "after", tmp_path / "mask", "a spot")
    dataset, report = run_import(found, "folders")
    assert dataset.values("pair_id") == ["a"]
    assert [line.split(":")[0] for line in report.incomplete] == ["b", "c", "c2"]
    assert f"b: no before picture of this name in {tmp_path / 'before'}" in report.incomplete


def test_a_missing_folder_is_named(tmp_path: Path):
    with pytest.raises(ImportPairsError, match="nowhere: no such folder"):
        rows_of_folders(tmp_path / "nowhere", tmp_path)


@pytest.mark.parametrize("roles", [("before", "after"), (date(2024, 1, 1), date(2024, 3, 1)), (1, 2)])
def test_a_flat_dataset_is_paired_by_a_key_field(tmp_path: Path, roles: tuple):
    flat = fo.Dataset("flat", overwrite=True)
    for pair in write_pairs(tmp_path, SPOTS):
        for path, role in ((pair.after, roles[1]), (pair.before, roles[0])):
            flat.add_sample(fo.Sample(filepath=str(path), serial=pair.id, taken=role, line="3"))
    flat.add_sample(fo.Sample(filepath=str(tmp_path / "lone.png"), serial="z", taken=roles[0], line="3"))
    dataset, report = run_import(rows_of_flat(flat, "serial", "taken", "a spot"), "paired")
    assert dataset.values("filepath") == [str(tmp_path / "after" / f"{n}.png") for n in SPOTS]
    assert dataset.values("line") == ["3"] * 3
    assert report.incomplete == ["z: needs two pictures with this serial, found 1"]


def test_an_existing_dataset_is_never_replaced_unasked(tmp_path: Path):
    found = rows_of_csv(write_list(tmp_path, SPOTS))
    run_import(found, "kept")
    with pytest.raises(ImportPairsError, match="a dataset named 'kept' exists"):
        next(import_pairs("kept", found, ImportReport(3)))


def test_pairs_keep_the_order_and_limits_of_a_view(tmp_path: Path):
    dataset, _ = run_import(rows_of_csv(write_list(tmp_path, SPOTS)), "ordered")
    view = dataset.sort_by("pair_id", reverse=True).limit(2)
    assert [s.pair.id for s in pairs_in(view).samples] == ["c", "b"]
    assert [s.pair.id for s in pairs_in(view.select_group_slices("after")).samples] == ["c", "b"]


def test_groups_without_a_slice_are_reported_not_skipped(tmp_path: Path):
    dataset, _ = run_import(rows_of_csv(write_list(tmp_path, SPOTS)), "holes")
    dataset.delete_samples([dataset.select_group_slices("before").first().id])
    dataset.delete_samples([dataset.select_group_slices("after").skip(1).first().id])
    pairing = pairs_in(dataset)
    assert [s.pair.id for s in pairing.samples] == ["c"]
    assert pairing.incomplete == [
        f"{tmp_path / 'after' / 'a.png'}: has no before picture",
        f"{tmp_path / 'before' / 'b.png'}: has no after picture",
    ]


def test_a_selection_of_either_slice_means_the_whole_pair(tmp_path: Path):
    dataset, _ = run_import(rows_of_csv(write_list(tmp_path, SPOTS)), "selected")
    before = dataset.select_group_slices("before").first()
    assert [s.pair.id for s in pairs_in(groups_of(dataset, [before.id])).samples] == ["a"]


def test_a_flat_dataset_is_refused_with_the_way_out():
    with pytest.raises(NotPairedError, match=r"needs the group slices before and after.*import_pairs"):
        pairs_in(fo.Dataset("plain", overwrite=True))
