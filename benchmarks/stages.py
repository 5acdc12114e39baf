"""Where the processor time of one pair goes, and how near to the bare encoder that allows Argus to come.

    python -m benchmarks.stages [--smoke | --quick]

ViT-B/16 with random weights at 448 px, one thread, processor time (so that other programs disturb
little), mean of five after one warm-up. The bound is encode / (all stages): what is reached when
every core is busy all the time. A further query costs score and write once more; here from 20 of them,
the map as large as the picture and at most 1024 px.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import torch

from argus_fiftyone.engine.compare import Walk
from argus_fiftyone.io.images import fitted_size, read_scaled
from argus_fiftyone.io.maps import write_map
from argus_fiftyone.methods.registry import load_method
from argus_fiftyone.settings import Settings
from benchmarks.measuring import (
    ONE_MEGAPIXEL,
    QUERIES,
    TWELVE_MEGAPIXELS,
    by_amount,
    describe_machine,
    load_tower,
    precisions,
    tell_ratio,
    write_pairs,
)

SMALL_MAPS = 1024


def main() -> None:
    real = {"1 MP": ONE_MEGAPIXEL, "12 MP": TWELVE_MEGAPIXELS}
    sizes = by_amount(smoke={"smoke": (96, 128)}, quick=real, full=real)
    settings = Settings(resolution=by_amount(smoke=64, quick=448, full=448))
    print(describe_machine())
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    for precision in precisions():
        encoder = load_tower(precision)
        for label, size in sizes.items():
            with tempfile.TemporaryDirectory() as scratch:
                costs, further = measure(encoder, size, settings, Path(scratch))
            told = ", ".join(f"{name} {1000 * cost:.0f}" for name, cost in costs.items())
            print(f"{label} {precision}, ms per pair: {told}")
            told = ", ".join(f"{name} {1000 * cost:.1f}" for name, cost in further.items())
            print(f"{label} {precision}, ms per further query: {told}")
            bound = costs["encode"] / sum(costs.values())
            tell_ratio(
                f"arithmetic limit of the bare encoder's pairs per second, {precision}, {label}", bound
            )


def measure(
    encoder: Any, size: tuple[int, int], settings: Settings, scratch: Path
) -> tuple[dict[str, float], dict[str, float]]:
    """Processor seconds by stage, for one pair and one query, and what a further query adds."""
    (pair,) = write_pairs(scratch, 1, size)
    walk = Walk(load_method(settings.method, encoder), settings)
    longest = settings.resolution + encoder.cell
    decode, _ = cost(lambda: [read_scaled(path, longest) for path in (pair.before, pair.after)])
    both, registered = cost(lambda: walk.register(pair.before, pair.after))
    encode, _ = cost(lambda: encoder.encode_images(registered.pictures, walk.method.needs.features))
    seen, (observed,) = cost(lambda: walk.observe([registered]))
    told, comparisons = cost(lambda: walk.compare(observed, QUERIES[:1]))
    write, _ = cost(lambda: write_map(scratch / "map.png", comparisons[0].drawing))
    many, comparisons = cost(lambda: walk.compare(observed, QUERIES))
    small = replace(comparisons[0].drawing, size=fitted_size(*size, SMALL_MAPS))
    little, _ = cost(lambda: write_map(scratch / "map.png", small))
    costs = {
        "decode": decode,
        "align": both - decode,
        "encode": encode,
        "observe": max(seen - encode, 0.0),
        "score": told,
        "write": write,
    }
    return costs, {"score": many / len(QUERIES), "write": write, f"write {SMALL_MAPS} px": little}


def cost(work: Callable[[], Any], runs: int = 5) -> tuple[float, Any]:
    """Mean processor seconds after one warm-up, and what the work gives."""
    result = work()
    started = time.process_time()
    for _ in range(runs):
        work()
    return (time.process_time() - started) / runs, result


if __name__ == "__main__":
    sys.exit(main())
