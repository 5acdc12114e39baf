"""Every number a user may turn, with its default, written once.

The command line, the operators' forms and the run record all read this one
dataclass, so a default shown is the default used.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LONGEST_MAP = 2048
"""No heatmap is longer on its long side, in pixels: readers of run folders count on it."""

RANGES: dict[str, tuple[Callable[[float], bool], str]] = {
    "resolution": (lambda value: 64 <= value <= 4096, "64 to 4096 px"),
    "map_size": (lambda value: 64 <= value <= LONGEST_MAP, f"64 to {LONGEST_MAP} px"),
    "threshold": (lambda value: 0 < value <= 1, "above 0 and at most 1"),
}
"""By setting whether a value is allowed, and which are, in words."""


def check(name: str, value: float) -> None:
    """Raise ValueError, which names the setting and its range, unless the value lies in it."""
    allowed, words = RANGES[name]
    if not allowed(value):
        raise ValueError(f"{name} must be {words}, got {value}")


@dataclass(frozen=True)
class Settings:
    """How a pair is compared. Immutable, so a stored run always says what it used.

    Raises:
        ValueError: if a value lies outside the range its comment states.
    """

    encoder: str = "auto"
    """An encoder name as `argus encoders` lists it; "auto" takes the best one present."""

    method: str = "argus"
    """What tells a change: a name as `argus methods` lists it, or "package.module:Class"."""

    attention: str = "auto"
    """Of CLIP towers, the tokens that patches compare in the last block: kk, vv, qq, v or auto (kk)."""

    precision: str = "auto"
    """Of CLIP towers: fp32, bf16, fp16, or auto (bf16 where it is quick and as good)."""

    resolution: int = 640
    """Long side in pixels at which pictures are encoded, 64 to 4096."""

    threshold: float = 0.5
    """|heatmap| and score at or above which a change counts as shown, in (0, 1]."""

    map_size: int = LONGEST_MAP
    """Heatmaps have the after picture's size, but a long side of at most so many pixels, 64 to 2048."""

    device: str = "auto"
    """A torch device, or "auto": CUDA, then MPS, then CPU."""

    def __post_init__(self) -> None:
        for name in RANGES:
            check(name, getattr(self, name))

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Settings:
        """The settings of a stored run: what an older one did not know has its default, what only a newer
        one knows is left out.

        Raises:
            ValueError: if a value lies outside its range.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in record.items() if name in known})

    def as_record(self) -> dict[str, Any]:
        """The settings as plain values, for result files and run records."""
        return dataclasses.asdict(self)
