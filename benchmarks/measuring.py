"""What all benchmarks share: pictures, clocks, peak memory, and what machine this is.

Pictures are drawn, not photographed: textured noise with a change of light, a small shift
and a new spot, saved as JPEG of quality 90, so that decoding and alignment have real work.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import itertools
import os
import platform
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import torch
from PIL import Image

from argus_fiftyone.encoders.clip.encoder import ClipEncoder
from argus_fiftyone.encoders.clip.loading import load_clip
from argus_fiftyone.encoders.device import has_fast_bf16
from argus_fiftyone.io.pair_list import Pair

T = TypeVar("T")

TOWER = "clip:ViT-B-16-quickgelu:random"
RATIO_MARK = "→ "

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


def bench_device() -> torch.device:
    """Where encoders run: CUDA if it is there, since the same command is meant for both."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def precisions() -> tuple[str, ...]:
    """What is worth comparing on this device."""
    return ("fp32", "bf16") if has_fast_bf16(bench_device()) else ("fp32",)


def load_tower(precision: str, name: str = TOWER) -> ClipEncoder:
    """A tower with random weights that answers queries all the same.

    With its note, Argus would know that it understands no words, and queries would cost nothing.
    """
    encoder = load_clip(name, str(bench_device()), precision=precision)
    encoder.note = ""
    return encoder


def tell_ratio(what: str, value: float, aim: str = "") -> None:
    """Print a figure that belongs into the table of ratios; `benchmarks.speed` collects these lines."""
    told = f"{value:.2f}" if value < 20 else f"{value:.0f}"
    print(f"{RATIO_MARK}{what}: {told}{f' (aim {aim})' if aim else ''}", flush=True)


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


def repeated(pairs: list[Pair], count: int) -> list[Pair]:
    """`count` pairs under ids of their own, the pictures again and again."""
    cycle = itertools.islice(itertools.cycle(pairs), count)
    return [replace(pair, id=f"{number // 1000}/{number:06}") for number, pair in enumerate(cycle)]


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call, to the end of what it started on a GPU."""
    started = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def alternating(works: dict[str, Callable[[], object]], runs: int) -> dict[str, tuple[float, float]]:
    """Median wall time of each, and half the range as a share of it.

    Taken in turn, so that a change of load meets all alike. Warm up before.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
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


def amount() -> str:
    """How much to measure: "smoke", "quick" or "full", as the options --smoke and --quick say.

    smoke only shows that the command works: tiny sizes, figures mean nothing. quick has the
    real sizes and fewer pairs and rounds: ratios hold, spreads are wide.
    """
    return next((name for name in ("smoke", "quick") if f"--{name}" in sys.argv), "full")


def by_amount(*, smoke: T, quick: T, full: T) -> T:
    """The value that belongs to `amount()`."""
    return {"smoke": smoke, "quick": quick, "full": full}[amount()]


@contextmanager
def turned(constants: Mapping[str, Any]) -> Iterator[None]:
    """Module constants of the program, e.g. "engine.heatmap.EDGE_NOISE", set otherwise for a while."""
    places = [
        (importlib.import_module(f"argus_fiftyone.{module}"), name)
        for module, _, name in (constant.rpartition(".") for constant in constants)
    ]
    kept = [getattr(module, name) for module, name in places]
    try:
        for (module, name), value in zip(places, constants.values(), strict=True):
            setattr(module, name, value)
        yield
    finally:
        for (module, name), value in zip(places, kept, strict=True):
            setattr(module, name, value)
