"""Which of two values means before and which after: by known words or a person, never by the alphabet."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

BEFORE_WORDS = {"before", "old", "pre", "prior", "previous", "prev", "earlier", "past", "original"}
BEFORE_WORDS |= {"reference", "ref", "baseline", "golden", "gold", "template", "master", "good", "ok"}
AFTER_WORDS = {"after", "new", "post", "later", "now", "present", "current", "cur", "curr", "changed"}
AFTER_WORDS |= {"test", "actual", "inspected", "inspection", "bad", "ng", "defect", "defective"}
NUMBERED = re.compile(r"(t|time|v|version|rev|visit|day|week|month|year)[\s_-]?(\d+)")
"""A moment by its number: t0 and t1, visit 2 and visit 5. Cameras have numbers, too, and no order in time."""
LISTED = 8
"""So many values are named in a message."""


class RolesError(ValueError):
    """Nobody can tell which is before and which after; the message lists what there is."""


@dataclass(frozen=True)
class Roles:
    """How values are read.

    Attributes:
        ranks: by value, its place in time: the lower of two is before, the higher after. A value
            that is not there has no role.
        told: the same for people, e.g. "'old' read as before, 'new' as after".
    """

    ranks: dict[Any, float] = field(default_factory=dict)
    told: str = ""

    def rank_of(self, value: Any) -> float | None:
        """The place in time of a value, or of the one of several (tags) that has one."""
        several = value if isinstance(value, (list, tuple)) else [value]
        ranks = {self.ranks[each] for each in several if each in self.ranks}
        return ranks.pop() if len(ranks) == 1 else None


def read_roles(values: Iterable[Any], before: Any = None, after: Any = None) -> Roles:
    """Read the values of a field that tells before from after.

    Words of the lists above say it themselves, also within a longer name ("old_picture");
    so do dates, numbers, and moments with a number ("t0"), the earlier or lower one being before.

    Args:
        values: all that occur, None left out.
        before, after: what a person says; `after` may be left out where there are only two values.

    Raises:
        RolesError: if the values do not say it and nobody did.
    """
    found = sorted({value for value in values if value is not None}, key=str)
    if before is not None:
        return _as_said(found, before, after)
    return _by_words(found) or _by_order(found) or _refuse(found, "do not say which comes first")


def _as_said(found: list[Any], before: Any, after: Any) -> Roles:
    by_name = {str(value): value for value in found}
    rest = [name for name in by_name if name != str(before)]
    if str(before) not in by_name:
        _refuse(found, f"do not hold {str(before)!r}")
    if after is None and len(rest) != 1:
        _refuse(found, f"leave open which one stands beside {str(before)!r} as after")
    chosen = rest[0] if after is None else str(after)
    if chosen not in rest:
        _refuse(found, f"do not hold {chosen!r} beside {str(before)!r}")
    return _two_sides([by_name[str(before)]], [by_name[chosen]])


def _by_words(found: list[Any]) -> Roles | None:
    sides = {value: side for value in found if isinstance(value, str) and (side := side_of(value))}
    old, new = ([value for value, side in sides.items() if side == wanted] for wanted in ("before", "after"))
    return _two_sides(old, new) if old and new else None


def _two_sides(old: list[Any], new: list[Any]) -> Roles:
    ranks = {**dict.fromkeys(old, 0.0), **dict.fromkeys(new, 1.0)}
    return Roles(ranks, f"{_listed(old)} read as before, {_listed(new)} as after")


def _by_order(found: list[Any]) -> Roles | None:
    moments = {value: _moment(value) for value in found}
    kinds = {moment[0] for moment in moments.values() if moment}
    if len(found) < 2 or len(kinds) != 1 or None in moments.values():
        return None
    order = {value: moment[1] for value, moment in moments.items() if moment}
    told = f"the lower or earlier of two read as before ({min(order, key=order.__getitem__)!s} is the lowest)"
    return Roles(order, told)


def side_of(word: str) -> str | None:
    """before, after, or None where the word is of neither list, or of both."""
    parts = set(re.split(r"[^a-z]+", word.lower()))
    sides = [name for name, words in (("before", BEFORE_WORDS), ("after", AFTER_WORDS)) if parts & words]
    return sides[0] if len(sides) == 1 else None


def _moment(value: Any) -> tuple[str, float] | None:
    """What kind of moment a value is, and where it lies in time; None for what has no order of its own."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return ("number", float(value)) if math.isfinite(value) else None
    if isinstance(value, date):
        moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
        return "date", moment.timestamp()
    return _moment_in_words(str(value).strip().lower())


def _moment_in_words(text: str) -> tuple[str, float] | None:
    if numbered := NUMBERED.fullmatch(text):
        return numbered[1], float(numbered[2])
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return "number", float(text)
    try:
        return "date", datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def _refuse(found: list[Any], why: str) -> Any:
    raise RolesError(f"the values {_listed(found)} {why}: say which one is before, and which after")


def _listed(values: list[Any]) -> str:
    shown = ", ".join(repr(str(value)) for value in values[:LISTED]) or "(none)"
    return shown + (f" and {len(values) - LISTED} more" if len(values) > LISTED else "")
