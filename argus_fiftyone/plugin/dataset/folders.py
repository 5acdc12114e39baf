"""Folders of map and mask files: whom they belong to, and when they may go.

A clone or a re-imported export begins with the labels and the run records of another
dataset, so a record alone does not say whose files it names. The folder itself does: its
marker holds the id of the one dataset that may write there or delete it.
"""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path
from typing import Any

import fiftyone as fo
from fiftyone.core.odm import get_db_conn

from argus_fiftyone.plugin.dataset.fields import Dataset, check_key

OWNED = ".argus-run"
"""The marker in a folder that Argus made for one run of one dataset. Those of 0.1.0 name no dataset."""


def managed_folder(dataset: Dataset, name: str) -> Path:
    """A folder of Argus' own for files that belong to a dataset."""
    return Path(str(fo.config.default_dataset_dir)).expanduser() / "argus" / dataset.slug / name


def make_run_folder(dataset: Dataset, key: str) -> Path:
    """A fresh folder for a run, marked as this dataset's."""
    folder = managed_folder(dataset, f"{check_key(key)}-{uuid.uuid4().hex[:8]}")
    folder.mkdir(parents=True)
    told = f"Heatmaps of run {key} of {dataset.name}; removed by delete_change_run."
    marker = {"dataset": _id(dataset), "run": key, "note": told}
    (folder / OWNED).write_text(json.dumps(marker, ensure_ascii=False), encoding="utf-8")
    return folder


def is_own(dataset: Dataset, folder: Path) -> bool:
    """Whether a folder was made for a run of this very dataset, and not for one it was copied from."""
    try:
        marker = json.loads((folder / OWNED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False  # no marker, or one of 0.1.0: nobody knows whose it is
    return isinstance(marker, dict) and marker.get("dataset") == _id(dataset)


def is_used_elsewhere(dataset: Dataset, folder: Path) -> bool:
    """Whether a run of another dataset, e.g. of a clone, still shows files of this folder."""
    named = [{"config.folder": str(folder)}, {"config.read_folders": str(folder)}]
    others: dict[str, Any] = {"_dataset_id": {"$ne": dataset._doc.id}, "$or": named}
    return get_db_conn().runs.count_documents(others, limit=1) > 0


def delete_folder(dataset: Dataset, folder: Path) -> int:
    """Delete a run's folder if it is this dataset's own and no other shows it; how many files went."""
    if not is_own(dataset, folder) or is_used_elsewhere(dataset, folder):
        return 0
    count = sum(1 for path in folder.iterdir() if path.name != OWNED)
    shutil.rmtree(folder)
    return count


def _id(dataset: Dataset) -> str:
    return str(dataset._doc.id)
