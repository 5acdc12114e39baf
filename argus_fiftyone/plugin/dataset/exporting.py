"""A heatmap field → a folder to hand over: report.html, pairs.csv, regions.json."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from fiftyone import ViewField as F
from fiftyone.types import COCODetectionDataset

from argus_fiftyone import __version__
from argus_fiftyone.engine.overlay import overlay
from argus_fiftyone.io.images import ImageError, read_image, resize
from argus_fiftyone.io.png import write_whole
from argus_fiftyone.plugin.dataset.computing import Progress
from argus_fiftyone.plugin.dataset.evaluations import METRICS
from argus_fiftyone.plugin.dataset.fields import CHANGE, PAIR_ID, QUERY, Dataset, RunFields
from argus_fiftyone.plugin.dataset.ground_truth import evaluation_reports
from argus_fiftyone.plugin.dataset.runs import list_runs, run_queries, run_record, threshold_of
from argus_fiftyone.plugin.dataset.slices import PairSample, after_slice, pairs_in
from argus_fiftyone.plugin.labels import ANY_CHANGE, DECISIONS, read_heatmap
from argus_fiftyone.runs.html_report import Report, ShownPair, as_html

THUMBNAIL = 320
SHOWN = 100
COLUMNS = (PAIR_ID, QUERY, "score", "direction", "review", "outcome", CHANGE, "error", "before", "after")


class ExportError(ValueError):
    """There is nothing to export; the message says what comes first."""


def export_report(
    dataset: Dataset, field: str, folder: Path, most: int = SHOWN, confirmed: bool = False
) -> Iterator[Progress]:
    """Write the report of a heatmap field into a folder, yielding progress.

    report.html opens by itself anywhere; pairs.csv has a row per pair; regions.json has
    the regions at the threshold in COCO's format, by FiftyOne's exporter. Regions that a
    reviewer rejected stay out of it; flagged pairs that one rejected are shown without pictures.

    Args:
        most: pairs shown with pictures, strongest first.
        confirmed: show the pairs that a reviewer confirmed, in place of those flagged.

    Raises:
        ExportError: if the field has no scores.
    """
    names = RunFields.of(field)
    if not dataset.has_sample_field(names.score):
        raise ExportError(f"{field!r} has no scores: compute or evaluate heatmaps first")
    rows = _rows(dataset, names)
    threshold = threshold_of(dataset, field)
    chosen = _chosen(rows, threshold, confirmed)
    total = len(chosen[:most]) + 2
    shown = []
    for done, row in enumerate(chosen[:most]):
        yield Progress(done, total, note=f"pictures of {row[PAIR_ID]}")
        shown.append(_shown(dataset, names, row, threshold))
    yield Progress(total - 2, total, note="tables and regions")
    write_whole(folder / "pairs.csv", _as_csv(rows))
    _export_regions(dataset, names, threshold, folder / "regions.json")
    page = as_html(_report(dataset, field, rows, shown, threshold, confirmed))
    write_whole(folder / "report.html", page.encode())
    yield Progress(total, total, note=f"written to {folder}")


def _chosen(rows: list[dict[str, Any]], threshold: float, confirmed: bool) -> list[dict[str, Any]]:
    """The pairs to show, strongest first."""
    scored = [row for row in rows if row["score"] is not None]
    if confirmed:
        chosen = [row for row in scored if row["review"] == "confirmed"]
    else:
        chosen = [row for row in scored if row["score"] >= threshold and row["review"] != "rejected"]
    return sorted(chosen, key=lambda row: -row["score"])


def _rows(dataset: Dataset, names: RunFields) -> list[dict[str, Any]]:
    """One row per pair, in the dataset's order, in one aggregation."""
    own = {n: getattr(names, n) for n in ("score", "direction", "review", "outcome", "error")}
    wanted = {"id": "id", PAIR_ID: PAIR_ID, QUERY: QUERY, CHANGE: CHANGE, **own}
    present = {n: f for n, f in wanted.items() if dataset.has_sample_field(f)}
    columns = after_slice(dataset).values(list(present.values()))
    found = {v[0]: dict(zip(present, v, strict=True)) for v in zip(*columns, strict=True)}
    rows = []
    for sample in pairs_in(dataset).samples:
        paths = {"before": str(sample.pair.before), "after": str(sample.pair.after), "sample": sample}
        rows.append({**dict.fromkeys(COLUMNS), **found[sample.after_id], PAIR_ID: sample.pair.id, **paths})
    return rows


