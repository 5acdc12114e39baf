"""Inputs that several forms ask for, with their validation at the field."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fiftyone as fo
from fiftyone.operators import types

from argus_fiftyone.plugin.dataset.calibrating import decided_scores
from argus_fiftyone.plugin.dataset.fields import FIRST_RUN, Dataset, RunFields, RunKeyError, check_key
from argus_fiftyone.plugin.dataset.runs import list_runs
from argus_fiftyone.plugin.dataset.slices import (
    NotPairedError,
    UnmappedSlicesError,
    map_slices,
    pair_slices,
    slice_names,
)
from argus_fiftyone.plugin.labels import label_fields
from argus_fiftyone.settings import RANGES, check


def refuse(prop: types.Property, message: str) -> None:
    """Mark a field as wrong; Execute stays off until it is right."""
    prop.invalid = True
    prop.error_message = message


def is_paired(ctx: Any, inputs: types.Object) -> bool:
    """Whether the open dataset has before and after slices; says how to get there where not."""
    try:
        if ctx.dataset is not None:
            pair_slices(ctx.dataset)
            return True
        told = "No dataset is open."
    except NotPairedError as fault:
        told = str(fault)
    blocked(inputs, f"{told}. Run *Import before/after pairs* first.")
    return False


def may_ask_slices(ctx: Any) -> bool:
    """Whether the open dataset has groups of which only a person can say what is before and after."""
    try:
        return ctx.dataset is not None and not pair_slices(ctx.dataset)
    except UnmappedSlicesError:
        return True
    except NotPairedError:
        return False


def ask_slices(ctx: Any, inputs: types.Object) -> bool:
    """Ask which slices are before and after, and show a pair; whether the answer can be used."""
    have = slice_names(ctx.dataset)
    before, after = ctx.params.get("before_slice"), ctx.params.get("after_slice")
    for name, label, given in (("before_slice", "before", before), ("after_slice", "after", after)):
        prop = inputs.enum(name, have, label=f"Slice with the pictures {label}", view=types.DropdownView())
        if given not in have:
            refuse(prop, f"Choose one of this dataset's slices: {', '.join(have)}.")
        elif before == after:
            refuse(prop, "Choose two different slices.")
    if before not in have or after not in have or before == after:
        return False
    inputs.view("one_pair", types.Notice(label=_one_pair(ctx.dataset, before, after)))
    return True


def keep_slices(ctx: Any) -> None:
    """Store what `ask_slices` was answered, if it was asked."""
    if ctx.params.get("before_slice") and ctx.params.get("after_slice"):
        map_slices(ctx.dataset, ctx.params["before_slice"], ctx.params["after_slice"])


def _one_pair(dataset: Dataset, before: str, after: str) -> str:
    group = next(iter(dataset.iter_groups()), {})
    names = (Path(group[name].filepath).name if name in group else "missing" for name in (before, after))
    return "The first pair: before {}, after {}".format(*names)


def blocked(inputs: types.Object, message: str) -> None:
    """A notice in place of a form that cannot be filled in, with Execute off."""
    prop = inputs.view("blocked", types.Warning(label=message))
    refuse(prop, message)


def ask_run(ctx: Any, inputs: types.Object, label: str = "Run") -> str | None:
    """Choose one of the dataset's runs; None where there is none."""
    keys = list_runs(ctx.dataset)
    if not keys:
        blocked(inputs, "There is no Argus run on this dataset yet. Run *Compute change heatmaps* first.")
        return None
    newest = keys[-1]
    inputs.enum("run_key", keys, default=newest, required=True, label=label, view=types.DropdownView())
    chosen = ctx.params.get("run_key") or newest
    return chosen if chosen in keys else newest


def ask_heatmap_field(ctx: Any, inputs: types.Object) -> str | None:
    """Choose any heatmap field of the dataset, Argus' own or another tool's."""
    fields = label_fields(ctx.dataset, fo.Heatmap)
    if not fields:
        blocked(inputs, "This dataset has no heatmap field yet. Run *Compute change heatmaps* first.")
        return None
    inputs.enum(
        "field",
        fields,
        default=fields[-1],
        required=True,
        label="Heatmaps",
        description="Argus' own or any other tool's fo.Heatmap field",
        view=types.DropdownView(),
    )
    chosen = ctx.params.get("field") or fields[-1]
    return chosen if chosen in fields else fields[-1]


def ask_threshold(inputs: types.Object, default: float, value: Any, name: str = "threshold") -> None:
    """Ask for evidence from which a change counts, in (0, 1]."""
    prop = inputs.float(
        name,
        default=default,
        required=True,
        label="Threshold",
        description=f"Evidence from which a change counts: {RANGES['threshold'][1]}",
    )
    refuse_out_of_range(prop, "threshold", value)


def refuse_out_of_range(prop: types.Property, name: str, value: Any) -> None:
    """Mark a field whose value lies outside the range of its setting; an empty one is not refused."""
    try:
        if value is not None:
            check(name, float(value))
    except ValueError as error:
        refuse(prop, f"{str(error).capitalize()}.")


def ask_new_key(
    inputs: types.Object, name: str, default: str | None, value: str | None, label: str
) -> types.Property:
    """Ask for a key that can name a field; the property, for further checks."""
    prop = inputs.str(
        name, default=default, required=True, label=label, description="Letters, digits and underscores"
    )
    try:
        if value:
            check_key(value)
    except RunKeyError as error:
        refuse(prop, str(error))
    return prop


def free_key(dataset: Dataset) -> str:
    """argus, argus_2, argus_3 ...: the first that no field or run has."""
    number = 1
    while dataset.has_sample_field(
        key := FIRST_RUN if number == 1 else f"{FIRST_RUN}_{number}"
    ) or dataset.has_run(key):
        number += 1
    return key


def parse_queries(value: str | Sequence[str] | None) -> list[str]:
    """Queries of a form ("a scratch; a missing screw") or of a caller (a list), empty ones dropped."""
    parts = value.split(";") if isinstance(value, str) else list(value or [])
    return list(dict.fromkeys(part.strip() for part in parts if part.strip()))


def ask_reviewed_field(ctx: Any, inputs: types.Object) -> str | None:
    """Choose a heatmap field that has scores, and tell how many decisions there are."""
    field = ask_heatmap_field(ctx, inputs)
    if field is None:
        return None
    if not ctx.dataset.has_sample_field(RunFields.of(field).score):
        blocked(inputs, f"{field} has no scores yet. Run *Evaluate change heatmaps* on it first.")
        return None
    confirmed, rejected = decided_scores(ctx.dataset, field)
    told = f"{len(confirmed)} confirmed and {len(rejected)} rejected pairs so far"
    inputs.view("decisions", types.Notice(label=told))
    return field
