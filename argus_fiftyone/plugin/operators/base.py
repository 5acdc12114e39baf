"""What every operator shares: its config, its SDK twin, its target and its progress."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

import fiftyone.operators as foo
from fiftyone.core.view import DatasetView

from argus_fiftyone.plugin.dataset.computing import Progress
from argus_fiftyone.plugin.dataset.evaluations import WHOLE
from argus_fiftyone.plugin.dataset.fields import Samples
from argus_fiftyone.plugin.dataset.slices import groups_of

SECONDS_BETWEEN_MESSAGES = 0.2


class ArgusOperator(foo.Operator):
    """An operator with Argus' icons and a call from Python.

    Subclasses name themselves in `name_label_description` and set `options` to further
    arguments of `OperatorConfig`.
    """

    title: tuple[str, str, str]
    options: dict[str, Any] = {}  # noqa: RUF012 (read, never changed)

    @property
    def config(self) -> foo.OperatorConfig:
        name, label, description = self.title
        return foo.OperatorConfig(
            name=name,
            label=label,
            description=description,
            dynamic=True,
            icon="/assets/icon.svg",
            light_icon="/assets/icon-light.svg",
            dark_icon="/assets/icon-dark.svg",
            **self.options,
        )

    def call(self, samples: Samples | None, delegate: Any = False, **params: Any) -> Any:
        """Run the operator from Python; what `__call__` of the subclasses is made of."""
        ctx: dict[str, Any] = {}
        if samples is not None:
            ctx["view" if isinstance(samples, DatasetView) else "dataset"] = samples
        given = {name: value for name, value in params.items() if value is not None}
        result = foo.execute_operator(self.uri, ctx, params=given, request_delegation=delegate)
        return getattr(result, "result", result)


def target(ctx: Any) -> Samples:
    """The pairs to work on: selection, current view or dataset, as whole groups.

    A selection may have been made on either slice, so it is looked up by group.
    """
    chosen = ctx.params.get("view_target") or ctx.request_params.get("view_target")
    if chosen == "SELECTED_SAMPLES" and ctx.selected:
        return groups_of(ctx.dataset, ctx.selected)
    return ctx.target_view()


EVERY, VIEW, SELECTED = "dataset", "view", "selected"
TARGETS = {EVERY: WHOLE, VIEW: "current view", SELECTED: "selected pairs"}
"""What a figure can cover, and what that is called wherever the figure is shown."""


def measured_pairs(ctx: Any, chosen: str | None = None) -> Samples:
    """The pairs that figures are measured on: all, whatever is filtered or ticked, unless chosen otherwise.

    Unlike `target`, where FiftyOne chooses: it takes the ticked pairs without a word.

    Raises:
        ValueError: if the ticked pairs are meant and none is.
    """
    chosen = chosen or ctx.params.get("pairs") or EVERY
    if chosen == EVERY:
        return ctx.dataset
    if chosen == VIEW:
        return ctx.view
    if not ctx.selected:
        raise ValueError(
            "no pair is selected any more: tick pairs in the grid, or measure the whole data set"
        )
    return groups_of(ctx.dataset, ctx.selected)


def relay(ctx: Any, steps: Iterable[Progress]) -> Iterator[Any]:
    """Pass progress on to the App, a few times a second; returns the last one.

    In a generator an exception would break off the App's stream without a word, so
    the message goes out first.
    """
    last, sent = Progress(0, 0), 0.0
    try:
        for last in steps:
            if 0 < last.done < last.total and time.monotonic() - sent < SECONDS_BETWEEN_MESSAGES:
                continue
            sent = time.monotonic()
            if ctx.delegated:
                ctx.set_progress(progress=last.share, label=last.note)
            yield ctx.trigger("set_progress", {"progress": last.share, "label": last.note})
    except Exception as error:
        yield ctx.trigger("set_progress", {"progress": last.share, "label": f"Stopped: {error}"})
        yield ctx.ops.notify(str(error), variant="error")
        raise
    return last
