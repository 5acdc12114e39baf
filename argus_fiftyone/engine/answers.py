"""What the evidence of a pair says to each query: a score, a heatmap to be drawn, regions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch

from argus_fiftyone.encoders import Encoder, PlaceReader
from argus_fiftyone.engine.calibration import FLOOR, as_evidence, gate, in_step, pair_score, strongest_cells
from argus_fiftyone.engine.features import Evidence
from argus_fiftyone.engine.heatmap import Guide, assemble, follow_edges
from argus_fiftyone.engine.regions import Direction, Region, find_regions, main_direction
from argus_fiftyone.engine.workers import side_by_side
from argus_fiftyone.io.images import fitted_size
from argus_fiftyone.io.maps import MAP_ERROR, SmoothMap
from argus_fiftyone.io.pair_list import IDENTITY_HOMOGRAPHY
from argus_fiftyone.methods.common.distances import Difference, enlarge
from argus_fiftyone.methods.common.posterior import relevance_of_each
from argus_fiftyone.methods.common.query_weighting import (
    among_changes,
    among_scenes,
    among_things,
    enlarge_each,
)
from argus_fiftyone.settings import Settings
from argus_fiftyone.text.query import Query, parse_query

QUERIES_TOGETHER = 32
"""Queries whose words are held against a pair at once; more would only need more memory."""
CELLS_TOGETHER = 2**16
"""Cells on which queries are weighed at once, in all: more of them would outgrow a core's cache."""


@dataclass(frozen=True)
class Comparison:
    """What Argus says about one pair and one query.

    Attributes:
        query: the user's text; "" means any change.
        drawing: the heatmap before it is drawn; small, and all that it takes to write the file.
        score: evidence for the queried change anywhere in the pair, in [0, 1],
            comparable across pairs.
        direction: of the strongest evidence; "none" below the threshold.
        alignment: what alignment did, in one phrase, e.g. "homography from 212 inliers (match 0.91)".
        regions: strongest first.
        query_support: how far the encoder understood the words, in [0, 1].
        encoder: name (and note) of what made it.
        warp: nine numbers, row by row: fractions of the before picture → of the after picture.
    """

    query: str
    drawing: SmoothMap
    score: float
    direction: Direction
    alignment: str
    regions: list[Region] = field(default_factory=list)
    query_support: float = 1.0
    encoder: str = ""
    warp: tuple[float, ...] = IDENTITY_HOMOGRAPHY

    @cached_property
    def heatmap(self) -> np.ndarray:
        """float32 [rows, cols] in [-1, 1] at the after picture's size, or `Settings.map_size`.

        + where the queried thing appeared or changed, − where it vanished, 0 where nothing
        happened or the before picture does not reach. Drawn when it is first asked for.
        """
        return self.drawing.heatmap()


def answer(
    evidence: Evidence, queries: Sequence[str | Query], encoder: Encoder, settings: Settings
) -> list[Comparison]:
    """What the evidence says to each query, in order; costs no encoding of pictures."""
    parsed = [query if isinstance(query, Query) else parse_query(query) for query in queries]
    shared = _Shared(evidence, Guide(evidence.guide), encoder)
    groups = (parsed[start : start + QUERIES_TOGETHER] for start in range(0, len(parsed), QUERIES_TOGETHER))
    return [_answer(*meant, shared, settings) for group in groups for meant in _meant(group, shared)]


@dataclass(frozen=True)
class _Shared:
    """What the answers to all queries about one pair read; made when first asked for."""

    evidence: Evidence
    guide: Guide
    encoder: Encoder

    @cached_property
    def read(self) -> list[Any]:
        """What `PlaceReader.read` makes of the before and of the after picture."""
        places, evidence = self.encoder.places, self.evidence
        if not places:
            return []
        before, after = evidence.pictures
        pictures = (before, after), (after, before)
        sides = zip(evidence.text_aligned, evidence.looked, self.novelty, pictures, strict=True)
        return [places.read(*side) for side in sides]

    @cached_property
    def text_aligned(self) -> torch.Tensor:
        """Cells of the before picture, and below them those of the after picture."""
        return torch.cat(self.evidence.text_aligned)

    @cached_property
    def novelty(self) -> list[torch.Tensor]:
        """Of the before and of the after picture."""
        return [self.evidence.novelty.before_novelty, self.evidence.novelty.after_novelty]

    @cached_property
    def middle(self) -> list[torch.Tensor]:
        """As `novelty`."""
        return [self.evidence.middle.before_novelty, self.evidence.middle.after_novelty]

    @cached_property
    def strongest(self) -> list[torch.Tensor]:
        """The strongest cells of each `novelty`."""
        return [strongest_cells(novelty) for novelty in self.novelty]


