"""What a run leaves in its folder, and where: read without torch, so that FiftyOne's side can."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from argus_fiftyone.engine.regions import Region, find_regions
from argus_fiftyone.io.errors import ArgusError
from argus_fiftyone.io.images import ImageError
from argus_fiftyone.io.maps import read_map
from argus_fiftyone.io.pair_list import IDENTITY_HOMOGRAPHY, Pair
from argus_fiftyone.settings import Settings


class RunFilesError(ArgusError, ValueError):
    """A folder does not hold what `argus run` writes; the message says what is missing."""


@dataclass(frozen=True)
class StoredComparison:
    """An `engine.result.Comparison` as far as a run folder keeps it; maps to 1/32767."""

    query: str
    heatmap: np.ndarray
    score: float
    direction: str
    alignment: str
    regions: list[Region]
    query_support: float | None
    warp: tuple[float, ...]

    @property
    def drawing(self) -> np.ndarray:
        """The heatmap, which needs no drawing any more."""
        return self.heatmap


@dataclass(frozen=True)
class StoredResult:
    """A `engine.result.PairResult` read from a run folder."""

    pair: Pair
    comparisons: list[StoredComparison] = field(default_factory=list)
    error: str = ""


@dataclass(frozen=True)
class RunFiles:
    """A finished or unfinished run on disk.

    Attributes:
        folder: where it is.
        record: run.json.
        rows: by pair id, one row per query: the columns of scores.csv and, where the run wrote them,
            `support`, `warp` and `changed` (boxes of what changed in place).
    """

    folder: Path
    record: dict[str, Any]
    rows: dict[str, list[dict[str, Any]]]

    @classmethod
    def read(cls, folder: str | Path) -> RunFiles:
        """Read a folder, whether one machine wrote it or many.

        Raises:
            RunFilesError: if run.json or the scores are not there.
        """
        folder = Path(folder)
        try:
            record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunFilesError(
                f"{folder}: no run.json that can be read ({error}); "
                "give the folder that `argus run --out` wrote"
            ) from None
        return cls(folder, record, _rows(folder))

    @property
    def settings(self) -> Settings:
        """What the run was made with; see `Settings.from_record`."""
        return Settings.from_record(self.record["settings"])

    def outcomes(self, pairs: Iterable[Pair]) -> Iterator[StoredResult]:
        """What the run says to each of the pairs; maps are read as they are asked for."""
        for pair in pairs:
            rows = self.rows.get(pair.id, [])
            failed = [row["error"] or row["status"] for row in rows if row["status"] != "ok"]
            try:
                if failed or not rows:
                    yield StoredResult(pair, error=failed[0] if failed else "the run has no result for it")
                else:
                    yield StoredResult(pair, self._comparisons(pair, rows))
            except ImageError as error:
                yield StoredResult(pair, error=str(error))

    def _comparisons(self, pair: Pair, rows: list[dict[str, Any]]) -> list[StoredComparison]:
        paths = map_paths(self.folder, pair.id, len(rows))
        return [_comparison(row, path, self.settings) for row, path in zip(rows, paths, strict=True)]


def map_paths(folder: Path, pair_id: str, queries: int) -> list[Path]:
    """Where a pair's heatmaps belong: `maps/<id>.png`, or under `maps/q1/`, `maps/q2/` … if several."""
    maps = folder / "maps"
    folders = [maps / f"q{number}" for number in range(1, queries + 1)] if queries > 1 else [maps]
    return [each / f"{pair_id}.png" for each in folders]


def journal_entries(data: bytes) -> Iterator[dict[str, Any]]:
    """The whole lines of a journal: a kill may leave the last one half written."""
    for line in data[: data.rfind(b"\n") + 1].splitlines():
        yield json.loads(line)


def _rows(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """From the journal, which tells most; without one, from the table of scores."""
    journal, table = folder / "journal.jsonl", folder / "scores.csv"
    if journal.is_file():
        entries = journal_entries(journal.read_bytes())
        return {entry["id"]: [_whole(row) for row in entry["rows"]] for entry in entries}
    if not table.is_file():
        raise RunFilesError(
            f"{folder}: neither journal.jsonl nor scores.csv is there, so there are no scores"
        )
    rows: dict[str, list[dict[str, Any]]] = {}
    with table.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            rows.setdefault(row["id"], []).append(_whole(row))
    return rows


def _whole(row: dict[str, Any]) -> dict[str, Any]:
    return {"error": "", "status": "failed", **row}


def _comparison(row: dict[str, Any], path: Path, settings: Settings) -> StoredComparison:
    heatmap = read_map(path)
    shares = changed_share(row.get("changed", []), heatmap.shape)
    return StoredComparison(
        query=row["query"],
        heatmap=heatmap,
        score=float(row["score"]),
        direction=row["direction"],
        alignment=row["alignment"],
        regions=find_regions(heatmap, shares, settings.threshold),
        query_support=row.get("support"),
        warp=tuple(row.get("warp", IDENTITY_HOMOGRAPHY)),
    )


def changed_share(boxes: Sequence[Sequence[float]], shape: tuple[int, ...]) -> np.ndarray:
    """float32 of a shape: 1 in the boxes (fractions) of what "changed", so that regions found anew say so."""
    share = np.zeros(shape, np.float32)
    for left, top, width, height in boxes:
        rows = slice(int(top * shape[0]), int(np.ceil((top + height) * shape[0])))
        share[rows, int(left * shape[1]) : int(np.ceil((left + width) * shape[1]))] = 1
    return share
