"""The user's words → what to look for, and in which direction.

"New", "missing" and "moved" say what happened, not what a thing looks like: they
become a direction and never reach the encoder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from argus_fiftyone.text.prompts import negative_prompts, positive_prompts
from argus_fiftyone.text.vocabulary import (
    ARTICLES,
    DIRECTION_WORDS,
    IMPERATIVES,
    LEFT_OVER,
    MOVED,
    PLACE,
    PLURAL,
    STATES,
    Wanted,
)


@dataclass(frozen=True)
class Query:
    """One query, taken apart.

    Attributes:
        text: as the user wrote it; "" means any change.
        things: what to see, alternatives split: "a crack or a chip" gives two.
        place: what the thing is on or in ("the cookie"); "" where none is named.
        state: the defect word found in it ("crack"); "" for objects.
        direction: what must have happened to it; "any" where the words leave it open.
        contrast: further prompts of what it is not, e.g. learned from rejected regions.
        log_weights: by prompt; how much more than the others it counts, 0 where absent.
    """

    text: str
    things: tuple[str, ...]
    place: str
    state: str
    direction: Wanted
    contrast: tuple[str, ...] = ()
    log_weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether any change is wanted, so that there is nothing to put to the encoder."""
        return not self.things

    def as_record(self) -> dict[str, Any]:
        """How the words are read, as plain values."""
        return {
            "text": self.text,
            "direction": self.direction,
            "things": list(self.things),
            "state": self.state,
            "place": self.place,
            "prompts": {"for": list(self.positive), "against": list(self.negative)},
        }

    @cached_property
    def positive(self) -> tuple[str, ...]:
        """Prompts for cells that show the thing; empty for an open query."""
        return positive_prompts(self.things, self.place, self.state)

    @cached_property
    def negative(self) -> tuple[str, ...]:
        """Prompts for cells that do not show it; empty for an open query."""
        return () if self.is_open else negative_prompts(self.place, self.state) + self.contrast


def parse_query(text: str) -> Query:
    """Split a query into things, place, state and direction.

    >>> parse_query("a missing screw on the cover").direction
    'disappeared'
    >>> parse_query("a new crack or chip in the road surface").things
    ('a crack', 'a chip')
    """
    plain = re.sub(r"\s+", " ", re.sub(r"\([^)]*\)", " ", text)).strip(" .!?\"'")
    direction = _direction(plain)
    head, place = _split_place(_without_direction(plain))
    things = tuple(_with_article(part) for part in re.split(r",|\bor\b|\band\b|/", head) if _bare(part))
    if _bare(head).lower() in ("", "change", "difference", "anything", "something", "what"):
        return Query(text, (), place, "", "any" if direction == "changed" else direction)
    return Query(text, things, place, _state(plain), direction)


def _direction(plain: str) -> Wanted:
    found: list[Wanted] = [
        name for name, words in DIRECTION_WORDS.items() if re.search(rf"\b(?:{words})\b", plain, re.I)
    ]
    return found[0] if len(found) == 1 else "any"


def _without_direction(plain: str) -> str:
    words = "|".join(DIRECTION_WORDS.values())
    kept = re.sub(rf"\b(?:{words})\b|{MOVED}", " ", plain, flags=re.I)
    kept = re.sub(IMPERATIVES, "", kept.strip(), flags=re.I)
    return re.sub(r"\s+", " ", re.sub(LEFT_OVER, "", kept.strip(), flags=re.I)).strip()


def _split_place(head: str) -> tuple[str, str]:
    parts = PLACE.split(head)
    if len(parts) < 2 or not _bare(parts[0]):
        return head, ""
    return head[: len(head) - len(parts[-1])].rsplit(" ", 2)[0].strip(), _with_article(parts[-1], "the")


def _bare(part: str) -> str:
    return re.sub(ARTICLES, "", part.strip() + " ", flags=re.I).strip()


def _with_article(part: str, article: str = "a") -> str:
    bare = _bare(part)
    if article == "a" and PLURAL.search(bare):
        return bare
    if article == "a":
        article = "an" if bare[:1].lower() in "aeiou" else "a"
    return f"{article} {bare}"


def _state(plain: str) -> str:
    words = re.findall(r"[a-z]+", plain.lower())
    singular = (form for word in words for form in (word, word.removesuffix("s"), word.removesuffix("es")))
    return next((form for form in singular if form in STATES), "")
