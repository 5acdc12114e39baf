"""The user's words → what to look for, in which direction, and the prompts an encoder reads.

"New", "missing" and "moved" say what happened, not what a thing looks like: they
become a direction and never reach the encoder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

Wanted = Literal["appeared", "disappeared", "changed", "any"]

_DIRECTION_WORDS: dict[Wanted, str] = {
    "appeared": r"new|newly|added|add|additional|extra|appear(?:s|ed|ing)?|insert|inserted|emerged",
    "disappeared": (
        r"missing|removed?|disappear(?:s|ed)?|vanish(?:es|ed)?|gone|lost|absent|taken away|deleted?|erased?"
    ),
    "changed": r"changed|change|changes|different|modified|altered|replaced|swapped|reordered",
}
_IMPERATIVES = (
    r"^(?:(?:let's|lets|please|let|make|have|put|there be|be|give|move|turn|get|could|show|find"
    r"|is there|are there)\s+)+"
)
_MOVED = r"\b(?:moved|shifted)\b|\bto the (?:left|right)\b"
"""A moved thing vanishes here and appears there, so its direction stays open."""
_LEFT_OVER = r"(?:\b(?:or|and|is|are|was|were|has|have|been)\s*)+$"
"""Words that stood before a direction ("the lid is gone") and say nothing once it is taken out."""
_DETERMINERS = r"a|an|the|any|one|this|that|these|those|its|our|my|each|every"
_ARTICLES = rf"^(?:{_DETERMINERS}|some|more|of)\s+"
_PLURAL = re.compile(r"[^aisu]s$", re.I)
"""How a plural ends that takes no article; "glass", "rust mass" and "a bus" are none."""
_PLACE = re.compile(
    r"\s+(?:in|on|at|under|behind|between|from|along|inside|onto|into|beside|near"
    rf"|of(?= (?:{_DETERMINERS}) ))\s+",
    re.I,
)
"""A crack "of the tile" is somewhere, a bottle "of wine" is not."""

_STATES = [
    "crack",
    "cracked",
    "break",
    "broken",
    "chip",
    "chipped",
    "scratch",
    "scratched",
    "dent",
    "dented",
    "pit",
    "pitting",
    "hole",
    "blowhole",
    "rust",
    "rusty",
    "corrosion",
    "corroded",
    "stain",
    "stained",
    "discolouration",
    "discoloration",
    "flaking",
    "peeling",
    "wear",
    "worn",
    "frayed",
    "damage",
    "damaged",
    "defect",
    "defective",
    "weathering",
    "deformation",
    "deformed",
    "bent",
    "burn",
    "burnt",
    "leak",
    "dirt",
    "dirty",
    "dust",
    "contamination",
    "mould",
    "spur",
    "notch",
    "bite",
    "short",
    "open",
    "spurious",
    "graffiti",
    "tear",
    "torn",
    "cut",
    "erosion",
    "spalling",
    "delamination",
    "bubble",
]

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

    @cached_property
    def positive(self) -> tuple[str, ...]:
        """Prompts for cells that show the thing; empty for an open query."""
        wordings = dict.fromkeys(thing for name in self.things for thing in self._wordings(name))
        return tuple(template.format(wording) for wording in wordings for template in TEMPLATES)

    @cached_property
    def negative(self) -> tuple[str, ...]:
        """Prompts for cells that do not show it: its opposite, its place, the everyday."""
        if self.is_open:
            return ()
        own = [self.place] if self.place else []
        if self.state:
            place = re.sub(_ARTICLES, "", self.place) or "surface"
            own += [f"a flawless {place}", f"an intact {place}", f"a clean {place}"]
        return tuple(own) + EVERYDAY + self.contrast

    def _wordings(self, thing: str) -> list[str]:
        return [thing, f"{thing} on {self.place}"] if self.place and self.state else [thing]


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
        name for name, words in _DIRECTION_WORDS.items() if re.search(rf"\b(?:{words})\b", plain, re.I)
    ]
    return found[0] if len(found) == 1 else "any"


def _without_direction(plain: str) -> str:
    words = "|".join(_DIRECTION_WORDS.values())
    kept = re.sub(rf"\b(?:{words})\b|{_MOVED}", " ", plain, flags=re.I)
    kept = re.sub(_IMPERATIVES, "", kept.strip(), flags=re.I)
    return re.sub(r"\s+", " ", re.sub(_LEFT_OVER, "", kept.strip(), flags=re.I)).strip()


def _split_place(head: str) -> tuple[str, str]:
    parts = _PLACE.split(head)
    if len(parts) < 2 or not _bare(parts[0]):
        return head, ""
    return head[: len(head) - len(parts[-1])].rsplit(" ", 2)[0].strip(), _with_article(parts[-1], "the")


def _bare(part: str) -> str:
    return re.sub(_ARTICLES, "", part.strip() + " ", flags=re.I).strip()


def _with_article(part: str, article: str = "a") -> str:
    bare = _bare(part)
    if article == "a" and _PLURAL.search(bare):
        return bare
    if article == "a":
        article = "an" if bare[:1].lower() in "aeiou" else "a"
    return f"{article} {bare}"


def _state(plain: str) -> str:
    words = re.findall(r"[a-z]+", plain.lower())
    singular = (form for word in words for form in (word, word.removesuffix("s"), word.removesuffix("es")))
    return next((form for form in singular if form in _STATES), "")
