"""Grouped samples → pairs: which slices are before and after, who belongs together, what is not whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from argus_fiftyone.io.pair_list import Pair
from argus_fiftyone.plugin.dataset.fields import PAIR_ID, QUERY, RUN_METHOD, Dataset, Samples
from argus_fiftyone.plugin.dataset.roles import RolesError, read_roles

BEFORE, AFTER = "before", "after"
"""The slices of the datasets that Argus makes; those of others may have any names, see `pair_slices`."""
SLICES = "argus_slices"
"""Where a dataset keeps, in its info, what a person said of its slices: {"before": name, "after": name}."""


class NotPairedError(ValueError):
    """A dataset is not made of before/after groups; the message says how to make it so."""


class UnmappedSlicesError(NotPairedError):
    """A dataset has groups, and nobody said yet which slices are before and after."""


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
    before, after = (_slice_rows(dataset, name, None if whole else order) for name in pair_slices(dataset))
    if whole:
        order = list(dict.fromkeys([*order, *before, *after]))
    return _join(order, before, after)


def check_paired(samples: Samples) -> Dataset:
    """The dataset behind a collection, if it is known which of its slices are before and after."""
    dataset = samples._root_dataset
    pair_slices(dataset)
    return dataset


def pair_slices(dataset: Dataset) -> tuple[str, str]:
    """Names of a dataset's before and after slices.

    What a person said by `map_slices` comes first; otherwise the names say it themselves, as in
    before and after, old and new, t0 and t1.

    Raises:
        UnmappedSlicesError: if they do not.
        NotPairedError: if there are no two slices.
    """
    have = slice_names(dataset)
    said = dataset.info.get(SLICES) or {}
    if said.get(BEFORE) in have and said.get(AFTER) in have:
        return said[BEFORE], said[AFTER]
    if BEFORE in have and AFTER in have:
        return BEFORE, AFTER
    if len(have) < 2:
        raise NotPairedError(
            f"dataset {dataset.name!r} needs the group slices before and after, and has "
            f"{', '.join(have) or 'no group slices'}: make one with the operator import_pairs"
        )
    return _named_slices(dataset, have)


def _named_slices(dataset: Dataset, have: list[str]) -> tuple[str, str]:
    try:
        ranks = read_roles(have).ranks
    except RolesError:
        ranks = {}
    if len(ranks) != 2:
        raise UnmappedSlicesError(
            f"dataset {dataset.name!r} has the group slices {', '.join(have)}: say which one is before and "
            "which after, in the form of Compute change heatmaps or Import before/after pairs (in Python: "
            "before_slice and after_slice)"
        )
    old, new = sorted(ranks, key=ranks.__getitem__)
    return old, new


def slice_names(dataset: Dataset) -> list[str]:
    """The slices of a dataset's groups; none where it has no groups."""
    return list(dataset.group_slices or []) if dataset.media_type == "group" else []


def map_slices(dataset: Dataset, before: str, after: str) -> None:
    """Say which slices of a dataset's groups are before and after; it is kept with the dataset.

    Raises:
        NotPairedError: if they are no two slices of it, or Argus' runs lie on others.
    """
    have = slice_names(dataset)
    if before == after or before not in have or after not in have:
        raise NotPairedError(
            f"{before!r} and {after!r} are not two slices of {dataset.name!r}, which has "
            f"{', '.join(have) or 'no groups'}"
        )
    runs = dataset.list_runs(method=RUN_METHOD)
    if runs and pair_slices(dataset) != (before, after):
        raise NotPairedError(
            f"{dataset.name!r} has the runs {', '.join(runs)} with {' and '.join(pair_slices(dataset))} as "
            "before and after: delete them before the slices get another meaning"
        )
    dataset.info[SLICES] = {BEFORE: before, AFTER: after}
    dataset.save()


def after_slice(samples: Samples) -> Samples:
    """The after samples of a grouped collection, as a flat view in the same order."""
    if samples.media_type == "group":
        return samples.select_group_slices(after_name(samples))
    return samples


def after_name(samples: Samples) -> str:
    """What the after slice of a grouped collection is called."""
    return pair_slices(samples._root_dataset)[1]


def facing_after(samples: Samples) -> Any:
    """The same groups with after as the active slice, whichever one the App shows.

    `match`, `exists`, `sort_by` and counts on groups act on the active slice, and what
    Argus writes is on the after slice.
    """
    view = samples.view()
    if view.media_type == "group":
        view.group_slice = after_name(samples)
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
