"""People's decisions on pairs and regions, and the lists they work through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fiftyone as fo
from fiftyone import ViewField as F

from argus_fiftyone.plugin.dataset.appearance import gather_fields
from argus_fiftyone.plugin.dataset.fields import Dataset, RunFields, Samples
from argus_fiftyone.plugin.dataset.runs import run_record
from argus_fiftyone.plugin.dataset.slices import after_slice, check_paired, facing_after, groups_of
from argus_fiftyone.plugin.labels import DECISIONS


class DecisionError(ValueError):
    """A decision cannot be stored; the message says what is missing."""


def review_pairs(dataset: Dataset, field: str, sample_ids: Sequence[str], decision: str | None) -> int:
    """Set or (with None) withdraw the decision on pairs; returns how many.

    Args:
        field: the heatmap field; the decision goes to <field>_review, and to <field>_own_review
            as one that was made on the pair itself and does not follow from its regions.
        sample_ids: of either slice; the decision is kept on the after sample.

    Raises:
        DecisionError: if none of the samples is in the dataset (any more).
    """
    _check(decision)
    check_paired(dataset)
    names = RunFields.of(field)
    after_ids = _after_ids(dataset, sample_ids)
    _declare(dataset, names)
    for name in (names.own_review, names.review):
        dataset.set_values(name, dict.fromkeys(after_ids, decision), key_field="id")
    return len(after_ids)


def review_regions(
    dataset: Dataset,
    field: str,
    label_ids: Sequence[str],
    decision: str | None,
    after_ids: Sequence[str] | None = None,
) -> int:
    """Tag regions with a decision in place of an earlier one; None withdraws; returns how many.

    The pairs follow, see `pair_decision`, so that nobody decides twice.

    Args:
        after_ids: the samples that hold them, where known: the database then looks at
            those instead of searching all, seconds on a large dataset.

    Raises:
        DecisionError: if the dataset has no such regions (any more).
    """
    _check(decision)
    regions = RunFields.of(field).regions
    if not dataset.has_sample_field(regions):
        raise DecisionError(f"{dataset.name!r} has no field {regions!r}: compute or threshold heatmaps first")
    where = after_slice(dataset)
    where = where if after_ids is None else where.select(list(after_ids))
    chosen = where.select_labels(ids=list(label_ids), fields=regions)
    found = chosen.count(f"{regions}.detections")
    if not found:
        raise DecisionError(f"{regions!r} no longer has these regions: show the pair again, then decide")
    _decide_on_regions(dataset, RunFields.of(field), chosen, decision)
    return found


def _decide_on_regions(dataset: Dataset, names: RunFields, chosen: Any, decision: str | None) -> None:
    _declare(dataset, names)
    # the whole pairs: the selection hides their other regions
    pairs = after_slice(dataset).select([str(i) for i in chosen.values("id")])
    tags = f"{names.regions}.detections.tags"
    before = pairs.values(["id", names.review, names.own_review, tags])
    own = [own_decision(*row) for row in zip(*before[1:], strict=True)]
    chosen.untag_labels(list(DECISIONS), label_fields=names.regions)
    if decision:
        chosen.tag_labels(decision, label_fields=names.regions)
    rows = zip(before[0], own, before[1], pairs.values(tags), strict=True)
    followed = {str(i): pair_decision(mine, review, now, decision) for i, mine, review, now in rows}
    dataset.set_values(names.review, followed, key_field="id")


def _declare(dataset: Dataset, names: RunFields) -> None:
    """The two fields of decisions; a run computed by an earlier version, or another tool's, has none."""
    missing = [name for name in (names.review, names.own_review) if not dataset.has_sample_field(name)]
    for name in missing:
        dataset.add_sample_field(name, fo.StringField)
    if missing:
        gather_fields(dataset, names.heatmap)


def decision_of_regions(tags_of_regions: Sequence[Sequence[str]] | None) -> str | None:
    """What the tags of a pair's regions say of the pair: one confirmed confirms, all rejected reject."""
    tags_of_regions = tags_of_regions or []
    if any("confirmed" in tags for tags in tags_of_regions):
        return "confirmed"
    rejected = tags_of_regions and all("rejected" in tags for tags in tags_of_regions)
    return "rejected" if rejected else None


def own_decision(
    review: str | None, own: str | None, tags_of_regions: Sequence[Sequence[str]] | None
) -> str | None:
    """What a person decided on the pair itself: as kept, or a stored one that its regions do not explain."""
    return own or (review if review != decision_of_regions(tags_of_regions) else None)


def pair_decision(
    own: str | None,
    review: str | None,
    tags_of_regions: Sequence[Sequence[str]] | None,
    latest: str | None,
) -> str | None:
    """What holds for a pair after a decision on one of its regions; app/src/pair.ts has the same.

    A pair that nobody decided on itself follows its regions, back as well. A person's own decision
    on the pair stays, except that a region confirmed later confirms the pair for as long as it is.

    Args:
        own: see `own_decision`.
        review: what held for the pair so far.
        tags_of_regions: with the latest decision.
        latest: that decision; None where one was withdrawn.
    """
    of_regions = decision_of_regions(tags_of_regions)
    if own is None or latest == "confirmed":
        return of_regions
    return review if of_regions == "confirmed" else own


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
