"""The corridor walked once: two pictures and queries in, signed heatmaps out. Read this first."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import numpy as np

from argus_fiftyone.encoders import Encoder, ImageFeatures
from argus_fiftyone.encoders.protocol import one_by_one
from argus_fiftyone.engine.answers import Comparison, answer
from argus_fiftyone.engine.features import Evidence, weigh
from argus_fiftyone.engine.workers import free_cores, in_pieces, side_by_side
from argus_fiftyone.io.images import read_image, resize
from argus_fiftyone.registration.registered_pair import (
    RegisteredPair,
    ResizedPair,
    at_encoding_size,
    encoding_size,
    read_for,
)
from argus_fiftyone.settings import Settings
from argus_fiftyone.text.query import Query

T = TypeVar("T")


def compare_files(
    before: str | os.PathLike[str],
    after: str | os.PathLike[str],
    query: str,
    encoder: Encoder,
    settings: Settings,
) -> tuple[np.ndarray, Comparison]:
    """Compare two files; the after picture as read, and the comparison.

    Raises:
        ImageError: if either file cannot be read.
    """
    cell, resolution, longest = encoder.cell, settings.resolution, settings.map_size

    def walk(beside: ThreadPoolExecutor) -> tuple[np.ndarray, Comparison]:
        (old, _), (new, size) = side_by_side(
            [partial(read_for, cell, resolution, path) for path in (before, after)]
        )
        # What was decoded whole need not be decoded again to be shown.
        whole = new.shape[:2] == size and max(size) <= longest
        shown = None if whole else beside.submit(read_image, after, longest)
        target = encoding_size(size, cell, resolution)
        small = side_by_side([partial(resize, picture, target) for picture in (old, new)])
        pair = ResizedPair(small[0], small[1], size)
        comparison = answer(see(pair, encoder), [query], encoder, settings)[0]
        return shown.result() if shown else new, comparison

    with ThreadPoolExecutor(1) as beside:
        return _walked(partial(walk, beside), encoder)


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
    sized = at_encoding_size(before, after, encoder.cell, settings.resolution)
    return _walked(lambda: answer(see(sized, encoder), queries, encoder, settings), encoder)


def _walked(walk: Callable[[], T], encoder: Encoder) -> T:
    """The corridor from end to end, in pieces for all cores unless the encoder wants them all at once."""
    return in_pieces(walk) if one_by_one(encoder) else walk()


def see(pair: ResizedPair, encoder: Encoder) -> Evidence:
    """The visual half of the corridor: align, encode both pictures and weigh what differs."""
    early = one_by_one(encoder) and free_cores() > 1
    prepared, old, new = (_encoded_early if early else _encoded)(pair, encoder)
    return weigh(prepared, old, new, encoder)


def _encoded(pair: ResizedPair, encoder: Encoder) -> tuple[RegisteredPair, ImageFeatures, ImageFeatures]:
    prepared = pair.aligned()
    old, new = encoder.encode_images(prepared.pictures)
    return prepared, old, new


def _encoded_early(
    pair: ResizedPair, encoder: Encoder
) -> tuple[RegisteredPair, ImageFeatures, ImageFeatures]:
    """The same, the after picture encoded while the before picture is brought into its frame."""

    def aligned() -> tuple[RegisteredPair, list[ImageFeatures]]:
        prepared = pair.aligned()
        stays = prepared.after is pair.after
        return prepared, encoder.encode_images(prepared.pictures[:1] if stays else prepared.pictures)

    (prepared, seen), early = side_by_side([aligned, lambda: encoder.encode_images([pair.after])])
    old, new, *_ = [*seen, *early]
    return prepared, old, new
