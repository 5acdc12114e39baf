"""compute_change_heatmaps: the main job from a form or from Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types

from argus_fiftyone.dataset.computing import compute_heatmaps
from argus_fiftyone.dataset.fields import Samples
from argus_fiftyone.dataset.runs import list_runs, run_record
from argus_fiftyone.operators.base import ArgusOperator, relay, target
from argus_fiftyone.operators.forms import (
    ask_new_key,
    ask_threshold,
    free_key,
    is_paired,
    parse_queries,
)
from argus_fiftyone.operators.runs import describe_run
from argus_fiftyone.settings import Settings

OTHER = "other"
LARGE = 200
"""Pairs above which the form proposes to run in the background."""


class ComputeChangeHeatmaps(ArgusOperator):
    """Pictures and queries in, heatmaps, regions and scores out."""

    title = (
        "compute_change_heatmaps",
        "Compute change heatmaps",
        "Find what changed between before and after, but only the change you ask about",
    )
    options = {"execute_as_generator": True, "allow_delegated_execution": True}  # noqa: RUF012

    def resolve_placement(self, ctx: Any) -> Any:
        button = types.Button(
            label="Compute change heatmaps",
            icon="/assets/icon-light.svg",
            light_icon="/assets/icon-light.svg",
            dark_icon="/assets/icon-dark.svg",
            prompt=True,
        )
        return types.Placement(types.Places.SAMPLES_GRID_SECONDARY_ACTIONS, button)

    def resolve_execution_options(self, ctx: Any) -> foo.ExecutionOptions:
        large = ctx.dataset is not None and ctx.view.count() > LARGE
        return foo.ExecutionOptions(
            allow_immediate_execution=True, allow_delegated_execution=True, default_choice_to_delegated=large
        )

    def resolve_input(self, ctx: Any) -> types.Property:
        inputs = types.Object()
        if is_paired(ctx, inputs):
            target(ctx)
            _ask_queries(inputs)
            _ask_key(ctx, inputs)
            _ask_encoder(ctx, inputs)
            ask_threshold(inputs, Settings.threshold, ctx.params.get("threshold"))
        return types.Property(inputs, view=types.View(label="Compute change heatmaps"))

    def execute(self, ctx: Any) -> Iterator[Any]:
        params = ctx.params
        queries = parse_queries(params.get("queries"))
        steps = compute_heatmaps(
            target(ctx), params["run_key"], queries, _settings(params), bool(params.get("overwrite"))
        )
        yield from relay(ctx, steps)
        yield ctx.ops.reload_dataset()

    def __call__(
        self,
        samples: Samples,
        run_key: str,
        queries: str | Sequence[str] | None = None,
        encoder: str = Settings.encoder,
        threshold: float = Settings.threshold,
        resolution: int = Settings.resolution,
        overwrite: bool = False,
        delegate: bool = False,
    ) -> dict[str, Any] | None:
        """Compute under `run_key`; returns the run's record, or None when delegated.

        Args:
            queries: one or several; none asks each pair's own `query` field.
        """
        dataset = samples._root_dataset
        params = {"run_key": run_key, "queries": "; ".join(parse_queries(queries)), "encoder": encoder}
        self.call(
            samples, delegate, **params, threshold=threshold, resolution=resolution, overwrite=overwrite
        )
        return None if delegate else run_record(dataset, run_key)


def _settings(params: dict[str, Any]) -> Settings:
    encoder = params.get("other_encoder") if params.get("encoder") == OTHER else params.get("encoder")
    given = {"encoder": encoder, "threshold": params.get("threshold"), "resolution": params.get("resolution")}
    return Settings(**{name: value for name, value in given.items() if value is not None})


def _ask_queries(inputs: types.Object) -> None:
    inputs.str(
        "queries",
        label="What to look for",
        description='e.g. "a missing screw; a scratch": several queries with ; between them. '
        "Empty: each pair's own query",
    )


def _ask_key(ctx: Any, inputs: types.Object) -> None:
    key = ctx.params.get("run_key")
    ask_new_key(inputs, "run_key", free_key(ctx.dataset), key, "Name of this run")
    if key in list_runs(ctx.dataset):
        told = describe_run(ctx.dataset, key)
        inputs.bool(
            "overwrite",
            default=False,
            label=f"Compute {key} anew",
            description=f"{key} exists ({told['queries']}; {told['status']}). Off: only pairs without a "
            "result are computed, with the same settings. Decisions of reviewers are kept either way.",
        )


def _ask_encoder(ctx: Any, inputs: types.Object) -> None:
    from argus_fiftyone.encoders.registry import list_encoders  # torch: only once a form needs it

    choices = types.DropdownView()
    entries = list_encoders()
    ready = [entry for entry in entries if entry.ready]
    for entry in ready:
        choices.add_choice(entry.name, label=entry.name, description=entry.description)
    choices.add_choice(OTHER, label="Another CLIP", description="an open_clip model or a checkpoint file")
    missing = "None can run here yet: " + " ".join(entry.missing for entry in entries)
    inputs.str(
        "encoder",
        default=ready[0].name if ready else OTHER,
        required=True,
        label="Encoder",
        description="Those that can run here now, best first" if ready else missing,
        view=choices,
    )
    if (ctx.params.get("encoder") or (not ready and OTHER)) == OTHER:
        told = "clip:MODEL:TAG, or clip:MODEL:PATH for a checkpoint on this machine"
        inputs.str("other_encoder", required=True, label="Name of the encoder", description=told)
