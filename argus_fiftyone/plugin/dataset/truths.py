"""Whose truth it is: a pair's mask and `change` answer the pair's own query, and no other.

A run may ask another query than the one its pairs were imported with. Measured against
masks of "a missing screw", a run for "a stain" would find nothing but false alarms. So
such masks are left out, until a person says that they mark the other query, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fiftyone import ViewField as F

from argus_fiftyone.plugin.dataset.fields import QUERY, TRUTH, Dataset, Samples
from argus_fiftyone.plugin.dataset.runs import list_runs, run_record
from argus_fiftyone.plugin.labels import ANY_CHANGE

SHARED = "argus_shared_truth"
"""In dataset.info: queries that the pairs' masks mark besides each pair's own."""

EACH_OWN, UNKNOWN = "each pair's own query", "unknown"


@dataclass(frozen=True)
class TruthRule:
    """Which pairs' masks hold for one heatmap field.

    Attributes:
        asked: the query that every pair was asked, "" for any change; None where each pair
            was asked its own, or where nobody knows (another tool's heatmaps): all masks hold.
        told: the same for people.
        shared: whether a person said that the masks mark this query, too.
    """

    asked: str | None
    told: str
    shared: bool = False

    def holds(self, own: str | None) -> bool:
        """Whether the mask of a pair with this own query holds; that of a pair without one always does."""
        return self.asked is None or self.shared or not own or _plain(own) == _plain(self.asked)

    def refusal(self, own: Iterable[str]) -> str:
        """Why masks of these queries are left out, and what to do about it."""
        theirs = ", ".join(f"“{query}”" for query in sorted(set(own)))
        return (
            f"their masks belong to {theirs}, and these heatmaps were asked for “{self.told}”: choose a mask "
            "field made for that query, or say that these masks mark it, too"
        )


def truth_rule(dataset: Dataset, field: str, shared: bool | None = None) -> TruthRule:
    """The rule for a heatmap field.

    Args:
        shared: whether the masks mark the run's query, too; None takes what was said last.
    """
    for record in (run_record(dataset, key) for key in list_runs(dataset)):
        if field in record["bases"]:
            queries = dict(zip(record["bases"], record.get("queries") or [None], strict=True))
            if (asked := queries[field]) is None:
                return TruthRule(None, EACH_OWN)
            said = _plain(asked) in dataset.info.get(SHARED, []) if shared is None else shared
            return TruthRule(asked, asked or ANY_CHANGE, said)
    return TruthRule(None, UNKNOWN)


def share_truth(dataset: Dataset, rule: TruthRule) -> None:
    """Remember what a person said of the masks, so that counts and curves follow it."""
    if rule.asked is None:
        return
    known = set(dataset.info.get(SHARED, []))
    wanted = known | {_plain(rule.asked)} if rule.shared else known - {_plain(rule.asked)}
    if wanted != known:
        dataset.info[SHARED] = sorted(wanted)
        dataset.save()


def other_queries(samples: Samples, rule: TruthRule) -> dict[str, int]:
    """{own query of pairs whose masks do not hold: how many pairs}, counted in the database."""
    if rule.asked is None or rule.shared or not samples.has_sample_field(QUERY):
        return {}
    return {own: count for own, count in samples.count_values(QUERY).items() if not rule.holds(own)}


def truth_holds(samples: Samples, field: str) -> Any:
    """An expression for the database: whether a pair's truth holds for a heatmap field."""
    rule = truth_rule(samples._root_dataset, field)
    others = other_queries(samples, rule)
    if not others:
        return None
    held = [own for own in samples.distinct(QUERY) if rule.holds(own)]
    return ~F(QUERY).exists() | F(QUERY).is_in(held)


def _plain(query: str) -> str:
    return " ".join(query.split()).casefold()


def belongs_to_query(truth_field: str) -> bool:
    """Whether a mask field answers each pair's own query: the one that imports write.

    Choosing another mask field is a person's word that it holds for what was asked.
    """
    return truth_field == TRUTH
