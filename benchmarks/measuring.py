"""What all benchmarks share: pictures, clocks, peak memory, and what machine this is.

Pictures are drawn, not photographed: textured noise with a change of light, a small shift
and a new spot, saved as JPEG of quality 90, so that decoding and alignment have real work.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from argus_fiftyone.encoders.clip_checks import has_fast_bf16
from argus_fiftyone.pairs import Pair

ONE_MEGAPIXEL = (864, 1152)
TWELVE_MEGAPIXELS = (3000, 4000)
QUERIES = tuple(f"a {thing}" for thing in (
    "missing screw", "scratch", "crack", "dent", "stain", "hole", "loose wire", "broken label", "new bolt",
    "rusty spot", "bent pin", "drop of oil", "missing cap", "burn mark", "chipped edge", "open lid",
    "wrong connector", "air bubble", "cut", "foreign object",
))  # fmt: skip


def describe_machine() -> str:
    """One line on the processor and one on the versions."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    bf16 = "bf16" if has_fast_bf16(torch.device("cpu")) else "no bf16"
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    names = ("torch", "open_clip_torch", "numpy", "opencv-python-headless", "pillow")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return (
        f"{model}, {os.cpu_count()} cores, {bf16}, {gpu}; load {load:.1f} at the start\n"
        f"Python {platform.python_version()}, {versions}, torch threads {torch.get_num_threads()}"
    )


def write_pairs(folder: Path, count: int, size: tuple[int, int]) -> list[Pair]:
    """`count` pairs of (height, width) as JPEG."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = []
    for number in range(count):
        paths = folder / f"{number}_before.jpg", folder / f"{number}_after.jpg"
        for path, picture in zip(paths, draw_pair(number, size), strict=True):
            Image.fromarray(picture).save(path, quality=90)
        pairs.append(Pair(f"{number:05}", *paths, query=QUERIES[0]))
    return pairs


def draw_pair(number: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Texture on three scales; after: 3 % brighter, shifted by a few pixels, with a new spot."""
    random, (height, width) = np.random.default_rng(number), size
    before = np.zeros((height, width, 3), np.float32)
    for cells, strength in ((12, 90), (60, 50), (240, 30)):
        noise = random.uniform(-1, 1, (cells * height // width, cells, 3)).astype(np.float32)
        before += strength * cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    before = np.clip(before + 128, 0, 255)
    shift = np.array([[1, 0, width / 300], [0, 1, height / 400]], np.float32)
    after = cv2.warpAffine(before, shift, (width, height), borderMode=cv2.BORDER_REFLECT) * 1.03
    top, left, spot = height // 3, width // 3, height // 12
    after[top : top + spot, left : left + spot] = random.uniform(0, 255, 3)
    return before.astype(np.uint8), np.clip(after, 0, 255).astype(np.uint8)


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median_and_spread(work: Callable[[], object], runs: int) -> tuple[float, float]:
    """Median wall time over runs, after one warm-up, and half the range as a share of it."""
    work()
    times = [seconds(work) for _ in range(runs)]
    middle = statistics.median(times)
    return middle, (max(times) - min(times)) / 2 / middle


def alternating(works: dict[str, Callable[[], object]], runs: int) -> dict[str, tuple[float, float]]:
    """As `median_and_spread` for each, taken in turn, so that a change of load meets all alike."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(runs):
        for name, work in works.items():
            times[name].append(seconds(work))
    middles = {name: statistics.median(found) for name, found in times.items()}
    return {name: (middles[name], (max(t) - min(t)) / 2 / middles[name]) for name, t in times.items()}


def resident_megabytes() -> float:
    """Memory of this process now."""
    import psutil

    return psutil.Process().memory_info().rss / 1e6


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """The highest resident memory within the block, in MB, sampled every 20 ms; filled in on leaving."""
    highest, ended = [resident_megabytes()], threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            highest[0] = max(highest[0], resident_megabytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield highest
    finally:
        ended.set()
        watcher.join()


def is_smoke() -> bool:
    """Whether only to show that the command works (`--smoke`): tiny sizes, figures mean nothing."""
    return "--smoke" in sys.argv
