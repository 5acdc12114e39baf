"""What the panels show, counted and ordered in the database: no loop over samples.

Fifty thousand pairs are too many to fetch for a histogram, so one aggregation counts
pairs per score bin, truth and decision, and everything else is derived from those
counts. Orders are a condition and a sort key, which also answer "which is next".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import fiftyone as fo
from bson import ObjectId
from fiftyone import ViewField as F
from fiftyone.core.expressions import ViewExpression

from argus_fiftyone.dataset.fields import CHANGE, PAIR_ID, QUERY, Dataset, RunFields, Samples
from argus_fiftyone.dataset.runs import list_runs, run_queries, run_record, threshold_of
from argus_fiftyone.dataset.slices import AFTER, after_slice
from argus_fiftyone.labels import DECISIONS

BINS = 1000
TRUTHS = ("", "change", "nochange")
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
    """So many pairs have a score in [bin, bin + 1) / BINS, this truth and this decision ("" = none)."""

    bin: int
    truth: str
    review: str
    count: int


@dataclass(frozen=True)
class Counts:
    """What a histogram needs, and how many pairs could not be compared."""

    scored: list[Count]
    failed: int


FAILED, NEITHER = -2, -1


def count_scores(samples: Samples, base: str) -> Counts:
    """The pairs counted per bin, truth and decision, in one aggregation."""
    names = RunFields.of(base)
    flat = after_slice(samples)
    # 1e-9: a score written as 0.57 is 569.999… thousandths in binary, and belongs to bin 570
    scaled = (F(names.score) * BINS + 1e-9).floor()
    code = scaled * 16 + _position(flat, CHANGE, TRUTHS) * 4 + _position(flat, names.review, REVIEWS)
    unscored: Any = NEITHER
    if flat.has_sample_field(names.error):
        unscored = (F(names.error) != None).if_else(FAILED, NEITHER)  # noqa: E711 - for the database
    counted = flat.count_values((F(names.score) != None).if_else(code, unscored))  # noqa: E711
    codes = {int(key): int(count) for key, count in counted.items() if key is not None}
    failed = codes.pop(FAILED, 0)
    codes.pop(NEITHER, 0)
    return Counts([_decoded(key, count) for key, count in codes.items()], failed)


def _position(samples: Samples, field: str, values: Sequence[str]) -> Any:
    """Which of the values a field has, 0 for none of them."""
    position: Any = 0
    if samples.has_sample_field(field):
        for index, value in enumerate(values[1:], start=1):
            position = (F(field) == value).if_else(index, position)
    return position


def _decoded(code: int, count: int) -> Count:
    return Count(min(code // 16, BINS), TRUTHS[code // 4 % 4], REVIEWS[code % 4], count)


@dataclass(frozen=True)
class CurvePoint:
    """Precision and recall of flagging pairs at or above a threshold, all in [0, 1]."""

    threshold: float
    precision: float
    recall: float


def curve_of(counts: Sequence[Count]) -> tuple[list[CurvePoint], float | None]:
    """Precision–recall points by rising threshold, and the average precision.

    Only pairs of known truth count. No curve without both kinds of pairs.
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
    return points[::-1], average


RANKINGS = {
    "open": "Not reviewed, strongest first",
    "strongest": "All, strongest first",
    "uncertain": "Not reviewed, nearest the threshold",
    "false_alarms": "False alarms, strongest first",
    "missed": "Missed changes, weakest first",
    "quiet": "Quiet pairs, strongest first",
    "flagged": "Flagged pairs, strongest first",
    "failed": "Failed pairs",
}


@dataclass(frozen=True)
class Order:
    """Which pairs, and what they are sorted by: the triage order. Ties go by sample id, rising.

    Attributes:
        members: whether a pair belongs.
        key: a number.
        sign: 1 for rising keys first, -1 for falling.
    """

    members: ViewExpression
    key: ViewExpression
    sign: int = -1


