"""How long `mini` takes to its first result from a cold start, and for a pair once it is loaded.

    python -m benchmarks.first_result [--smoke | --quick]

A shipped pair, read from disk, long side 640 px, alignment included, all cores. Cold: the whole
`argus compare` in a process of its own, interpreter, imports and files written and all.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from argus_fiftyone.demo import PAIRS
from argus_fiftyone.encoders.registry import load_encoder
from argus_fiftyone.engine.compare import Walk, compare_images
from argus_fiftyone.io.pair_list import Pair, read_pairs
from argus_fiftyone.methods.registry import load_method
from argus_fiftyone.settings import Settings
from benchmarks.measuring import by_amount, describe_machine, seconds

THING = "a helmet"
"""Names a thing, so that every changed place is cut out and read; this pair has eight."""


def main() -> None:
    runs = by_amount(smoke=1, quick=3, full=7)
    pair = read_pairs(PAIRS)[0]
    print(f"{describe_machine()}\n{pair.id}, median of {runs} (range), s")
    show("cold, argus compare", [seconds(lambda: cold(pair)) for _ in range(runs)])
    encoder = load_encoder("mini")
    walk = Walk(load_method("argus", encoder), Settings(encoder="mini"))
    for what, query in (("loaded, one pair", pair.query), ("the same, a thing", THING)):
        warm = partial(compare_images, pair.before, pair.after, [query], walk)
        warm()
        show(what, [seconds(warm) for _ in range(2 * runs)])


def cold(pair: Pair) -> None:
    """One comparison by a process that starts with nothing in memory."""
    with tempfile.TemporaryDirectory() as folder:
        argus = Path(sys.executable).with_name("argus")
        command = [argus, "compare", pair.before, pair.after, pair.query, "-o", folder, "--encoder", "mini"]
        subprocess.run(command, check=True, capture_output=True)


def show(what: str, times: list[float]) -> None:
    print(f"{what:22} {statistics.median(times):.2f} ({min(times):.2f} to {max(times):.2f})", flush=True)


if __name__ == "__main__":
    main()
