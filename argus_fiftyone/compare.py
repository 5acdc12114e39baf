"""The corridor walked once: two pictures and queries in, signed heatmaps out. Read this first."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import cv2
import numpy as np
import torch

from argus_fiftyone.alignment import Alignment, align
from argus_fiftyone.calibration import (
    FLOOR,
    MAP_FLOOR,
    above_normal,
    as_evidence,
    compared_within,
    gate,
    in_step,
    pair_score,
    pixel_factor,
    smooth,
)
from argus_fiftyone.cores import side_by_side
from argus_fiftyone.difference import (
    Difference,
    enlarge,
    pixel_difference,
    unit_cells,
    visual_difference,
    window_novelty,
)
from argus_fiftyone.encoders import Encoder, PictureFeatures
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
    prepared = prepare_files(before, after, encoder.cell, settings.resolution)
    comparison = answer(see(prepared, encoder), [query], encoder, settings)[0]
    return read_picture(after, settings.map_size), comparison


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
    """

    novelty: Difference
    text_aligned: tuple[torch.Tensor, torch.Tensor]
    middle: Difference
    outcome: str
    warp: tuple[float, ...]
    size: tuple[int, int]
    guide: np.ndarray


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
    text_aligned, (novelty, middle) = side_by_side(
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
        guide=_guide(prepared.after, tuple(novelty.after_novelty.shape)),
    )


def answer(
    evidence: Evidence, queries: Sequence[str | Query], encoder: Encoder, settings: Settings
) -> list[Comparison]:
    """What the evidence says to each query, in order; costs no encoding of pictures."""
    parsed = [query if isinstance(query, Query) else parse_query(query) for query in queries]
    guide = Guide(evidence.guide)
    return [_answer(query, evidence, guide, encoder, settings) for query in parsed]


def encoding_size(size: tuple[int, int], cell: int, longest: int) -> tuple[int, int]:
    """(height, width) with the long side at `longest`, both rounded to whole cells."""
    scale = longest / max(size)
    height, width = (max(cell, round(side * scale / cell) * cell) for side in size)
    return height, width


def _novelties(
    prepared: Prepared, old: PictureFeatures, new: PictureFeatures, encoder: Encoder
) -> tuple[Difference, Difference]:
    """Novelty on all levels together, above what is normal, and on the one in the middle."""
    alignment = prepared.alignment
    difference = visual_difference(old.visual, new.visual, encoder.level_weights)
    grid = tuple(difference.after_novelty.shape)
    in_view = resize(alignment.in_view.astype(np.uint8), grid) > 0
    pixels = _pixel_factor(alignment, prepared.after, grid)
    sides = [
        torch.from_numpy((above_normal(smooth(side.cpu().numpy()), in_view) * pixels).astype(np.float32))
        for side in (difference.after_novelty, difference.before_novelty)
    ]
    return Difference(*sides), _middle(alignment, old, new)


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


def _pixel_factor(alignment: Alignment, after: np.ndarray, grid: tuple[int, ...]) -> np.ndarray | float:
    """How much single pixels add; the less, the more the light differs."""
    return pixel_factor(pixel_difference(resize(alignment.before, grid), resize(after, grid)))


def _answer(
    query: Query, evidence: Evidence, guide: Guide, encoder: Encoder, settings: Settings
) -> Comparison:
    """One query's reading of the shared evidence."""
    support = 0.0 if query.is_open else encoder.understands([query.text])
    after, before = evidence.novelty.after_novelty, evidence.novelty.before_novelty
    new, old = evidence.middle.after_novelty, evidence.middle.before_novelty
    if support:
        went, came = (encoder.relevance(side, query).cpu() for side in evidence.text_aligned)
        after, before = (_choose(n, words, support) for n, words in ((after, came), (before, went)))
        new, old = (n * enlarge(gate(w, support, FLOOR), n.shape) for n, w in ((new, came), (old, went)))
    score = pair_score(after=new.numpy(), before=old.numpy(), wanted=query.direction)
    signed, changed_share = assemble(
        as_evidence(after.numpy(), score), as_evidence(before.numpy(), score), query.direction
    )
    cells = in_step(follow_edges(signed, guide), score)
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


def _regions(drawing: SmoothMap, changed_share: np.ndarray, threshold: float) -> list[Region]:
    """As `find_regions`; a quiet map, and most are, is not even drawn."""
    # Between cells a map is never stronger than in them.
    loud = np.abs(drawing.cells).max() >= threshold - MAP_ERROR
    return find_regions(drawing.heatmap(), changed_share, threshold) if loud else []


def _choose(novelty: torch.Tensor, relevance: torch.Tensor, support: float) -> torch.Tensor:
    """Novelty [rows, cols], less where another change of the pair fits the words better."""
    words = enlarge(relevance, novelty.shape)
    return novelty * gate(compared_within(words, novelty), support, MAP_FLOOR)
