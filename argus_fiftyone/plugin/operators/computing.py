"""compute_change_heatmaps: the main job from a form or from Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
from fiftyone.operators import types

from argus_fiftyone.plugin.dataset.appearance import TRIAGE_PANEL, shown_fields
from argus_fiftyone.plugin.dataset.computing import compute_heatmaps
from argus_fiftyone.plugin.dataset.fields import Samples
from argus_fiftyone.plugin.dataset.previews import Preview, preview_heatmaps
from argus_fiftyone.plugin.dataset.refining import refined_queries
from argus_fiftyone.plugin.dataset.runs import run_record
from argus_fiftyone.plugin.operators.base import ArgusOperator, relay, target
from argus_fiftyone.plugin.operators.compute_form import (
    chosen_params,
    compute_form,
    remember_speed,
    save_preset,
    settings_of,
)
from argus_fiftyone.plugin.operators.forms import keep_slices, parse_queries
from argus_fiftyone.plugin.operators.result_pages import show_preview, show_run
from argus_fiftyone.settings import Settings

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
            icon="/assets/icon.svg",  # FiftyOne 1.22 shows this one in both themes
            light_icon="/assets/icon-light.svg",
            dark_icon="/assets/icon-dark.svg",
            prompt=True,
        )
        return types.Placement(types.Places.SAMPLES_GRID_SECONDARY_ACTIONS, button)

    def resolve_execution_options(self, ctx: Any) -> foo.ExecutionOptions:
        """In the background above a size, where a background is set up for the App to choose."""
        large = ctx.dataset is not None and ctx.view.count() > LARGE and fo.config.allow_legacy_orchestrators
        return foo.ExecutionOptions(
            allow_immediate_execution=True,
            allow_delegated_execution=True,
            default_choice_to_delegated=bool(large),
        )

    def resolve_input(self, ctx: Any) -> types.Property:
        return compute_form(ctx)

    def execute(self, ctx: Any) -> Iterator[Any]:
        params = chosen_params(ctx)
        settings, queries = settings_of(params), parse_queries(params.get("queries"))
        save_preset(ctx, params)
        keep_slices(ctx)
        if params.get("dry_run"):
            yield from _dry_run(ctx, queries, settings)
            return
        refined = refined_queries(ctx.dataset) if params.get("refined") else {}
        key, overwrite = params["run_key"], bool(params.get("overwrite"))
        yield from relay(ctx, compute_heatmaps(target(ctx), key, queries, settings, overwrite, refined))
        yield ctx.ops.reload_dataset()
        yield ctx.ops.set_active_fields(shown_fields(run_record(ctx.dataset, key)["bases"]))
        yield ctx.ops.open_panel(TRIAGE_PANEL, layout="horizontal")
        yield show_run(ctx, ctx.dataset, key)

    def __call__(
        self,
        samples: Samples,
        run_key: str,
        queries: str | Sequence[str] | None = None,
        encoder: str = Settings.encoder,
        threshold: float = Settings.threshold,
        resolution: int = Settings.resolution,
        method: str = Settings.method,
        refined: bool = False,
        overwrite: bool = False,
        delegate: bool = False,
        before_slice: str | None = None,
        after_slice: str | None = None,
    ) -> dict[str, Any] | None:
        """Compute under `run_key`; returns the run's record, or None when delegated.

        Args:
            method: a name as `argus methods` lists it, or "package.module:Class".
            queries: one or several; none asks each pair's own `query` field.
            refined: use what reviewers taught by `refine_query`.
            before_slice, after_slice: once, for groups whose slices have names that do not say
                which is which; kept with the dataset.
        """
        dataset = samples._root_dataset
        params = {"run_key": run_key, "queries": "; ".join(parse_queries(queries)), "encoder": encoder}
        params["method"] = method
        self.call(
            samples,
            delegate,
            **params,
            threshold=threshold,
            resolution=resolution,
            refined=refined,
            overwrite=overwrite,
            before_slice=before_slice,
            after_slice=after_slice,
        )
        return None if delegate else run_record(dataset, run_key)


def _dry_run(ctx: Any, queries: list[str], settings: Settings) -> Iterator[Any]:
    preview, samples = Preview(), target(ctx)
    yield from relay(ctx, preview_heatmaps(samples, preview, queries, settings))
    remember_speed(ctx, settings, preview.seconds)
    yield show_preview(ctx, preview, samples.count())
