"""The corridor walked once: two pictures and queries in, signed heatmaps out. Read this first."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from argus_fiftyone.answers import Comparison, answer
from argus_fiftyone.encoders import Encoder
from argus_fiftyone.evidence import Evidence, weigh
from argus_fiftyone.pictures import read_picture
from argus_fiftyone.prepared import Prepared, prepare, prepare_files
from argus_fiftyone.query import Query
from argus_fiftyone.settings import Settings


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


def see(prepared: Prepared, encoder: Encoder) -> Evidence:
    """The visual half of the corridor: encode both pictures and weigh what differs."""
    old, new = encoder.encode_pictures(prepared.pictures)
    return weigh(prepared, old, new, encoder)
