"""The corridor walked once: two pictures and queries in, signed heatmaps out. Read this first."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import cv2
import numpy as np
import torch

from argus_fiftyone.alignment import Alignment, align
from argus_fiftyone.calibration import (
    FLOOR,
    above_normal,
    as_evidence,
    gate,
    in_step,
    pair_score,
    pixel_factor,
    smooth,
)
from argus_fiftyone.choice import among_changes, among_scenes, among_things, names_count
from argus_fiftyone.cores import side_by_side
from argus_fiftyone.difference import (
    Difference,
    enlarge,
    pixel_difference,
    unit_cells,
    visual_difference,
    window_novelty,
)
from argus_fiftyone.encoders import Encoder, PictureFeatures, PlaceReader
from argus_fiftyone.exposure import match_exposure
from argus_fiftyone.heatmap import (
    Direction,
    Guide,
    Region,
    assemble,
    find_regions,
    follow_edges,
    main_direction,
)
from argus_fiftyone.pictures import MAP_ERROR, SmoothMap, fitted_size, read_picture, read_scaled, resize
from argus_fiftyone.query import Query, parse_query
from argus_fiftyone.scenes import each_scene, two_scenes
from argus_fiftyone.settings import Settings

MIDDLE_LEVEL = 2
"""The visual level that scores a pair; stride 16 of `mini`."""


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
    warp: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

    @cached_property
    def heatmap(self) -> np.ndarray:
        """float32 [rows, cols] in [-1, 1] at the after picture's size, or `Settings.map_size`.

        + where the queried thing appeared or changed, − where it vanished, 0 where nothing
        happened or the before picture does not reach. Drawn when it is first asked for.
        """
        return self.drawing.heatmap()


def compare_files(
    before: str | os.PathLike[str],
    after: str | os.PathLike[str],
    query: str,
    encoder: Encoder,
    settings: Settings,
) -> tuple[np.ndarray, Comparison]:
    """Compare two files; the after picture as read, and the comparison.

    Raises:
        PictureError: if either file cannot be read.
    """
    with ThreadPoolExecutor(1) as beside:
        shown = beside.submit(read_picture, after, settings.map_size)
        prepared = prepare_files(before, after, encoder.cell, settings.resolution)
        comparison = answer(see(prepared, encoder), [query], encoder, settings)[0]
        return shown.result(), comparison


def compare_pictures(
    before: np.ndarray,
    after: np.ndarray,
    queries: Sequence[str | Query],
    encoder: Encoder,
    settings: Settings,
) -> list[Comparison]:
    """Compare two pictures; one comparison per query, all sharing one encoding.

    Args:
        before, after: uint8 [height, width, 3] RGB, of any two sizes.
        queries: texts, or parsed queries; an empty text asks for any change.
    """
    prepared = prepare(before, after, encoder.cell, settings.resolution)
    return answer(see(prepared, encoder), queries, encoder, settings)


@dataclass(frozen=True)
class Prepared:
    """A pair on its way to the encoder, both pictures of one size.

    Attributes:
        alignment: the before picture in the after picture's frame, and what was done to it.
        after: uint8 [height, width, 3], the after picture at the size of encoding.
        size: (height, width) of the after picture before it was scaled down.
    """

    alignment: Alignment
    after: np.ndarray
    size: tuple[int, int]

    @property
    def pictures(self) -> tuple[np.ndarray, np.ndarray]:
        """What the encoder is to see: before and after."""
        return self.alignment.before, self.after


@dataclass(frozen=True)
class Evidence:
    """What a pair shows before anyone asks anything; shared by all queries.

    Attributes:
        novelty: above what is normal for the pair, on the finest patch grid.
        text_aligned: what `Encoder.describe` says of the before and of the after picture.
        middle: novelty of both pictures on the level in the middle, [rows, cols] in [0, 2]; nan out of view.
        outcome: what alignment did, in one phrase.
        warp: as `Comparison.warp`.
        size: (height, width) of the after picture before it was scaled down.
        guide: float32 in [0, 1], the after picture in grey at twice the finest patch grid.
        scene: bool on the finest patch grid, one of two scenes; all of it where there is only one.
        looked: what `PlaceReader.look` kept of the before and of the after picture; empty without a reader.
    """

    novelty: Difference
    text_aligned: tuple[torch.Tensor, torch.Tensor]
    middle: Difference
    outcome: str
    warp: tuple[float, ...]
    size: tuple[int, int]
    guide: np.ndarray
    scene: np.ndarray
    looked: tuple[torch.Tensor, ...] = ()


def prepare_files(
    before: str | os.PathLike[str], after: str | os.PathLike[str], cell: int, resolution: int
) -> Prepared:
    """Read two files no larger than the encoder needs them, and align.

    Raises:
        PictureError: if either file cannot be read.
    """
    # One cell more, since the short side may be rounded up to a whole cell.
    (old, _), (new, size) = (read_scaled(path, resolution + cell) for path in (before, after))
    return prepare(old, new, cell, resolution, size)


def prepare(
    before: np.ndarray, after: np.ndarray, cell: int, resolution: int, size: tuple[int, int] | None = None
) -> Prepared:
    """Bring two pictures to one size and one frame. Needs no encoder and no torch.

    Args:
        before, after: uint8 [height, width, 3] RGB, of any two sizes.
        cell: sides become multiples of this many pixels.
        resolution: long side at which pictures are encoded.
        size: (height, width) of the after picture before it was scaled down; None: as it is.
    """
    height, width = size or after.shape[:2]
    at_encoding = encoding_size((height, width), cell, resolution)
    after = resize(after, at_encoding)
    alignment, after = _evenly_exposed(align(resize(before, at_encoding), after), after)
    return Prepared(alignment, after, (height, width))


def see(prepared: Prepared, encoder: Encoder) -> Evidence:
    """The visual half of the corridor: encode both pictures and weigh what differs."""
    old, new = encoder.encode_pictures(prepared.pictures)
    return weigh(prepared, old, new, encoder)


def weigh(prepared: Prepared, old: PictureFeatures, new: PictureFeatures, encoder: Encoder) -> Evidence:
    """Difference, pixels where they count, what is normal removed."""
    text_aligned, (novelty, middle, scene) = side_by_side(
        [partial(encoder.describe, old, new), partial(_novelties, prepared, old, new, encoder)],
        on_cpu=old.visual[0].is_cpu,
    )
    alignment = prepared.alignment
    return Evidence(
        novelty=novelty,
        text_aligned=text_aligned,
        middle=middle,
        outcome=alignment.outcome,
        warp=tuple(float(v) for v in alignment.warp.ravel()),
        size=prepared.size,
        guide=_guide(prepared.after, scene.shape),
        scene=scene,
        looked=_look(encoder.places, (old, novelty.before_novelty), (new, novelty.after_novelty)),
    )


def answer(
    evidence: Evidence, queries: Sequence[str | Query], encoder: Encoder, settings: Settings
) -> list[Comparison]:
    """What the evidence says to each query, in order; costs no encoding of pictures."""
    parsed = [query if isinstance(query, Query) else parse_query(query) for query in queries]
    shared = _Shared(evidence, Guide(evidence.guide), encoder)
    return [_answer(query, shared, settings) for query in parsed]


def encoding_size(size: tuple[int, int], cell: int, longest: int) -> tuple[int, int]:
    """(height, width) with the long side at `longest`, both rounded to whole cells."""
    scale = longest / max(size)
    height, width = (max(cell, round(side * scale / cell) * cell) for side in size)
    return height, width


def _novelties(
    prepared: Prepared, old: PictureFeatures, new: PictureFeatures, encoder: Encoder
) -> tuple[Difference, Difference, np.ndarray]:
    """Novelty above what is normal for its scene; novelty on the level in the middle; the scene."""
    alignment, after = prepared.alignment, prepared.after
    difference = visual_difference(old.visual, new.visual, encoder.level_weights)
    grid = difference.after_novelty.shape[:2]
    scene = two_scenes(
        [new.visual[number] for number in encoder.places.levels] if encoder.places else [], grid
    )
    in_view = resize(alignment.in_view.astype(np.uint8), grid) > 0
    pixels = pixel_difference(resize(alignment.before, grid), resize(after, grid))
    # The less, the more the light differs: how much single pixels add.
    factor = each_scene(scene, partial(pixel_factor, pixels))
    sides = []
    for side in (difference.after_novelty, difference.before_novelty):
        calm = smooth(side.cpu().numpy())
        excess = each_scene(scene, lambda part, calm=calm: above_normal(calm, in_view & part))
        sides.append(torch.from_numpy((excess * factor).astype(np.float32)))
    return Difference(*sides), _middle(alignment, old, new), scene


def _look(
    places: PlaceReader | None, *sides: tuple[PictureFeatures, torch.Tensor]
) -> tuple[torch.Tensor, ...]:
    return tuple(places.look(*side) for side in sides) if places else ()


def _middle(alignment: Alignment, old: PictureFeatures, new: PictureFeatures) -> Difference:
    """Novelty on one level only, the one whose peaks tell nuisance from change best."""
    level = min(MIDDLE_LEVEL, len(new.visual) - 1)
    sides = window_novelty(unit_cells(new.visual[level]), unit_cells(old.visual[level]), reach=2)
    in_view = torch.from_numpy(resize(alignment.in_view.astype(np.uint8), tuple(sides[0].shape)) > 0)
    return Difference(*(side.cpu().where(in_view, torch.nan) for side in sides))


def _evenly_exposed(alignment: Alignment, after: np.ndarray) -> tuple[Alignment, np.ndarray]:
    """Both pictures at one exposure, as far as they show the same thing in the same place."""
    if not alignment.registered:
        return alignment, after
    before, after, gain = match_exposure(alignment.before, after, alignment.in_view)
    told = alignment.outcome if gain == 1 else f"{alignment.outcome}, exposure ×{gain:.2f} matched"
    return replace(alignment, before=before, outcome=told), after


def _guide(after: np.ndarray, grid: tuple[int, ...]) -> np.ndarray:
    grey = cv2.cvtColor(resize(after, (2 * grid[0], 2 * grid[1])), cv2.COLOR_RGB2GRAY)
    return grey.astype(np.float32) / 255


@dataclass(frozen=True)
class _Shared:
    """What the answers to all queries about one pair read; places are read when first asked for."""

    evidence: Evidence
    guide: Guide
    encoder: Encoder

    @cached_property
    def read(self) -> list[torch.Tensor]:
        """Places of the before and of the after picture in the space of words."""
        return (
            [self.encoder.places.read(looked) for looked in self.evidence.looked]
            if self.encoder.places
            else []
        )


def _answer(query: Query, shared: _Shared, settings: Settings) -> Comparison:
    """One query's reading of the shared evidence."""
    evidence, encoder = shared.evidence, shared.encoder
    support = 0.0 if query.is_open else encoder.understands([query.text])
    novelty, middle = _chosen(query, shared, support) if support else (evidence.novelty, evidence.middle)
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


