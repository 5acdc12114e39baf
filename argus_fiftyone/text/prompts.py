"""What an encoder reads for a query: prompts of the thing, and of what else a cell may show."""

from __future__ import annotations

import re
from collections.abc import Sequence

from argus_fiftyone.text.vocabulary import ARTICLES

TEMPLATES = ("{}", "a photo of {}", "a close-up photo of {}", "a picture showing {}")
"""How a thing is put to the encoder; the mean of the phrasings is steadier than any one."""

EVERYDAY = (
    "the background",
    "the floor",
    "a plain surface",
    "a shadow",
    "a reflection of light",
    "texture",
    "blur",
)
"""What a cell shows when it does not show the thing: the other side of every posterior."""

CONTRASTS = (
    "a cast shadow",
    "a bright reflection",
    "dust or dirt",
    "a change of lighting",
    "a blurred picture",
    "the edge of an object",
    "a fine texture",
)
"""Prompts of what false alarms usually are, on offer but off until decisions ask for them."""


def positive_prompts(things: Sequence[str], place: str, state: str) -> tuple[str, ...]:
    """Prompts for cells that show one of the things; empty without any.

    Args:
        things, place, state: as in `Query`.
    """
    at_place = [f"{thing} on {place}" for thing in things] if place and state else []
    both = zip(things, at_place, strict=True) if at_place else ((thing,) for thing in things)
    wordings = dict.fromkeys(wording for own in both for wording in own)
    return tuple(template.format(wording) for wording in wordings for template in TEMPLATES)


def negative_prompts(place: str, state: str) -> tuple[str, ...]:
    """Prompts for cells that do not show it: its opposite, its place, the everyday."""
    own = [place] if place else []
    if state:
        ground = re.sub(ARTICLES, "", place) or "surface"
        own += [f"a flawless {ground}", f"an intact {ground}", f"a clean {ground}"]
    return tuple(own) + EVERYDAY
