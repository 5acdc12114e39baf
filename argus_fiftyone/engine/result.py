"""What Argus says about a pair."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from argus_fiftyone import __version__
from argus_fiftyone.engine.overlay import overlay
from argus_fiftyone.engine.regions import Direction, Region
from argus_fiftyone.io.images import read_image
from argus_fiftyone.io.maps import SmoothMap, write_map
from argus_fiftyone.io.pair_list import IDENTITY_HOMOGRAPHY, Pair
from argus_fiftyone.io.png import colour_png, write_png, write_whole
from argus_fiftyone.settings import Settings


@dataclass(frozen=True)
class Comparison:
    """What Argus says about one pair and one query.

    Attributes:
        query: the user's text; "" means any change.
        drawing: the heatmap before it is drawn; small, and all that it takes to write the file.
        score: evidence for the queried change anywhere in the pair, in [0, 1], comparable across
            pairs: the strongest pixel of the heatmap.
        direction: of the strongest evidence; "none" below the threshold.
        alignment: what registration did, in one phrase, e.g. "homography from 212 inliers (match 0.91)".
        regions: strongest first.
        query_support: how far the encoder understood the words, in [0, 1].
        encoder: name (and note) of what saw the pair; "" where nothing had to.
        method: name of what told the change.
        warp: nine numbers, row by row: fractions of the before image → of the after image.
        settings: what it was compared with.
        after: the after image, or the file that holds it, for pictures.
    """

    query: str
    drawing: SmoothMap
    score: float
    direction: Direction
    alignment: str
    regions: list[Region] = field(default_factory=list)
    query_support: float = 1.0
    encoder: str = ""
    method: str = ""
    warp: tuple[float, ...] = IDENTITY_HOMOGRAPHY
    settings: Settings = field(default_factory=Settings)
    after: np.ndarray | Path | None = field(default=None, repr=False, compare=False)

    @cached_property
    def heatmap(self) -> np.ndarray:
        """float32 [rows, cols] in [-1, 1] at the after image's size, or `Settings.map_size`.

        + where the queried thing appeared or changed, − where it vanished, 0 where nothing
        happened or the before image does not reach. Drawn when it is first asked for.
        """
        return self.drawing.heatmap()

    @property
    def told_by(self) -> str:
        """Method and encoder, for people, e.g. "argus on mini"."""
        return f"{self.method} on {self.encoder}" if self.encoder else self.method

    def __repr__(self) -> str:
        asked = f"{self.query!r}" if self.query else "any change"
        places = f"{len(self.regions)} region{'' if len(self.regions) == 1 else 's'}"
        return f"Comparison({asked}: score {self.score:.2f}, {self.direction}, {places}; {self.alignment})"

    def overlay(self) -> np.ndarray:
        """The after image with evidence in colour and regions outlined: uint8 [rows, cols, 3].

        Raises:
            ImageError: if the after image has to be read again and cannot be.
        """
        return overlay(self._after_image(), self.heatmap, self.regions, self.settings.threshold)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write heatmap.png (16-bit signed), overlay.png and result.json."""
        target = Path(folder)
        write_map(target / "heatmap.png", self.drawing)
        write_png(target / "overlay.png", self.overlay())
        record = self.as_record() | {"settings": self.settings.as_record(), "argus": __version__}
        write_whole(target / "result.json", json.dumps(record, indent=2, ensure_ascii=False).encode())

    def _repr_png_(self) -> bytes:
        """The picture that notebooks show."""
        return colour_png(self.overlay())

    def _after_image(self) -> np.ndarray:
        if self.after is None:
            raise ValueError("this comparison holds no after image, so there is nothing to draw on")
        return (
            self.after
            if isinstance(self.after, np.ndarray)
            else read_image(self.after, max(self.drawing.size))
        )

    def as_record(self) -> dict[str, Any]:
        """The comparison without its arrays, as plain values."""
        return {
            "query": self.query,
            "score": round(self.score, 6),
            "direction": self.direction,
            "alignment": self.alignment,
            "warp": list(self.warp),
            "query_support": round(self.query_support, 4),
            "encoder": self.encoder,
            "method": self.method,
            "size": list(self.drawing.size),
            "regions": [region.as_record() for region in self.regions],
        }


@dataclass(frozen=True)
class PairResult:
    """What became of one pair.

    Attributes:
        pair: the pair as it was asked for.
        comparisons: one per query, in order; empty when the pair failed.
        error: why it failed; "" when it ran.
    """

    pair: Pair
    comparisons: Sequence[Comparison] = field(default_factory=list)
    error: str = ""

    @classmethod
    def failed(cls, pair: Pair, error: BaseException) -> PairResult:
        """The result of a pair that could not be compared; says why."""
        return cls(pair, error=" ".join(str(error).split()) or type(error).__name__)
