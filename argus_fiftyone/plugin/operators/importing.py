"""import_pairs: from files or a flat dataset to before/after groups."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
from fiftyone import ViewField as F
from fiftyone.operators import types

from argus_fiftyone.plugin.dataset.computing import Progress
from argus_fiftyone.plugin.dataset.fields import Dataset, Samples
from argus_fiftyone.plugin.dataset.imports import (
    ImportPairsError,
    ImportReport,
    PairRows,
    all_slices,
    import_pairs,
    roles_of,
    rows_of_csv,
    rows_of_flat,
    rows_of_folders,
)
from argus_fiftyone.plugin.dataset.slices import pair_slices, slice_names
from argus_fiftyone.plugin.operators.base import ArgusOperator, relay
from argus_fiftyone.plugin.operators.forms import ask_slices, blocked, keep_slices, may_ask_slices, refuse

MOST_VALUES = 100
"""So many values of a field are offered to choose from."""
FEW_VALUES = 8
"""Among so few a person may say what is before, even where the words say it: they may be meant otherwise."""

SOURCES = {
    "csv": "A CSV list (id, before, after, and optionally query, mask, label)",
    "folders": "Two folders, matched by file name",
    "flat": "The open dataset, matched by a field",
    "slices": "The groups of the open dataset, as they are: say which slice is before and which after",
}


class ImportPairs(ArgusOperator):
    """Make a grouped dataset with the slices before and after."""

    title = (
        "import_pairs",
        "Import before/after pairs",
        "Make a dataset of before/after pairs from files or samples",
    )
    options = {"execute_as_generator": True, "allow_delegated_execution": True, "view_target": False}  # noqa: RUF012

    def resolve_input(self, ctx: Any) -> types.Property:
        inputs = types.Object()
        choices = types.RadioGroup()
        for value, label in SOURCES.items():
            choices.add_choice(value, label=label)
        default = "slices" if may_ask_slices(ctx) else "csv"
        inputs.enum("source", choices.values(), default=default, required=True, label="From", view=choices)
        source = ctx.params.get("source") or default
        {"csv": _ask_csv, "folders": _ask_folders, "flat": _ask_flat, "slices": _ask_slices}[source](
            ctx, inputs
        )
        if source != "slices":
            _ask_name(ctx, inputs)
        return types.Property(inputs, view=types.View(label="Import before/after pairs"))

    def execute(self, ctx: Any) -> Iterator[Any]:
        if ctx.params.get("source") == "slices":
            yield from relay(ctx, _map(ctx))
            yield ctx.ops.reload_dataset()
        else:
            yield from relay(ctx, _import(ctx))
            yield ctx.ops.open_dataset(ctx.params["name"])

    def __call__(
        self,
        name: str = "",
        csv: str | None = None,
        before: str | None = None,
        after: str | None = None,
        masks: str | None = None,
        samples: Samples | None = None,
        key_field: str | None = None,
        role_field: str | None = None,
        query: str = "",
        overwrite: bool = False,
        delegate: bool = False,
        before_value: Any = None,
        after_value: Any = None,
        before_slice: str | None = None,
        after_slice: str | None = None,
    ) -> Dataset | None:
        """Give csv, or before and after, or samples with key_field and role_field; returns the dataset.

        Args:
            before_value, after_value: what `role_field` says of before and after pictures, where
                that is not in words that Argus knows (before, old, ref, t0 ...).
            before_slice, after_slice: for samples that are groups already: which of their slices
                are before and after. Nothing is copied, and no name is needed.
        """
        source = "csv" if csv else "folders" if before else "slices" if before_slice else "flat"
        texts = {"csv": csv, "before": before, "after": after, "masks": masks}
        values = {"before_value": before_value, "after_value": after_value}
        texts |= {name: None if value is None else str(value) for name, value in values.items()}
        texts |= {"before_slice": before_slice, "after_slice": after_slice}
        fields = {"key_field": key_field, "role_field": role_field, "query": query, "overwrite": overwrite}
        self.call(samples, delegate, source=source, name=name, **texts, **fields)
        if delegate:
            return None
        return samples._root_dataset if source == "slices" and samples is not None else fo.load_dataset(name)


def _map(ctx: Any) -> Iterator[Progress]:
    for name in ("before_slice", "after_slice"):
        _needed(ctx.params, name)
    keep_slices(ctx)
    told = "{} read as before, {} as after".format(*map(repr, pair_slices(ctx.dataset)))
    yield Progress(1, 1, note=told)


def _import(ctx: Any) -> Iterator[Progress]:
    _needed(ctx.params, "name")
    found = _rows(ctx)
    report = ImportReport(total=len(found.rows))
    for _ in import_pairs(ctx.params["name"], found, report, bool(ctx.params.get("overwrite"))):
        yield Progress(report.imported, report.total, len(report.incomplete), _standing(report))


def _standing(report: ImportReport) -> str:
    left_out = (
        f"; {len(report.incomplete)} incomplete, e.g. {report.incomplete[0]}" if report.incomplete else ""
    )
    roles = f"; {report.roles}" if report.roles else ""
    return f"{report.imported} of {report.total} pairs imported{roles}{left_out}"


def _rows(ctx: Any) -> PairRows:
    params = ctx.params
    source, query = params.get("source") or "csv", params.get("query") or ""
    if source == "csv":
        return rows_of_csv(_needed(params, "csv"))
    if source == "folders":
        return rows_of_folders(
            _needed(params, "before"), _needed(params, "after"), params.get("masks"), query
        )
    fields = _needed(params, "key_field"), _needed(params, "role_field")
    return rows_of_flat(ctx.view, *fields, query, *_said(ctx))


def _needed(params: dict[str, Any], name: str) -> str:
    value = str(params.get(name) or "").strip()
    if not value:
        raise ImportPairsError(f"import_pairs needs {name!r} for this source")
    return value


def _ask_csv(ctx: Any, inputs: types.Object) -> None:
    prop = inputs.str(
        "csv", required=True, label="CSV file", description="Paths in it are relative to the CSV"
    )
    if ctx.params.get("csv") and not Path(ctx.params["csv"]).is_file():
        refuse(prop, "There is no such file.")


def _ask_folders(ctx: Any, inputs: types.Object) -> None:
    for name, label, required in (
        ("before", "Folder of before pictures", True),
        ("after", "Folder of after pictures", True),
        ("masks", "Folder of masks (optional)", False),
    ):
        prop = inputs.str(name, required=required, label=label)
        if ctx.params.get(name) and not Path(ctx.params[name]).is_dir():
            refuse(prop, "There is no such folder.")
    _ask_query(inputs)


def _ask_flat(ctx: Any, inputs: types.Object) -> None:
    fields = list(ctx.dataset.get_field_schema(flat=True)) if ctx.dataset is not None else []
    for name, label, description in (
        ("key_field", "Field that both pictures of a pair share", "e.g. a serial number"),
        ("role_field", "Field that tells before from after", "words such as old and new, or a date"),
    ):
        inputs.enum(
            name, fields, required=True, label=label, description=description, view=types.AutocompleteView()
        )
    if ctx.params.get("role_field") in fields:
        _ask_roles(ctx, inputs, all_slices(ctx.view), ctx.params["role_field"])
    _ask_query(inputs)


def _ask_roles(ctx: Any, inputs: types.Object, flat: Samples, role_field: str) -> None:
    """Tell how the field's values are read; ask where they do not say it, and let a person differ."""
    said, unknown = _said(ctx), ""
    try:
        roles_of(flat, role_field)
    except ImportPairsError as fault:
        unknown = f"{fault}."
    values = [str(value) for value in flat.distinct(role_field)[:MOST_VALUES]]
    if unknown or any(said) or len(values) <= FEW_VALUES:
        _ask_values(inputs, role_field, values, said, unknown)
    if unknown and None in said[: 2 if len(values) > 2 else 1]:
        return
    try:
        told = roles_of(flat, role_field, *said).told
        inputs.view("roles", types.Notice(label=told + _one_pair(ctx, flat, role_field)))
    except ImportPairsError as fault:
        blocked(inputs, str(fault))


