"""Runs: the record of one stored computation, its fields and its folder of maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fiftyone as fo

from argus_fiftyone import __version__
from argus_fiftyone.plugin.dataset.appearance import colour_fields, drop_run, gather_fields
from argus_fiftyone.plugin.dataset.fields import (
    RUN_METHOD,
    Dataset,
    RunFields,
    RunKeyError,
    Samples,
    bases,
    check_key,
    evaluation_key,
)
from argus_fiftyone.plugin.dataset.folders import delete_folder, is_own, make_run_folder
from argus_fiftyone.plugin.dataset.model_evaluations import (
    delete_evaluations,
    delete_views,
    register_evaluations,
    renew_outcomes,
    save_views,
)
from argus_fiftyone.plugin.dataset.slices import facing_after
from argus_fiftyone.settings import Settings

FOREIGN_THRESHOLDS = "argus_thresholds"


def start_run(
    samples: Samples,
    key: str,
    settings: Settings,
    queries: Sequence[str] | None,
    encoder: str,
    refined: Sequence[str] = (),
) -> dict[str, Any]:
    """Register a run as running, with a fresh folder; returns its record."""
    dataset = samples._root_dataset
    folder = make_run_folder(dataset, key)
    record = {
        "settings": settings.as_record(),
        "queries": list(queries or []),
        "refined": list(refined),
        "encoder": encoder,
        "threshold": settings.threshold,
        "thresholds": dict.fromkeys(bases(key, queries), settings.threshold),
        "applying": {},
        "folder": str(folder),
        "read_folders": [],
        "bases": bases(key, queries),
        "versions": {"argus": __version__, "fiftyone": fo.__version__},
        "status": "running",
        "pairs": 0,
        "failed": 0,
        "seconds": 0.0,
    }
    config = samples.init_run(method=RUN_METHOD, **record)
    samples.register_run(key, config, overwrite=True)
    return record


def run_record(dataset: Dataset, key: str) -> dict[str, Any]:
    """The record of a run as plain values, with its key and time.

    Raises:
        RunKeyError: if there is no Argus run of that key; the message lists those there are.
    """
    keys = list_runs(dataset)
    if key not in keys:
        raise RunKeyError(
            f"no Argus run {key!r} on {dataset.name!r}; there are: {', '.join(keys) or 'none yet'}"
        )
    info = dataset.get_run_info(key)
    record = {name: value for name, value in vars(info.config).items() if not name.startswith("_")}
    # FiftyOne keeps the kind of run under the name of "method"; ours is among the settings.
    method = Settings.from_record(record["settings"]).method
    return {**record, "method": method, "key": key, "timestamp": info.timestamp}


def update_run(dataset: Dataset, key: str, **changes: Any) -> None:
    """Change values in a run's record."""
    config = dataset.get_run_info(key).config
    for name, value in changes.items():
        setattr(config, name, value)
    dataset.update_run_config(key, config)


def own_folder(dataset: Dataset, key: str) -> Path:
    """Where a run's new files go: its folder, if that is this dataset's own.

    In a clone or a re-imported export the record names the folder of the original. Then the
    run gets a new one, and the stored labels go on reading from the old, which is never
    written to nor deleted from here.
    """
    record = run_record(dataset, key)
    folder = Path(record["folder"])
    if is_own(dataset, folder):
        return folder
    fresh, read = make_run_folder(dataset, key), record.get("read_folders") or []
    update_run(dataset, key, folder=str(fresh), read_folders=[*read, str(folder)])
    return fresh


def list_runs(dataset: Dataset) -> list[str]:
    """Keys of the dataset's Argus runs, oldest first."""
    keys = [str(key) for key in dataset.list_runs(method=RUN_METHOD)]  # by name
    return sorted(keys, key=lambda key: dataset.get_run_info(key).timestamp)


def run_fields(dataset: Dataset, key: str) -> list[RunFields]:
    """The fields of a run, one set per query."""
    return [RunFields.of(base) for base in run_record(dataset, key)["bases"]]


def threshold_of(dataset: Dataset, field: str) -> float:
    """The threshold applied to a heatmap field: of its run and query, or set on another tool's."""
    for key in list_runs(dataset):
        record = run_record(dataset, key)
        if field in record["bases"]:
            return float(record["thresholds"][field])
    return float(dataset.info.get(FOREIGN_THRESHOLDS, {}).get(field, Settings.threshold))


def begin_threshold(dataset: Dataset, field: str, threshold: float) -> None:
    """Note in a run's record that a threshold is being applied; `set_threshold` says that it has been.

    A record that keeps the note was interrupted: some pairs stand at another threshold than it says.
    """
    for key in list_runs(dataset):
        record = run_record(dataset, key)
        if field in record["bases"]:
            update_run(dataset, key, applying={**_applying(record), field: threshold})


def _applying(record: dict[str, Any]) -> dict[str, float]:
    return dict(record.get("applying") or {})