def _chosen(query: Query, shared: _Shared, support: float) -> tuple[Difference, Difference]:
    """The evidence's two novelties as far as the words mean them."""
    evidence, encoder, places = shared.evidence, shared.encoder, shared.encoder.places
    relevance = [encoder.relevance(cells, query).cpu() for cells in evidence.text_aligned]
    novelty = [evidence.novelty.before_novelty, evidence.novelty.after_novelty]
    middle = [evidence.middle.before_novelty, evidence.middle.after_novelty]
    if places and not evidence.scene.all():
        both = zip(evidence.text_aligned, shared.read, strict=True)
        fits = [places.fit(cells, read, query).cpu() for cells, read in both]
        asked = {"disappeared": slice(1), "appeared": slice(1, 2)}.get(query.direction, slice(2))
        factor = among_scenes(evidence.scene, [*zip(fits, novelty, strict=True)][asked], support)
        novelty, middle = ([n * enlarge(factor, n.shape) for n in each] for each in (novelty, middle))
    if places and names_count(support):
        likeness = [places.likeness(read, query).cpu() for read in shared.read]
        novelty = [among_things(n, alike, support) for n, alike in zip(novelty, likeness, strict=True)]
    told = [gate(words, support, FLOOR) for words in relevance]
    middle = [n * enlarge(left, n.shape) for n, left in zip(middle, told, strict=True)]
    novelty = [among_changes(n, words, support) for n, words in zip(novelty, relevance, strict=True)]
    return Difference(*reversed(novelty)), Difference(*reversed(middle))


def _regions(drawing: SmoothMap, changed_share: np.ndarray, threshold: float) -> list[Region]:
    """As `find_regions`; a quiet map, and most are, is not even drawn."""
    # Between cells a map is never stronger than in them.
    loud = np.abs(drawing.cells).max() >= threshold - MAP_ERROR
    return find_regions(drawing.heatmap(), changed_share, threshold) if loud else []
