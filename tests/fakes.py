"""Stand-ins at the data boundary: scenes drawn in code, and a comparison by plain pixel difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from argus_fiftyone.engine.regions import Region, find_regions
from argus_fiftyone.io.images import ImageError, read_image
from argus_fiftyone.io.pair_list import Pair
from argus_fiftyone.io.png import write_png
from argus_fiftyone.settings import Settings

SIDE = 64
SPOT = np.s_[16:32, 24:48]


@dataclass
class FakeEncoder:
    """Nothing but a name."""

    name: str = "fake"
    note: str = "pixel difference, for tests"


@dataclass
class Comparison:
    """As `engine.result.Comparison`, without importing torch."""

    query: str
    heatmap: np.ndarray
    score: float
    direction: str
    alignment: str
    regions: list[Region]
    query_support: float = 1.0
    warp: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

    @property
    def drawing(self) -> np.ndarray:
        return self.heatmap


@dataclass
class PairResult:
    """As `batch.PairResult`, without importing torch."""

    pair: Pair
    comparisons: list[Comparison] = field(default_factory=list)
    error: str = ""


def draw_scene(spot: float = 0.0) -> np.ndarray:
    """A grey picture with a rectangle `spot` (−1 to 1) brighter or darker than the rest."""
    picture = np.full((SIDE, SIDE, 3), 120, np.uint8)
    picture[SPOT] = np.uint8(round(120 + 110 * spot))
    return picture


def spot_mask() -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[SPOT] = 255
    return mask


def write_pairs(folder: Path, spots: dict[str, float]) -> list[Pair]:
    """One pair per name: a plain scene before, the same with its spot after; masks beside them."""
    pairs = []
    for name, spot in spots.items():
        before, after = folder / "before" / f"{name}.png", folder / "after" / f"{name}.png"
        write_png(before, draw_scene())
        write_png(after, draw_scene(spot))
        write_png(folder / "mask" / f"{name}.png", spot_mask() if spot else np.zeros((SIDE, SIDE), np.uint8))
        pairs.append(Pair(name, before, after, "a spot"))
    return pairs


def write_list(folder: Path, spots: dict[str, float]) -> Path:
    """The same with a pairs.csv; returns its path."""
    pairs = write_pairs(folder, spots)
    lines = ["id,before,after,mask,query,label,source"]
    for pair in pairs:
        label = "change" if spots[pair.id] else "nochange"
        lines.append(
            f"{pair.id},before/{pair.id}.png,after/{pair.id}.png,mask/{pair.id}.png,a spot,{label},bench"
        )
    path = folder / "pairs.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def compare_by_pixels(
    pairs: Iterable[Pair], encoder: Any, settings: Settings, queries: Sequence[str] | None = None
) -> Iterator[PairResult]:
    """As `compare_pairs`, by brightness: brighter is "appeared", darker "disappeared"."""
    for pair in pairs:
        try:
            before, after = (read_image(p)[..., 0].astype(np.float32) for p in (pair.before, pair.after))
        except ImageError as error:
            yield PairResult(pair, error=str(error))
            continue
        heatmap = (after - before) / 127
        yield PairResult(pair, [_comparison(heatmap, query, settings) for query in queries or [pair.query]])


def _comparison(heatmap: np.ndarray, query: str, settings: Settings) -> Comparison:
    regions = find_regions(heatmap, np.zeros_like(heatmap), settings.threshold)
    return Comparison(
        query=query,
        heatmap=heatmap,
        score=float(np.abs(heatmap).max()),
        direction=regions[0].direction if regions else "none",
        alignment="none needed",
        regions=regions,
    )
