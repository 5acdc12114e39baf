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

from argus_fiftyone.engine.overlay import overlay
from argus_fiftyone.evaluation.figures import CHANGED, outcome_of
from argus_fiftyone.io.images import ImageError, read_image, resize
from argus_fiftyone.io.png import write_whole
from argus_fiftyone.plugin.dataset.computing import Progress
from argus_fiftyone.plugin.dataset.fields import CHANGE, PAIR_ID, QUERY, Dataset, RunFields
from argus_fiftyone.plugin.dataset.report_page import Contents, report_of
from argus_fiftyone.plugin.dataset.runs import threshold_of
from argus_fiftyone.plugin.dataset.slices import PairSample, after_slice, pairs_in
from argus_fiftyone.plugin.dataset.truths import TruthRule, truth_rule
from argus_fiftyone.plugin.labels import read_heatmap
from argus_fiftyone.runs.html_report import ShownPair, as_html

THUMBNAIL = 320
SHOWN = 100
COLUMNS = (
    *(PAIR_ID, QUERY, "score", "threshold", "direction", "review", "outcome"),
    *(CHANGE, "error", "before", "after"),
)
CONFIRMED = "confirmed"


class ExportError(ValueError):
    """There is nothing to export; the message says what comes first."""


def export_report(
    dataset: Dataset, field: str, folder: Path, most: int = SHOWN, confirmed: bool = False
) -> Iterator[Progress]:
    """Write the report of a heatmap field into a folder, yielding progress.

    report.html opens by itself anywhere; pairs.csv has a row per pair, its outcome at the
    threshold that stands in the row; regions.json has regions in COCO's format, by FiftyOne's
    exporter: those at the threshold that no reviewer rejected. Flagged pairs that one rejected
    are not shown.

    Args:
        most: pairs shown with pictures, strongest first.
        confirmed: show what reviewers confirmed, in place of what is flagged: the pairs on the
            page, and in regions.json the confirmed regions alone, whatever the threshold.

    Raises:
        ExportError: if the field has no scores.
    """
    names = RunFields.of(field)
    if not dataset.has_sample_field(names.score):
        raise ExportError(f"{field!r} has no scores: compute or evaluate heatmaps first")
    threshold = threshold_of(dataset, field)
    rows = _rows(dataset, names, threshold)
    chosen = _chosen(rows, threshold, confirmed)
    total = len(chosen[:most]) + 2
    shown = []
    for done, row in enumerate(chosen[:most]):
        yield Progress(done, total, note=f"pictures of {row[PAIR_ID]}")
        shown.append(_shown(dataset, names, row, threshold))
    yield Progress(total - 2, total, note="tables and regions")
    write_whole(folder / "pairs.csv", _as_csv(rows))
    kept = F("tags").contains(CONFIRMED) if confirmed else _at_threshold(threshold)
    of = [row["sample"].after_id for row in chosen] if confirmed else None
    _export_regions(dataset, names, kept, of, folder / "regions.json")
    contents = Contents(field, threshold, rows, shown, len(chosen), _heading(chosen, confirmed))
    write_whole(folder / "report.html", as_html(report_of(dataset, contents)).encode())
    yield Progress(total, total, note=f"written to {folder}")


def _chosen(rows: list[dict[str, Any]], threshold: float, confirmed: bool) -> list[dict[str, Any]]:
    """The pairs to show, strongest first."""
    scored = [row for row in rows if row["score"] is not None]
    if confirmed:
        chosen = [row for row in scored if (row["review"] or _by_regions(row)) == CONFIRMED]
    else:
        chosen = [row for row in scored if row["score"] >= threshold and row["review"] != "rejected"]
    return sorted(chosen, key=lambda row: -row["score"])


def _by_regions(row: dict[str, Any]) -> str | None:
    """A pair that nobody decided on as a whole counts as confirmed by any region of it."""
    return CONFIRMED if any(CONFIRMED in tags for tags in row["tags"] or []) else None


def _heading(chosen: list[dict[str, Any]], confirmed: bool) -> tuple[str, str]:
    """What the pairs shown are, and what must be known of them."""
    if not confirmed:
        return "Flagged pairs", ""
    bare = sum(_by_regions(row) is None for row in chosen)
    told = f"{bare} of them without a confirmed region: regions.json has no box of these." if bare else ""
    return "Confirmed pairs", told


def _rows(dataset: Dataset, names: RunFields, threshold: float) -> list[dict[str, Any]]:
    """One row per pair, in the dataset's order, in one aggregation."""
    own = {n: getattr(names, n) for n in ("score", "direction", "review", "outcome", "error")}
    wanted = {"id": "id", PAIR_ID: PAIR_ID, QUERY: QUERY, CHANGE: CHANGE, **own}
    present = {n: f for n, f in wanted.items() if dataset.has_sample_field(f)}
    if dataset.has_sample_field(names.regions):
        present["tags"] = f"{names.regions}.detections.tags"
    columns = after_slice(dataset).values(list(present.values()))
    found = {v[0]: dict(zip(present, v, strict=True)) for v in zip(*columns, strict=True)}
    rule, rows = truth_rule(dataset, names.heatmap), []
    for sample in pairs_in(dataset).samples:
        paths = {"before": str(sample.pair.before), "after": str(sample.pair.after), "sample": sample}
        row = {
            **dict.fromkeys((*COLUMNS, "tags")),
            **found[sample.after_id],
            PAIR_ID: sample.pair.id,
            **paths,
        }
        rows.append({**row, **_measured(row, rule, threshold)})
    return rows


def _measured(row: dict[str, Any], rule: TruthRule, threshold: float) -> dict[str, Any]:
    """What a row says of query and truth: the query asked, and truth of that query only."""
    told: dict[str, Any] = {"threshold": threshold, QUERY: row[QUERY] if rule.asked is None else rule.asked}
    if not rule.holds(row[QUERY]):
        told[CHANGE] = None
    if not rule.outcome_holds(row[QUERY]):
        told["outcome"] = None
    elif row["outcome"] and row["score"] is not None:
        told["outcome"] = outcome_of(row["score"], row["outcome"] in CHANGED, threshold)
    return told


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


def _at_threshold(threshold: float) -> Any:
    return (F("confidence") >= threshold) & ~F("tags").contains("rejected")


def _export_regions(dataset: Dataset, names: RunFields, kept: Any, of: list[str] | None, path: Path) -> None:
    """COCO by FiftyOne's exporter; a dataset without regions gives an empty list of annotations.

    Args:
        kept: an expression that says of a region whether it is exported.
        of: after ids of the pairs whose pictures are listed; None lists all.
    """
    view = after_slice(dataset)
    view = view if of is None else view.select(of)
    if dataset.has_sample_field(names.regions):
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
