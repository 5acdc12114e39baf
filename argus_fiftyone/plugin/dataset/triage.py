"""Orders in which people look at pairs, kept by the database.

An order is a condition and a sort key. That is enough to list its first pairs, to say
where a pair stands in it, and which comes next, without fetching the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from fiftyone import ViewField as F
from fiftyone.core.expressions import ViewExpression

from argus_fiftyone.plugin.dataset.fields import PAIR_ID, QUERY, RunFields, Samples
from argus_fiftyone.plugin.dataset.slices import after_slice
from argus_fiftyone.plugin.dataset.truths import TRUTHS, known_truth
from argus_fiftyone.plugin.labels import DECISIONS

RANKINGS = {
    "open": "Not reviewed, strongest first",
    "strongest": "All, strongest first",
    "uncertain": "Not reviewed, nearest the threshold",
    "false_alarms": "False alarms, strongest first",
    "missed": "Missed changes, weakest first",
    "quiet": "Quiet pairs, strongest first",
    "flagged": "Flagged pairs, strongest first",
    "confirmed": "Confirmed, strongest first",
    "rejected": "Rejected, strongest first",
    "unsure": "Unsure, strongest first",
    "failed": "Failed pairs",
}

AT_A_THRESHOLD = frozenset({"uncertain", "false_alarms", "missed", "quiet", "flagged"})
"""The rankings whose members or order depend on the threshold."""


@dataclass(frozen=True)
class Order:
    """Which pairs, and what they are sorted by: the triage order. Ties go by sample id, rising.

    Attributes:
        members: whether a pair belongs.
        key: a number.
        sign: 1 for rising keys first, -1 for falling.
        all: whether a pair belongs or did before it was decided on; places count these, and
            the way back leads over them, so that a decision can be corrected.
    """

    members: ViewExpression
    key: ViewExpression
    sign: int = -1
    all: ViewExpression | None = None

    @property
    def walked(self) -> ViewExpression:
        """`all`, where it differs from the members."""
        return self.members if self.all is None else self.all


def order_of(samples: Samples, base: str, ranking: str, threshold: float) -> Order:
    """The order behind a name of `RANKINGS`; "failed" has no scores, and is not one.

    Raises:
        KeyError: if there is no such ranking.
    """
    names = RunFields.of(base)
    score = F(names.score)
    scored = score != None  # noqa: E711 - an expression for the database
    undecided, decided = scored, dict.fromkeys(DECISIONS, F(names.score).is_in([]))
    if samples.has_sample_field(names.review):
        undecided = scored & ~F(names.review).is_in(list(DECISIONS))
        decided = {decision: scored & (F(names.review) == decision) for decision in DECISIONS}
    truth: Any = F(names.score)  # looked up for the orders that ask for it alone: it takes a query or two
    if ranking in ("false_alarms", "missed"):
        truth = known_truth(after_slice(samples), base)
    orders = {
        "open": Order(undecided, score, all=scored),
        "strongest": Order(scored, score),
        "uncertain": Order(undecided, (score - threshold).abs(), 1, all=scored),
        "false_alarms": Order(scored & (score >= threshold) & (truth == TRUTHS.index("nochange")), score),
        "missed": Order(scored & (score < threshold) & (truth == TRUTHS.index("change")), score, 1),
        "quiet": Order(scored & (score < threshold), score),
        "flagged": Order(scored & (score >= threshold), score),
        **{decision: Order(members, score) for decision, members in decided.items()},
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
    members = after_slice(samples).match(order.walked)
    if own is None:
        return Place(0, members.count())
    sides = members.count_values(_beyond(order, own, after_id, back=True).if_else("earlier", "rest"))
    earlier = int(sides.get("earlier", 0))
    return Place(earlier + 1, max(earlier + int(sides.get("rest", 0)), earlier + 1))


def neighbour(
    samples: Samples, base: str, after_id: str, ranking: str, threshold: float, back: bool
) -> str | None:
    """The after-slice id of the pair that follows in a ranking (or precedes); None at its end."""
    found = neighbours(samples, base, after_id, ranking, threshold, back, 1)
    return found[0] if found else None


def neighbours(
    samples: Samples, base: str, after_id: str, ranking: str, threshold: float, back: bool, number: int
) -> list[str]:
    """The after-slice ids of the next so many pairs of a ranking (or the ones before), nearest first.

    The way on leads over members only; the way back over those decided on, too.
    """
    order = order_of(samples, base, _ordered(ranking), threshold)
    own = _own_key(samples, order, after_id)
    members = after_slice(samples).match(order.walked if back else order.members)
    if own is not None:
        members = members.match(_beyond(order, own, after_id, back))
    turn = -1 if back else 1
    return [str(i) for i in _sorted(members, order.key, order.sign * turn, turn).limit(number).values("id")]


def _ordered(ranking: str) -> str:
    return "strongest" if ranking == "failed" else ranking


def _own_key(samples: Samples, order: Order, after_id: str) -> float | None:
    own = after_slice(samples._root_dataset).select(after_id).values(order.key)  # type: ignore[attr-defined]
    return own[0] if own else None


def _beyond(order: Order, own: float, after_id: str, back: bool) -> Any:
    """Whether a pair stands after (or before) the one with this key and id."""
    rising = (order.sign > 0) != back
    further = order.key > own if rising else order.key < own
    sample_id = ObjectId(after_id)
    tie = F("_id") < sample_id if back else F("_id") > sample_id
    return further | ((order.key == own) & tie)