def _said(ctx: Any) -> tuple[str | None, str | None]:
    return ctx.params.get("before_value") or None, ctx.params.get("after_value") or None


def _ask_values(
    inputs: types.Object, role_field: str, values: list[str], said: tuple[str | None, ...], unknown: str
) -> None:
    """A choice for before, and for after where two values do not settle it."""
    for side, given in list(zip(("before", "after"), said, strict=True))[: 2 if len(values) > 2 else 1]:
        prop = inputs.enum(
            f"{side}_value",
            values,
            label=f"Value of {role_field} that means {side}",
            description="" if unknown else "Empty: as told below",
            view=types.DropdownView(),
        )
        if unknown and given is None:
            refuse(prop, unknown)


def _one_pair(ctx: Any, flat: Samples, role_field: str) -> str:
    """The pair of the first sample, so that a person sees whether it is the right way round."""
    key_field, first = ctx.params.get("key_field"), flat.first()
    if key_field not in ctx.dataset.get_field_schema(flat=True):
        return ""
    same = flat.match(F(key_field) == first.get_field(key_field))
    try:
        rows = rows_of_flat(same, key_field, role_field, "", *_said(ctx)).rows
    except ImportPairsError:  # the first picture stands alone
        return ""
    return f"; e.g. before {rows[0].pair.before.name}, after {rows[0].pair.after.name}" if rows else ""


def _ask_slices(ctx: Any, inputs: types.Object) -> None:
    if ctx.dataset is None or len(slice_names(ctx.dataset)) < 2:
        blocked(inputs, "The open dataset has no groups with two slices: choose another source.")
    else:
        ask_slices(ctx, inputs)


def _ask_name(ctx: Any, inputs: types.Object) -> None:
    name = inputs.str("name", required=True, label="Name of the new dataset")
    inputs.bool("overwrite", default=False, label="Replace a dataset of this name")
    if fo.dataset_exists(ctx.params.get("name") or "") and not ctx.params.get("overwrite"):
        refuse(name, "A dataset of this name exists: choose another name or replace it.")


def _ask_query(inputs: types.Object) -> None:
    inputs.str(
        "query",
        label="What to look for in every pair",
        description='e.g. "a missing screw"; empty: any change',
    )
