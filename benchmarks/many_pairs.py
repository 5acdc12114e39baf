"""Time and memory against the number of pairs: 100, 1,000 and 10,000.

    python -m benchmarks.many_pairs [--smoke | --quick] [--counts 100,1000,10000]

Each count runs in a process of its own, with a tiny CLIP tower of the tests at 96 px, since what
is asked here is what grows with the count, not what one pair costs; 50 pairs of 128 × 96 px
JPEG, repeated under other ids. Memory is the highest resident size during the run, sampled
every 20 ms.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from argus_fiftyone.encoders.clip.loading import load_clip
from argus_fiftyone.runs.folder import run_pairs
from argus_fiftyone.settings import Settings
from benchmarks.measuring import (
    amount,
    describe_machine,
    peak_memory,
    repeated,
    seconds,
    tell_ratio,
    write_pairs,
)
from tests import tiny_clip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--quick", action="store_true", help="the same: fewer pairs would show less")
    parser.add_argument("--counts", default="10,30" if amount() == "smoke" else "100,1000,10000")
    parser.add_argument("--one", type=int, help="run this many pairs and print JSON")
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure(asked.one)))
        return
    print(describe_machine())
    found = {count: in_own_process(count) for count in map(int, asked.counts.split(","))}
    (few, less), (many, more) = list(found.items())[-2:]
    tell_ratio(f"peak memory of {many} pairs over {few}", more["peak"] / less["peak"], "≤ 1.1")
    slope = (more["seconds"] / many) / (less["seconds"] / few)
    tell_ratio(f"time per pair of {many} pairs over {few}", slope, "about 1")


def in_own_process(count: int) -> dict[str, float]:
    """What `measure` finds, printed as it comes."""
    command = [sys.executable, "-m", "benchmarks.many_pairs", "--one", str(count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    each, during = 1000 * found["seconds"] / count, found["peak"] - found["before"]
    print(
        f"{count:6} pairs: {found['seconds']:8.1f} s, {each:6.1f} ms per pair, "
        f"peak {found['peak']:6.0f} MB ({during:+.0f} MB during the run); "
        f"a second run that finds all done: {found['again']:.2f} s",
        flush=True,
    )
    return found


def measure(count: int) -> dict[str, float]:
    settings = Settings(resolution=96)
    with tempfile.TemporaryDirectory() as scratch:
        encoder = load_clip(tiny_clip.register(Path(scratch), "tiny-many"), "cpu", precision="fp32")
        few = write_pairs(Path(scratch) / "pictures", 50, (96, 128))
        pairs = repeated(few, count)
        run_pairs(few, Path(scratch) / "warm-up", settings, encoder, progress=False)
        folder = Path(scratch) / "out"
        with peak_memory() as peak:
            before = peak[0]
            time = seconds(lambda: run_pairs(pairs, folder, settings, encoder, progress=False))
        again = seconds(lambda: run_pairs(pairs, folder, settings, encoder, progress=False))
    return {"seconds": time, "peak": peak[0], "before": before, "again": again}


if __name__ == "__main__":
    main()
