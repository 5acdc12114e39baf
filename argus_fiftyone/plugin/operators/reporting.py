"""export_report: hand over what a run found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fiftyone.operators import types

from argus_fiftyone.plugin.dataset.exporting import SHOWN, export_report
from argus_fiftyone.plugin.dataset.fields import Dataset
from argus_fiftyone.plugin.dataset.reviews import review_counts
from argus_fiftyone.plugin.operators.base import ArgusOperator, relay
from argus_fiftyone.plugin.operators.forms import ask_reviewed_field, is_paired, refuse
from argus_fiftyone.plugin.operators.result_pages import show_report

FLAGGED, CONFIRMED = "flagged", "confirmed"


class ExportReport(ArgusOperator):
    """A page for people, a table, and the regions in COCO's format."""

    title = (
        "export_report",
        "Export change report",
        "Write a self-contained HTML page, a CSV of pairs and the regions as COCO",
    )
    options = {"execute_as_generator": True, "allow_delegated_execution": True}  # noqa: RUF012

    def resolve_input(self, ctx: Any) -> types.Property:
        inputs = types.Object()
        if is_paired(ctx, inputs) and (field := ask_reviewed_field(ctx, inputs)):
            default = str(Path.home() / "argus-reports" / f"{ctx.dataset.name}-{field}")
            told = "On the machine FiftyOne runs on; made if it is not there"
            folder = inputs.str("folder", default=default, required=True, label="Folder", description=told)
            chosen = Path(ctx.params.get("folder") or default)
            if chosen.is_file():
                refuse(folder, "This is a file: name a folder.")
            _ask_pairs(ctx, inputs, field)
            inputs.int("most", default=SHOWN, min=0, label="Pairs with pictures, at most")
        return types.Property(inputs, view=types.View(label="Export a change report"))

    def execute(self, ctx: Any) -> Iterator[Any]:
        folder = Path(ctx.params["folder"]).expanduser()
        most = ctx.params.get("most")
        yield from relay(
            ctx,
            export_report(
                ctx.dataset,
                ctx.params["field"],
                folder,
                SHOWN if most is None else most,
                ctx.params.get("pairs") == CONFIRMED,
            ),
        )
        yield show_report(ctx, (folder / "report.html").absolute())

    def __call__(
        self,
        dataset: Dataset,
        field: str,
        folder: str,
        most: int = SHOWN,
        pairs: str = FLAGGED,
        delegate: bool = False,
    ) -> Path:
        """The path of the page; pairs.csv and regions.json lie beside it.

        pairs: which to show with pictures, "flagged" (without those rejected) or "confirmed".
        """
        self.call(dataset, delegate, field=field, folder=str(folder), most=most, pairs=pairs)
        return Path(folder) / "report.html"


def _ask_pairs(ctx: Any, inputs: types.Object, field: str) -> None:
    """Confirmed pairs once there are any: that is what a review is for."""
    any_confirmed = review_counts(ctx.dataset, field).get(CONFIRMED)
    choices = types.RadioGroup(orientation="horizontal")
    choices.add_choice(FLAGGED, label="Flagged and not rejected")
    choices.add_choice(CONFIRMED, label="Confirmed by a reviewer")
    default = CONFIRMED if any_confirmed else FLAGGED
    inputs.enum("pairs", choices.values(), default=default, label="Pairs to show", view=choices)
