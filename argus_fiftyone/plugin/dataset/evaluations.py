"""What an evaluation leaves behind in FiftyOne: its own evaluations, and views one click away."""

from __future__ import annotations

import warnings
from typing import Any

import fiftyone as fo
from fiftyone import ViewField as F

from argus_fiftyone.plugin.dataset.fields import MASK_TARGETS, Dataset, RunFields, Samples
from argus_fiftyone.plugin.dataset.slices import after_slice, facing_after

CLASSES = ["nochange", "change"]
PAIR_TRUTH = "pair_truth"
"""fo.Classification on the after slice: what the masks say of the pair as a whole."""


def evaluation_keys(field: str) -> tuple[str, str]:
    """Keys of the two evaluations of a heatmap field: of pairs, and of pixels."""
    return f"{field}_pairs", f"{field}_pixels"


def register_evaluations(samples: Samples, field: str, truth_field: str) -> None:
    """Make the evaluations that FiftyOne's Model Evaluation panel opens and compares.

    Pairs: change or nochange by the pair's outcome. Pixels: the thresholded mask
    against the truth. The outcome and segmentation fields must have been written.
    """
    dataset, names = samples._root_dataset, RunFields.of(field)
    judged = after_slice(samples).exists(names.outcome)
    _write_verdicts(dataset, judged, names)
    pairs, pixels = evaluation_keys(field)
    delete_evaluations(dataset, field)
    judged.evaluate_classifications(
        names.verdict, gt_field=PAIR_TRUTH, eval_key=pairs, method="binary", classes=CLASSES
    )
    masked = judged.exists(names.segmentation).exists(truth_field)
    if masked.count():
        targets = dict(MASK_TARGETS)
        with warnings.catch_warnings():
            # A heatmap may be smaller than its picture; FiftyOne says so once per sample.
            warnings.filterwarnings("ignore", "Resizing predicted mask")
            masked.evaluate_segmentations(
                names.segmentation, gt_field=truth_field, eval_key=pixels, mask_targets=targets
            )


def _write_verdicts(dataset: Dataset, judged: Any, names: RunFields) -> None:
    """Outcomes as classifications: what was said of a pair, and what is true of it."""
    ids, outcomes, scores = judged.values(["id", names.outcome, names.score])
    said = {"found": True, "false_alarm": True}
    true = {"found": True, "missed": True}
    rows = list(zip(ids, outcomes, scores, strict=True))
    verdicts = {i: _classified(said.get(o, False), score) for i, o, score in rows}
    truths = {i: _classified(true.get(o, False)) for i, o, _ in rows}
    for name, values in ((names.verdict, verdicts), (PAIR_TRUTH, truths)):
        dataset.add_sample_field(name, fo.EmbeddedDocumentField, embedded_doc_type=fo.Classification)
        dataset.set_values(name, values, key_field="id")


def _classified(changed: bool, confidence: float | None = None) -> fo.Classification:
    return fo.Classification(label=CLASSES[changed], confidence=confidence)


def delete_evaluations(dataset: Dataset, field: str) -> None:
    """Remove a field's evaluations from the panel, with their per-sample fields."""
    for key in evaluation_keys(field):
        if dataset.has_evaluation(key):
            dataset.delete_evaluation(key)


VIEWS = {
    "false alarms": "unchanged pairs that were flagged, the strongest first",
    "missed": "changed pairs that were not flagged, the weakest first",
    "worst first": "changed pairs by the overlap of heatmap and mask, the worst first",
}


def evaluation_view(dataset: Dataset, field: str, which: str) -> Any:
    """One of `VIEWS` as a grouped view, both slices kept."""
    names = RunFields.of(field)
    view = facing_after(dataset)
    if which == "false alarms":
        return view.match(F(names.outcome) == "false_alarm").sort_by(names.score, reverse=True)
    if which == "missed":
        return view.match(F(names.outcome) == "missed").sort_by(names.score)
    return view.exists(names.average_precision).sort_by(names.average_precision)


def view_name(field: str, which: str) -> str:
    """What a saved view is called in the App."""
    return f"{field} {which}"


def save_views(dataset: Dataset, field: str) -> None:
    """Put the views where the App lists saved views."""
    for which, description in VIEWS.items():
        view = evaluation_view(dataset, field, which)
        dataset.save_view(view_name(field, which), view, description=description, overwrite=True)


def delete_views(dataset: Dataset, field: str) -> None:
    """Remove the saved views of a heatmap field."""
    for name in (view_name(field, which) for which in VIEWS):
        if dataset.has_saved_view(name):
            dataset.delete_saved_view(name)


METRICS = {
    "pixel_ap": "Pixel AP",
    "pixel_auroc": "Pixel AUROC",
    "f1_max": "F1-max",
    "aupro": "AUPRO@0.3",
    "pointing": "Pointing",
    "iou": "IoU",
    "pair_auroc": "Pair AUROC",
    "pair_ap": "Pair AP",
    "false_alarms_at_80_recall": "False alarms at 80 % recall",
}
COLOURS = ("#e4572e", "#4c9be8", "#76b041", "#b279d2", "#e8b93f")
COUNTS = ("found", "missed", "false_alarm", "quiet")


def table_of(reports: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Reports side by side: one row per metric, one column per heatmap field."""
    rows = []
    for name, label in METRICS.items():
        shown = {r["field"]: "–" if r[name] is None else f"{r[name]:.3f}" for r in reports}
        rows.append({"metric": label, **shown})
    for name in COUNTS:
        rows.append(
            {"metric": f"Pairs: {name.replace('_', ' ')}", **{r["field"]: str(r[name]) for r in reports}}
        )
    rows.append({"metric": "Threshold", **{r["field"]: f"{r['threshold']:g}" for r in reports}})
    rows.append({"metric": "Pairs", **{r["field"]: str(r["pairs"]) for r in reports}})
    return rows


def curves_of(reports: list[dict[str, Any]], kind: str = "pair") -> list[dict[str, Any]]:
    """The precision–recall curves of reports as plotly traces, in one plot."""
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": report["field"],
            "line": {"color": COLOURS[number % len(COLOURS)], "width": 2},
            "x": report[f"{kind}_curve"]["recall"],
            "y": report[f"{kind}_curve"]["precision"],
        }
        for number, report in enumerate(reports)
    ]
