"""Many pairs: one outcome each, in order; one bad pair never sinks the rest."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from argus_fiftyone import __version__
from argus_fiftyone.compare import Comparison, compare_pictures
from argus_fiftyone.encoders import Encoder
from argus_fiftyone.pairs import Pair
from argus_fiftyone.pictures import read_picture, write_map, write_whole
from argus_fiftyone.settings import LONGEST_MAP_SIDE, Settings

SCORE_COLUMNS = ("id", "query", "score", "direction", "alignment", "status", "error")


@dataclass(frozen=True)
class Outcome:
    """What became of one pair.

    Attributes:
        pair: the pair as it was asked for.
        comparisons: one per query, in order; empty when the pair failed.
        error: why it failed; "" when it ran.
    """

    pair: Pair
    comparisons: list[Comparison] = field(default_factory=list)
    error: str = ""


def compare_pairs(
    pairs: Iterable[Pair], encoder: Encoder, settings: Settings, queries: Sequence[str] | None = None
) -> Iterator[Outcome]:
    """Compare pairs one after the other.

    Args:
        queries: asked of every pair instead of the pair's own query.
    """
    for pair in pairs:
        try:
            before = read_picture(pair.before, LONGEST_MAP_SIDE)
            after = read_picture(pair.after, LONGEST_MAP_SIDE)
            asked = list(queries) if queries else [pair.query]
            yield Outcome(pair, compare_pictures(before, after, asked, encoder, settings))
        except Exception as error:  # one bad pair must not sink the batch, whatever is wrong with it
            yield Outcome(pair, error=" ".join(str(error).split()) or type(error).__name__)


def write_run(
    outcomes: Iterable[Outcome], folder: Path, settings: Settings, encoder: Encoder, queries: Sequence[str] | None = None
) -> int:
    """Write maps and scores of a run as they come; the number of failed pairs.

    Maps go to `maps/<id>.png`, or `maps/q1/`, `maps/q2/` … for several queries.
    """
    several = len(queries or ()) > 1
    rows: list[dict[str, str]] = []
    failed = 0
    for outcome in outcomes:
        failed += bool(outcome.error)
        for number, comparison in enumerate(outcome.comparisons, start=1):
            maps = folder / "maps" / f"q{number}" if several else folder / "maps"
            write_map(maps / f"{outcome.pair.id}.png", comparison.heatmap)
        rows += score_rows(outcome, queries)
        write_whole(folder / "scores.csv", _as_csv(rows))
    write_whole(folder / "scores.csv", _as_csv(rows))
    record = {"argus": __version__, "encoder": encoder.name, "note": encoder.note, "settings": settings.as_record()}
    write_whole(folder / "run.json", json.dumps(record | {"queries": list(queries or ())}, indent=2).encode())
    return failed


def score_rows(outcome: Outcome, queries: Sequence[str] | None = None) -> list[dict[str, str]]:
    """The rows of scores.csv for one pair: one per query, failed or not."""
    if outcome.error:
        asked = queries or [outcome.pair.query]
        return [{"id": outcome.pair.id, "query": q, "status": "failed", "error": outcome.error} for q in asked]
    return [
        {
            "id": outcome.pair.id,
            "query": comparison.query,
            "score": f"{comparison.score:.6f}",
            "direction": comparison.direction,
            "alignment": comparison.alignment,
            "status": "ok",
        }
        for comparison in outcome.comparisons
    ]


def _as_csv(rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, SCORE_COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
