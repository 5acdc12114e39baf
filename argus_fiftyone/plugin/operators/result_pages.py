"""What an operator shows when it is done: the outcome in words, and the next steps."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
from fiftyone.operators import types

from argus_fiftyone.evaluation.figures import OUTCOMES
from argus_fiftyone.plugin.dataset.evaluations import METRICS, in_pairs, scope_in_words
from argus_fiftyone.plugin.dataset.fields import Dataset
from argus_fiftyone.plugin.dataset.previews import Preview, in_words
from argus_fiftyone.plugin.dataset.reviews import flagged_count
from argus_fiftyone.plugin.dataset.runs import run_record, thresholds_told

NEXT_STEPS = """**Next**
- Press *Review* in the panel *Argus triage*, which is open now beside the grid: confirm or reject by key.
- Set the threshold there; *Evaluate* measures against masks, *Report* writes a page to hand over."""


def show_run(ctx: Any, dataset: Dataset, key: str) -> Any:
    """The result page of a finished run."""
    record = run_record(dataset, key)
    failed = f", **{record['failed']} failed** (see `{record['bases'][0]}_error`)" if record["failed"] else ""
    flagged = f"**{flagged_count(dataset, key)} of {record['pairs']} pairs flagged**"
    by = f"{record['method']} with {record['encoder']}"
    told = f"{flagged} at a threshold of {thresholds_told(record)}, by {by}{failed}."
    outputs = types.Object()
    outputs.md(f"{told}\n\n{NEXT_STEPS}", name="told")
    return _show(ctx, outputs, f"Run {key} is done", {})


def show_preview(ctx: Any, preview: Preview, pairs: int) -> Any:
    """The result page of a dry run: the pictures, and how long all pairs would take."""
    outputs, results = types.Object(), {}
    for number, pair in enumerate(preview.pairs):
        outputs.md(pair.told, name=f"told_{number}")
        outputs.img(f"pair_{number}", width="100%", alt_text=pair.told)
        results[f"pair_{number}"] = _data_uri(pair.strip)
    told = f"All {pairs} pairs would take {in_words(preview.seconds * pairs)}. Nothing was written."
    outputs.md(f"before | after | heatmap. {told}", name="time")
    return _show(ctx, outputs, "Three pairs tried", results)


def show_evaluation(ctx: Any, report: dict[str, Any], stood: float) -> Any:
    """The result page of an evaluation; `stood` is the threshold the run had before."""
    counts = ", ".join(f"**{report[name]}** {name.replace('_', ' ')}" for name in OUTCOMES)
    figures = ((METRICS[name], report[name]) for name in ("pixel_ap", "pixel_auroc", "pair_auroc"))
    measured = " · ".join(f"{label} {value:.3f}" for label, value in figures if value is not None)
    told = [f"**{scope_in_words(report)}**, at a threshold of {report['threshold']:g}: {counts}.", measured]
    told += [left] if (left := left_out(report)) else []
    told.append(_part_told(report) if report["part"] else _whole_told(report, stood))
    return show_told(ctx, f"{report['field']} against {report['truth']}", "\n\n".join(told))


def left_out(report: dict[str, Any]) -> str:
    """How many pairs were not measured, and why; "" where all were."""
    told = [
        f"{in_pairs(count)} left out: their masks belong to “{own}”, and “{report['asked']}” was asked."
        for own, count in report.get("refused", [])
    ]
    if report["skipped"]:
        told.append(f"{in_pairs(report['skipped_pairs'])} skipped; the first: {report['skipped'][0]}.")
    return " ".join(told)


def _part_told(report: dict[str, Any]) -> str:
    return (
        "This is a part. The figures of the whole run, its outcomes, saved views and threshold are as they "
        f"were. *Compare* offers this part as `{report['field']}_part`."
    )


def _whole_told(report: dict[str, Any], stood: float) -> str:
    moved = ""
    if stood != report["threshold"]:
        moved = f"The run's threshold moved from {stood:g} to {report['threshold']:g}.\n\n"
    return (
        f"{moved}**Next**: false alarms, misses and worst first are among the saved views (top left); "
        "*Compare* puts runs side by side; the panel *Model Evaluation* (the + beside *Samples*) has the "
        "confusion matrix."
    )


def show_report(ctx: Any, page: Path) -> Any:
    """Where a report lies, with a link that opens it through the App's own server."""
    link = f"[**Open the report**](/media?filepath={quote(str(page))})"
    beside = f"Beside it: `pairs.csv` (one row per pair), `regions.json` (COCO).\n\nFolder: `{page.parent}`"
    return show_told(ctx, "The report is written", f"{link}\n\n{beside}")


def show_told(ctx: Any, title: str, told: str) -> Any:
    """A result page of words alone, in Markdown."""
    outputs = types.Object()
    outputs.md(told, name="told")
    return _show(ctx, outputs, title, {})


def _show(ctx: Any, outputs: types.Object, title: str, results: dict[str, Any]) -> Any:
    page = types.Property(outputs, view=types.View(label=title))
    return ctx.ops.show_output(page.to_json(), results)


def _data_uri(picture: Any) -> str:
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"
