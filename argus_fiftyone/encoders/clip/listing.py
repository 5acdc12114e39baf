"""The recommended CLIP encoders, told without loading any: needs no torch."""

from __future__ import annotations

from argus_fiftyone.encoders.checkpoints import find_weights
from argus_fiftyone.encoders.clip.names import SHORT_NAMES
from argus_fiftyone.encoders.entries import EncoderEntry


def list_entries() -> list[EncoderEntry]:
    """The recommended CLIP encoders for `argus encoders`: on this disk, or what would be fetched."""
    return [
        EncoderEntry(
            name=short,
            ready=(ready := find_weights(*known.name.split(":")) is not None),
            description=known.sentence,
            missing="" if ready else f"weights {known.name} not on this disk",
        )
        for short, known in SHORT_NAMES.items()
    ]
