"""The pair list: one CSV row, one pair of pictures and what to look for."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from argus_fiftyone.io.errors import ArgusError

NEEDED = ("id", "before", "after")
IDENTITY_HOMOGRAPHY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
"""The warp of a pair that needs none: the unit matrix, row by row."""


class PairListError(ArgusError, ValueError):
    """The pair list itself cannot be used; the message names the file, line and column."""


@dataclass(frozen=True)
class Pair:
    """Two pictures of the same thing and a query.

    Attributes:
        id: unique within a list; becomes the map's file name, folders included.
        before, after: picture files.
        query: what to look for; "" means any change.
    """

    id: str
    before: Path
    after: Path
    query: str = ""


def read_pairs(path: str | os.PathLike[str]) -> list[Pair]:
    """Pairs of a CSV or Parquet file with the columns id, before, after and (optionally) query.

    Paths are relative to the file. Other columns are ignored. Whether the pictures
    exist is found out pair by pair, so that one missing file never sinks a run.

    Raises:
        PairListError: if the file, a column or an id is missing, or an id repeats or
            would leave the output folder.
    """
    rows = read_rows(path, NEEDED)
    folder = Path(path).parent
    pairs: dict[str, Pair] = {}
    for line, row in enumerate(rows, start=2):
        pair_id = _checked_id(row["id"].strip(), f"{path}, line {line}")
        if pair_id in pairs:
            raise PairListError(
                f"{path}, line {line}: id {pair_id!r} appears twice; ids name the output files"
            )
        query = (row.get("query") or "").strip()
        pairs[pair_id] = Pair(pair_id, folder / row["before"].strip(), folder / row["after"].strip(), query)
    return list(pairs.values())


def read_rows(path: str | os.PathLike[str], needed: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of a CSV or Parquet file as dictionaries, after checking that the columns are there.

    Raises:
        PairListError: if the file is missing, empty, unreadable, or lacks a needed column.
    """
    if str(path).endswith(".parquet"):
        return _parquet_rows(path, needed)
    try:
        with open(path, newline="", encoding="utf-8-sig") as handle:
            reader = csv.DictReader(handle)
            columns = reader.fieldnames or []
            _check_columns(path, columns, needed)
            return [{key: value or "" for key, value in row.items() if key} for row in reader]
    except FileNotFoundError:
        raise PairListError(f"{path}: no such file") from None
    except (UnicodeDecodeError, csv.Error, IsADirectoryError) as error:
        raise PairListError(f"{path}: not a UTF-8 CSV file ({error})") from None


def _parquet_rows(path: str | os.PathLike[str], needed: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        needs = "reading Parquet needs pyarrow: pip install 'argus-fiftyone[ray]'"
        raise PairListError(f"{path}: {needs}") from None
    try:
        table = parquet.read_table(path)
    except FileNotFoundError:
        raise PairListError(f"{path}: no such file") from None
    except (OSError, ArrowException) as error:
        raise PairListError(f"{path}: not a readable Parquet file ({error})") from None
    _check_columns(path, table.column_names, needed)
    return [{key: "" if v is None else str(v) for key, v in row.items()} for row in table.to_pylist()]


def _check_columns(path: str | os.PathLike[str], columns: Sequence[str], needed: tuple[str, ...]) -> None:
    missing = [name for name in needed if name not in columns]
    if missing:
        raise PairListError(
            f"{path}: needs the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; "
            f"found {', '.join(columns) or 'an empty file'}"
        )


def _checked_id(pair_id: str, where: str) -> str:
    if not pair_id:
        raise PairListError(f"{where}: the id is empty; every pair needs one")
    if pair_id.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", pair_id) or "\0" in pair_id:
        raise PairListError(
            f"{where}: id {pair_id!r} would leave the output folder; use letters, digits, - _ . and /"
        )
    return pair_id
