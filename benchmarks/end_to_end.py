"""How much of the time is the encoder's arithmetic, and what a plain loop would take.

    python benchmarks/end_to_end.py [--smoke]

ViT-B/16 with random weights at 448 px, in one process, the contenders in turn:
- bare: `encode_pictures` on arrays in memory, both pictures of a pair per call; nothing else;
- argus: `run_pairs` from JPEG files to maps and scores on disk, cold, one query;
- loop: what one would write first: PIL, open_clip's own transform, float32, one picture at a
  time, `model.visual` with its token output, one prompt, cosine map of both, written as PNG.
Each is timed over the same pairs; medians and half ranges over the runs.
"""

from __future__ import annotations

import copy
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from measuring import (
    ONE_MEGAPIXEL,
    QUERIES,
    TWELVE_MEGAPIXELS,
    alternating,
    describe_machine,
    is_smoke,
    write_pairs,
)
from PIL import Image

from argus_fiftyone.compare import prepare_files
from argus_fiftyone.encoders.clip import load_clip
from argus_fiftyone.encoders.clip_checks import has_fast_bf16
from argus_fiftyone.encoders.clip_dense import interpolate_positions
from argus_fiftyone.encoders.clip_encoder import ClipEncoder
from argus_fiftyone.pairs import Pair
from argus_fiftyone.run_folder import run_pairs
from argus_fiftyone.settings import Settings

NAME = "clip:ViT-B-16-quickgelu:random"


def main() -> None:
    smoke = is_smoke()
    side, count, runs = (64, 2, 1) if smoke else (448, 12, 3)
    sizes = {"1 MP": ONE_MEGAPIXEL, "12 MP": TWELVE_MEGAPIXELS}
    sizes = {"smoke": (96, 128)} if smoke else sizes
    print(describe_machine())
    exact = load_clip(NAME, "cpu", precision="fp32")
    exact.note = ""  # or random weights would understand no words, and queries would cost nothing
    encoders = {"fp32": exact}
    if has_fast_bf16(torch.device("cpu")):
        encoders["bf16"] = exact.cast("bf16", torch.device("cpu"))
    loop = PlainLoop(exact, side)
    print(f"{exact.name} at {side} px, {count} pairs, {runs} runs; seconds per pair (± half range)")
    with tempfile.TemporaryDirectory() as scratch:
        for label, size in sizes.items():
            pairs = write_pairs(Path(scratch) / label, count, size)
            compare(label, pairs, encoders, loop, Settings(resolution=side), Path(scratch), runs)


def compare(
    label: str,
    pairs: list[Pair],
    encoders: dict[str, ClipEncoder],
    loop: PlainLoop,
    settings: Settings,
    scratch: Path,
    runs: int,
) -> None:
    """Print one picture size."""
    works: dict[str, Callable[[], object]] = {}
    works["loop 1 query"] = lambda: loop(pairs[:2], QUERIES[:1], scratch)
    works["loop 20 queries"] = lambda: loop(pairs[:1], QUERIES, scratch)
    for precision, encoder in encoders.items():
        cell, resolution = encoder.cell, settings.resolution
        arrays = [prepare_files(p.before, p.after, cell, resolution).pictures for p in pairs]
        works[f"bare {precision}"] = lambda e=encoder, a=arrays: [e.encode_pictures(both) for both in a]
        for queries in (QUERIES[:1], QUERIES):
            works[f"argus {precision} {len(queries)} queries"] = lambda e=encoder, q=queries: run_cold(
                pairs, scratch / "out", settings, e, q
            )
    found = alternating(works, runs)
    counts = {"loop 1 query": len(pairs[:2]), "loop 20 queries": 1}
    each = {name: (total / counts.get(name, len(pairs)), spread) for name, (total, spread) in found.items()}
    for name, (time, spread) in each.items():
        print(f"{label:6} {name:24} {time:8.3f} ± {spread:4.0%}")
    for precision in encoders:
        one, many = (each[f"argus {precision} {n} queries"][0] for n in (1, len(QUERIES)))
        ratios = {
            "of the bare encoder's pairs per second": each[f"bare {precision}"][0] / one,
            "× one query's time for 20": many / one,
            "× the loop, 1 query": each["loop 1 query"][0] / one,
            "× the loop, 20 queries": each["loop 20 queries"][0] / many,
        }
        told = "; ".join(f"{value:.2f} {what}" for what, value in ratios.items())
        print(f"{label:6} {precision}: {told}", flush=True)


def run_cold(
    pairs: list[Pair], folder: Path, settings: Settings, encoder: ClipEncoder, queries: Sequence[str]
) -> None:
    """From files to maps, no prompt known yet."""
    encoder._texts.clear()
    failed = run_pairs(pairs, folder, settings, encoder, queries, overwrite=True, progress=False)
    assert not failed, (folder / "scores.csv").read_text()


class PlainLoop:
    """The straightforward open_clip program: everything in order, everything again for each query."""

    def __init__(self, encoder: ClipEncoder, side: int) -> None:
        self.size, self.encoder = (side, side * 3 // 4), encoder  # the pictures are 4:3
        self.model = copy.deepcopy(encoder.model)
        grid = (self.size[1] // encoder.cell, self.size[0] // encoder.cell)
        native = tuple(self.model.visual.grid_size)
        stretched = interpolate_positions(encoder._positions, native, grid)
        self.model.visual.positional_embedding = torch.nn.Parameter(stretched, requires_grad=False)
        self.model.visual.output_tokens = True
        self.grid = grid

    @torch.inference_mode()
    def __call__(self, pairs: list[Pair], queries: tuple[str, ...], folder: Path) -> None:
        for pair in pairs:
            for query in queries:
                before, after = (self.similarity(path, query) for path in (pair.before, pair.after))
                with Image.open(pair.after) as image:
                    size = min(image.size[0], 2048), min(image.size[1], 2048)
                heatmap = cv2.resize((after - before).numpy(), size)
                levels = np.clip(32768 + 32767 * heatmap, 0, 65535).astype(np.uint16)
                cv2.imwrite(str(folder / "loop.png"), levels)

    def similarity(self, path: Path, query: str) -> torch.Tensor:
        """Cosine of each patch with the query, [rows, cols]."""
        picture = Image.open(path).convert("RGB").resize(self.size, Image.Resampling.BICUBIC)
        pixels = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None].float() / 255
        pixels = (pixels - self.encoder._mean) / self.encoder._std
        tokens = self.model.visual(pixels)[1] @ self.model.visual.proj
        text = self.model.encode_text(self.encoder._tokenizer([query]))
        cosine = torch.nn.functional.cosine_similarity(tokens[0], text, dim=-1)
        return cosine.reshape(self.grid)


if __name__ == "__main__":
    sys.exit(main())
