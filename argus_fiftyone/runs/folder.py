"""The folder of `argus run`: maps, scores, and a journal that lets a killed run go on.

A pair is finished once its maps are in place and its line is in the journal, in that
order. The journal only grows; scores.csv is derived from it, and is whole at any moment.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from tqdm import tqdm

from argus_fiftyone import __version__
from argus_fiftyone.encoders.protocol import Encoder
from argus_fiftyone.engine.batch import compare_pairs
from argus_fiftyone.engine.cache import FeatureCache
from argus_fiftyone.engine.result import PairResult
from argus_fiftyone.io.errors import ArgusError
from argus_fiftyone.io.maps import write_map
from argus_fiftyone.io.pair_list import Pair
from argus_fiftyone.io.png import write_whole
from argus_fiftyone.runs.files import map_paths
from argus_fiftyone.runs.journal import Journal, as_csv, inputs_stamp, score_rows
from argus_fiftyone.settings import Settings

WAITING_OUTCOMES = 2
"""Outcomes that may wait for the disk; each holds its heatmaps."""
MOST_PACKERS = 4
REWRITE_SHARE = 0.05
"""scores.csv is brought up to date when the last time took less than this share of the time since."""


MAY_DIFFER = ("device",)
UNKNOWN_THEN = {"method": Settings.method, "attention": Settings.attention, "precision": Settings.precision}
"""What runs of 0.1.0 do not record, with the value they were computed with."""


class RunFolderError(ArgusError, ValueError):
    """The folder cannot take this run; the message says why and what to do."""


class RunFolder:
    """A folder that takes the outcomes of one run, and knows which pairs it already has.

    Use it as a context: on leaving, everything added is on disk and scores.csv is complete.

    Attributes:
        unfinished: the pairs still to compare, in order: new ones, failed ones, and those
            whose pictures, query or maps are no longer what they were.
        failed: how many of the pairs have an error, so far.

    Raises:
        RunFolderError: if another process writes here, or the folder holds another run.
    """

    def __init__(
        self,
        folder: Path,
        pairs: Sequence[Pair],
        settings: Settings,
        encoder: Encoder,
        queries: Sequence[str] | None = None,
        overwrite: bool = False,
    ) -> None:
        self.folder, self.pairs, self.queries = folder, pairs, list(queries or ())
        self._lock = _lock(folder)
        self._journal = Journal(folder / "journal.jsonl")
        try:
            self._open_record(run_record(settings, encoder, self.queries), overwrite)
        except BaseException:
            self._journal.close()
            self._lock.release()
            raise
        _sweep(folder)
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self.unfinished = [pair for pair in pairs if not self._keep(pair)]
        self.failed = 0
        self._writer, self._packers = ThreadPoolExecutor(1, "argus-write"), map_packers()
        self._waiting: list[Future[None]] = []
        self._rewritten, self._cost = time.monotonic(), 0.0

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._wait(0)
        finally:
            self._writer.shutdown()
            self._packers.shutdown()
            self._write_scores()
            self._journal.close()
            self._lock.release()

    def add(self, outcome: PairResult) -> None:
        """Take one outcome; it is written in a thread of the folder's own.

        Raises:
            RunFolderError: if an earlier outcome could not be written, e.g. on a full disk.
        """
        self.failed += bool(outcome.error)
        self._wait(WAITING_OUTCOMES - 1)
        self._waiting.append(self._writer.submit(self._write, outcome))

    def add_rows(self, pair: Pair, rows: list[dict[str, Any]]) -> None:
        """Take the rows of a pair whose heatmaps are already in place, e.g. written by another machine."""
        self.failed += any(row["status"] != "ok" for row in rows)
        self._note(pair, rows)

    def rows(self) -> list[dict[str, Any]]:
        """The rows of scores.csv so far, in the order of the pairs."""
        return [row for pair in self.pairs for row in self._rows.get(pair.id, [])]

    def _wait(self, left: int) -> None:
        while len(self._waiting) > left:
            try:
                self._waiting.pop(0).result()
            except OSError as error:
                raise RunFolderError(
                    f"{self.folder}: could not write ({error}); once that is mended, the same command goes on"
                ) from None

    def _write(self, outcome: PairResult) -> None:
        write_maps(self.folder, outcome, self._packers)
        self._note(outcome.pair, score_rows(outcome, self.queries))

    def _note(self, pair: Pair, rows: list[dict[str, Any]]) -> None:
        self._journal.add(pair.id, inputs_stamp(pair), rows)
        self._rows[pair.id] = rows
        if self._cost < REWRITE_SHARE * (time.monotonic() - self._rewritten):
            self._write_scores()

    def _write_scores(self) -> None:
        started = time.monotonic()
        write_whole(self.folder / "scores.csv", as_csv(self.rows()))
        self._rewritten = time.monotonic()
        self._cost = self._rewritten - started

    def _keep(self, pair: Pair) -> bool:
        """Whether the pair is finished; if so, its rows are taken over."""
        stamp, rows = self._journal.entries.get(pair.id, ("", []))
        whole = bool(rows) and all(row["status"] == "ok" for row in rows) and stamp == inputs_stamp(pair)
        if not whole or not all(path.is_file() for path in map_paths(self.folder, pair.id, len(rows))):
            return False
        self._rows[pair.id] = rows
        return True

    def _open_record(self, record: dict[str, Any], overwrite: bool) -> None:
        file = self.folder / "run.json"
        if file.is_file() and not overwrite:
            _refuse_other(self.folder, json.loads(file.read_text(encoding="utf-8")), record)
        elif overwrite:
            for pair_id, (_, rows) in self._journal.entries.items():
                for path in map_paths(self.folder, pair_id, len(rows)):
                    path.unlink(missing_ok=True)
            self._journal.clear()
        write_whole(file, json.dumps(record, indent=2, ensure_ascii=False).encode())


def map_packers() -> ThreadPoolExecutor:
    """Threads that share the maps of a pair, or its last ones would keep a single core busy."""
    return ThreadPoolExecutor(min(MOST_PACKERS, os.cpu_count() or 1), "argus-pack")


def write_maps(folder: Path, outcome: PairResult, packers: ThreadPoolExecutor) -> None:
    """Write the heatmaps of one pair, each whole or not at all."""
    paths = map_paths(folder, outcome.pair.id, len(outcome.comparisons))
    drawings = [comparison.drawing for comparison in outcome.comparisons]
    list(packers.map(write_map, paths, drawings))


def run_record(settings: Settings, encoder: Encoder, queries: Sequence[str]) -> dict[str, Any]:
    """What run.json says: all that decides what the maps look like."""
    return {
        "argus": __version__,
        "encoder": encoder.name,
        "weights": encoder.fingerprint,
        "method": settings.method,
        "note": encoder.note,
        "settings": settings.as_record() | {"encoder": encoder.name},
        "queries": list(queries),
    }


def _refuse_other(folder: Path, existing: dict[str, Any], wanted: dict[str, Any]) -> None:
    """A run goes on only under what it began with; the device may differ."""
    known = _flat(existing)
    differing = [
        f"{name} {known[name]!r}, now {value!r}"
        for name, value in _flat(wanted).items()
        if name not in MAY_DIFFER and known.setdefault(name, UNKNOWN_THEN.get(name)) != value
    ]
    if differing:
        raise RunFolderError(
            f"{folder} holds a run with {'; '.join(differing)}: "
            "choose another --out, or pass --overwrite to compute it anew"
        )


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != "settings"} | record.get("settings", {})


def _lock(folder: Path) -> FileLock:
    """Held by the process that writes; the system lets go of it when the process dies."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunFolderError(
            f"{folder}: another process is writing there; wait for it, or choose another --out"
        ) from None
    return lock


