"""import_pairs: from files or a flat dataset to before/after groups."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
from fiftyone.operators import types

from argus_fiftyone.plugin.dataset.computing import Progress
from argus_fiftyone.plugin.dataset.fields import Dataset, Samples
from argus_fiftyone.plugin.dataset.imports import (
    ImportPairsError,
    ImportReport,
    PairRows,
    import_pairs,
    rows_of_csv,
    rows_of_flat,
    rows_of_folders,
)
from argus_fiftyone.plugin.operators.base import ArgusOperator, relay
from argus_fiftyone.plugin.operators.forms import refuse

SOURCES = {
    "csv": "A CSV list (id, before, after, and optionally query, mask, label)",
    "folders": "Two folders, matched by file name",
    "flat": "The open dataset, matched by a field",
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
        inputs.enum("source", choices.values(), default="csv", required=True, label="From", view=choices)
        {"csv": _ask_csv, "folders": _ask_folders, "flat": _ask_flat}[ctx.params.get("source") or "csv"](
            ctx, inputs
        )
        name = inputs.str("name", required=True, label="Name of the new dataset")
        inputs.bool("overwrite", default=False, label="Replace a dataset of this name")
        if fo.dataset_exists(ctx.params.get("name") or "") and not ctx.params.get("overwrite"):
            refuse(name, "A dataset of this name exists: choose another name or replace it.")
        return types.Property(inputs, view=types.View(label="Import before/after pairs"))

    def execute(self, ctx: Any) -> Iterator[Any]:
        yield from relay(ctx, _import(ctx))
        yield ctx.ops.open_dataset(ctx.params["name"])

    def __call__(
        self,
        name: str,
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
    ) -> Dataset | None:
        """Give csv, or before and after, or samples with key_field and role_field; returns the dataset."""
        source = "csv" if csv else "folders" if before else "flat"
        texts = {"csv": csv, "before": before, "after": after, "masks": masks}
        fields = {"key_field": key_field, "role_field": role_field, "query": query, "overwrite": overwrite}
        self.call(samples, delegate, source=source, name=name, **texts, **fields)
        return None if delegate else fo.load_dataset(name)


def _import(ctx: Any) -> Iterator[Progress]:
    found = _rows(ctx)
    report = ImportReport(total=len(found.rows))
    for _ in import_pairs(ctx.params["name"], found, report, bool(ctx.params.get("overwrite"))):
        yield Progress(report.imported, report.total, len(report.incomplete), _standing(report))


def _standing(report: ImportReport) -> str:
    left_out = (
        f"; {len(report.incomplete)} incomplete, e.g. {report.incomplete[0]}" if report.incomplete else ""
    )
    return f"{report.imported} of {report.total} pairs imported{left_out}"


def _rows(ctx: Any) -> PairRows:
    params = ctx.params
    source, query = params.get("source") or "csv", params.get("query") or ""
    if source == "csv":
        return rows_of_csv(_needed(params, "csv"))
    if source == "folders":
        return rows_of_folders(
            _needed(params, "before"), _needed(params, "after"), params.get("masks"), query
        )
    return rows_of_flat(ctx.view, _needed(params, "key_field"), _needed(params, "role_field"), query)


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
        ("role_field", "Field that tells before from after", "the words before and after, or a date"),
    ):
        inputs.enum(
            name, fields, required=True, label=label, description=description, view=types.AutocompleteView()
        )
    _ask_query(inputs)


def _ask_query(inputs: types.Object) -> None:
    inputs.str(
        "query",
        label="What to look for in every pair",
        description='e.g. "a missing screw"; empty: any change',
    )
