# ruff: noqa: E501  (one entry a line, however many words)
"""Phrases and what each of them is true of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from training import vocabulary as v
from training.scene import APPEARED, CHANGED, DISAPPEARED

FLAW = "{w}; a {w}; new {w}; {w} on the {s}; {w} in the {s}; a {w} in the {s}; {s} with a {w}; there is {w} on the {s}; the {s} has {w};"
FLAW_PATTERNS = (
    FLAW + " {w} of the {s}; visible {w}; {s} {w}; a small {w} on the {s}; find the {w}; {w}, {s}"
).split("; ")
FLAW_GONE = [
    "{w} is gone",
    "{w} removed",
    "repaired {w}",
    "no more {w} on the {s}",
    "the {w} has disappeared",
]
FLAW_NEW = [
    "{w} has appeared",
    "newly formed {w} on the {s}",
    "{w} that was not there before",
    "fresh {w} in the {s}",
]
NAMED = 0.35
"""Of a pattern's wordings that name a surface, those that are in the bank; all would make it twice as large."""
PART_GONE = [
    "missing {p}",
    "a missing {p}",
    "{p} is missing",
    "the {p} is gone",
    "removed {p}",
    "absent {p}",
    "no {p}",
    "{p} not installed",
    "{p} taken away",
]
PART_NEW = [
    "new {p}",
    "a new {p}",
    "added {p}",
    "extra {p}",
    "an additional {p}",
    "{p} has appeared",
    "{p} left behind",
    "{p} was placed here",
]
PART_ANY = ["{p}", "a {p}", "the {p}", "{p} missing or added", "{p} in the {s}", "a {p} on the {s}"]
PART_ODD = ["{w} {p}", "the {p} is {w}", "a {w} {p}", "{p} {w}", "{p}: {w}"]


@dataclass(frozen=True)
class Phrase:
    """A wording, and which changes it names; None means it does not say."""

    text: str
    kinds: frozenset[str]
    surfaces: frozenset[str] | None = None
    parts: frozenset[str] | None = None
    direction: str | None = None

    def fits(self, kind: str, surface: str, direction: str, part: str) -> bool:
        return (
            kind in self.kinds
            and (self.surfaces is None or surface in self.surfaces)
            and (self.parts is None or part in self.parts)
            and (self.direction is None or direction == self.direction)
        )


def phrase_bank(objects: Iterable[str], held_out: bool, seed: int = 0) -> list[Phrase]:
    """Every phrase of one side (training or held-out words), without repeats."""
    rng = np.random.default_rng(seed)
    kinds = {k: words for k, entry in v.KIND_WORDS.items() if (words := v.words(entry, held_out))}
    if not held_out:
        kinds = {kind: words for kind, words in kinds.items() if kind not in v.HELD_OUT_KINDS}
    flaws = [((kind,), word) for kind, words in kinds.items() if kind not in _PART_KINDS for word in words]
    flaws += [(group, word) for group, entry in v.GROUPS.values() for word in v.words(entry, held_out)]
    phrases = [p for names, word in flaws for p in _of_flaw(names, word, rng, held_out)]
    for part, entry in v.PART_WORDS.items():
        phrases += [p for word in v.words(entry, held_out) for p in _of_part((part,), word, kinds, rng)]
    if not held_out:
        phrases += [p for name in objects for p in _of_object(name, rng)]
    for word in ("unit", "item") if held_out else ("part", "component", "piece"):
        phrases += _of_part(v.COMPONENT_PARTS, word, kinds, rng)
    phrases += _either(flaws, rng) + _explained(flaws, rng)
    return list({p.text: p for p in map(_in_good_english, phrases) if p.text not in KEPT_OUT}.values())


def _in_good_english(phrase: Phrase) -> Phrase:
    text = re.sub(
        r"\ba (?=[aeiou])", "an ", re.sub(r"\b(?:an?) ((?:\w+ )*?\w+s)\b(?= |$)", r"\1", phrase.text)
    )
    return replace(phrase, text=text)


def _either(flaws: list[tuple[tuple[str, ...], str]], rng: np.random.Generator) -> list[Phrase]:
    """ "A scratch or dent": true of both."""
    made = []
    for _ in range(4 * len(flaws)):
        (first, word), (second, other) = (flaws[i] for i in rng.integers(len(flaws), size=2))
        surface = str(rng.choice(_surfaces_for(first)))
        text = str(
            rng.choice(
                [
                    "{w} or {o}",
                    "{w} or {o} on the {s}",
                    "{w}, {o} in the {s}",
                    "a {w} or a {o}",
                    "{w} and {o} of the {s}",
                ]
            )
        )
        named = frozenset([surface]) if "{s}" in text else None
        text = text.format(w=word, o=other, s=rng.choice(v.words(v.SURFACE_WORDS[surface], False)))
        made.append(Phrase(text, frozenset(first + second), named))
    return made