def _answer(
    query: Query, support: float, novelty: Difference, middle: Difference, shared: _Shared, settings: Settings
) -> Comparison:
    """One query's reading of the novelties as far as its words mean them."""
    evidence, encoder = shared.evidence, shared.encoder
    score = pair_score(middle.after_novelty.numpy(), middle.before_novelty.numpy(), query.direction)
    came, went = (
        as_evidence(side.numpy(), score) for side in (novelty.after_novelty, novelty.before_novelty)
    )
    signed, changed_share = assemble(came, went, query.direction)
    cells = in_step(follow_edges(signed, shared.guide), score)
    drawing = SmoothMap(cells, fitted_size(*evidence.size, settings.map_size))
    regions = _regions(drawing, changed_share, settings.threshold)
    return Comparison(
        query=query.text,
        drawing=drawing,
        score=score,
        direction=main_direction(regions),
        alignment=evidence.outcome,
        regions=regions,
        query_support=support,
        encoder=f"{encoder.name} ({encoder.note})" if encoder.note else encoder.name,
        warp=evidence.warp,
    )


def _meant(
    queries: Sequence[Query], shared: _Shared
) -> Iterator[tuple[Query, float, Difference, Difference]]:
    """Each query, how far it was understood, and the evidence's two novelties as far as it means them."""
    evidence, encoder = shared.evidence, shared.encoder
    support = [0.0 if query.is_open else encoder.understands([query.text]) for query in queries]
    told = [(query, understood) for query, understood in zip(queries, support, strict=True) if understood]
    chosen = _chosen(told, shared)
    for query, understood in zip(queries, support, strict=True):
        yield query, understood, *(next(chosen) if understood else (evidence.novelty, evidence.middle))


def _chosen(told: Sequence[tuple[Query, float]], shared: _Shared) -> Iterator[tuple[Difference, Difference]]:
    """The evidence's two novelties as far as the words mean them, for each query and its support.

    Together, since the arithmetic of one query on a small grid is nothing beside the calls: of
    twenty queries put to CLIP at 448 px, a quarter of the time.
    """
    encoder, cells = shared.encoder, shared.evidence.scene.size
    # What an encoder says of places is asked for one query at a time.
    most = 1 if encoder.places else max(1, CELLS_TOGETHER // cells)
    queries = [query for query, _ in told]
    relevance = relevance_of_each(encoder, shared.text_aligned, queries).cpu()
    for start in range(0, len(told), most):
        some = slice(start, start + most)
        yield from _weighed(told[some], relevance[some], shared)


def _weighed(
    told: Sequence[tuple[Query, float]], relevance: torch.Tensor, shared: _Shared
) -> Iterator[tuple[Difference, Difference]]:
    """As `_chosen`, the queries' relevance [queries, rows, cols] known, that of the after picture below."""
    novelty, middle, strongest, named = shared.novelty, shared.middle, shared.strongest, 0.0
    if places := shared.encoder.places:
        novelty, middle, named = _by_places(told[0][0], shared, places)
    if novelty is not shared.novelty:
        strongest = [strongest_cells(n) for n in novelty]
    # What names a thing was read from places; as a change it would be misread.
    support = torch.tensor([understood * (1 - named) for _, understood in told])[:, None, None]
    sides = relevance.chunk(2, dim=1)
    left = [gate(words, support, FLOOR) for words in sides]
    middle = [n * enlarge_each(factor, n.shape) for n, factor in zip(middle, left, strict=True)]
    novelty = [among_changes(*each, support) for each in zip(novelty, strongest, sides, strict=True)]
    return zip(_by_query(novelty), _by_query(middle), strict=True)


def _by_query(sides: Sequence[torch.Tensor]) -> Iterator[Difference]:
    """Novelty of the before and of the after picture, each [queries, rows, cols], query by query."""
    return (Difference(after, before) for before, after in zip(*sides, strict=True))


def _by_places(
    query: Query, shared: _Shared, places: PlaceReader
) -> tuple[list[torch.Tensor], list[torch.Tensor], float]:
    """The two novelties, less in places that show something else than what is named; and how far the
    query names a thing and no change, in [0, 1]."""
    evidence, novelty, middle = shared.evidence, shared.novelty, shared.middle
    named = places.named(query)
    if named < 1 and not evidence.scene.all():
        asked = {"disappeared": slice(1), "appeared": slice(1, 2)}.get(query.direction, slice(2))
        fits = side_by_side([partial(places.fit, read, query) for read in shared.read[asked]])
        sides = [(fit.cpu(), n) for fit, n in zip(fits, novelty[asked], strict=True)]
        factor = among_scenes(evidence.scene, sides, named)
        novelty, middle = ([n * enlarge(factor, n.shape) for n in each] for each in (novelty, middle))
    if named:
        likeness = side_by_side([partial(places.likeness, read, query) for read in shared.read])
        novelty = among_things(novelty, [alike.cpu() for alike in likeness], named)
    return novelty, middle, named


def _regions(drawing: SmoothMap, changed_share: np.ndarray, threshold: float) -> list[Region]:
    """As `find_regions`; a quiet map, and most are, is not even drawn."""
    # Between cells a map is never stronger than in them.
    loud = np.abs(drawing.cells).max() >= threshold - MAP_ERROR
    return find_regions(drawing.heatmap(), changed_share, threshold) if loud else []
