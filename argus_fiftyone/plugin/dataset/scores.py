"""Scores of a run, counted in the database: no loop over samples.

Fifty thousand pairs are too many to fetch for a histogram, so one aggregation counts
pairs per score bin, truth and decision, and everything else is derived from those counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import fiftyone as fo
from fiftyone import ViewField as F

from argus_fiftyone.plugin.dataset.fields import Dataset, RunFields, Samples
from argus_fiftyone.plugin.dataset.runs import list_runs, run_queries, run_record, threshold_of
from argus_fiftyone.plugin.dataset.slices import after_slice
from argus_fiftyone.plugin.dataset.truths import TRUTHS, known_truth
from argus_fiftyone.plugin.labels import DECISIONS

BINS = 1000
POINTS = 200
REVIEWS = ("", *DECISIONS)


@dataclass(frozen=True)
class Choice:
    """One set of scores the panels can show.

    Attributes:
        base: what the fields are named after, see `RunFields`.
        run: the run's key; "" for a heatmap field that Argus did not compute.
        query: what was looked for; "" where each pair has its own query.
        encoder: what made it; "" where unknown.
        threshold: the applied one, in (0, 1].
    """

    base: str
    run: str
    query: str
    encoder: str
    threshold: float

    @property
    def label(self) -> str:
        """For menus: key, query and encoder."""
        what = self.query or ("each pair's own query" if self.run else "heatmap field")
        return " · ".join(part for part in (self.run or self.base, what, self.encoder) if part)


def choices(dataset: Dataset) -> list[Choice]:
    """Every query of every run, newest run first, then other heatmap fields with a score."""
    found = []
    for key in reversed(list_runs(dataset)):
        record = run_record(dataset, key)
        named = record["queries"] and run_queries(record)
        for base, query in zip(record["bases"], named or [""], strict=True):
            if dataset.has_sample_field(RunFields.of(base).score):
                found.append(Choice(base, key, query, record["encoder"], float(record["thresholds"][base])))
    taken = {choice.base for choice in found}
    for name in dataset.get_field_schema(ftype=fo.EmbeddedDocumentField, embedded_doc_type=fo.Heatmap):
        if name not in taken and dataset.has_sample_field(RunFields.of(name).score):
            found.append(Choice(name, "", "", "", threshold_of(dataset, name)))
    return found


@dataclass(frozen=True)
class Count:
    """So many pairs have a score in [bin, bin + 1) / BINS, this truth and this decision ("" = none).

    Attributes:
        flagged: whether their scores reach the threshold that was counted at, which may lie within a bin.
    """

    bin: int
    truth: str
    review: str
    flagged: bool
    count: int


@dataclass(frozen=True)
class Counts:
    """What a histogram needs, and how many pairs could not be compared."""

    scored: list[Count]
    failed: int


FAILED, NEITHER = -2, -1
KINDS = 32
"""Two sides of the threshold × four places for the truth × four for the decision."""


def count_scores(samples: Samples, base: str, threshold: float) -> Counts:
    """The pairs counted per bin, truth, decision and side of a threshold, in one aggregation.

    Any sum over bins is what `match(score >= edge)` finds, and any sum over `flagged` what it
    finds at the threshold: the comparisons are the database's own, nothing is rounded.
    """
    names = RunFields.of(base)
    flat = after_slice(samples)
    score = F(names.score)
    kind = (score >= threshold).if_else(16, 0)
    kind = kind + known_truth(flat, base) * 4 + _position(flat, names.review, REVIEWS)
    code = _bin_of(score) * KINDS + kind
    unscored: Any = NEITHER
    if flat.has_sample_field(names.error):
        unscored = (F(names.error) != None).if_else(FAILED, NEITHER)  # noqa: E711 - for the database
    counted = flat.count_values((F(names.score) != None).if_else(code, unscored))  # noqa: E711
    codes = {int(key): int(count) for key, count in counted.items() if key is not None}
    failed = codes.pop(FAILED, 0)
    codes.pop(NEITHER, 0)
    return Counts([_decoded(key, count) for key, count in codes.items()], failed)


def _bin_of(score: Any) -> Any:
    """The last bin whose lower edge the score reaches.

    The nearest edge is compared as it is written, bin / BINS: multiplied out, a score of 0.57
    is 569.999… thousandths in binary.
    """
    nearest = (score * BINS).round()
    return nearest - (score < nearest / BINS).if_else(1, 0)


def _position(samples: Samples, field: str, values: Sequence[str]) -> Any:
    """Which of the values a field has, 0 for none of them."""
    position: Any = 0
    if samples.has_sample_field(field):
        for index, value in enumerate(values[1:], start=1):
            position = (F(field) == value).if_else(index, position)
    return position


def _decoded(code: int, count: int) -> Count:
    flagged = code // 16 % 2 == 1
    return Count(min(code // KINDS, BINS), TRUTHS[code // 4 % 4], REVIEWS[code % 4], flagged, count)


@dataclass(frozen=True)
class CurvePoint:
    """Precision and recall of flagging pairs at or above a threshold, all in [0, 1]."""

    threshold: float
    precision: float
    recall: float


def curve_of(counts: Sequence[Count]) -> tuple[list[CurvePoint], float | None]:
    """Precision–recall points by rising threshold, and the average precision.

    Only pairs of known truth count. No curve without both kinds of pairs. The points are
    thinned to some `POINTS`; the average is of all.
    """
    per_bin = [[0, 0] for _ in range(BINS + 1)]
    for count in counts:
        if count.truth:
            per_bin[count.bin][count.truth == "change"] += count.count
    changed, unchanged = (sum(bin_[kind] for bin_ in per_bin) for kind in (1, 0))
    if not changed or not unchanged:
        return [], None
    points, found, alarms, average = [], 0, 0, 0.0
    for index in range(BINS, -1, -1):
        false_here, true_here = per_bin[index]
        found, alarms = found + true_here, alarms + false_here
        if true_here or false_here:
            precision = found / (found + alarms)
            average += precision * true_here / changed
            points.append(CurvePoint(index / BINS, precision, found / changed))
    return _thinned(points[::-1]), average


def _thinned(points: list[CurvePoint]) -> list[CurvePoint]:
    """Every n-th point and the last: more than a curve of some hundred pixels can show is left out."""
    step = max(1, len(points) // POINTS)
    return points if step == 1 else [*points[:-1:step], points[-1]]
