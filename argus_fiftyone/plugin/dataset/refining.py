"""From people's decisions on regions to a query that finds more of the right ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from fiftyone import ViewField as F

from argus_fiftyone.feedback.prompt_weights import (
    CHANCE,
    DecidedRegions,
    Refinement,
    refine,
    refine_by_contrasts,
)
from argus_fiftyone.io.images import ImageError
from argus_fiftyone.io.pair_list import Pair
from argus_fiftyone.plugin.dataset.computing import Progress, load_encoder
from argus_fiftyone.plugin.dataset.fields import Dataset, RunFields
from argus_fiftyone.plugin.dataset.runs import list_runs, run_record
from argus_fiftyone.plugin.dataset.slices import after_slice, pairs_in
from argus_fiftyone.plugin.labels import decision_on
from argus_fiftyone.settings import Settings
from argus_fiftyone.text.prompts import CONTRASTS
from argus_fiftyone.text.query import Query, parse_query

REFINEMENTS = "argus_refinements"

OFF = -2.0


@dataclass
class Refining:
    """A refinement on its way: filled when the steps are through."""

    query: str = ""
    result: Refinement | None = None
    skipped: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """One sentence for people."""
        if self.result is None:
            return "not finished"
        found = self.result
        basis = (
            f"{found.confirmed} confirmed and {found.rejected} rejected regions, each judged without its pair"
        )
        told = f"AUROC {found.auroc_before:.3f} → {found.auroc_after:.3f} on {basis}"
        if found.auroc_after <= CHANCE:
            return f"{told}: no better than chance, these words do not tell the regions apart; nothing stored"
        return f"{told}: stored" if found.helps else f"{told}: no gain, nothing stored"


def refine_query(
    dataset: Dataset,
    heatmap_field: str,
    refining: Refining,
    query: str | None = None,
    encoder: Any = None,
) -> Iterator[Progress]:
    """Weigh a query's prompts by the confirmed and rejected regions of a field; see `refinement.refine`.

    Stored with the dataset only where it helps on decisions held out; `compute_heatmaps`
    uses it for this query when asked to.

    Args:
        refining: receives the query and the result.
        query: default: the one most decided regions were found for.
        encoder: default: the one the run was made with.

    Raises:
        TooFewDecisionsError: as `refinement.refine`.
        ValueError: if the query is open ("" or "any change"), so that it has no prompts.
    """
    decided = _decided(dataset, heatmap_field)
    refining.query = query if query is not None else _commonest(decided)
    asked = replace(parse_query(refining.query), contrast=CONTRASTS)
    if asked.is_open:
        raise ValueError("a query for any change has no prompts to weigh; choose a query with words")
    mine = [row for row in decided if row.query == refining.query]
    settings = _settings(dataset, heatmap_field)
    yield Progress(0, len(mine), note=f"loading the encoder {settings.encoder}")
    encoder = encoder or load_encoder(settings)
    seen: list[tuple[_Decided, list[Any]]] = []
    for done, row in enumerate(mine, start=1):
        try:
            seen.append((row, _cells(row, encoder, settings)))
        except ImageError as error:
            refining.skipped.append(str(error))
        yield Progress(done, len(mine), len(refining.skipped), f"{done} of {len(mine)} pairs looked at again")
    refining.result = _learn(asked, seen, encoder)
    if refining.result.helps:
        _store_refinement(dataset, asked, refining.result)


@dataclass(frozen=True)
class _Decided:
    """The decided regions of one pair and one query."""

    pair: Pair
    query: str
    boxes: list[list[float]] = field(default_factory=list)
    gone: list[bool] = field(default_factory=list)
    confirmed: list[bool] = field(default_factory=list)


def _decided(dataset: Dataset, heatmap_field: str) -> list[_Decided]:
    regions = RunFields.of(heatmap_field).regions
    pairs = {sample.after_id: sample for sample in pairs_in(dataset).samples}
    view = after_slice(dataset).filter_labels(regions, F("tags").contains(["confirmed", "rejected"]))
    rows: dict[tuple[str, str], _Decided] = {}
    for after_id, found in zip(*view.values(["id", f"{regions}.detections"]), strict=True):
        for region in found if after_id in pairs else []:
            pair = pairs[after_id].pair
            query = region["query"] if region.has_field("query") else pair.query
            row = rows.setdefault((after_id, query), _Decided(pair, query))
            row.boxes.append(list(region.bounding_box))
            row.gone.append(region.has_field("direction") and region["direction"] == "disappeared")
            row.confirmed.append(decision_on(region) == "confirmed")
    return list(rows.values())


def decided_regions(dataset: Dataset, heatmap_field: str) -> tuple[int, int]:
    """How many regions of a field are confirmed, and how many rejected, counted in the database."""
    regions = RunFields.of(heatmap_field).regions
    if not dataset.has_sample_field(regions):
        return 0, 0
    counts = after_slice(dataset).count_values(f"{regions}.detections.tags")
    return counts.get("confirmed", 0), counts.get("rejected", 0)


def _commonest(decided: list[_Decided]) -> str:
    counts = Counter(row.query for row in decided for _ in row.boxes)
    return counts.most_common(1)[0][0] if counts else ""


def _settings(dataset: Dataset, heatmap_field: str) -> Settings:
    for record in (run_record(dataset, key) for key in list_runs(dataset)):
        if heatmap_field in record["bases"]:
            return Settings.from_record(record["settings"])
    return Settings()


def _cells(row: _Decided, encoder: Any, settings: Settings) -> list[Any]:
    from argus_fiftyone.feedback.region_features import region_cells  # torch: only where pictures are encoded

    pair = row.pair
    return region_cells(pair.before, pair.after, row.boxes, row.gone, encoder, settings.resolution)


def _learn(query: Query, seen: list[tuple[_Decided, list[Any]]], encoder: Any) -> Refinement:
    """Weigh the prompts where the encoder heeds weights; otherwise choose among the contrasts."""
    from argus_fiftyone.feedback.region_features import (  # torch: as above
        relevances,
        similarities,
        weighs_prompts,
    )

    cells = [cell for _, of_row in seen for cell in of_row]
    plain = replace(query, contrast=())
    known = {
        "confirmed": np.array([c for row, _ in seen for c in row.confirmed], dtype=bool),
        "pairs": [row.pair.id for row, _ in seen for _ in row.boxes],
    }
    if cells and weighs_prompts(cells[0], plain, encoder):
        prompts = [*query.positive, *query.negative]
        regions = DecidedRegions(similarities(cells, encoder.encode_text(prompts)), **known)
        positive = np.arange(len(prompts)) < len(query.positive)
        start = np.array([OFF if prompt in query.contrast else 0.0 for prompt in prompts])
        return replace(
            refine(regions, prompts, positive, encoder.temperature, start), contrast=query.contrast
        )
    tried = [plain, *(replace(plain, contrast=(each,)) for each in query.contrast)]
    return refine_by_contrasts(DecidedRegions(relevances(cells, tried, encoder), **known), query.contrast)


def _store_refinement(dataset: Dataset, query: Query, found: Refinement) -> None:
    # Pairs, not a mapping: a prompt may hold a dot, which a key in the database may not.
    weights = [[prompt, round(weight, 5)] for prompt, weight in found.log_weights.items()]
    metrics = {
        name: value for name, value in asdict(found).items() if name not in ("contrast", "log_weights")
    }
    kept = [entry for entry in stored_refinements(dataset) if entry["query"] != query.text]
    entry = {"query": query.text, "contrast": list(found.contrast), "weights": weights, **metrics}
    dataset.info[REFINEMENTS] = [*kept, entry]
    dataset.save()


def stored_refinements(dataset: Dataset) -> list[dict[str, Any]]:
    """What was learned on a dataset: one entry per query, with its weights and what they gained."""
    return list(dataset.info.get(REFINEMENTS, []))


def refined_queries(dataset: Dataset) -> dict[str, Query]:
    """By text, every query of a dataset with what was learned for it; for `compute_heatmaps`."""
    found = {entry["query"]: refined(dataset, entry["query"]) for entry in stored_refinements(dataset)}
    return {text: query for text, query in found.items() if query}


def refined(dataset: Dataset, query: str) -> Query | None:
    """A query with what was learned for it; None where nothing was."""
    for entry in stored_refinements(dataset):
        if entry["query"] == query:
            weights = {prompt: float(weight) for prompt, weight in entry["weights"]}
            return replace(parse_query(query), contrast=tuple(entry["contrast"]), log_weights=weights)
    return None
