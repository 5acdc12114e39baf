"""The corridor walked once: two pictures and queries in, signed heatmaps out. Read this first."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from argus_fiftyone.heatmap import Direction, Region


@dataclass(frozen=True)
class Comparison:
    """What Argus says about one pair and one query.

    Attributes:
        query: the user's text; "" means any change.
        heatmap: float32 [rows, cols] in [-1, 1] at the after picture's size (long side at
            most 2048 px): + where the queried thing appeared or changed, − where it
            vanished, 0 where nothing happened or the before picture does not reach.
        score: evidence for the queried change anywhere in the pair, in [0, 1],
            comparable across pairs.
        direction: of the strongest evidence; "none" below the threshold.
        alignment: what alignment did, in one phrase, e.g. "homography (212 inliers, 5 px)".
        regions: strongest first.
        query_support: how far the encoder understood the words, in [0, 1].
        encoder: name (and note) of what made it.
    """

    query: str
    heatmap: np.ndarray
    score: float
    direction: Direction
    alignment: str
    regions: list[Region] = field(default_factory=list)
    query_support: float = 1.0
    encoder: str = ""
