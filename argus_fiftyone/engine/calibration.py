"""Raw evidence of a method → evidence in [0, 1] that means the same for every pair, method and tower.

One monotone curve a method and encoder family; nothing stretches a pair to its own maximum, so an
unchanged pair stays quiet. Map and score lie on one scale: a pair's score is its strongest pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from argus_fiftyone.methods.constants import constants
from argus_fiftyone.methods.protocol import Method

MOST = 0.9999
"""Keeps the odds of evidence finite."""
FOOT = 0.1
"""The share of e that h is at the least: a steep curve alone would push the order of faint evidence below
the levels of a 16-bit map."""


@dataclass(frozen=True)
class Curve:
    """From raw evidence x to h, in two steps, since edges are followed between them.

        e = x / (x + half),   h = max(o^steepness / (1 + o^steepness), FOOT · e),   o = odds(e) / odds(cut)

    Attributes:
        half: raw evidence that makes e one half, > 0.
        cut: the e at which h is 0.5, in (0, 1): the default threshold.
        steepness: slope of h in the log odds of e; fitted, so that h is about the probability of a change.
    """

    half: float
    cut: float = 0.5
    steepness: float = 1.0

    def saturate(self, raw: np.ndarray) -> np.ndarray:
        """Raw evidence ≥ 0 → e in [0, 1), float32."""
        return (raw / (raw + self.half)).astype(np.float32, copy=False)

    def stretch(self, cells: np.ndarray) -> np.ndarray:
        """Signed e in [-1, 1] → signed h, float32; 0 stays 0."""
        magnitude = np.minimum(np.abs(cells), MOST)
        odds = magnitude / (1 - magnitude) * ((1 - self.cut) / self.cut)
        steep = odds**self.steepness
        return np.copysign(np.maximum(steep / (1 + steep), FOOT * magnitude), cells).astype(
            np.float32, copy=False
        )


def curve_of(method: Method, family: str) -> Curve:
    """The curve that constants.json has for a method on an encoder family.

    A method that is not in there may say itself which raw evidence is half, by an attribute
    `half_evidence`; else 1 counts as half.
    """
    known = constants(method.name, family).get("curve")
    return Curve(**known) if known else Curve(half=float(getattr(method, "half_evidence", 1.0)))
