"""A pair on its way to the encoder: read, brought to one size, one frame and one exposure. Needs no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np

from argus_fiftyone.io.images import read_scaled, resize
from argus_fiftyone.registration.align import Alignment, align
from argus_fiftyone.registration.exposure import match_exposure


@dataclass(frozen=True)
class RegisteredPair:
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
class ResizedPair:
    """A pair at the size of encoding, not yet aligned.

    Attributes:
        before, after: uint8 [height, width, 3] RGB.
        size: as `RegisteredPair.size`.
        whole: the before picture at its own size and proportions.
    """

    before: np.ndarray
    after: np.ndarray
    size: tuple[int, int]
    whole: np.ndarray

    def aligned(self) -> RegisteredPair:
        """The pair in one frame and at one exposure; most often the after picture is left as it is."""
        alignment, after = _evenly_exposed(align(self.before, self.after, self.whole), self.after)
        return RegisteredPair(alignment, after, self.size)


def read_for(cell: int, resolution: int, path: str | os.PathLike[str]) -> tuple[np.ndarray, tuple[int, int]]:
    """A picture no larger than the encoder needs it, and the (height, width) the file has.

    Raises:
        ImageError: if the file cannot be read.
    """
    # One cell more, since the short side may be rounded up to a whole cell.
    return read_scaled(path, resolution + cell)


def at_encoding_size(
    before: np.ndarray, after: np.ndarray, cell: int, resolution: int, size: tuple[int, int] | None = None
) -> ResizedPair:
    """Bring two pictures to the size of encoding.

    Args:
        before, after: uint8 [height, width, 3] RGB, of any two sizes.
        cell: sides become multiples of this many pixels.
        resolution: long side at which pictures are encoded.
        size: (height, width) of the after picture before it was scaled down; None: as it is.
    """
    height, width = size or after.shape[:2]
    target = encoding_size((height, width), cell, resolution)
    return ResizedPair(resize(before, target), resize(after, target), (height, width), before)


def encoding_size(size: tuple[int, int], cell: int, longest: int) -> tuple[int, int]:
    """(height, width) with the long side at `longest`, both rounded to whole cells."""
    scale = longest / max(size)
    height, width = (max(cell, round(side * scale / cell) * cell) for side in size)
    return height, width


def _evenly_exposed(alignment: Alignment, after: np.ndarray) -> tuple[Alignment, np.ndarray]:
    """Both pictures at one exposure, as far as they show the same thing in the same place."""
    if not alignment.registered:
        return alignment, after
    before, after, gain = match_exposure(alignment.before, after, alignment.in_view)
    told = alignment.outcome if gain == 1 else f"{alignment.outcome}, exposure ×{gain:.2f} matched"
    return replace(alignment, before=before, outcome=told), after
