"""Which pairs of a run are finished: an append-only journal, and the table of scores made from it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from argus_fiftyone.engine.result import PairResult
from argus_fiftyone.io.pair_list import Pair
from argus_fiftyone.runs.files import journal_entries

SCORE_COLUMNS = ("id", "query", "score", "direction", "alignment", "status", "error")


class Journal:
    """One line of JSON per finished or failed pair; the last line on a pair counts.

    Attributes:
        entries: by pair id: stamp of the inputs, rows of scores.csv.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: dict[str, tuple[str, list[dict[str, Any]]]] = {}
        data = path.read_bytes() if path.is_file() else b""
        # A kill may leave the last line half written; it was never finished, so it goes.
        whole = data[: data.rfind(b"\n") + 1]
        for entry in journal_entries(whole):
            self.entries[entry["id"]] = (entry["inputs"], entry["rows"])
        self._file = path.open("ab")
        self._file.truncate(len(whole))

    def add(self, pair_id: str, stamp: str, rows: list[dict[str, Any]]) -> None:
        """Write down what became of a pair; on disk when this returns."""
        line = json.dumps({"id": pair_id, "inputs": stamp, "rows": rows}, ensure_ascii=False)
        self._file.write(line.encode() + b"\n")
        self._file.flush()

    def clear(self) -> None:
        """Forget all pairs, on disk too."""
        self.entries.clear()
        self._file.truncate(0)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def score_rows(outcome: PairResult, queries: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The rows of scores.csv for one pair, one per query, failed or not; and what only the journal keeps."""
    if outcome.error:
        failed = {"id": outcome.pair.id, "status": "failed", "error": outcome.error}
        return [failed | {"query": query} for query in queries or [outcome.pair.query]]
    return [
        {
            "id": outcome.pair.id,
            "query": comparison.query,
            "score": f"{comparison.score:.6f}",
            "direction": comparison.direction,
            "alignment": comparison.alignment,
            "status": "ok",
            "support": round(float(comparison.query_support), 4),
            "warp": [float(value) for value in comparison.warp],
            "changed": [list(r.box) for r in comparison.regions if r.direction == "changed"],
        }
        for comparison in outcome.comparisons
    ]


def inputs_stamp(pair: Pair) -> str:
    """Changes when the query or either file does. Sizes and times: reading 10,000 files again would cost."""
    parts = [str(pair.query)]
    for path in (pair.before, pair.after):
        try:
            found = path.stat()
            parts.append(f"{found.st_size} {found.st_mtime_ns}")
        except OSError:
            parts.append("missing")
    return " | ".join(parts)


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    """scores.csv as bytes."""
    text = io.StringIO()
    writer: csv.DictWriter[str] = csv.DictWriter(text, SCORE_COLUMNS, "", "ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
