"""People's decisions on pairs and regions, and the lists they work through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fiftyone as fo
from fiftyone import ViewField as F

from argus_fiftyone.plugin.dataset.fields import Dataset, RunFields, Samples
from argus_fiftyone.plugin.dataset.runs import run_record
from argus_fiftyone.plugin.dataset.slices import after_slice, check_paired, facing_after, groups_of
from argus_fiftyone.plugin.labels import DECISIONS


class DecisionError(ValueError):
    """A decision cannot be stored; the message says what is missing."""


def review_pairs(dataset: Dataset, field: str, sample_ids: Sequence[str], decision: str | None) -> int:
    """Set or (with None) withdraw the decision on pairs; returns how many.

    Args:
        field: the heatmap field; the decision goes to <field>_review.
        sample_ids: of either slice; the decision is kept on the after sample.
    """
    _check(decision)
    check_paired(dataset)
    review = RunFields.of(field).review
    if not dataset.has_sample_field(review):
        dataset.add_sample_field(review, fo.StringField)
    after_ids = _after_ids(dataset, sample_ids)
    dataset.set_values(review, dict.fromkeys(after_ids, decision), key_field="id")
    return len(after_ids)


def review_regions(
    dataset: Dataset,
    field: str,
    label_ids: Sequence[str],
    decision: str | None,
    after_ids: Sequence[str] | None = None,
) -> int:
    """Tag regions with a decision in place of an earlier one; None withdraws; returns how many.

    The pairs follow, so that nobody decides twice: one confirmed region confirms its pair;
    where all regions are rejected, an undecided pair is rejected.

    Args:
        after_ids: the samples that hold them, where known: the database then looks at
            those instead of searching all, seconds on a large dataset.
    """
    _check(decision)
    regions = RunFields.of(field).regions
    if not dataset.has_sample_field(regions):
        raise DecisionError(f"{dataset.name!r} has no field {regions!r}: compute or threshold heatmaps first")
    where = after_slice(dataset)
    where = where if after_ids is None else where.select(list(after_ids))
    chosen = where.select_labels(ids=list(label_ids), fields=regions)
    found = chosen.count(f"{regions}.detections")
    chosen.untag_labels(list(DECISIONS), label_fields=regions)
    if decision:
        chosen.tag_labels(decision, label_fields=regions)
    _let_pairs_follow(dataset, RunFields.of(field), [str(i) for i in chosen.values("id")], decision)
    return found


def _let_pairs_follow(dataset: Dataset, names: RunFields, after_ids: list[str], decision: str | None) -> None:
    if decision not in ("confirmed", "rejected"):
        return
    if not dataset.has_sample_field(names.review):
        dataset.add_sample_field(names.review, fo.StringField)
    view = after_slice(dataset).select(after_ids)
    rows = zip(*view.values(["id", names.review, f"{names.regions}.detections.tags"]), strict=True)
    followed = {str(i): pair_decision(review, tags or []) for i, review, tags in rows}
    dataset.set_values(names.review, followed, key_field="id")


def pair_decision(review: str | None, tags_of_regions: Sequence[Sequence[str]]) -> str | None:
    """What is decided on a pair, given what was and the tags of its regions; app/src/pair.ts has the same."""
    if any("confirmed" in tags for tags in tags_of_regions):
        return "confirmed"
    if not review and tags_of_regions and all("rejected" in tags for tags in tags_of_regions):
        return "rejected"
    return review


def _check(decision: str | None) -> None:
    if decision is not None and decision not in DECISIONS:
        raise DecisionError(f"a decision is one of {', '.join(DECISIONS)}, got {decision!r}")


def _after_ids(dataset: Dataset, sample_ids: Sequence[str]) -> list[str]:
    after_ids = [str(i) for i in after_slice(groups_of(dataset, sample_ids)).values("id")]
    if not after_ids:
        raise DecisionError(
            f"none of the {len(sample_ids)} samples is in {dataset.name!r}: select pairs in the grid"
        )
    return after_ids


def filter_by_score(samples: Samples, field: str, least: float = 0.0, most: float = 1.0) -> Any:
    """The pairs whose score lies in [least, most], strongest first, both slices kept.

    Raises:
        DecisionError: if the field has no score.
    """
    score = RunFields.of(field).score
    if not samples.has_sample_field(score):
        raise DecisionError(f"{samples._root_dataset.name!r} has no field {score!r}: compute heatmaps first")
    return facing_after(samples).match((F(score) >= least) & (F(score) <= most)).sort_by(score, reverse=True)


def review_counts(samples: Samples, field: str) -> dict[str, int]:
    """How many pairs carry each decision, counted in the database."""
    review = RunFields.of(field).review
    if not samples.has_sample_field(review):
        return {}
    counted = facing_after(samples).count_values(review)
    return {decision: counted[decision] for decision in DECISIONS if decision in counted}


def flagged_count(dataset: Dataset, key: str) -> int:
    """Pairs of a run whose score reaches the run's threshold, for any of its queries."""
    record = run_record(dataset, key)
    reached = None
    for base in record["bases"]:
        this = F(RunFields.of(base).score) >= record["thresholds"][base]
        reached = this if reached is None else reached | this
    return facing_after(dataset).match(reached).count()
