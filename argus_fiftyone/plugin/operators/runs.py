"""What a run is, its view, its name and its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fiftyone.operators import types

from argus_fiftyone.plugin.dataset.fields import Dataset
from argus_fiftyone.plugin.dataset.reviews import flagged_count
from argus_fiftyone.plugin.dataset.runs import (
    delete_run,
    list_runs,
    load_run_view,
    rename_run,
    run_queries,
    run_record,
    thresholds_told,
)
from argus_fiftyone.plugin.dataset.slices import after_name
from argus_fiftyone.plugin.operators.base import ArgusOperator
from argus_fiftyone.plugin.operators.forms import ask_new_key, ask_run, refuse


class GetChangeRunInfo(ArgusOperator):
    """Show how a run was made."""

    title = (
        "get_change_run_info",
        "Change run: show details",
        "Show how a change run was made and what it found",
    )

    def resolve_input(self, ctx: Any) -> types.Property:
        inputs = types.Object()
        ask_run(ctx, inputs)
        return types.Property(inputs, view=types.View(label="Details of a change run"))

    def execute(self, ctx: Any) -> dict[str, Any]:
        return describe_run(ctx.dataset, ctx.params["run_key"])

    def resolve_output(self, ctx: Any) -> Any:
        outputs = types.Object()
        for name in LINES:
            outputs.str(name, label=name.replace("_", " ").capitalize())
        return types.Property(outputs, view=types.View(label=f"Run {ctx.params.get('run_key', '')}"))

    def __call__(self, dataset: Dataset, run_key: str) -> dict[str, Any]:
        return self.call(dataset, run_key=run_key)


LINES = (
    "run_key",
    "status",
    "queries",
    "pairs",
    "flagged",
    "threshold",
    "method",
    "encoder",
    "settings",
    "time",
    "versions",
    "folder",
)


def describe_run(dataset: Dataset, key: str) -> dict[str, str]:
    """A run's record as lines of text."""
    record = run_record(dataset, key)
    failed = f", {record['failed']} failed" if record["failed"] else ""
    lines = {
        "run_key": key,
        "status": record["status"]
        if record["status"] == "done"
        else f"{record['status']}: compute again to resume",
        "queries": "; ".join(run_queries(record)),
        "pairs": f"{record['pairs']}{failed}",
        "flagged": str(flagged_count(dataset, key)),
        "threshold": thresholds_told(record),
        "method": record["method"],
        "encoder": record["encoder"],
        "settings": _joined(record["settings"]),
        "time": f"{record['timestamp']:%Y-%m-%d %H:%M} UTC, {record['seconds']:.0f} s",
        "versions": _joined(record["versions"]),
        "folder": record["folder"],
    }
    return {name: lines[name] for name in LINES}


def _joined(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


class LoadChangeRunView(ArgusOperator):
    """Show the pairs of a run, strongest change first."""

    title = (
        "load_change_run_view",
        "Change run: show its pairs",
        "Show a run's pairs, the strongest change first",
    )

    def resolve_input(self, ctx: Any) -> types.Property:
        inputs = types.Object()
        ask_run(ctx, inputs)
        return types.Property(inputs, view=types.View(label="Show a change run"))

    def execute(self, ctx: Any) -> None:
        ctx.ops.set_group_slice(after_name(ctx.dataset))
        ctx.ops.set_view(load_run_view(ctx.dataset, ctx.params["run_key"]))

    def __call__(self, dataset: Dataset, run_key: str) -> Any:
        """The view itself."""
        return load_run_view(dataset, run_key)


class RenameChangeRun(ArgusOperator):
    """Give a run another key."""

    title = ("rename_change_run", "Change run: rename", "Give a change run and its fields another key")

    def resolve_input(self, ctx: Any) -> types.Property:
        inputs = types.Object()
        if ask_run(ctx, inputs):
            ask_new_key(inputs, "new_key", None, ctx.params.get("new_key"), "New key")
        return types.Property(inputs, view=types.View(label="Rename a change run"))

    def execute(self, ctx: Any) -> dict[str, Any]:
        rename_run(ctx.dataset, ctx.params["run_key"], ctx.params["new_key"])
        ctx.ops.reload_dataset()
        return {"run_key": ctx.params["new_key"]}

    def __call__(self, dataset: Dataset, run_key: str, new_key: str) -> dict[str, Any]:
        return self.call(dataset, run_key=run_key, new_key=new_key)


class DeleteChangeRun(ArgusOperator):
    """Remove a run with everything that belongs to it."""

    title = (
        "delete_change_run",
        "Change run: delete",
        "Delete a change run, its fields, decisions and map files",
    )

    def resolve_input(self, ctx: Any) -> types.Property:
        inputs = types.Object()
        key = ask_run(ctx, inputs)
        if key:
            sure = inputs.bool(
                "sure",
                required=True,
                default=False,
                label="Delete for good",
                description=f"Removes the fields of {key}, all decisions made on it, and its map files",
            )
            if not ctx.params.get("sure"):
                refuse(sure, "Tick this to delete.")
        return types.Property(inputs, view=types.View(label="Delete a change run"))

    def execute(self, ctx: Any) -> dict[str, Any]:
        key = ctx.params["run_key"]
        folder = run_record(ctx.dataset, key)["folder"]
        count = delete_run(ctx.dataset, key)
        kept = f"; {folder} stays: another dataset owns or shows it" if Path(folder).exists() else ""
        ctx.ops.reload_dataset()
        ctx.ops.notify(f"Run {key} deleted, {count} files removed{kept}", variant="success")
        return {"deleted": key, "files": count, "left": list_runs(ctx.dataset)}

    def __call__(self, dataset: Dataset, run_key: str) -> dict[str, Any]:
        return self.call(dataset, run_key=run_key, sure=True)
