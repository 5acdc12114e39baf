"""The signed heatmap ↔ 16-bit grey files, drawn when it is asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from argus_fiftyone.io.images import ImageError
from argus_fiftyone.io.png import grey_png, write_whole

MAP_ZERO = 32768

MAP_STEPS = 32767

MAP_GRAIN = 8
"""A drawn heatmap takes every eighth level, 1/4096 apart: finer ones are noise that makes files larger."""

MAP_ERROR = MAP_GRAIN / MAP_STEPS
"""A drawn heatmap differs by less than this from the cells it is drawn from."""

ROWS_PER_CELL = 6
"""A row of cells that covers more rows of pixels than this is drawn in no more of them, each repeated:
nobody sees the steps, and rows like the one above cost next to nothing to draw and to pack."""


@dataclass(frozen=True)
class SmoothMap:
    """A signed heatmap before it is drawn: small, whatever its size in pixels.

    Attributes:
        cells: float [rows, cols] in [-1, 1], on any grid; what lies beyond ±0.9997 is cut.
        size: (height, width) in pixels.
    """

    cells: np.ndarray
    size: tuple[int, int]

    @property
    def repeats(self) -> int:
        """How many rows of pixels in succession are alike; divides the height."""
        height = self.size[0]
        most = height // (ROWS_PER_CELL * len(self.cells))
        return max((count for count in range(1, most + 1) if height % count == 0), default=1)

    @cached_property
    def peak(self) -> int:
        """The signed level of the strongest cell, −32760 to 32760."""
        lowest, highest, *_ = cv2.minMaxLoc(self.cells)
        strongest = highest if highest >= -lowest else lowest
        most = MAP_ZERO - MAP_GRAIN
        return min(max(round(strongest * MAP_STEPS), -most), most)

    @property
    def strongest(self) -> float:
        """The strongest evidence anywhere in the drawn map, |h| in [0, 1]."""
        return abs(self.peak) / MAP_STEPS

    def rows(self) -> np.ndarray:
        """uint16 [height / repeats, width], 32768 + 32767·h in whole grains, smooth between cells.

        The strongest pixel is as strong as the strongest cell, though no pixel may lie in its middle.
        """
        (height, width), strongest = self.size, MAP_ZERO - MAP_GRAIN
        cells = np.clip(_as_levels(self.cells), MAP_ZERO - strongest, MAP_ZERO + strongest)
        cells += np.uint16(MAP_GRAIN // 2)
        drawn = cv2.resize(cells, (width, height // self.repeats), interpolation=cv2.INTER_LINEAR)
        np.bitwise_and(drawn, np.uint16(MAP_ZERO + strongest), out=drawn)
        # Whole grains may lie beyond the strongest cell.
        np.clip(drawn, MAP_ZERO - abs(self.peak), MAP_ZERO + abs(self.peak), out=drawn)
        drawn[self._peak_place(drawn.shape)] = MAP_ZERO + self.peak
        return drawn

    def _peak_place(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """(row, col) of the pixel in a map of that shape in which the middle of the strongest cell lies."""
        place = np.unravel_index((self.cells if self.peak > 0 else -self.cells).argmax(), self.cells.shape)
        sides = zip(place, self.cells.shape, shape, strict=True)
        return tuple(int((number + 0.5) / cells * pixels) for number, cells, pixels in sides)

    def levels(self) -> np.ndarray:
        """As `rows`, uint16 [height, width]."""
        return np.repeat(self.rows(), self.repeats, axis=0)

    def heatmap(self) -> np.ndarray:
        """float32 [height, width] in [-1, 1], to the last bit what `read_map` reads."""
        return _as_heatmap(self.levels())


def write_map(path: str | os.PathLike[str], heatmap: np.ndarray | SmoothMap) -> None:
    """Write a signed heatmap [rows, cols] in [-1, 1] as 16-bit grey: 32768 + round(32767·h).

    The file appears whole or not at all.
    """
    write_whole(path, map_png(heatmap))


def map_png(heatmap: np.ndarray | SmoothMap) -> bytes:
    """A heatmap as the PNG that `write_map` writes."""
    if isinstance(heatmap, SmoothMap):
        return grey_png(heatmap.rows(), heatmap.repeats)
    return grey_png(_as_levels(heatmap))


def map_levels(heatmap: np.ndarray | SmoothMap) -> np.ndarray:
    """The levels of `map_png`, uint16 [rows, cols]."""
    return heatmap.levels() if isinstance(heatmap, SmoothMap) else _as_levels(heatmap)


def _as_levels(heatmap: np.ndarray) -> np.ndarray:
    steps = np.clip(heatmap, -1, 1) * np.float32(MAP_STEPS)
    return (np.rint(steps, out=steps) + MAP_ZERO).astype(np.uint16)


def read_map(path: str | os.PathLike[str]) -> np.ndarray:
    """Read what `write_map` wrote: float32 [rows, cols] in [-1, 1].

    Raises:
        ImageError: if the file is missing or not a 16-bit grey picture.
    """
    levels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if levels is None or levels.dtype != np.uint16 or levels.ndim != 2:
        raise ImageError(f"{path}: expected a 16-bit grey PNG as `argus run` writes it")
    return _as_heatmap(levels)


def _as_heatmap(levels: np.ndarray) -> np.ndarray:
    heatmap = levels.astype(np.float32)
    heatmap -= MAP_ZERO
    heatmap /= MAP_STEPS
    return heatmap
