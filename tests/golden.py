"""A golden run: the shipped pairs through `argus run`, as scores and small maps that a file can hold.

`python -m tests.golden FOLDER` prints digests of a fresh run, `--write` renews the stored one.
Digests tell on one machine whether a change of the code changed a result; the stored maps are
compared with a tolerance, since processors round otherwise.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

STORED = Path(__file__).with_name("golden.json")
ENCODERS = ("mini", "clip:ViT-B-32:random")
QUERIES = ("a crack", "a missing screw", "")
GRID = 12
"""Rows and columns of the stored maps."""


def golden_run(folder: Path, encoder: str, queries: tuple[str, ...] = QUERIES) -> dict[str, Any]:
    """Scores, digests and small maps by "pair | query": each pair's own query, then `queries`."""
    from argus_fiftyone.command_line import app
    from argus_fiftyone.demo import PAIRS

    found: dict[str, Any] = {}
    for number, options in enumerate(([], [part for query in queries for part in ("--query", query)])):
        out = folder / encoder.replace(":", "_") / str(number)
        command = ["run", str(PAIRS), "--out", str(out), "--encoder", encoder, "--device", "cpu", *options]
        app(command, standalone_mode=False)
        found |= _read(out, queries if options else ("own",))
    return found


def _read(out: Path, queries: tuple[str, ...]) -> dict[str, Any]:
    with (out / "scores.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    found = {}
    for number, row in enumerate(rows):
        place = number % len(queries)
        folder = out / "maps" / (f"q{place + 1}" if len(queries) > 1 else "")
        levels = cv2.imread(str(folder / f"{row['id']}.png"), cv2.IMREAD_UNCHANGED)
        assert levels is not None, f"no map of {row['id']}"
        heatmap = (levels.astype(np.float32) - 32768) / 32767
        small = cv2.resize(heatmap, (GRID, GRID), interpolation=cv2.INTER_AREA)
        found[f"{row['id']} | {queries[place]}"] = {
            "score": float(row["score"]),
            "direction": row["direction"],
            "digest": hashlib.sha256(levels.tobytes()).hexdigest()[:16],
            "map": [round(float(value), 4) for value in small.ravel()],
        }
    return found


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="where the runs are kept")
    parser.add_argument("--write", action="store_true", help="renew the stored run")
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="argus-golden-"))
    found = {encoder: golden_run(folder, encoder) for encoder in ENCODERS}
    if asked.write:
        STORED.write_text(json.dumps(found, indent=None, separators=(",", ":")) + "\n", encoding="utf-8")
    (folder / "golden.json").write_text(json.dumps(found), encoding="utf-8")
    for encoder, rows in found.items():
        for name, row in rows.items():
            print(f"{encoder:<22} {name:<44} {row['score']:.6f} {row['direction']:<12} {row['digest']}")


if __name__ == "__main__":
    main()
