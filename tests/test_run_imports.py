"""What the command line computed becomes a run of the dataset, as if it had been computed there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone.operators as foo
import numpy as np
import pytest
from fake_towers import FakeTowers, write_scenes

from argus_fiftyone.io.pair_list import read_pairs
from argus_fiftyone.plugin.dataset.computing import compute_heatmaps
from argus_fiftyone.plugin.dataset.imports import ImportReport, import_pairs, rows_of_csv
from argus_fiftyone.plugin.dataset.run_imports import import_run
from argus_fiftyone.plugin.dataset.runs import run_record
from argus_fiftyone.plugin.dataset.thresholds import threshold_run
from argus_fiftyone.plugin.labels import read_heatmap
from argus_fiftyone.runs.files import RunFiles, RunFilesError
from argus_fiftyone.runs.folder import run_pairs
from argus_fiftyone.settings import Settings

pytestmark = pytest.mark.database

SETTINGS = Settings(encoder="fake", resolution=128, threshold=0.0002)  # low: these towers see little


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    return write_scenes(tmp_path / "scenes", 6)


@pytest.fixture
def dataset(listed: Path) -> Iterator[Any]:
    *_, made = import_pairs("run imports", rows_of_csv(listed), ImportReport(6), overwrite=True)
    yield made
    made.delete()


def column(dataset: Any, field: str) -> dict[str, Any]:
    return dict(zip(*dataset.select_group_slices("after").values(["pair_id", field]), strict=True))


def same_regions(one: Any, other: Any) -> bool:
    """Alike but for pixels that lie on the threshold: what is imported was rounded to 16 bits."""
    pairs = list(zip(one.detections, other.detections, strict=True))
    words = all((a.label, a.direction) == (b.label, b.direction) for a, b in pairs)
    boxes = all(np.allclose(a.bounding_box, b.bounding_box, atol=0.02) for a, b in pairs)
    return words and boxes and all(abs(a.area - b.area) <= 0.02 * b.area + 2 for a, b in pairs)


@pytest.mark.parametrize("queries", [[], ["a spot", "a missing spot"]])
def test_an_imported_run_is_what_computing_in_fiftyone_gives(dataset: Any, listed: Path, queries: list[str]):
    folder = listed.parent / "out"
    run_pairs(read_pairs(listed), folder, SETTINGS, FakeTowers(), queries)
    list(import_run(dataset, folder, "imported"))
    list(compute_heatmaps(dataset, "computed", queries, SETTINGS, encoder=FakeTowers()))
    here, there = run_record(dataset, "computed"), run_record(dataset, "imported")
    for name in ("settings", "queries", "encoder", "pairs", "failed", "status"):
        assert there[name] == here[name], name
    found = 0
    for one, other in zip(here["bases"], there["bases"], strict=True):
        for field in ("direction", "alignment", "warp", "error"):
            assert column(dataset, f"{one}_{field}") == column(dataset, f"{other}_{field}")
        assert column(dataset, f"{other}_score") == pytest.approx(column(dataset, f"{one}_score"), abs=1e-6)
        maps, regions = column(dataset, other), column(dataset, f"{other}_regions")
        for pair, computed in column(dataset, one).items():
            assert np.array_equal(read_heatmap(maps[pair]), read_heatmap(computed))
        for pair, computed in column(dataset, f"{one}_regions").items():
            assert same_regions(regions[pair], computed)
            found += len(computed.detections)
    assert found


def test_the_operator_imports_and_a_failed_pair_says_why(dataset: Any, listed: Path):
    pairs, folder = read_pairs(listed), listed.parent / "out"
    pairs[1].after.write_bytes(b"torn")
    run_pairs(pairs[:4], folder, SETTINGS, FakeTowers())
    (folder / "maps" / f"{pairs[2].id}.png").unlink()
    operator: Any = foo.get_operator("@argus/argus-fiftyone/import_change_run")
    imported = operator(dataset, str(folder), "cluster")
    assert (imported["pairs"], imported["failed"]) == (2, 2)
    errors = column(dataset, "cluster_error")
    assert "not a picture" in errors[pairs[1].id]
    assert "16-bit grey PNG" in errors[pairs[2].id]
    scores = column(dataset, "cluster_score")
    assert [scores[pair.id] is not None for pair in pairs] == [True, False, False, True, False, False]


def test_a_table_of_scores_is_enough(dataset: Any, listed: Path):
    folder = listed.parent / "out"
    run_pairs(read_pairs(listed), folder, SETTINGS, FakeTowers())
    (folder / "journal.jsonl").unlink()
    list(import_run(dataset, folder, "from_table"))
    assert all(score is not None for score in column(dataset, "from_table_score").values())
    assert set(column(dataset, "from_table_support").values()) == {None}


def test_a_folder_without_a_run_and_a_run_of_other_pairs_are_refused(dataset: Any, listed: Path):
    with pytest.raises(RunFilesError, match=r"no run.json that can be read.*argus run --out"):
        list(import_run(dataset, listed.parent, "k"))
    others = write_scenes(listed.parent / "others", 2)
    others.write_text(others.read_text().replace("part/", "other/"))
    run_pairs(read_pairs(others), listed.parent / "out", SETTINGS, FakeTowers())
    with pytest.raises(RunFilesError, match=r"none of its 2 pairs is in 'run imports'.*'other/000'"):
        list(import_run(dataset, listed.parent / "out", "k"))
    for name in ("journal.jsonl", "scores.csv"):
        (listed.parent / "out" / name).unlink()
    with pytest.raises(RunFilesError, match=r"neither journal\.jsonl nor scores\.csv"):
        RunFiles.read(listed.parent / "out")


def areas(dataset: Any, key: str) -> list[list[int]]:
    return [[r.area for r in each.detections] for each in column(dataset, f"{key}_regions").values()]


def test_the_rest_of_a_run_is_imported_at_the_threshold_of_its_first_part(dataset: Any, listed: Path):
    folder = listed.parent / "out"
    run_pairs(read_pairs(listed), folder, SETTINGS, FakeTowers())
    list(import_run(dataset, folder, "whole"))
    begun = areas(dataset, "whole")
    list(threshold_run(dataset, "whole", 0.9))
    list(import_run(dataset.limit(2), folder, "parts"))
    list(threshold_run(dataset, "parts", 0.9))
    list(import_run(dataset, folder, "parts"))
    assert areas(dataset, "parts") == areas(dataset, "whole")
    assert areas(dataset, "parts")[2:] != begun[2:]
