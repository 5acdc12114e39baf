"""The field names of a run, derived from its key in one place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

PAIR_ID = "pair_id"
QUERY = "query"
TRUTH = "ground_truth"
CHANGE = "change"

RUN_METHOD = "argus_change_heatmaps"
"""What FiftyOne knows Argus' runs by."""

FIRST_RUN = "argus"
"""The key that forms propose for the first run of a dataset."""

MASK_TARGETS = {0: "background", 255: "change"}
"""Without the 0, FiftyOne's evaluation reports a perfect 1.0 for any mask."""


Dataset: TypeAlias = Any
"""A fo.Dataset. FiftyOne types the attributes of its documents as database fields,
which no checker can follow, so datasets, views and labels pass as Any."""

Samples: TypeAlias = Any
"""A fo.Dataset or a view of one."""


class RunKeyError(ValueError):
    """A run key cannot be used; the message says what to choose instead."""


@dataclass(frozen=True)
class RunFields:
    """The fields of one run and one query, all on the after slice."""

    heatmap: str
    regions: str
    score: str
    direction: str
    support: str
    alignment: str
    warp: str
    error: str
    review: str
    own_review: str
    segmentation: str
    verdict: str
    average_precision: str
    iou: str
    outcome: str

    @classmethod
    def of(cls, base: str) -> RunFields:
        """Names for a base: the run key, followed by _q1, _q2 ... where it has several queries."""
        endings = {"heatmap": "", "average_precision": "_ap"}
        return cls(**{f.name: base + endings.get(f.name, f"_{f.name}") for f in fields(cls)})

    def all(self) -> list[str]:
        """Every name, written or not."""
        return [getattr(self, f.name) for f in fields(self)]


def bases(key: str, queries: Sequence[str] | None) -> list[str]:
    """One base per query: the key itself for one, key_q1, key_q2 ... for several."""
    if not queries or len(queries) == 1:
        return [key]
    return [f"{key}_q{number}" for number in range(1, len(queries) + 1)]


def evaluation_key(heatmap_field: str, part: bool = False) -> str:
    """The run key under which a field's evaluation is stored, or that of a part of its pairs."""
    return f"{heatmap_field}_evaluation{'_part' if part else ''}"


def check_key(key: str) -> str:
    """The key, if FiftyOne can use it as a field name.

    Raises:
        RunKeyError: if it is empty, not made of letters, digits and underscores, or taken by Argus.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", key):
        raise RunKeyError(
            f"run key {key!r} cannot name a field: use letters, digits and _, starting with a letter"
        )
    if key in (PAIR_ID, QUERY, TRUTH, CHANGE, "id", "filepath", "tags", "metadata", "group", "created_at"):
        raise RunKeyError(f"run key {key!r} is already a field of every pair; choose another, e.g. argus_1")
    return key
