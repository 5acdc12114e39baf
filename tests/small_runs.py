"""Four small pairs as a dataset, and what the tests of runs do with it; the truth is in SPOTS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fakes import FakeEncoder, compare_by_pixels, write_list

from argus_fiftyone.plugin.dataset.computing import Progress, compute_heatmaps
from argus_fiftyone.plugin.dataset.imports import ImportReport, import_pairs, rows_of_csv
from argus_fiftyone.plugin.dataset.runs import run_record

SPOTS = {"a": 0.8, "b": -0.6, "c": 0.0, "d": 0.3}


def imported(tmp_path: Path) -> Iterator[Any]:
    """The dataset "runs", deleted in the end."""
    found = rows_of_csv(write_list(tmp_path, SPOTS))
    *_, made = import_pairs("runs", found, ImportReport(4), overwrite=True)
    yield made
    made.delete()


def compute(samples, key: str = "k", **options) -> list[Progress]:
    return list(compute_heatmaps(samples, key, encoder=FakeEncoder(), compare=compare_by_pixels, **options))


def after(dataset: Any, field: str) -> dict:
    return dict(zip(*dataset.select_group_slices("after").values(["pair_id", field]), strict=True))


def maps_of(dataset: Any, key: str = "k") -> list[Path]:
    return sorted(Path(run_record(dataset, key)["folder"]).glob("*.png"))
