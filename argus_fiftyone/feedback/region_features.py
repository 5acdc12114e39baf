"""What an encoder shows of single regions: what refining a query learns from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from argus_fiftyone.encoders.protocol import Encoder
from argus_fiftyone.engine.compare import Walk
from argus_fiftyone.engine.features import pair_batch
from argus_fiftyone.methods.common.words import words_of
from argus_fiftyone.methods.protocol import QueryBatch
from argus_fiftyone.methods.registry import load_method
from argus_fiftyone.settings import Settings
from argus_fiftyone.text.query import Query


def region_cells(
    before: str | os.PathLike[str],
    after: str | os.PathLike[str],
    boxes: Sequence[Sequence[float]],
    gone: Sequence[bool],
    encoder: Encoder,
    resolution: int,
) -> list[torch.Tensor]:
    """The cells of each region that words are held against, [rows, cols, dim], as `Words.describe` has them.

    Args:
        boxes: (left, top, width, height) as fractions of the after image; a box
            smaller than a cell counts as that cell.
        gone: whether the region shows what disappeared, which the before image shows.
        resolution: long side in pixels at which the pair is encoded, as in its run.

    Raises:
        ImageError: if an image cannot be read.
    """
    walk = Walk(load_method("argus", encoder), Settings(resolution=resolution))
    pairs = pair_batch([walk.register(before, after)], walk.features, walk.method.needs)
    sides = words_of(encoder).describe(pairs)[0]
    return [_cut(sides[0 if was else 1], box) for box, was in zip(boxes, gone, strict=True)]


def similarities(regions: Sequence[torch.Tensor], prompts: torch.Tensor) -> np.ndarray:
    """Cosine of each region's mean cell and each prompt, [regions, prompts]."""
    means = torch.stack([cells.mean((0, 1)) for cells in regions])
    unit = torch.nn.functional.normalize(means, dim=-1)
    return (unit @ prompts.to(unit.device, unit.dtype).T).float().cpu().numpy()


def relevances(regions: Sequence[torch.Tensor], queries: Sequence[Query], encoder: Encoder) -> np.ndarray:
    """Mean relevance of each region's cells to each query, [regions, queries] in [0, 1]."""
    rows = [_relevance(cells, queries, encoder).mean(dim=(-2, -1)).tolist() for cells in regions]
    return np.array(rows).reshape(len(regions), len(queries))


def weighs_prompts(cells: torch.Tensor, query: Query, encoder: Encoder) -> bool:
    """Whether an encoder heeds a query's weights; one that reads queries as a whole does not."""
    tilted = replace(query, log_weights=dict.fromkeys(query.positive, 1.0))
    plain, weighed = _relevance(cells, [query, tilted], encoder)
    return not torch.equal(plain, weighed)


def _relevance(cells: torch.Tensor, queries: Sequence[Query], encoder: Encoder) -> torch.Tensor:
    """Of one region's cells to each query: [queries, rows, cols]."""
    asked = QueryBatch(tuple(queries), torch.ones(len(queries)), encoder.encode_text, encoder.temperature)
    return words_of(encoder).relevance(cells[None, None], asked)[0, :, 0]


def _cut(cells: torch.Tensor, box: Sequence[float]) -> torch.Tensor:
    rows, cols = cells.shape[:2]
    left, top, width, height = box
    return cells[_span(top, height, rows), _span(left, width, cols)]


def _span(start: float, length: float, cells: int) -> slice:
    """The cells that a stretch of a side touches, at least one."""
    first = min(int(start * cells), cells - 1)
    return slice(first, max(first + 1, min(cells, int(np.ceil((start + length) * cells)))))
