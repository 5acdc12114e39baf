"""From people's decisions on regions to a query that finds more of the right ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from fiftyone import ViewField as F

from argus_fiftyone.dataset.computing import Progress, load_encoder
from argus_fiftyone.dataset.fields import Dataset, RunFields
from argus_fiftyone.dataset.runs import list_runs, run_record
from argus_fiftyone.dataset.slices import after_slice, pairs_in
from argus_fiftyone.feedback import DecidedRegions, Refinement, refine
from argus_fiftyone.labels import decision_on
from argus_fiftyone.pictures import PictureError, read_picture
from argus_fiftyone.query import Query, parse_query
from argus_fiftyone.settings import LONGEST_MAP_SIDE, Settings

REFINEMENTS = "argus_refinements"

CONTRASTS = (
    "a cast shadow",
    "a bright reflection",
    "dust or dirt",
    "a change of lighting",
    "a blurred picture",
    "the edge of an object",
    "a fine texture",
)
"""Prompts of what false alarms usually are, on offer but off until decisions ask for them."""

OFF = -2.0

Similarities: TypeAlias = Callable[[np.ndarray, Sequence[Sequence[float]]], np.ndarray]


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
        return f"{told}: stored" if found.helps else f"{told}: no gain, nothing stored"


def refine_query(
    dataset: Dataset,
    heatmap_field: str,
    refining: Refining,
    query: str | None = None,
    encoder: Any = None,
) -> Iterator[Progress]:
    """Weigh a query's prompts by the confirmed and rejected regions of a field; see `feedback.refine`.

    Stored with the dataset only where it helps on decisions held out; `compute_heatmaps`
    uses it for this query when asked to.

    Args:
        refining: receives the query and the result.
        query: default: the one most decided regions were found for.
        encoder: default: the one the run was made with.

    Raises:
        TooFewDecisionsError: as `feedback.refine`.
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
    similarities: list[np.ndarray] = []
    measure = _similarities(asked, encoder, settings)
    for done, row in enumerate(mine, start=1):
        try:
            similarities.append(measure(read_picture(row.picture, LONGEST_MAP_SIDE), row.boxes))
        except PictureError as error:
            refining.skipped.append(str(error))
            similarities.append(np.empty((0, 0)))
        yield Progress(
            done, len(mine), len(refining.skipped), f"{done} of {len(mine)} pictures looked at again"
        )
    _fit(dataset, refining, asked, mine, similarities, encoder.temperature)


@dataclass(frozen=True)
class _Decided:
    """The decided regions of one picture and one query."""

    pair: str
    query: str
    picture: str
    boxes: list[list[float]]
    confirmed: list[bool]


def _decided(dataset: Dataset, heatmap_field: str) -> list[_Decided]:
    regions = RunFields.of(heatmap_field).regions
    pairs = {sample.after_id: sample for sample in pairs_in(dataset).samples}
    view = after_slice(dataset).filter_labels(regions, F("tags").contains(["confirmed", "rejected"]))
    rows: dict[tuple[str, str, str], _Decided] = {}
    for after_id, found in zip(*view.values(["id", f"{regions}.detections"]), strict=True):
        if after_id not in pairs:
            continue
        sample = pairs[after_id]
        for region in found:
            gone = region["direction"] == "disappeared" if region.has_field("direction") else False
            picture = str(sample.pair.before if gone else sample.pair.after)
            query = region["query"] if region.has_field("query") else sample.pair.query
            row = rows.setdefault(
                (after_id, query, picture), _Decided(sample.pair.id, query, picture, [], [])
            )
            row.boxes.append(list(region.bounding_box))
            row.confirmed.append(decision_on(region) == "confirmed")
    return list(rows.values())


def _commonest(decided: list[_Decided]) -> str:
    counts = Counter(row.query for row in decided for _ in row.boxes)
    return counts.most_common(1)[0][0] if counts else ""


def _settings(dataset: Dataset, heatmap_field: str) -> Settings:
    for record in (run_record(dataset, key) for key in list_runs(dataset)):
        if heatmap_field in record["bases"]:
            return Settings(**record["settings"])
    return Settings()


def _similarities(query: Query, encoder: Any, settings: Settings) -> Similarities:
    from argus_fiftyone.region_features import region_similarities  # torch: only where pictures are encoded

    prompts = encoder.encode_text([*query.positive, *query.negative])
    return lambda picture, boxes: region_similarities(picture, boxes, prompts, encoder, settings.resolution)


def _fit(
    dataset: Dataset,
    refining: Refining,
    query: Query,
    rows: list[_Decided],
    similarities: list[np.ndarray],
    temperature: float,
) -> None:
    prompts = [*query.positive, *query.negative]
    kept = [(row, s) for row, s in zip(rows, similarities, strict=True) if s.size]
    regions = DecidedRegions(
        similarities=np.concatenate([s for _, s in kept]) if kept else np.empty((0, len(prompts))),
        confirmed=np.array([c for row, _ in kept for c in row.confirmed], dtype=bool),
        pairs=[row.pair for row, _ in kept for _ in row.boxes],
    )
    positive = np.arange(len(prompts)) < len(query.positive)
    start = np.array([OFF if prompt in query.contrast else 0.0 for prompt in prompts])
    refining.result = refine(regions, prompts, positive, temperature, start)
    if refining.result.helps:
        _store_refinement(dataset, query, refining.result)


def _store_refinement(dataset: Dataset, query: Query, found: Refinement) -> None:
    # Pairs, not a mapping: a prompt may hold a dot, which a key in the database may not.
    weights = [[p, round(float(w), 5)] for p, w in zip(found.prompts, found.log_weights, strict=True)]
    metrics = {name: value for name, value in asdict(found).items() if name not in ("prompts", "log_weights")}
    kept = [entry for entry in stored_refinements(dataset) if entry["query"] != query.text]
    entry = {"query": query.text, "contrast": list(query.contrast), "weights": weights, **metrics}
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