def _shown(dataset: Dataset, names: RunFields, row: dict[str, Any], threshold: float) -> ShownPair:
    sample: PairSample = row["sample"]
    heatmap = after_slice(dataset).select(sample.after_id).values(names.heatmap)[0]
    try:
        pictures = _strip(sample, heatmap, threshold)
    except ImageError as error:
        pictures = [(str(error), np.full((40, 40, 3), 128, np.uint8))]
    words = {name: row[name] or "" for name in ("direction", "review")}
    return ShownPair(sample.pair.id, row[QUERY] or "", row["score"], pictures=pictures, **words)


def _strip(sample: PairSample, heatmap: Any, threshold: float) -> list[tuple[str, np.ndarray]]:
    before, after = (read_image(path, THUMBNAIL) for path in (sample.pair.before, sample.pair.after))
    signed = resize(read_heatmap(heatmap), after.shape[:2])
    return [("before", before), ("after", after), ("heatmap", overlay(after, signed, [], threshold))]


def _as_csv(rows: list[Any]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(COLUMNS), extrasaction="ignore", restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _export_regions(dataset: Dataset, names: RunFields, threshold: float, path: Path) -> None:
    """COCO by FiftyOne's exporter; a dataset without regions gives an empty list of annotations."""
    view = after_slice(dataset)
    if dataset.has_sample_field(names.regions):
        kept = (F("confidence") >= threshold) & ~F("tags").contains("rejected")
        view = view.filter_labels(names.regions, kept, only_matches=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # third-party notes on pictures without regions
            view.export(
                dataset_type=COCODetectionDataset,
                labels_path=str(path),
                label_field=names.regions,
                abs_paths=True,
                progress=False,
            )


def _report(
    dataset: Dataset,
    field: str,
    rows: list[dict[str, Any]],
    shown: list[ShownPair],
    threshold: float,
    confirmed: bool,
) -> Report:
    scores = np.array([row["score"] for row in rows if row["score"] is not None], float)
    truth = next((r for r in evaluation_reports(dataset) if r["field"] == field), None)
    curve = truth["pair_curve"] if truth else {"recall": [], "precision": []}
    flagged = int((scores >= threshold).sum())
    numbers = [("pairs", str(len(rows))), ("flagged", str(flagged)), ("quiet", str(len(scores) - flagged))]
    numbers += [(decision, str(sum(row["review"] == decision for row in rows))) for decision in DECISIONS]
    numbers += [("failed", str(sum(bool(row["error"]) for row in rows)))]
    return Report(
        title=f"Changes in {dataset.name}",
        subtitle=_subtitle(dataset, field),
        numbers=numbers,
        scores=scores,
        threshold=threshold,
        curve=(curve["recall"], curve["precision"]),
        metrics=_metrics(truth),
        settings=_settings(dataset, field, threshold),
        pairs=shown,
        shown="Confirmed pairs" if confirmed else "Flagged pairs",
        left_out=len(_chosen(rows, threshold, confirmed)) - len(shown),
    )


def _record(dataset: Dataset, field: str) -> dict[str, Any] | None:
    records = (run_record(dataset, key) for key in list_runs(dataset))
    return next((record for record in records if field in record["bases"]), None)


def _subtitle(dataset: Dataset, field: str) -> str:
    record = _record(dataset, field)
    if record is None:
        return f"heatmaps of {field}"
    queries = dict(zip(record["bases"], run_queries(record), strict=True))
    asked = queries[field]
    return f"asked for {asked if asked != ANY_CHANGE else 'any change'}, run {record['key']}"


def _metrics(truth: dict[str, Any] | None) -> list[tuple[str, str]]:
    if truth is None:
        return []
    rows = [(label, "–" if truth[name] is None else f"{truth[name]:.3f}") for name, label in METRICS.items()]
    counts = [
        (label, str(truth[label.replace(" ", "_")])) for label in ("found", "missed", "false alarm", "quiet")
    ]
    return [*counts, *rows]


def _settings(dataset: Dataset, field: str, threshold: float) -> list[tuple[str, str]]:
    record = _record(dataset, field)
    if record is None:
        return [("heatmaps", field), ("threshold", f"{threshold:g}"), ("argus", __version__)]
    plain = {**record["settings"], "threshold": f"{threshold:g}", "encoder": record["encoder"]}
    made = {"computed": f"{record['timestamp']:%Y-%m-%d %H:%M} UTC", **record["versions"]}
    return [(name, str(value)) for name, value in {**plain, **made}.items()]
