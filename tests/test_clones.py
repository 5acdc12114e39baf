"""A run's files belong to one dataset; a clone and a re-imported export share them and never harm them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import fiftyone as fo
import fiftyone.types as fot
import numpy as np
import pytest
from fiftyone.core.odm import get_db_conn
from small_runs import after, compute, imported

from argus_fiftyone.feedback.conformal import Goal
from argus_fiftyone.io.png import write_png
from argus_fiftyone.plugin.dataset.calibrating import calibrate_from_reviews
from argus_fiftyone.plugin.dataset.folders import OWNED, is_used_elsewhere
from argus_fiftyone.plugin.dataset.ground_truth import evaluate_heatmaps
from argus_fiftyone.plugin.dataset.reviews import review_pairs
from argus_fiftyone.plugin.dataset.runs import delete_run, rename_run, run_record, update_run
from argus_fiftyone.plugin.dataset.thresholds import threshold_run
from argus_fiftyone.plugin.labels import SignLostError, read_heatmap, read_segmentation
from argus_fiftyone.plugin.operators.runs import describe_run

pytestmark = pytest.mark.database


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[Any]:
    yield from imported(tmp_path)


@pytest.fixture(params=["clone", "export"])
def copy(request: pytest.FixtureRequest, dataset: Any, tmp_path: Path) -> Iterator[Any]:
    """The dataset with a run "k", once more: as a clone, or exported and imported again."""
    compute(dataset)
    made = dataset.clone("copy of runs") if request.param == "clone" else exported(dataset, tmp_path)
    yield made
    made.delete()


def exported(dataset: Any, tmp_path: Path) -> Any:
    dataset.export(str(tmp_path / "export"), fot.FiftyOneDataset, progress=False)
    return fo.Dataset.from_dir(
        str(tmp_path / "export"), fot.FiftyOneDataset, name="copy of runs", progress=False
    )


def folder_of(dataset: Any) -> Path:
    return Path(run_record(dataset, "k")["folder"])


def contents(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def calibrate(dataset: Any) -> None:
    review_pairs(dataset, "k", dataset.values("id"), "rejected")
    goal: Goal = "false_alarms"
    found = calibrate_from_reviews(dataset, "k", goal, 0.5)
    list(threshold_run(dataset, "k", found.threshold))


def resume(dataset: Any) -> None:
    one = dataset.select_group_slices("after").first().id
    dataset.set_values("k_score", {one: None}, key_field="id")
    compute(dataset)


WRITES: dict[str, Callable[[Any], Any]] = {
    "overwrite": lambda dataset: compute(dataset, overwrite=True),
    "resume": resume,
    "threshold": lambda dataset: list(threshold_run(dataset, "k", 0.2)),
    "evaluate": lambda dataset: list(evaluate_heatmaps(dataset, "k", 0.3)),
    "calibrate": calibrate,
    "rename, then threshold": lambda dataset: (
        rename_run(dataset, "k", "new"),
        list(threshold_run(dataset, "new", 0.2)),
        rename_run(dataset, "new", "k"),
    ),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_what_a_copy_writes_goes_into_a_folder_of_its_own(dataset: Any, copy: Any, write: Callable):
    theirs = folder_of(dataset)
    before = contents(theirs)
    write(copy)
    assert contents(theirs) == before
    assert folder_of(copy) != theirs
    assert folder_of(dataset) == theirs
    assert any(folder_of(copy).glob("*.png"))


def test_deleting_the_run_of_a_copy_leaves_the_originals_files(dataset: Any, copy: Any):
    before = contents(folder_of(dataset))
    assert delete_run(copy, "k") == 0
    assert contents(folder_of(dataset)) == before


def test_a_copy_deletes_what_it_wrote_itself(dataset: Any, copy: Any):
    list(threshold_run(copy, "k", 0.2))
    own, before = folder_of(copy), contents(folder_of(dataset))
    assert delete_run(copy, "k") == 4
    assert not own.exists()
    assert contents(folder_of(dataset)) == before


def moved_away(dataset: Any, tmp_path: Path) -> Any:
    """The dataset exported, and imported where the machine that computed it is out of reach."""
    made = exported(dataset, tmp_path)
    folder_of(dataset).rename(tmp_path / "out of reach")
    return made


def test_directions_survive_the_way_to_another_machine(dataset: Any, tmp_path: Path):
    compute(dataset)
    copy = moved_away(dataset, tmp_path)
    compare = after(copy, "k")["b"]
    assert read_heatmap(compare).min() == pytest.approx(-66 / 127, abs=1e-4)
    list(threshold_run(copy, "k", 0.2))
    directions = {pair: [r.direction for r in found.detections] for pair, found in regions(copy)}
    assert directions == {"a": ["appeared"], "b": ["disappeared"], "c": [], "d": ["appeared"]}
    copy.delete()


def test_a_lost_direction_is_told_and_never_guessed(dataset: Any, tmp_path: Path):
    compute(dataset)
    copy = moved_away(dataset, tmp_path)
    for label in after(copy, "k").values():
        shown = cv2.imread(label.map_path, cv2.IMREAD_UNCHANGED)
        assert shown is not None
        write_png(label.map_path, shown)  # as 0.1.0 wrote them
    with pytest.raises(SignLostError, match=r"^k: .*compute the run again"):
        list(threshold_run(copy, "k", 0.2))
    assert [r.direction for r in dict(regions(copy))["b"].detections] == ["disappeared"]
    copy.delete()


def regions(dataset: Any) -> Any:
    return after(dataset, "k_regions").items()


def test_a_threshold_in_a_copy_works_on_the_originals_maps(dataset: Any, copy: Any):
    list(threshold_run(copy, "k", 0.2))
    assert read_segmentation(after(copy, "k_segmentation")["d"]).sum() == 16 * 24
    assert not after(dataset, "k_regions")["d"].detections
    maps = after(dataset, "k")
    for pair, label in after(copy, "k").items():
        assert np.array_equal(read_heatmap(label), read_heatmap(maps[pair]))


@pytest.mark.parametrize("remove", [delete_run, lambda dataset, key: compute(dataset, key, overwrite=True)])
def test_the_original_leaves_the_files_that_a_clone_still_shows(dataset: Any, remove: Callable):
    compute(dataset)
    copy = dataset.clone("copy of runs")
    list(threshold_run(copy, "k", 0.2))
    theirs = folder_of(dataset)
    remove(dataset, "k")
    assert read_heatmap(after(copy, "k")["a"]).max() > 0.6
    assert is_used_elsewhere(dataset, theirs)
    assert (theirs / OWNED).exists()
    copy.delete()
    assert not is_used_elsewhere(dataset, theirs)


def test_a_folder_of_which_nobody_knows_the_owner_is_neither_written_to_nor_deleted(dataset: Any):
    compute(dataset)
    old = folder_of(dataset)
    (old / OWNED).write_text("Heatmaps of run k; removed by delete_change_run.\n")
    before = contents(old)
    list(threshold_run(dataset, "k", 0.2))
    assert read_heatmap(after(dataset, "k")["a"]).max() > 0.6
    update_run(dataset, "k", folder=str(old))
    delete_run(dataset, "k")
    assert contents(old) == before


def test_a_dataset_made_anew_under_the_same_name_owns_none_of_the_old_files(dataset: Any, tmp_path: Path):
    compute(dataset)
    old = folder_of(dataset)
    again = next(imported(tmp_path))
    compute(again)
    update_run(again, "k", folder=str(old))
    assert delete_run(again, "k") == 0
    assert len(list(old.glob("*.png"))) == 8


def test_a_run_of_the_first_version_still_works(dataset: Any):
    compute(dataset)
    old = folder_of(dataset)
    (old / OWNED).write_text("Heatmaps of run k; removed by delete_change_run.\n")
    new_names = {"config.applying": 1, "config.read_folders": 1}
    get_db_conn().runs.update_one({"_dataset_id": dataset._doc.id}, {"$unset": new_names})
    for label in after(dataset, "k").values():
        shown = cv2.imread(label.map_path, cv2.IMREAD_UNCHANGED)
        assert shown is not None
        write_png(label.map_path, shown)
    dataset.clear_cache()
    before = contents(old)
    assert describe_run(dataset, "k")["threshold"] == "0.5"
    list(threshold_run(dataset, "k", 0.2))
    assert [r.direction for r in dict(regions(dataset))["b"].detections] == ["disappeared"]
    resume(dataset)
    rename_run(dataset, "k", "l")
    list(evaluate_heatmaps(dataset, "l", 0.3))
    delete_run(dataset, "l")
    assert contents(old) == before
