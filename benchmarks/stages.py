"""Where the processor time of one pair goes, and how near to the bare encoder that allows Argus to come.

    python benchmarks/stages.py [--smoke]

ViT-B/16 with random weights at 448 px, one thread, processor time (so that other programs disturb
little), mean of three after one warm-up. The bound is encode / (all stages): what is reached when
every core is busy all the time.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import torch
from measuring import ONE_MEGAPIXEL, QUERIES, TWELVE_MEGAPIXELS, describe_machine, is_smoke, write_pairs

from argus_fiftyone.compare import answer, prepare_files, weigh
from argus_fiftyone.encoders.clip import load_clip
from argus_fiftyone.pictures import read_scaled, write_map
from argus_fiftyone.settings import Settings


def main() -> None:
    side = 64 if is_smoke() else 448
    sizes = {"smoke": (96, 128)} if is_smoke() else {"1 MP": ONE_MEGAPIXEL, "12 MP": TWELVE_MEGAPIXELS}
    print(describe_machine())
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    for precision in ("fp32", "bf16"):
        encoder = load_clip("clip:ViT-B-16-quickgelu:random", "cpu", precision=precision)
        encoder.note = ""  # or random weights would understand no words
        for label, size in sizes.items():
            with tempfile.TemporaryDirectory() as scratch:
                costs = measure(encoder, size, Settings(resolution=side), Path(scratch))
            told = ", ".join(f"{name} {1000 * cost:.0f}" for name, cost in costs.items())
            bound = costs["encode"] / sum(costs.values())
            print(
                f"{label} {precision}, ms per pair: {told}; at best {bound:.2f} of the bare encoder",
                flush=True,
            )


def measure(encoder: Any, size: tuple[int, int], settings: Settings, scratch: Path) -> dict[str, float]:
    """Processor seconds by stage, for one pair and one query."""
    (pair,) = write_pairs(scratch, 1, size)
    longest = settings.resolution + encoder.cell
    decode, _ = cost(lambda: [read_scaled(path, longest) for path in (pair.before, pair.after)])
    both, prepared = cost(lambda: prepare_files(pair.before, pair.after, encoder.cell, settings.resolution))
    encode, (old, new) = cost(lambda: encoder.encode_pictures(prepared.pictures))
    seen, evidence = cost(lambda: weigh(prepared, old, new, encoder))
    told, comparisons = cost(lambda: answer(evidence, QUERIES[:1], encoder, settings))
    write, _ = cost(lambda: write_map(scratch / "map.png", comparisons[0].heatmap))
    return {
        "decode": decode,
        "align": both - decode,
        "encode": encode,
        "weigh": seen,
        "answer": told,
        "write": write,
    }


def cost(work: Callable[[], Any], runs: int = 3) -> tuple[float, Any]:
    """Mean processor seconds after one warm-up, and what the work gives."""
    result = work()
    started = time.process_time()
    for _ in range(runs):
        work()
    return (time.process_time() - started) / runs, result


if __name__ == "__main__":
    sys.exit(main())
