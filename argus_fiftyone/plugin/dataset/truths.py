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
from fiftyone.core.expressions import ViewExpression

from argus_fiftyone.evaluation.figures import CHANGED, OUTCOMES
from argus_fiftyone.plugin.dataset.fields import (
    CHANGE,
    QUERY,
    TRUTH,
    Dataset,
    RunFields,
    Samples,
    evaluation_key,
)
from argus_fiftyone.plugin.dataset.runs import list_runs, run_record
from argus_fiftyone.plugin.labels import ANY_CHANGE

SHARED = "argus_shared_truth"
"""In dataset.info: queries that the pairs' masks mark besides each pair's own."""

EVERY_PAIR: Any = ViewExpression.literal(True)
EACH_OWN, UNKNOWN = "each pair's own query", "unknown"


@dataclass(frozen=True)
class TruthRule:
    """Which pairs' masks hold for one heatmap field.

    Attributes:
        asked: the query that every pair was asked, "" for any change; None where each pair
            was asked its own, or where nobody knows (another tool's heatmaps): all masks hold.
        told: the same for people.
        shared: whether a person said that the masks mark this query, too.
        measured: the mask field that outcomes stored with the pairs were measured against.
    """

    asked: str | None
    told: str
    shared: bool = False
    measured: str = TRUTH

    def holds(self, own: str | None) -> bool:
        """Whether the mask of a pair with this own query holds; that of a pair without one always does."""
        return self.asked is None or self.shared or not own or _plain(own) == _plain(self.asked)

    def outcome_holds(self, own: str | None) -> bool:
        """Whether the outcome stored with such a pair is one of the query asked."""
        return not belongs_to_query(self.measured) or self.holds(own)

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
    measured = _measured_against(dataset, field)
    for record in (run_record(dataset, key) for key in list_runs(dataset)):
        if field in record["bases"]:
            queries = dict(zip(record["bases"], record.get("queries") or [None], strict=True))
            if (asked := queries[field]) is None:
                return TruthRule(None, EACH_OWN, measured=measured)
            said = _plain(asked) in dataset.info.get(SHARED, []) if shared is None else shared
            return TruthRule(asked, asked or ANY_CHANGE, said, measured)
    return TruthRule(None, UNKNOWN, measured=measured)


def _measured_against(dataset: Dataset, field: str) -> str:
    key = evaluation_key(field)
    return dataset.get_run_info(key).config.report["truth"] if dataset.has_run(key) else TRUTH


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


TRUTHS = ("", "change", "nochange")
"""What may be known of a pair; `known_truth` gives the position here."""


def known_truth(samples: Samples, field: str) -> Any:
    """An expression for the database: what is true of a pair for a heatmap field, as a position in `TRUTHS`.

    The pair's `change` where it answers what the field was asked; else what the last evaluation
    of all pairs found in the masks.
    """
    truth: Any = 0
    rule, outcome = truth_rule(samples._root_dataset, field), RunFields.of(field).outcome
    holds = _truth_holds(samples, rule)
    if samples.has_sample_field(outcome):
        kinds = ((1, CHANGED), (2, [name for name in OUTCOMES if name not in CHANGED]))
        valid = holds if belongs_to_query(rule.measured) else EVERY_PAIR
        for position, names in kinds:
            truth = (valid & F(outcome).is_in(list(names))).if_else(position, truth)
    if samples.has_sample_field(CHANGE):
        for position, value in enumerate(TRUTHS[1:], start=1):
            truth = (holds & (F(CHANGE) == value)).if_else(position, truth)
    return truth


def _truth_holds(samples: Samples, rule: TruthRule) -> Any:
    if not other_queries(samples, rule):
        return EVERY_PAIR
    held = [own for own in samples.distinct(QUERY) if rule.holds(own)]
    return ~F(QUERY).exists() | F(QUERY).is_in(held)


def _plain(query: str) -> str:
    return " ".join(query.split()).casefold()


def belongs_to_query(truth_field: str) -> bool:
    """Whether a mask field answers each pair's own query: the one that imports write.

    Choosing another mask field is a person's word that it holds for what was asked.
    """
    return truth_field == TRUTH
