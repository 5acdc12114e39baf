"""What casting a CLIP encoder's weights costs in likeness and gains in time, on this processor.

    python -m benchmarks.clip_precision [clip:MODEL:WEIGHTS] [SIDE]

Prints, per precision, the smallest cosine to float32 over all cells of a probe picture and some prompts,
the time for one picture of SIDE × SIDE px, and the ratio to the bare `model.visual` on the same input
(which gives a picture vector only). Medians of five runs after one warm-up; threads as torch finds them.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from collections.abc import Callable

import open_clip
import torch

from argus_fiftyone.encoders.clip.checks import cast_cosine, probe_picture
from argus_fiftyone.encoders.clip.dense import interpolate_positions
from argus_fiftyone.encoders.clip.encoder import ClipEncoder
from argus_fiftyone.encoders.clip.loading import load_clip
from argus_fiftyone.encoders.device import has_fast_bf16


def main(name: str, side: int) -> None:
    cpu = torch.device("cpu")
    exact = load_clip(name, "cpu", precision="fp32")
    side -= side % exact.cell
    print(f"{exact.name} at {side} px {exact.note}")
    print(f"torch {torch.__version__}, open_clip {open_clip.__version__}, {platform.machine()},")
    print(f"{torch.get_num_threads()} threads, bf16 in hardware: {has_fast_bf16(cpu)}")
    print(f"{'weights':8} {'smallest cosine':>16} {'s per picture':>14} {'× model.visual':>15}")
    for precision in ("fp32", "bf16"):
        cast = exact.cast(precision, cpu)
        ours, bare = compare_times(cast, side)
        print(f"{precision:8} {cast_cosine(exact, cast):16.6f} {ours:14.3f} {ours / bare:15.2f}")


def compare_times(encoder: ClipEncoder, side: int) -> tuple[float, float]:
    """Median seconds of our walk and of the bare image tower, at the same size and precision."""
    picture = probe_picture(side, side)
    ours = median_seconds(lambda: encoder.encode_images([picture]))
    tower, pixels = encoder.model.visual, encoder._pixels([picture])
    cells = side // encoder.cell
    stretched = interpolate_positions(encoder._positions, tuple(tower.grid_size), (cells, cells))
    tower.positional_embedding = torch.nn.Parameter(stretched.to(encoder.dtype), requires_grad=False)
    with torch.inference_mode():
        return ours, median_seconds(lambda: tower(pixels))


def median_seconds(work: Callable[[], object], runs: int = 5) -> float:
    work()
    return statistics.median(_seconds(work) for _ in range(runs))


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--quick"]
    main(
        arguments[0] if arguments else "clip:ViT-B-16-quickgelu:random",
        int(arguments[1]) if len(arguments) > 1 else 448,
    )
