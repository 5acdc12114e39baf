"""Six pairs with spots of several strengths, for tests of counts, orders, decisions and panels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo

from argus_fiftyone.plugin.dataset import triage
from argus_fiftyone.plugin.dataset.computing import compute_heatmaps
from argus_fiftyone.plugin.dataset.imports import ImportReport, import_pairs, rows_of_csv
from tests.fakes import FakeEncoder, compare_by_pixels, write_list

SPOTS = {"strong": 0.9, "dark": -0.9, "weak": 0.3, "middle": 0.6, "same": 0.0, "also-same": 0.0}


def spotted_dataset(folder: Path) -> Iterator[Any]:
    """The dataset with a run "run" at threshold 0.5; deleted when the test is through."""
    rows = rows_of_csv(write_list(folder, SPOTS))
    for _ in import_pairs("spotted", rows, ImportReport(len(rows.rows)), overwrite=True):
        pass
    made = fo.load_dataset("spotted")
    for _ in compute_heatmaps(made, "run", encoder=FakeEncoder(), compare=compare_by_pixels):  # type: ignore[arg-type]
        pass
    yield made
    fo.delete_dataset("spotted")


def names(dataset: Any, ranking: str, threshold: float = 0.5) -> list[str]:
    """The pairs of a ranking, in its order."""
    return [row["name"] for row in triage.first_ranked(dataset, "run", ranking, threshold)]