def _explained(flaws: list[tuple[tuple[str, ...], str]], rng: np.random.Generator) -> list[Phrase]:
    """ "Rust (a kind of damage) on the steel": an explanation in brackets adds nothing."""
    made = []
    for names, word in flaws:
        surface = str(rng.choice(_surfaces_for(names)))
        seen = rng.choice(v.words(v.SURFACE_WORDS[surface], False))
        what = str(rng.choice(["damage", "surface damage", "wear", "defect", "a flaw", "surface defect"]))
        pattern = str(rng.choice(["{w} ({g}) on the {s}", "{w} ({g}) in the {s}", "{w} ({g})", "{g}: {w}"]))
        named = frozenset([surface]) if "{s}" in pattern else None
        made.append(Phrase(pattern.format(w=word, g=what, s=seen), frozenset(names), named))
    return made


KEPT_OUT = frozenset(["a new building"])
"""Wordings that also stand in the development pairs' queries, and so are in no bank."""

_PART_KINDS = ("moved", "turned", "swapped", "recoloured")
_FOREIGN = {"copper": ("board",), "print": ("label",)}


def _surfaces_for(names: tuple[str, ...]) -> list[str]:
    for group, surfaces in _FOREIGN.items():
        if set(names) <= set(v.GROUPS[group][0]):
            return list(surfaces)
    return [s for s in v.SURFACE_WORDS if s not in ("board", "label", "land", "room")]


def _of_flaw(names: tuple[str, ...], word: str, rng: np.random.Generator, held_out: bool) -> list[Phrase]:
    kinds, made = frozenset(names), []
    for patterns, direction in ((FLAW_PATTERNS, None), (FLAW_NEW, APPEARED), (FLAW_GONE, DISAPPEARED)):
        for pattern in patterns:
            if "{s}" not in pattern:
                made.append(Phrase(pattern.format(w=word), kinds, direction=direction))
                continue
            for surface in _surfaces_for(names):
                if rng.random() < NAMED:
                    named = str(
                        rng.choice(v.words(v.SURFACE_WORDS[surface], held_out and rng.random() < 0.5))
                    )
                    made.append(
                        Phrase(
                            pattern.format(w=word, s=named), kinds, frozenset([surface]), direction=direction
                        )
                    )
            general = str(rng.choice(["surface", "part", "object", "product"]))
            made.append(Phrase(pattern.format(w=word, s=general), kinds, direction=direction))
    return made


def _of_part(
    parts: tuple[str, ...], word: str, kinds: dict[str, list[str]], rng: np.random.Generator
) -> list[Phrase]:
    where, named = str(rng.choice(["surface", "picture", "scene"])), frozenset(parts)
    some = frozenset(["part", "moved", "turned", "swapped", "recoloured"])
    made = [Phrase(t.format(p=word, s=where), some, parts=named) for t in PART_ANY]
    made += [
        Phrase(t.format(p=word), frozenset(["part"]), parts=named, direction=DISAPPEARED) for t in PART_GONE
    ]
    made += [Phrase(t.format(p=word), frozenset(["part"]), parts=named, direction=APPEARED) for t in PART_NEW]
    for kind in _PART_KINDS:
        for odd in kinds.get(kind, []):
            pattern = str(rng.choice(PART_ODD))
            made.append(
                Phrase(pattern.format(w=odd, p=word), frozenset([kind]), parts=named, direction=CHANGED)
            )
    return made


def _of_object(name: str, rng: np.random.Generator) -> list[Phrase]:
    only, named = frozenset(["part"]), frozenset([name])
    made = [
        Phrase(str(rng.choice(PART_ANY)).format(p=name, s="table"), only, parts=named),
        Phrase(name, only, parts=named),
    ]
    made.append(Phrase(str(rng.choice(PART_GONE)).format(p=name), only, parts=named, direction=DISAPPEARED))
    made.append(Phrase(str(rng.choice(PART_NEW)).format(p=name), only, parts=named, direction=APPEARED))
    return made


def truth(phrases: list[Phrase], changes: list[tuple[str, str, str, str]]) -> np.ndarray:
    """bool [changes, phrases]: which phrase names which change."""
    return np.array([[p.fits(*change) for p in phrases] for change in changes], bool).reshape(
        len(changes), len(phrases)
    )
