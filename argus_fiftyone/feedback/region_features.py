"""What an encoder shows of single regions: what refining a query learns from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from argus_fiftyone.encoders import Encoder
from argus_fiftyone.registration.registered_pair import prepare_files
from argus_fiftyone.text.query import Query


def region_cells(
    before: str | os.PathLike[str],
    after: str | os.PathLike[str],
    boxes: Sequence[Sequence[float]],
    gone: Sequence[bool],
    encoder: Encoder,
    resolution: int,
) -> list[torch.Tensor]:
    """The cells of each region, [rows, cols, dim], as `Encoder.describe` gives them.

    Args:
        boxes: (left, top, width, height) as fractions of the after picture; a box
            smaller than a cell counts as that cell.
        gone: whether the region shows what disappeared, which the before picture shows.
        resolution: long side in pixels at which the pair is encoded, as in its run.

    Raises:
        ImageError: if a picture cannot be read.
    """
    prepared = prepare_files(before, after, encoder.cell, resolution)
    old, new = encoder.encode_images(prepared.pictures)
    sides = encoder.describe(old, new)
    return [_cut(sides[0 if was else 1], box) for box, was in zip(boxes, gone, strict=True)]


def similarities(regions: Sequence[torch.Tensor], prompts: torch.Tensor) -> np.ndarray:
    """Cosine of each region's mean cell and each prompt, [regions, prompts]."""
    means = torch.stack([cells.mean((0, 1)) for cells in regions])
    unit = torch.nn.functional.normalize(means, dim=-1)
    return (unit @ prompts.to(unit.device, unit.dtype).T).float().cpu().numpy()


def relevances(regions: Sequence[torch.Tensor], queries: Sequence[Query], encoder: Encoder) -> np.ndarray:
    """Mean relevance of each region's cells to each query, [regions, queries] in [0, 1]."""
    rows = [[float(encoder.relevance(cells, query).mean()) for query in queries] for cells in regions]
    return np.array(rows).reshape(len(regions), len(queries))


def weighs_prompts(cells: torch.Tensor, query: Query, encoder: Encoder) -> bool:
    """Whether an encoder heeds a query's weights; one that reads queries as a whole does not."""
    tilted = replace(query, log_weights=dict.fromkeys(query.positive, 1.0))
    return not torch.equal(encoder.relevance(cells, query), encoder.relevance(cells, tilted))


def _cut(cells: torch.Tensor, box: Sequence[float]) -> torch.Tensor:
    rows, cols = cells.shape[:2]
    left, top, width, height = box
    return cells[_span(top, height, rows), _span(left, width, cols)]


def _span(start: float, length: float, cells: int) -> slice:
    """The cells that a stretch of a side touches, at least one."""
    first = min(int(start * cells), cells - 1)
    return slice(first, max(first + 1, min(cells, int(np.ceil((start + length) * cells)))))