def order_of(samples: Samples, base: str, ranking: str, threshold: float) -> Order:
    """The order behind a name of `RANKINGS`; "failed" has no scores, and is not one.

    Raises:
        KeyError: if there is no such ranking.
    """
    names = RunFields.of(base)
    score = F(names.score)
    scored = score != None  # noqa: E711 - an expression for the database
    undecided = scored
    if samples.has_sample_field(names.review):
        undecided = scored & ~F(names.review).is_in(list(DECISIONS))
    orders = {
        "open": Order(undecided, score),
        "strongest": Order(scored, score),
        "uncertain": Order(undecided, (score - threshold).abs(), 1),
        "false_alarms": Order(scored & (score >= threshold) & (F(CHANGE) == "nochange"), score),
        "missed": Order(scored & (score < threshold) & (F(CHANGE) == "change"), score, 1),
        "quiet": Order(scored & (score < threshold), score),
        "flagged": Order(scored & (score >= threshold), score),
    }
    return orders[ranking]


def ranked_view(samples: Samples, base: str, ranking: str, threshold: float) -> Any:
    """The pairs of a ranking in its order, both slices kept where the collection has groups."""
    if ranking == "failed":
        return samples.exists(RunFields.of(base).error)
    order = order_of(samples, base, ranking, threshold)
    return _sorted(samples.match(order.members), order.key, order.sign)


def _sorted(samples: Any, key: ViewExpression, sign: int, ties: int = 1) -> Any:
    return samples.sort_by([(key, sign), ("id", ties)])


def first_ranked(samples: Samples, base: str, ranking: str, threshold: float, number: int = 12) -> list[dict]:
    """The first pairs of a ranking as plain values: id, name, query, score, direction, review."""
    names = RunFields.of(base)
    view = ranked_view(after_slice(samples), base, ranking, threshold).limit(number)
    wanted = {"id": "id", "name": PAIR_ID, "query": QUERY, "score": names.score}
    wanted.update(direction=names.direction, review=names.review)
    there = {short: name for short, name in wanted.items() if name == "id" or samples.has_sample_field(name)}
    rows = [
        dict(zip(there, values, strict=True))
        for values in zip(*view.values(list(there.values())), strict=True)
    ]
    return [{short: row.get(short) for short in wanted} for row in rows]


@dataclass(frozen=True)
class Place:
    """Where a pair stands in an order: `number` of `total`, 0 for a pair without a key."""

    number: int
    total: int


def place_of(samples: Samples, base: str, after_id: str, ranking: str, threshold: float) -> Place:
    """Where a pair stands in a ranking, in one aggregation.

    A pair that does not belong to it (any more) stands where it would.
    """
    order = order_of(samples, base, _ordered(ranking), threshold)
    own = _own_key(samples, order, after_id)
    members = after_slice(samples).match(order.members)
    if own is None:
        return Place(0, members.count())
    sides = members.count_values(_beyond(order, own, after_id, back=True).if_else("earlier", "rest"))
    earlier = int(sides.get("earlier", 0))
    return Place(earlier + 1, max(earlier + int(sides.get("rest", 0)), earlier + 1))


def neighbour(
    samples: Samples, base: str, after_id: str, ranking: str, threshold: float, back: bool
) -> str | None:
    """The after-slice id of the pair that follows in a ranking (or precedes); None at its end."""
    order = order_of(samples, base, _ordered(ranking), threshold)
    own = _own_key(samples, order, after_id)
    members = after_slice(samples).match(order.members)
    if own is not None:
        members = members.match(_beyond(order, own, after_id, back))
    turn = -1 if back else 1
    ids = _sorted(members, order.key, order.sign * turn, turn).limit(1).values("id")
    return str(ids[0]) if ids else None


def _ordered(ranking: str) -> str:
    return "strongest" if ranking == "failed" else ranking


def _own_key(samples: Samples, order: Order, after_id: str) -> float | None:
    own = samples._root_dataset.select_group_slices(AFTER).select(after_id).values(order.key)  # type: ignore[attr-defined]
    return own[0] if own else None


def _beyond(order: Order, own: float, after_id: str, back: bool) -> Any:
    """Whether a pair stands after (or before) the one with this key and id."""
    rising = (order.sign > 0) != back
    further = order.key > own if rising else order.key < own
    sample_id = ObjectId(after_id)
    tie = F("_id") < sample_id if back else F("_id") > sample_id
    return further | ((order.key == own) & tie)
