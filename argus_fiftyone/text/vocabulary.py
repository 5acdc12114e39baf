"""Words by what they do to a query: name a direction, a state, a place, or nothing."""

from __future__ import annotations

import re
from typing import Literal

Wanted = Literal["appeared", "disappeared", "changed", "any"]

DIRECTION_WORDS: dict[Wanted, str] = {
    "appeared": r"new|newly|added|add|additional|extra|appear(?:s|ed|ing)?|insert|inserted|emerged",
    "disappeared": (
        r"missing|removed?|disappear(?:s|ed)?|vanish(?:es|ed)?|gone|lost|absent|taken away|deleted?|erased?"
    ),
    "changed": r"changed|change|changes|different|modified|altered|replaced|swapped|reordered",
}
IMPERATIVES = (
    r"^(?:(?:let's|lets|please|let|make|have|put|there be|be|give|move|turn|get|could|show|find"
    r"|is there|are there)\s+)+"
)
MOVED = r"\b(?:moved|shifted)\b|\bto the (?:left|right)\b"
"""A moved thing vanishes here and appears there, so its direction stays open."""
LEFT_OVER = r"(?:\b(?:or|and|is|are|was|were|has|have|been)\s*)+$"
"""Words that stood before a direction ("the lid is gone") and say nothing once it is taken out."""
DETERMINERS = r"a|an|the|any|one|this|that|these|those|its|our|my|each|every"
ARTICLES = rf"^(?:{DETERMINERS}|some|more|of)\s+"
PLURAL = re.compile(r"[^aisu]s$", re.I)
"""How a plural ends that takes no article; "glass", "rust mass" and "a bus" are none."""
PLACE = re.compile(
    r"\s+(?:in|on|at|under|behind|between|from|along|inside|onto|into|beside|near"
    rf"|of(?= (?:{DETERMINERS}) ))\s+",
    re.I,
)
"""A crack "of the tile" is somewhere, a bottle "of wine" is not."""

STATES = [
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
