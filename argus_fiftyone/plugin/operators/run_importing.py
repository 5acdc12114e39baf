"""import_change_run: what `argus run` wrote, on this machine or on many, into the open dataset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fiftyone.operators import types

from argus_fiftyone.plugin.dataset.appearance import TRIAGE_PANEL, shown_fields
from argus_fiftyone.plugin.dataset.fields import Samples
from argus_fiftyone.plugin.dataset.run_imports import import_run
from argus_fiftyone.plugin.dataset.runs import run_record
from argus_fiftyone.plugin.operators.base import ArgusOperator, relay, target
from argus_fiftyone.plugin.operators.forms import ask_new_key, free_key, is_paired, refuse
from argus_fiftyone.plugin.operators.result_pages import show_run


class ImportChangeRun(ArgusOperator):
    """A folder of maps and scores in, the fields of a run out."""

    title = (
        "import_change_run",
        "Import a run of the command line",
        "Take heatmaps and scores that `argus run` computed, here or on a cluster, into this dataset",
    )
    options = {"execute_as_generator": True, "allow_delegated_execution": True}  # noqa: RUF012

    def resolve_input(self, ctx: Any) -> types.Property:
        inputs = types.Object()
        if is_paired(ctx, inputs):
            folder = inputs.str(
                "folder",
                required=True,
                label="Folder of the run",
                description="What was given to `argus run --out`; it stays as it is",
            )
            given = ctx.params.get("folder")
            if given and not (Path(given) / "run.json").is_file():
                refuse(folder, "There is no run.json in this folder.")
            ask_new_key(
                inputs, "run_key", free_key(ctx.dataset), ctx.params.get("run_key"), "Name of the run"
            )
            inputs.bool("overwrite", default=False, label="Replace a run of this name")
            target(ctx)
        return types.Property(inputs, view=types.View(label="Import a run of the command line"))

    def execute(self, ctx: Any) -> Iterator[Any]:
        folder, key = ctx.params["folder"], ctx.params["run_key"]
        yield from relay(ctx, import_run(target(ctx), folder, key, bool(ctx.params.get("overwrite"))))
        yield ctx.ops.reload_dataset()
        yield ctx.ops.set_active_fields(shown_fields(run_record(ctx.dataset, key)["bases"]))
        yield ctx.ops.open_panel(TRIAGE_PANEL, layout="horizontal")
        yield show_run(ctx, ctx.dataset, key)

    def __call__(
        self,
        samples: Samples,
        folder: str,
        run_key: str,
        overwrite: bool = False,
        delegate: bool = False,
    ) -> dict[str, Any] | None:
        """Import a run folder under `run_key`; returns the run's record, or None when delegated."""
        self.call(samples, delegate, folder=str(folder), run_key=run_key, overwrite=overwrite)
        return None if delegate else run_record(samples._root_dataset, run_key)
