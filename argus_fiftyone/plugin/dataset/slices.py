"""Grouped samples → pairs: who belongs together, and which groups are not whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from argus_fiftyone.io.pair_list import Pair
from argus_fiftyone.plugin.dataset.fields import PAIR_ID, QUERY, Dataset, Samples

BEFORE, AFTER = "before", "after"


class NotPairedError(ValueError):
    """A dataset is not made of before/after groups; the message says how to make it so."""


@dataclass(frozen=True)
class PairSample:
    """A pair and the samples that hold it."""

    pair: Pair
    before_id: str
    after_id: str


@dataclass(frozen=True)
class Pairing:
    """What a collection of groups holds.

    Attributes:
        samples: whole pairs, in the collection's order.
        incomplete: one sentence per group that lacks a slice.
    """

    samples: list[PairSample] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)


def pairs_in(samples: Samples) -> Pairing:
    """Pair up the groups that a dataset or view reaches, in its order.

    A grouped view counts with all its groups; a view flattened to one slice stands for
    the groups of its samples. FiftyOne skips groups that lack the active slice, so
    those are looked up and reported too when the whole dataset is meant.

    Raises:
        NotPairedError: if there are no groups or no before and after slice.
    """
    dataset = check_paired(samples)
    order = _group_ids(samples)
    whole = samples is dataset or (samples.media_type == "group" and not samples._stages)
    before, after = (_slice_rows(dataset, name, None if whole else order) for name in (BEFORE, AFTER))
    if whole:
        order = list(dict.fromkeys([*order, *before, *after]))
    return _join(order, before, after)


def check_paired(samples: Samples) -> Dataset:
    """The dataset behind a collection, if it has before and after slices."""
    dataset = samples._root_dataset
    slices = dataset.group_slices if dataset.media_type == "group" else []
    missing = [name for name in (BEFORE, AFTER) if name not in (slices or [])]
    if missing:
        have = ", ".join(slices or []) or "no group slices"
        raise NotPairedError(
            f"dataset {dataset.name!r} needs the group slices before and after, and has {have}: "
            "make one with the operator import_pairs"
        )
    return dataset


def after_slice(samples: Samples) -> Samples:
    """The after samples of a grouped collection, as a flat view in the same order."""
    if samples.media_type == "group":
        return samples.select_group_slices(AFTER)
    return samples


def facing_after(samples: Samples) -> Any:
    """The same groups with after as the active slice, whichever one the App shows.

    `match`, `exists`, `sort_by` and counts on groups act on the active slice, and what
    Argus writes is on the after slice.
    """
    view = samples.view()
    if view.media_type == "group":
        view.group_slice = AFTER
    return view


def groups_of(dataset: Dataset, sample_ids: Sequence[str]) -> Any:
    """The groups that hold these samples, whichever slice they are of."""
    rows = dataset.select_group_slices(list(dataset.group_slices)).select(list(sample_ids))
    return dataset.select_groups([str(group) for group in rows.values(f"{dataset.group_field}.id")])


def _group_ids(samples: Samples) -> list[str]:
    name = samples.group_field or samples._root_dataset.group_field
    return list(dict.fromkeys(str(value) for value in samples.values(f"{name}.id") if value))


def _slice_rows(dataset: Dataset, name: str, group_ids: list[str] | None) -> dict[str, dict[str, Any]]:
    """{group id: the slice's sample as plain values}, in one aggregation."""
    groups = dataset if group_ids is None else dataset.select_groups(group_ids)
    wanted = {"id": "id", "filepath": "filepath", "group": f"{dataset.group_field}.id"}
    wanted.update({f: f for f in (PAIR_ID, QUERY) if dataset.has_sample_field(f)})
    columns = groups.select_group_slices(name).values(list(wanted.values()))
    rows = [dict(zip(wanted, values, strict=True)) for values in zip(*columns, strict=True)]
    return {str(row["group"]): row for row in rows}


def _join(order: list[str], before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> Pairing:
    pairing = Pairing()
    for group in order:
        old, new = before.get(group), after.get(group)
        if old and new:
            pair_id = new.get(PAIR_ID) or old.get(PAIR_ID) or group
            pair = Pair(pair_id, Path(old["filepath"]), Path(new["filepath"]), new.get(QUERY) or "")
            pairing.samples.append(PairSample(pair, str(old["id"]), str(new["id"])))
        else:
            present = (old or new or {}).get("filepath", f"group {group}")
            pairing.incomplete.append(f"{present}: has no {AFTER if old else BEFORE} picture")
    return pairing
