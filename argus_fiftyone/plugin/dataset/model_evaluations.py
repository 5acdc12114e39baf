"""What an evaluation leaves in FiftyOne: outcomes per pair, FiftyOne's own evaluations, and saved views."""

from __future__ import annotations

import warnings
from typing import Any

import fiftyone as fo
from fiftyone import ViewField as F

from argus_fiftyone.evaluation.figures import CHANGED, FLAGGED, outcome_of
from argus_fiftyone.plugin.dataset.fields import MASK_TARGETS, Dataset, RunFields
from argus_fiftyone.plugin.dataset.slices import after_slice, facing_after

CLASSES = ["nochange", "change"]
PAIR_TRUTH = "pair_truth"
"""fo.Classification on the after slice: what the masks say of the pair as a whole."""


def evaluation_keys(field: str) -> tuple[str, str]:
    """Keys of the two evaluations of a heatmap field: of pairs, and of pixels."""
    return f"{field}_pairs", f"{field}_pixels"


def register_evaluations(dataset: Dataset, field: str, truth_field: str) -> None:
    """Make the evaluations that FiftyOne's Model Evaluation panel opens and compares.

    Pairs: change or nochange by the pair's outcome. Pixels: the thresholded mask
    against the truth. The outcome and segmentation fields must have been written.
    """
    names = RunFields.of(field)
    delete_evaluations(dataset, field)
    judged = _register_pairs(dataset, field)
    pixels = evaluation_keys(field)[1]
    masked = judged.exists(names.segmentation).exists(truth_field)
    if masked.count():
        targets = dict(MASK_TARGETS)
        with warnings.catch_warnings():
            # A heatmap may be smaller than its picture; FiftyOne says so once per sample.
            warnings.filterwarnings("ignore", "Resizing predicted mask")
            masked.evaluate_segmentations(
                names.segmentation, gt_field=truth_field, eval_key=pixels, mask_targets=targets
            )


def _register_pairs(dataset: Dataset, field: str) -> Any:
    """The evaluation of pairs, by their outcomes as they stand; returns the pairs judged."""
    names, key = RunFields.of(field), evaluation_keys(field)[0]
    judged = after_slice(dataset).exists(names.outcome).exists(names.score)
    if dataset.has_evaluation(key):
        dataset.delete_evaluation(key)
    _write_verdicts(dataset, judged, names)
    judged.evaluate_classifications(
        names.verdict, gt_field=PAIR_TRUTH, eval_key=key, method="binary", classes=CLASSES
    )
    return judged


def _write_verdicts(dataset: Dataset, judged: Any, names: RunFields) -> None:
    """Outcomes as classifications: what was said of a pair, and what is true of it."""
    ids, outcomes, scores = judged.values(["id", names.outcome, names.score])
    rows = list(zip(ids, outcomes, scores, strict=True))
    verdicts = {i: _classified(o in FLAGGED, score) for i, o, score in rows}
    truths = {i: _classified(o in CHANGED) for i, o, _ in rows}
    for name, values in ((names.verdict, verdicts), (PAIR_TRUTH, truths)):
        dataset.add_sample_field(name, fo.EmbeddedDocumentField, embedded_doc_type=fo.Classification)
        dataset.set_values(name, values, key_field="id")


def _classified(changed: bool, confidence: float | None = None) -> fo.Classification:
    return fo.Classification(label=CLASSES[changed], confidence=confidence)


def delete_evaluations(dataset: Dataset, field: str) -> None:
    """Remove a field's evaluations from the panel, with their per-sample fields."""
    pairs, pixels = evaluation_keys(field)
    for key in dataset.list_evaluations():
        if key in (pairs, pixels) or key.startswith(f"{pixels}{AT}"):
            dataset.delete_evaluation(key)


AT = "_at_"


def renew_outcomes(dataset: Dataset, field: str, before: float, threshold: float) -> None:
    """Bring what an evaluation left behind to another threshold, as far as no mask needs to be read.

    Outcomes, verdicts, the evaluation of pairs and the saved views follow from score and
    truth. The evaluation of pixels is kept under a key that names the threshold it was
    measured at, and gets its own key back when the run returns to that threshold.

    Args:
        before: the threshold that held until now, in (0, 1].
    """
    names = RunFields.of(field)
    if before == threshold or not dataset.has_sample_field(names.outcome):
        return
    view = after_slice(dataset).exists(names.outcome).exists(names.score)
    rows = zip(*view.values(["id", names.outcome, names.score]), strict=True)
    renewed = {i: outcome_of(score, outcome in CHANGED, threshold) for i, outcome, score in rows}
    if not renewed:
        return
    dataset.set_values(names.outcome, renewed, key_field="id")
    describe_field(dataset, names.outcome, f"At the threshold {threshold:g}")
    if dataset.has_evaluation(evaluation_keys(field)[0]):
        _register_pairs(dataset, field)
    _set_pixels_apart(dataset, evaluation_keys(field)[1], before, threshold)


def _set_pixels_apart(dataset: Dataset, key: str, before: float, threshold: float) -> None:
    at = {value: f"{key}{AT}{value:g}".replace(".", "_").replace("-", "_") for value in (before, threshold)}
    for old, new in ((key, at[before]), (at[threshold], key)):
        if dataset.has_evaluation(old) and not dataset.has_evaluation(new):
            dataset.rename_evaluation(old, new)


def describe_field(dataset: Dataset, name: str, told: str) -> None:
    """Say what a field holds; the App shows it when the pointer rests on the field's name."""
    field = dataset.get_field(name)
    field.description = told
    field.save()


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
