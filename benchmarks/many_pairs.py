"""Time and memory against the number of pairs: 100, 1,000 and 10,000.

    python benchmarks/many_pairs.py [--smoke] [--counts 100,1000,10000]

Each count runs in a process of its own: ViT-B/32 with random weights at 64 px, since what is
asked here is what grows with the count, not what one pair costs; 50 pairs of 256 × 192 px JPEG,
repeated under other ids. Memory is the highest resident size during the run, sampled every 20 ms.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from measuring import describe_machine, peak_memory, seconds, write_pairs


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--counts", default="100,1000,10000")
    parser.add_argument("--one", type=int, help="run this many pairs and print JSON")
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure(asked.one)))
        return
    print(describe_machine())
    counts = [10, 30] if asked.smoke else [int(count) for count in asked.counts.split(",")]
    for count in counts:
        done = subprocess.run(
            [sys.executable, __file__, "--one", str(count)], capture_output=True, text=True, check=True
        )
        found = json.loads(done.stdout.splitlines()[-1])
        each, during = 1000 * found["seconds"] / count, found["peak"] - found["before"]
        print(
            f"{count:6} pairs: {found['seconds']:8.1f} s, {each:6.1f} ms per pair, "
            f"peak {found['peak']:6.0f} MB ({during:+.0f} MB during the run); "
            f"a second run that finds all done: {found['again']:.2f} s",
            flush=True,
        )


def measure(count: int) -> dict[str, float]:
    from argus_fiftyone.encoders.clip import load_clip
    from argus_fiftyone.run_folder import run_pairs
    from argus_fiftyone.settings import Settings

    encoder = load_clip("clip:ViT-B-32-quickgelu:random", "cpu", precision="fp32")
    settings = Settings(resolution=64)
    with tempfile.TemporaryDirectory() as scratch:
        few = write_pairs(Path(scratch) / "pictures", 50, (192, 256))
        repeated = itertools.islice(itertools.cycle(few), count)
        pairs = [replace(pair, id=f"{n // 1000}/{n:06}") for n, pair in enumerate(repeated)]
        run_pairs(few[:5], Path(scratch) / "warm-up", settings, encoder, progress=False)
        folder = Path(scratch) / "out"
        with peak_memory() as peak:
            before = peak[0]
            time = seconds(lambda: run_pairs(pairs, folder, settings, encoder, progress=False))
        again = seconds(lambda: run_pairs(pairs, folder, settings, encoder, progress=False))
    return {"seconds": time, "peak": peak[0], "before": before, "again": again}


if __name__ == "__main__":
    main()