def _sweep(folder: Path) -> None:
    """Remove what a killed run left half written."""
    for partial in folder.rglob(".*.partial"):
        partial.unlink(missing_ok=True)


def run_pairs(
    pairs: Sequence[Pair],
    folder: Path,
    settings: Settings,
    encoder: Encoder,
    queries: Sequence[str] | None = None,
    *,
    overwrite: bool = False,
    batch: int | None = None,
    cache: FeatureCache | None = None,
    progress: bool | None = None,
) -> int:
    """Compare pairs and write maps and scores; the number of pairs that failed.

    A folder that already holds part of this run is completed.

    Args:
        overwrite: compute anew what the folder holds.
        batch, cache: as in `compare_pairs`.
        progress: whether to show a bar; None: on a terminal only.

    Raises:
        RunFolderError: if the folder cannot take this run.
    """
    with RunFolder(folder, pairs, settings, encoder, queries, overwrite) as run:
        kept, hidden = len(pairs) - len(run.unfinished), None if progress is None else not progress
        with tqdm(total=len(pairs), initial=kept, unit="pair", disable=hidden) as bar:
            how = {"batch": batch, "cache": cache, "fit_on": pairs}
            outcomes = compare_pairs(run.unfinished, encoder, settings, queries, **how)
            for outcome in outcomes:
                run.add(outcome)
                bar.update()
    return run.failed
