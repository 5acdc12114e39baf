"""Numbers that were chosen: by method and encoder family, all in constants.json."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("constants.json")
ANY = "*"
"""The family whose numbers hold where an encoder's own family has none."""


def constants(method: str, family: str) -> Mapping[str, Any]:
    """A method's numbers on an encoder family: those of any family, overruled by its own; {} if unknown."""
    own = _all().get(method, {})
    return {**own.get(ANY, {}), **own.get(family, {})}


@contextmanager
def changed(method: str, **values: Any) -> Iterator[None]:
    """Within, some numbers of a method have other values on every family, e.g. to measure what they do.

    A method of another package, of which nothing is known here, has these values and no others.
    """
    kept = _all().get(method, {ANY: {}})
    _all()[method] = {family: {**own, **values} for family, own in kept.items()}
    try:
        yield
    finally:
        _all()[method] = kept


@cache
def _all() -> dict[str, dict[str, dict[str, Any]]]:
    return json.loads(FILE.read_text(encoding="utf-8"))
