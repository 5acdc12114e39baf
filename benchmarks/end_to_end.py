"""How much of the time is the encoder's arithmetic, and what a plain loop would take.

    python -m benchmarks.end_to_end [--smoke | --quick]

ViT-B/16 with random weights at 448 px, in one process, the contenders in turn:
- bare: `encode_images` on arrays in memory, both pictures of a pair per call, with all cores at
  one call; nothing else;
- bare, one core each (CPU only): the same with as many calls at a time as there are cores, each with
  one torch thread, which is how Argus calls it;
- argus: `run_pairs` from JPEG files to maps and scores on disk, cold, 1 and 20 queries, and 20 with
  maps of at most 1024 px;
- loop: what one would write first: PIL, open_clip's own transform, float32, one picture at a
  time, `model.visual` with its token output, one prompt, cosine map of both. It leaves what argus
  leaves: a 16-bit PNG of the same size per pair and query, and a table of scores.
Medians and half ranges over the rounds, after one warm-up of each.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import open_clip
import torch
from PIL import Image

from argus_fiftyone.encoders.clip.dense import interpolate_positions
from argus_fiftyone.encoders.clip.encoder import ClipEncoder
from argus_fiftyone.engine.compare import Walk
from argus_fiftyone.engine.workers import one_core_threads
from argus_fiftyone.io.images import fitted_size
from argus_fiftyone.io.pair_list import Pair
from argus_fiftyone.methods.registry import load_method
from argus_fiftyone.runs.folder import run_pairs
from argus_fiftyone.settings import Settings
from benchmarks.measuring import (
    ONE_MEGAPIXEL,
    QUERIES,
    TOWER,
    TWELVE_MEGAPIXELS,
    alternating,
    bench_device,
    by_amount,
    describe_machine,
    load_tower,
    precisions,
    repeated,
    tell_ratio,
    write_pairs,
)

SMALL_MAPS = 1024
"""Pixels on the long side."""
PICTURES = 6
"""Pairs that are drawn; more are the same files under other ids."""
AIMS = {
    ("fp32", "1 MP"): ("≥ 0.95", ""),
    ("bf16", "1 MP"): ("≥ 0.88", ""),
    ("fp32", "12 MP"): ("≥ 0.90", "≥ 1.2"),
    ("bf16", "12 MP"): ("≥ 0.80", "≥ 4"),
}
"""By precision and size: of the bare encoder, and against the loop with one query."""


def main() -> None:
    real = {"1 MP": ONE_MEGAPIXEL, "12 MP": TWELVE_MEGAPIXELS}
    sizes = by_amount(smoke={"smoke": (96, 128)}, quick=real, full=real)
    side, rounds = by_amount(smoke=(64, 1), quick=(448, 2), full=(448, 3))
    # Fast encoders get more pairs, so that filling and draining the pipeline, and reading the
    # prompts, which is done once in a run, weigh alike.
    counts = by_amount(
        smoke={"fp32": 2, "bf16": 2}, quick={"fp32": 12, "bf16": 36}, full={"fp32": 24, "bf16": 72}
    )
    print(describe_machine())
    encoders = {precision: load_tower(precision) for precision in precisions()}
    loop = PlainLoop(encoders["fp32"], side)
    print(
        f"{loop.encoder.name} at {side} px, {counts} pairs, {rounds} rounds; seconds per pair (± half range)"
    )
    with tempfile.TemporaryDirectory() as scratch:
        for label, size in sizes.items():
            pairs = write_pairs(Path(scratch) / label, min(PICTURES, counts["bf16"]), size)
            contest = Contest(pairs, counts, encoders, loop, Settings(resolution=side), Path(scratch))
            contest.report(label, contest.times(rounds))


class Contest:
    """All contenders on pictures of one size."""

    def __init__(
        self,
        pictures: list[Pair],
        counts: dict[str, int],
        encoders: dict[str, ClipEncoder],
        loop: PlainLoop,
        settings: Settings,
        scratch: Path,
    ) -> None:
        self.pictures, self.encoders, self.loop = pictures, encoders, loop
        self.settings, self.scratch = settings, scratch
        on_cpu = bench_device().type == "cpu"
        self.lanes = one_core_threads(torch.get_num_threads(), "bare") if on_cpu else None
        self.pairs = {precision: repeated(pictures, counts[precision]) for precision in encoders}

    def times(self, rounds: int) -> dict[str, tuple[float, float]]:
        """Seconds per pair and half range, by contender."""
        works, counts = self._works(), {"loop, 1 query": 2, "loop, 20 queries": 1}
        for precision, encoder in self.encoders.items():
            self.run_cold(self.pairs[precision][:2], encoder, QUERIES, self.settings)
            counts |= {name: len(self.pairs[precision]) for name in works if precision in name}
        self.loop(self.pictures[:1], QUERIES[:1], self.scratch)
        # The loop does everything again for each query, so once will do.
        once = alternating({"loop, 20 queries": works.pop("loop, 20 queries")}, 1)
        found = alternating(works, rounds) | once
        return {name: (total / counts[name], spread) for name, (total, spread) in found.items()}

    def _works(self) -> dict[str, Callable[[], object]]:
        works: dict[str, Callable[[], object]] = {}
        works["loop, 1 query"] = lambda: self.loop(self.pictures[:2], QUERIES[:1], self.scratch)
        works["loop, 20 queries"] = lambda: self.loop(self.pictures[:1], QUERIES, self.scratch)
        for precision, encoder in self.encoders.items():
            pairs = self.pairs[precision]
            walk = Walk(load_method(self.settings.method, encoder), self.settings)
            drawn = [walk.register(pair.before, pair.after) for pair in self.pictures]
            arrays = [drawn[number % len(drawn)].pictures for number in range(len(pairs))]
            works[f"bare {precision}"] = lambda e=encoder, a=arrays: [e.encode_images(both) for both in a]
            if lanes := self.lanes:
                works[f"bare {precision}, one core each"] = lambda e=encoder, a=arrays, p=lanes: list(
                    p.map(e.encode_images, a)
                )
            small = replace(self.settings, map_size=SMALL_MAPS)
            for name, queries, settings in (
                ("1 query", QUERIES[:1], self.settings),
                ("20 queries", QUERIES, self.settings),
                ("20 small maps", QUERIES, small),
            ):
                works[f"argus {precision}, {name}"] = lambda p=pairs, e=encoder, q=queries, s=settings: (
                    self.run_cold(p, e, q, s)
                )
        return works

    def run_cold(
        self, pairs: list[Pair], encoder: ClipEncoder, queries: Sequence[str], settings: Settings
    ) -> None:
        """From files to maps, no prompt known yet."""
        encoder._texts.clear()
        out = self.scratch / "out"
        failed = run_pairs(pairs, out, settings, encoder, queries, overwrite=True, progress=False)
        assert not failed, (out / "scores.csv").read_text()

    def report(self, label: str, each: dict[str, tuple[float, float]]) -> None:
        for name, (time, spread) in each.items():
            print(f"{label:6} {name:26} {time:8.3f} ± {spread:4.0%}", flush=True)
        for precision in self.encoders:
            one, many, small = (
                each[f"argus {precision}, {name}"][0] for name in ("1 query", "20 queries", "20 small maps")
            )
            of_bare, against_loop = AIMS.get((precision, label), ("", ""))
            case = f"{precision}, {label}"
            tell_ratio(
                f"of the bare encoder's pairs per second, {case}", each[f"bare {precision}"][0] / one, of_bare
            )
            if self.lanes:
                fastest = each[f"bare {precision}, one core each"][0]
                tell_ratio(f"of the bare encoder's, one core each, {case}", fastest / one)
            tell_ratio(f"× the loop, 1 query, {case}", each["loop, 1 query"][0] / one, against_loop)
            tell_ratio(
                f"× the loop, 20 queries, {case}",
                each["loop, 20 queries"][0] / many,
                "≥ 80" if label == "12 MP" else "",
            )
            tell_ratio(f"time of 20 queries over 1, cold, {case}", many / one, "≤ 1.1")
            tell_ratio(f"the same, maps of {SMALL_MAPS} px, {case}", small / one, "≤ 1.1")
            tell_ratio(
                f"× the loop, 20 queries, maps of {SMALL_MAPS} px, {case}",
                each["loop, 20 queries"][0] / small,
            )


class PlainLoop:
    """The straightforward open_clip program: everything in order, everything again for each query."""

    def __init__(self, encoder: ClipEncoder, side: int) -> None:
        self.size, self.encoder = (side, side * 3 // 4), encoder  # the pictures are 4:3
        # open_clip's own, since Argus makes what it loads faster; any weights cost the same.
        self.model: Any = open_clip.create_model(TOWER.split(":")[1], device=bench_device())
        grid = (self.size[1] // encoder.cell, self.size[0] // encoder.cell)
        native = tuple(self.model.visual.grid_size)
        stretched = interpolate_positions(encoder._positions, native, grid).to(bench_device())
        self.model.visual.positional_embedding = torch.nn.Parameter(stretched, requires_grad=False)
        self.model.visual.output_tokens = True
        self.grid = grid

    @torch.inference_mode()
    def __call__(self, pairs: list[Pair], queries: tuple[str, ...], folder: Path) -> None:
        rows = ["id,query,score"]
        for pair in pairs:
            for number, query in enumerate(queries):
                before, after = (self.similarity(path, query) for path in (pair.before, pair.after))
                with Image.open(pair.after) as image:
                    height, width = fitted_size(image.height, image.width, Settings.map_size)
                heatmap = cv2.resize((after - before).numpy(), (width, height))
                levels = np.clip(32768 + 32767 * heatmap, 0, 65535).astype(np.uint16)
                cv2.imwrite(str(folder / f"loop {pair.id} {number}.png"), levels)
                rows.append(f"{pair.id},{query},{np.abs(heatmap).max():.6f}")
        (folder / "loop.csv").write_text("\n".join(rows))

    def similarity(self, path: Path, query: str) -> torch.Tensor:
        """Cosine of each patch with the query, [rows, cols]."""
        picture = Image.open(path).convert("RGB").resize(self.size, Image.Resampling.BICUBIC)
        pixels = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None].float() / 255
        pixels = ((pixels - self.encoder._mean) / self.encoder._std).to(bench_device())
        tokens = self.model.visual(pixels)[1] @ self.model.visual.proj
        text = self.model.encode_text(self.encoder._tokenizer([query]).to(bench_device()))
        cosine = torch.nn.functional.cosine_similarity(tokens[0], text, dim=-1)
        return cosine.reshape(self.grid).cpu()


if __name__ == "__main__":
    sys.exit(main())
