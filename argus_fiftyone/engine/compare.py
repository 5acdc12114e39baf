"""The walk of a pair, on a page: register, encode, observe, score, calibrate, draw. Read this first.

One walk serves one pair, a thousand, the App and Ray; `batch` only says on which threads its steps run.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch

from argus_fiftyone.encoders.entries import NONE
from argus_fiftyone.encoders.protocol import Encoder
from argus_fiftyone.engine.cache import FeatureCache, code_identity, digest
from argus_fiftyone.engine.cached_encoder import CachedEncoder
from argus_fiftyone.engine.calibration import curve_of
from argus_fiftyone.engine.features import pair_batch
from argus_fiftyone.engine.heatmap import Guide, assemble, follow_edges
from argus_fiftyone.engine.observation import Observation
from argus_fiftyone.engine.regions import Region, find_regions, main_direction
from argus_fiftyone.engine.result import Comparison
from argus_fiftyone.engine.workers import in_pieces, keep_freed_memory, one_core, side_by_side
from argus_fiftyone.io.images import ImageError, fitted_size, resize
from argus_fiftyone.io.maps import MAP_ERROR, SmoothMap
from argus_fiftyone.methods.protocol import Evidence, Method, PairBatch, QueryBatch, Tensors
from argus_fiftyone.registration.registered_pair import RegisteredPair, at_encoding_size, read_for
from argus_fiftyone.settings import Settings
from argus_fiftyone.text.query import Query, parse_query

QUERIES_TOGETHER = 32
"""Queries scored at once; more would only need more memory."""

Picture = str | os.PathLike[str] | np.ndarray
"""A file, or uint8 [height, width, 3] RGB."""


class Walk:
    """What stays the same from pair to pair: method, encoder, settings, calibration.

    Args:
        method: as `load_method` makes it; it brings its encoder.
        cache: where features are looked up and kept.
    """

    def __init__(self, method: Method, settings: Settings, cache: FeatureCache | None = None) -> None:
        keep_freed_memory()
        self.method, self.encoder, self.settings = method, method.encoder, settings
        self.features = CachedEncoder(self.encoder, method.needs.features, cache)
        self.fitted: Tensors = {}
        self._curve = curve_of(method, self.encoder.family)
        self._support: dict[str, float] = {}

    @property
    def identity(self) -> str:
        """Changes with all that decides what is observed: encoder, method, what it learned, and the code."""
        learned = (part for name in sorted(self.fitted) for part in (name, _bytes(self.fitted[name])))
        seen_by = self.features.identity, self.method.name, str(self.method.version)
        return digest(*seen_by, code_identity(), *learned)

    def register(self, before: Picture, after: Picture) -> RegisteredPair:
        """Both images at the size of encoding, in one frame and at one exposure.

        Raises:
            ImageError: if either file cannot be read.
        """
        sides = side_by_side([partial(self._read, image) for image in (before, after)])
        (old, _), (new, size) = sides
        return at_encoding_size(old, new, self.encoder.cell, self.settings.resolution, size).aligned()

    def fit(self, pairs: Iterable[tuple[Picture, Picture]]) -> None:
        """Let a method that learns from a run see its pairs, (before, after) each, one after the other.

        Pairs that cannot be read are left out here; comparing them will say why.
        """
        if self.method.needs.fit != "none":
            self.fitted = self.method.fit(self._batches(pairs))

    def _batches(self, pairs: Iterable[tuple[Picture, Picture]]) -> Iterator[PairBatch]:
        for before, after in pairs:
            try:
                registered = self.register(before, after)
            except ImageError:
                continue
            yield pair_batch([registered], self.features, self.method.needs)

    def observe(self, pairs: Sequence[RegisteredPair]) -> list[Observation]:
        """The visual half: encode pairs of one size in one call, and keep what the method observes."""
        batch = pair_batch(pairs, self.features, self.method.needs)
        with one_core():  # small products: where sums are shared out, some processors round them otherwise
            observed = self.method.observe(batch, self.fitted)
        return [
            Observation(
                tensors={name: tensor[number : number + 1] for name, tensor in observed.items()},
                guide=_guide(pair.after, batch.grid),
                alignment=pair.alignment.outcome,
                warp=tuple(float(value) for value in pair.alignment.warp.ravel()),
                size=pair.size,
            )
            for number, pair in enumerate(pairs)
        ]

    def compare(self, observed: Observation, queries: Sequence[str | Query]) -> list[Comparison]:
        """What the observation says to each query, in order; costs no encoding of images."""
        asked, found = self.queries(queries), []
        guide = Guide(observed.guide)
        for start in range(0, len(asked), QUERIES_TOGETHER):
            some = asked[start : start + QUERIES_TOGETHER]
            with one_core():
                evidence = self.method.score(observed.tensors, some)
            came, went = _by_query(evidence, len(some))
            for number, query in enumerate(some.queries):
                sides = came[number], None if went is None else went[number]
                found.append(self._comparison(query, float(some.support[number]), sides, observed, guide))
        return found

    def queries(self, queries: Sequence[str | Query]) -> QueryBatch:
        """Queries as methods read them; words that were met before are not read again."""
        parsed = tuple(query if isinstance(query, Query) else parse_query(query) for query in queries)
        if not self.method.needs.text:
            return QueryBatch(parsed, torch.zeros(len(parsed)), self.encoder.encode_text, 1.0)
        told = [query.text for query in parsed if not query.is_open and query.text not in self._support]
        if told:
            self._support.update(zip(told, self.encoder.text_support(told), strict=True))
        support = [0.0 if query.is_open else self._support[query.text] for query in parsed]
        return QueryBatch(parsed, torch.tensor(support), self.encoder.encode_text, self.encoder.temperature)

    def _read(self, image: Picture) -> tuple[np.ndarray, tuple[int, int]]:
        if isinstance(image, np.ndarray):
            return image, (image.shape[0], image.shape[1])
        return read_for(self.encoder.cell, self.settings.resolution, image)

    def _comparison(
        self,
        query: Query,
        support: float,
        sides: tuple[np.ndarray, np.ndarray | None],
        observed: Observation,
        guide: Guide,
    ) -> Comparison:
        """Raw evidence of one query, calibrated, signed, drawn to the edges of the after image."""
        curve, settings = self._curve, self.settings
        came = curve.saturate(sides[0])
        # Without a direction of its own, what a method finds is change in place.
        went = came if sides[1] is None else curve.saturate(sides[1])
        signed, changed_share = assemble(came, went, query.direction if sides[1] is not None else "any")
        cells = curve.stretch(follow_edges(signed, guide))
        drawing = SmoothMap(cells, fitted_size(*observed.size, settings.map_size))
        regions = _regions(drawing, changed_share, settings.threshold)
        return Comparison(
            query=query.text,
            drawing=drawing,
            score=drawing.strongest,
            direction=main_direction(regions),
            alignment=observed.alignment,
            regions=regions,
            query_support=support,
            encoder=named(self.encoder),
            method=self.method.name,
            warp=observed.warp,
            settings=settings,
        )


def compare_images(
    before: Picture, after: Picture, queries: Sequence[str | Query], walk: Walk
) -> list[Comparison]:
    """One pair, on all cores; one comparison a query, in order.

    Raises:
        ImageError: if a file cannot be read.
    """

    shown = after if isinstance(after, np.ndarray) else Path(after)

    def whole() -> list[Comparison]:
        walk.fit([(before, after)])
        (observed,) = walk.observe([walk.register(before, after)])
        return [replace(comparison, after=shown) for comparison in walk.compare(observed, queries)]

    # In pieces for all cores, unless the encoder wants them all at once.
    return in_pieces(whole) if walk.encoder.one_by_one else whole()


def _bytes(tensor: torch.Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def named(encoder: Encoder) -> str:
    """How results name an encoder: with its note, where it has one; "" for `none`."""
    if encoder.name == NONE:
        return ""
    return f"{encoder.name} ({encoder.note})" if encoder.note else encoder.name


def _by_query(evidence: Evidence, queries: int) -> tuple[np.ndarray, np.ndarray | None]:
    """The two maps of one pair, query by query: [queries, rows, cols], on the CPU."""
    maps = [evidence.appeared, evidence.disappeared]
    came, went = (None if m is None else m[0].expand(queries, -1, -1).float().cpu().numpy() for m in maps)
    assert came is not None
    return came, went


def _regions(drawing: SmoothMap, changed_share: np.ndarray, threshold: float) -> list[Region]:
    """As `find_regions`; a quiet map, and most are, is not even drawn."""
    loud = drawing.strongest >= threshold - MAP_ERROR
    return find_regions(drawing.heatmap(), changed_share, threshold) if loud else []


def _guide(after: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    grey = cv2.cvtColor(resize(after, (2 * grid[0], 2 * grid[1])), cv2.COLOR_RGB2GRAY)
    return grey.astype(np.float32) / 255