def thresholds_told(record: dict[str, Any]) -> str:
    """The thresholds of a run for people, with those that were applied to a part of it only."""
    halfway = _applying(record)
    return ", ".join(
        f"{value:g} ({halfway[base]:g} was interrupted and stands in a part of the pairs: apply one again)"
        if base in halfway
        else f"{value:g}"
        for base, value in record["thresholds"].items()
    )


def set_threshold(dataset: Dataset, field: str, threshold: float) -> None:
    """Remember the threshold applied to a heatmap field; outcomes of an evaluation follow."""
    renew_outcomes(dataset, field, threshold_of(dataset, field), threshold)
    for key in list_runs(dataset):
        record = run_record(dataset, key)
        if field in record["bases"]:
            applying = {name: value for name, value in _applying(record).items() if name != field}
            update_run(dataset, key, thresholds={**record["thresholds"], field: threshold}, applying=applying)
            return
    dataset.info[FOREIGN_THRESHOLDS] = {**dataset.info.get(FOREIGN_THRESHOLDS, {}), field: threshold}
    dataset.save()


def run_queries(record: dict[str, Any]) -> list[str]:
    """What each set of fields looks for, for people; the pairs' own queries in one word."""
    return [query or "any change" for query in record["queries"]] or ["each pair's own query"]


def load_run_view(dataset: Dataset, key: str) -> Any:
    """The grouped view a run was computed on, strongest change first, other runs' fields hidden."""
    first = run_fields(dataset, key)[0]
    view = dataset.load_run_view(key)
    others = [f.all() for other in list_runs(dataset) if other != key for f in run_fields(dataset, other)]
    hidden = [name for names in others for name in names if dataset.has_sample_field(name)]
    view = facing_after(view.exclude_fields(hidden) if hidden else view)
    return view.exists(first.score).sort_by(first.score, reverse=True)


def rename_run(dataset: Dataset, key: str, new_key: str) -> None:
    """Give a run and its fields another key; the maps stay where they are.

    Raises:
        RunKeyError: if the new key is taken or cannot name a field.
    """
    record = run_record(dataset, key)
    check_key(new_key)
    if dataset.has_run(new_key) or dataset.has_sample_field(new_key):
        raise RunKeyError(f"{new_key!r} is taken on {dataset.name!r}; choose another key")
    new_bases = bases(new_key, record["queries"])
    mapping = {}
    for old, new in zip(record["bases"], new_bases, strict=True):
        names = zip(RunFields.of(old).all(), RunFields.of(new).all(), strict=True)
        mapping.update({a: b for a, b in names if dataset.has_sample_field(a)})
    dataset.rename_sample_fields(mapping)
    dataset.mask_targets = {
        mapping.get(name, name): targets for name, targets in dataset.mask_targets.items()
    }
    dataset.rename_run(key, new_key)
    thresholds = {new: record["thresholds"][old] for old, new in zip(record["bases"], new_bases, strict=True)}
    renamed = dict(zip(record["bases"], new_bases, strict=True))
    applying = {renamed[old]: value for old, value in _applying(record).items()}
    update_run(dataset, new_key, bases=new_bases, thresholds=thresholds, applying=applying)
    for old, new in zip(record["bases"], new_bases, strict=True):
        drop_run(dataset, old)
        colour_fields(dataset, new)
        gather_fields(dataset, new)
        _rename_evaluation(dataset, old, new)


def _rename_evaluation(dataset: Dataset, old: str, new: str) -> None:
    """The reports move along; FiftyOne's own evaluations and the views are made anew."""
    for part in (False, True):
        if dataset.has_run(evaluation_key(old, part)):
            moved = evaluation_key(new, part)
            dataset.rename_run(evaluation_key(old, part), moved)
            report = dataset.get_run_info(moved).config.report
            update_run(dataset, moved, field=new, report={**report, "field": new})
    if dataset.has_run(evaluation_key(new)):
        report = dataset.get_run_info(evaluation_key(new)).config.report
        delete_views(dataset, old)
        delete_evaluations(dataset, old)
        register_evaluations(dataset, new, report["truth"])
        save_views(dataset, new)


def delete_run(dataset: Dataset, key: str) -> int:
    """Remove a run's record, fields, decisions and files; returns how many files went.

    Files that belong to another dataset, or that another one still shows, stay.
    """
    record = run_record(dataset, key)
    names = [name for base in record["bases"] for name in RunFields.of(base).all()]
    for base in record["bases"]:
        delete_views(dataset, base)
        delete_evaluations(dataset, base)
        drop_run(dataset, base)
    present = [name for name in names if dataset.has_sample_field(name)]
    dataset.mask_targets = {n: t for n, t in dataset.mask_targets.items() if n not in names}
    if present:
        dataset.delete_sample_fields(present)
    dataset.delete_run(key)
    for evaluation in (evaluation_key(base, part) for base in record["bases"] for part in (False, True)):
        if dataset.has_run(evaluation):
            dataset.delete_run(evaluation)
    return delete_folder(dataset, Path(record["folder"]))
