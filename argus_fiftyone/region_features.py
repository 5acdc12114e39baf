"""How much regions of a picture resemble prompts: what refining a query learns from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from argus_fiftyone.compare import encoding_size
from argus_fiftyone.encoders import Encoder
from argus_fiftyone.pictures import resize


def region_similarities(
    picture: np.ndarray,
    boxes: Sequence[Sequence[float]],
    prompts: torch.Tensor,
    encoder: Encoder,
    resolution: int,
) -> np.ndarray:
    """Cosine of each region's mean text-aligned feature and each prompt, [regions, prompts].

    Args:
        picture: uint8 [height, width, 3] RGB; encoded as `compare_pictures` would.
        boxes: (left, top, width, height) as fractions of the picture; a box smaller
            than a cell counts as that cell.
        prompts: [prompts, dim], unit length, of `encoder.encode_text`.
        resolution: long side in pixels at which the picture is encoded.
    """
    size = encoding_size(picture.shape[:2], encoder.cell, resolution)
    cells = encoder.encode_pictures([resize(picture, size)])[0].text_aligned
    rows, cols = cells.shape[:2]
    means = [cells[_span(top, height, rows), _span(left, width, cols)].mean((0, 1)) for left, top, width, height in boxes]
    regions = torch.nn.functional.normalize(torch.stack(means), dim=-1)
    return (regions @ prompts.to(regions.device, regions.dtype).T).float().cpu().numpy()


def _span(start: float, length: float, cells: int) -> slice:
    """The cells that a stretch of a side touches, at least one."""
    first = min(int(start * cells), cells - 1)
    return slice(first, max(first + 1, min(cells, int(np.ceil((start + length) * cells)))))
