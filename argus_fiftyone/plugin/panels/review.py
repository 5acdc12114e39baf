"""Review in the modal: look, decide, go on. Drawn by app/src/review.tsx."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import fiftyone.operators.types as types
from fiftyone.core.sample import SampleView

from argus_fiftyone.plugin.dataset import scores, triage
from argus_fiftyone.plugin.dataset.fields import PAIR_ID, QUERY, RunFields
from argus_fiftyone.plugin.dataset.folders import managed_folder
from argus_fiftyone.plugin.dataset.reviews import (
    DecisionError,
    own_decision,
    review_counts,
    review_pairs,
    review_regions,
)
from argus_fiftyone.plugin.dataset.slices import (
    AFTER,
    BEFORE,
    NotPairedError,
    after_slice,
    check_paired,
    facing_after,
    pair_slices,
)
from argus_fiftyone.plugin.labels import decision_on, signed_file
from argus_fiftyone.plugin.panels.chosen import chosen, chosen_ranking, listed_threshold, remember

AnySample = fo.Sample | SampleView

NO_RUN = "No heatmaps yet: close this picture and compute change heatmaps first."
NO_SAMPLE = "Open a pair to review it."

AHEAD = 3
"""So many pairs after the open one are sent along: the panel shows them without waiting for an answer."""


class ReviewPanel(foo.Panel):
    """Before and after of one pair, its regions, and what people decided on them."""

    @property
    def config(self) -> foo.PanelConfig:
        config = foo.PanelConfig(
            name="argus_review",
            label="Argus review",
            icon="compare",  # FiftyOne 1.22 shows no plugin's own picture on a panel's tab
            surfaces="modal",
            category=foo.Categories.ANALYZE,
            help_markdown="Y confirms, N rejects, U marks as unsure; arrow keys go on.",
        )
        config.description = "Look at before and after together and decide on what was found"
        return config

    def show(self, ctx: Any) -> dict[str, Any]:
        """The group (or single sample) that the modal has open, and the pairs that follow."""
        return describe(ctx, ctx.params["opened"])

    def choose(self, ctx: Any) -> dict[str, Any]:
        """The same under another run or query."""
        remember(ctx, base=ctx.params["base"])
        return self.show(ctx)

    def go(self, ctx: Any) -> dict[str, Any]:
        """The pair one before (by = -1) or one after (by = 1) in the triage order; a notice at its end."""
        choice = chosen(ctx, scores.choices(ctx.dataset))
        if choice is None:
            return {"pair": None, "message": NO_RUN}
        order = (choice.base, ctx.params["after_id"], chosen_ranking(ctx), listed_threshold(ctx, choice))
        wanted = triage.neighbour(ctx.view, *order, back=ctx.params["by"] < 0)
        if wanted is None:
            ctx.ops.notify(_at_the_end(ctx, choice.base), variant="info")
            return {}
        return describe(ctx, _groups(ctx.dataset, [wanted])[0])

    def decide(self, ctx: Any) -> dict[str, str]:
        """Store a decision on the pair, or on one region of it; `error` says why it is not stored."""
        base, region, decision = (ctx.params[name] for name in ("base", "region_id", "decision"))
        try:
            if region:
                review_regions(ctx.dataset, base, [region], decision, [ctx.params["after_id"]])
            else:
                review_pairs(ctx.dataset, base, [ctx.params["after_id"]], decision)
        except DecisionError as fault:
            return {"error": str(fault)}
        return {"error": ""}

    def render(self, ctx: Any) -> types.Property:
        calls = {call.__name__: call for call in (self.show, self.choose, self.go, self.decide)}
        view = types.View(component="ArgusReview", composite_view=True, **calls)
        return types.Property(types.Object(), view=view)


def _at_the_end(ctx: Any, base: str) -> str:
    counts = review_counts(ctx.view, base)
    total = facing_after(ctx.view).exists(RunFields.of(base).score).count()
    told = ", ".join(f"{count} {decision}" for decision, count in counts.items())
    left = total - sum(counts.values())
    if left:
        return f"That was the last pair in this order; {left} of {total} are not decided yet."
    return f"All {total} pairs are decided: {told}. The triage panel lists them; Report hands them over."


def describe(ctx: Any, opened: str) -> dict[str, Any]:
    """The open pair and those after it as app/src/pair.ts has them, or a message.

    Args:
        opened: a group's id, or the id of a sample of a group.
    """
    try:
        check_paired(ctx.dataset)
    except NotPairedError as fault:
        return {"pair": None, "message": str(fault)}
    choice = chosen(ctx, scores.choices(ctx.dataset))
    group = _group_of(ctx.dataset, opened)
    if choice is None or group is None:
        return {"pair": None, "message": NO_SAMPLE if choice else NO_RUN}
    before, after = pair_slices(ctx.dataset)
    if before not in group or after not in group:
        missing = BEFORE if after in group else AFTER
        return {"pair": None, "message": f"This group has no {missing} picture: nothing to compare."}
    order = (choice.base, group[after].id, chosen_ranking(ctx), listed_threshold(ctx, choice))
    place = triage.place_of(ctx.view, *order)
    shared = _shared(ctx, choice, place.total)
    ahead = _groups(ctx.dataset, triage.neighbours(ctx.view, *order, back=False, number=AHEAD))
    return {
        "pair": {**_shown(ctx, group, choice), **shared, "opened": opened, "place": place.number},
        # which place they have is told when they are the open one: each costs a count
        "ahead": [{**pair, **shared, "place": 0} for pair in _following(ctx, choice, ahead)],
        "message": "",
    }


def _shared(ctx: Any, choice: scores.Choice, total: int) -> dict[str, Any]:
    """What the open pair and those after it have in common."""
    available = scores.choices(ctx.dataset)
    ranking, at = chosen_ranking(ctx), listed_threshold(ctx, choice)
    tried = at != choice.threshold and ranking in triage.AT_A_THRESHOLD
    return {
        "base": choice.base,
        "threshold": choice.threshold,
        "order": triage.RANKINGS[ranking] + (f", at {at:g} (not applied)" if tried else ""),
        "runs": [{"base": each.base, "label": each.label} for each in available],
        "total": total,
        "decided": sum(review_counts(ctx.view, choice.base).values()),
    }


def _following(ctx: Any, choice: scores.Choice, group_ids: list[str]) -> Iterator[dict[str, Any]]:
    before, _ = pair_slices(ctx.dataset)
    for group_id in group_ids:
        group = _group_of(ctx.dataset, group_id)
        if group and before in group:
            yield {**_shown(ctx, group, choice), "opened": group_id}


def _shown(ctx: Any, group: dict[str, SampleView], choice: scores.Choice) -> dict[str, Any]:
    before, after = (group[name] for name in pair_slices(ctx.dataset))
    signed_maps = managed_folder(ctx.dataset, "signed")
    described = describe_pair(before, after, RunFields.of(choice.base), signed_maps)
    return {**described, "query": choice.query or described["query"]}  # "" where each pair has its own


def _groups(dataset: fo.Dataset, after_ids: list[str]) -> list[str]:
    """The groups of samples of the after slice, in their order."""
    view = after_slice(dataset).select(after_ids, ordered=True)
    return [str(i) for i in view.values(f"{dataset.group_field}.id")]


def _group_of(dataset: fo.Dataset, opened: str) -> dict[str, SampleView] | None:
    flat = dataset.select_group_slices(_allow_mixed=True)
    ids = flat.select(opened).values(f"{dataset.group_field}.id")
    try:
        # Of a view: FiftyOne lists the data set's own samples for all threads. Its server goes through that
        # list when the modal turns, fails where it grows meanwhile, and the App then closes the modal.
        return dataset.view().get_group(ids[0] if ids else opened)
    except KeyError:  # deleted in the meantime
        return None


def describe_pair(before: AnySample, after: AnySample, names: RunFields, signed_maps: Path) -> dict[str, Any]:
    """What is stored about one pair under the names of a run.

    Args:
        signed_maps: where a signed map that did not come along with an export is drawn anew.
    """
    regions, heatmap = _value(after, names.regions), _value(after, names.heatmap)
    detections = list(regions.detections) if regions else []
    review, own = _value(after, names.review), _value(after, names.own_review)
    return {
        "name": _value(after, PAIR_ID) or after.filename,
        "after_id": after.id,
        "before": _picture(before),
        "after": _picture(after),
        "warp": list(_value(after, names.warp) or []) or None,
        "heatmap": getattr(heatmap, "map_path", None),
        "signed": signed_file(heatmap, signed_maps) if heatmap else None,
        "query": _value(after, QUERY) or "",
        "score": _value(after, names.score),
        "direction": _value(after, names.direction) or "none",
        "alignment": _value(after, names.alignment) or "",
        "note": _value(after, names.error) or "",
        "review": review,
        "own": own_decision(review, own, [region.tags for region in detections]),
        "regions": [_region(region) for region in detections],
    }


def _value(sample: AnySample, name: str) -> Any:
    return sample[name] if sample.has_field(name) else None


def _picture(sample: AnySample) -> dict[str, Any]:
    size = sample.metadata or fo.ImageMetadata.build_for(sample.filepath)
    return {"path": sample.filepath, "width": size.width, "height": size.height}


def _region(region: fo.Detection) -> dict[str, Any]:
    return {
        "id": region.id,
        "box": list(region.bounding_box),  # type: ignore[arg-type]
        "query": region.label or "",
        "direction": region["direction"] if region.has_field("direction") else "none",
        "score": region.confidence or 0.0,
        "decision": decision_on(region),
    }
