"""Argus from Python: on files, PIL images and arrays. `import argus_fiftyone as argus` offers all of it.

Every function takes a method and an encoder by name or as loaded, and any field of `Settings` by
keyword, e.g. `threshold=0.7, resolution=1024, device="cuda"`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from PIL import Image

from argus_fiftyone.engine.batch import compare_pairs as compare_loaded_pairs
from argus_fiftyone.engine.compare import Walk, compare_images
from argus_fiftyone.engine.result import Comparison, PairResult
from argus_fiftyone.evaluation.report import EvaluationReport
from argus_fiftyone.io.errors import ArgusError
from argus_fiftyone.io.images import as_rgb
from argus_fiftyone.io.pair_list import Pair, read_pairs, read_rows
from argus_fiftyone.methods.protocol import Method
from argus_fiftyone.methods.registry import encoder_for, load_method
from argus_fiftyone.runs.evaluate import evaluate_run
from argus_fiftyone.runs.folder import run_pairs
from argus_fiftyone.settings import Settings
from argus_fiftyone.text.query import Query

if TYPE_CHECKING:
    from argus_fiftyone.encoders.protocol import Encoder

ImageLike = str | os.PathLike[str] | Image.Image | np.ndarray
"""A file, a PIL image, or a uint8 array [height, width, 3] (RGB) or [height, width] (grey)."""


@overload
def compare(before: ImageLike, after: ImageLike, query: str | Query = "", **options: Any) -> Comparison: ...


@overload
def compare(
    before: ImageLike, after: ImageLike, query: Sequence[str | Query], **options: Any
) -> list[Comparison]: ...


def compare(
    before: ImageLike,
    after: ImageLike,
    query: str | Query | Sequence[str | Query] = "",
    *,
    method: str | Method = Settings.method,
    encoder: str | Encoder = Settings.encoder,
    **options: Any,
) -> Comparison | list[Comparison]:
    """What changed between two images, as far as the query asks for it.

    Args:
        query: "" means any change; a list asks several at once and gives a list.
        method, encoder: names, or what `load_method` and `load_encoder` made. A loaded method
            brings its encoder.
        options: fields of `Settings`.

    Raises:
        ImageError: if an image cannot be read or has none of the forms of `ImageLike`.
        ArgusError: if method or encoder cannot run here.
        TypeError, ValueError: if an option is unknown or out of range.
    """
    walk = _walk(method, encoder, options)
    several = not isinstance(query, (str, Query))
    found = compare_images(_image(before), _image(after), list(query) if several else [query], walk)
    return found if several else found[0]


def compare_pairs(
    pairs: Iterable[Pair | tuple[str | os.PathLike[str], str | os.PathLike[str], str]],
    queries: Sequence[str | Query] | None = None,
    *,
    method: str | Method = Settings.method,
    encoder: str | Encoder = Settings.encoder,
    **options: Any,
) -> Iterator[PairResult]:
    """Many pairs; one result each, in order, as soon as it is there. A pair that fails says why in `error`.

    Args:
        pairs: `Pair`s, or (before, after, query) each.
        queries: asked of every pair instead of its own query.
        method, encoder, options: as in `compare`.
    """
    walk = _walk(method, encoder, options)
    listed = (_pair(number, pair) for number, pair in enumerate(pairs))
    return compare_loaded_pairs(listed, walk.encoder, walk.settings, queries, method=walk.method)


@dataclass(frozen=True)
class Run:
    """What `run` left on disk.

    Attributes:
        folder: holds maps/, scores.csv and run.json.
        failed: how many pairs failed.
        scores: the rows of scores.csv: id, query, score, direction, alignment, status, error.
    """

    folder: Path
    failed: int
    scores: list[dict[str, str]]


def run(
    pairs: str | os.PathLike[str],
    out: str | os.PathLike[str],
    queries: Sequence[str] | None = None,
    *,
    method: str = Settings.method,
    encoder: str = Settings.encoder,
    overwrite: bool = False,
    **options: Any,
) -> Run:
    """As `argus run`: every pair of a list, signed maps and a table of scores on disk.

    Args:
        pairs: CSV or Parquet with the columns id, before, after, query.
        out: a folder that holds part of the same run is completed.
        overwrite: compute anew what the folder holds.

    Raises:
        PairListError: if the list cannot be used.
        RunFolderError: if the folder cannot take this run.
        ArgusError, TypeError, ValueError: as `compare`.
    """
    walk, folder = _walk(method, encoder, options), Path(out)
    failed = run_pairs(read_pairs(pairs), folder, walk.settings, walk.encoder, queries, overwrite=overwrite)
    return Run(folder, failed, read_rows(folder / "scores.csv", ("id", "score")))


def evaluate(
    pairs: str | os.PathLike[str], folder: str | os.PathLike[str], threshold: float = Settings.threshold
) -> EvaluationReport:
    """As `argus evaluate`: a run against masks and labels.

    Raises:
        PairListError: if either table lacks something, or nothing in them matches.
    """
    return evaluate_run(Path(pairs), Path(folder), threshold)


def _walk(method: str | Method, encoder: str | Encoder, options: dict[str, Any]) -> Walk:
    named: dict[str, Any] = {"method": method if isinstance(method, str) else method.name}
    named["encoder"] = encoder if isinstance(encoder, str) else encoder.name
    settings = Settings(**named, **options)
    if not isinstance(method, str):
        return Walk(method, settings)
    return Walk(load_method(method, _loaded(settings) if isinstance(encoder, str) else encoder), settings)


def _loaded(settings: Settings) -> Encoder:
    """An encoder is loaded once for calls that name the same."""
    return _kept(settings.method, settings.encoder, settings.device, settings.attention, settings.precision)


@lru_cache(maxsize=2)
def _kept(method: str, encoder: str, device: str, attention: str, precision: str) -> Encoder:
    settings = Settings(encoder, method, attention, precision, device=device)
    return encoder_for(settings)


def _image(given: ImageLike) -> str | os.PathLike[str] | np.ndarray:
    return as_rgb(given) if isinstance(given, (Image.Image, np.ndarray)) else given


def _pair(number: int, pair: Pair | tuple[Any, ...]) -> Pair:
    if isinstance(pair, Pair):
        return pair
    if len(pair) != 3:
        raise ArgusError(f"pair {number}: expected (before, after, query), got {len(pair)} values")
    before, after, query = pair
    return Pair(str(number), Path(before), Path(after), query)
