"""Every number a user may turn, with its default, written once.

The command line, the operators' forms and the run record all read this one
dataclass, so a default shown is the default used.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

LONGEST_MAP = 2048
"""No heatmap is longer on its long side, in pixels: readers of run folders count on it."""


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
        if not 64 <= self.resolution <= 4096:
            raise ValueError(f"resolution must be 64 to 4096 px, got {self.resolution}")
        if not 64 <= self.map_size <= LONGEST_MAP:
            raise ValueError(f"map_size must be 64 to {LONGEST_MAP} px, got {self.map_size}")
        if not 0 < self.threshold <= 1:
            raise ValueError(f"threshold must be above 0 and at most 1, got {self.threshold}")

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
