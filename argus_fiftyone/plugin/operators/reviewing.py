"""Decisions of people on pairs and regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fiftyone.operators import types

from argus_fiftyone.plugin.dataset.fields import Dataset
from argus_fiftyone.plugin.dataset.reviews import DecisionError, review_pairs, review_regions
from argus_fiftyone.plugin.labels import DECISIONS
from argus_fiftyone.plugin.operators.base import ArgusOperator
from argus_fiftyone.plugin.operators.forms import ask_heatmap_field, is_paired, refuse

WITHDRAW = "withdraw"


class ReviewChange(ArgusOperator):
    """Confirm, reject or mark as unsure: selected regions, else selected pairs, else the open pair."""

    title = (
        "review_change",
        "Review change",
        "Confirm, reject or mark as unsure the selected pairs or regions",
    )

    def resolve_input(self, ctx: Any) -> types.Property:
        inputs = types.Object()
        if is_paired(ctx, inputs) and ask_heatmap_field(ctx, inputs):
            prop = inputs.enum(
                "decision", [*DECISIONS, WITHDRAW], required=True, label="Decision", view=types.RadioGroup()
            )
            if not _samples(ctx) and not _labels(ctx):
                refuse(prop, "Select pairs in the grid, or regions in the open pair, first.")
        return types.Property(inputs, view=types.View(label="Review change"))

    def execute(self, ctx: Any) -> dict[str, Any]:
        decision = None if ctx.params["decision"] == WITHDRAW else ctx.params["decision"]
        field, labels, samples = ctx.params["field"], _labels(ctx), _samples(ctx)
        if labels:
            count = review_regions(ctx.dataset, field, labels, decision)
        elif samples:
            count = review_pairs(ctx.dataset, field, samples, decision)
        else:
            raise DecisionError("nothing is selected: select pairs in the grid, or regions in the open pair")
        ctx.ops.reload_samples()
        return {"decision": ctx.params["decision"], "count": count}

    def __call__(
        self,
        dataset: Dataset,
        field: str,
        decision: str,
        sample_ids: Sequence[str] = (),
        region_ids: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Decide on pairs (ids of samples of either slice) or on regions (ids of labels)."""
        ids = {"sample_ids": list(sample_ids), "region_ids": list(region_ids)}
        return self.call(dataset, **{"field": field, "decision": decision, **ids})


def _labels(ctx: Any) -> list[str]:
    return ctx.params.get("region_ids") or [label["label_id"] for label in ctx.selected_labels or []]


def _samples(ctx: Any) -> list[str]:
    opened = [ctx.current_sample] if ctx.current_sample else []
    return ctx.params.get("sample_ids") or list(ctx.selected or []) or opened
