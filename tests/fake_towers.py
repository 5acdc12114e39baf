"""An encoder without weights: fast, deterministic, and counting what it is asked."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from argus_fiftyone.encoders.protocol import FeatureKind, ImageFeatures

CELL = 16
WORDS = 8


class FakeTowers:
    """Cells are blocks of 4 × 4 pixel means; words are seeded by their letters.

    Attributes:
        pictures: how many pictures were encoded.
        batches: how many pictures each call had.
        texts: how many prompts were encoded.
        scale: stands for the weights.
    """

    note = "fake towers, for tests"
    family = "fake"
    cell = CELL
    temperature = 10.0
    one_by_one = True
    device = torch.device("cpu")

    def __init__(
        self, name: str = "fake", delay: float = 0.0, log: Path | None = None, scale: float = 0.0
    ) -> None:
        self.name, self.delay, self.log, self.scale = name, delay, log, scale
        self.pictures, self.texts, self.batches = 0, 0, []
        self.counting = threading.Lock()

    @property
    def fingerprint(self) -> str:
        return str(self.scale)

    def encode_images(
        self, images: Sequence[np.ndarray], kinds: frozenset[FeatureKind] = frozenset()
    ) -> list[ImageFeatures]:
        if any((image == 13).all() for image in images):
            raise RuntimeError("this encoder fears the number 13")
        time.sleep(self.delay)
        with self.counting:
            # The cache's own look at one small picture is not counted.
            self.pictures += sum(image.shape != (4 * CELL, 4 * CELL, 3) for image in images)
            self.batches.append(len(images))
        if self.log:
            with self.log.open("a") as log:
                log.write("".join("." for _ in images))
        return [_features(image, self.scale) for image in images]

    def encode_text(self, prompts: Sequence[str]) -> torch.Tensor:
        self.texts += len(prompts)
        if not prompts:
            return torch.zeros(0, WORDS)
        seeds = [np.random.default_rng(list(prompt.encode())) for prompt in prompts]
        vectors = np.stack([seed.standard_normal(WORDS, np.float32) for seed in seeds])
        return functional.normalize(torch.from_numpy(vectors), dim=-1)

    def text_support(self, texts: Sequence[str]) -> list[float]:
        return [0.8 if text.strip() else 0.0 for text in texts]


def _features(picture: np.ndarray, scale: float) -> ImageFeatures:
    pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255
    blocks = functional.avg_pool2d(pixels, 4)
    fine = functional.pixel_unshuffle(blocks, 2)[0].permute(1, 2, 0)
    coarse = functional.pixel_unshuffle(blocks, 4)[0].permute(1, 2, 0)
    aligned = functional.normalize(coarse[..., :WORDS] - coarse[..., :WORDS].mean() + 1e-3 + scale, dim=-1)
    return ImageFeatures((fine, coarse), aligned, functional.normalize(aligned.mean(dim=(0, 1)), dim=0))


def write_scenes(folder: Path, count: int, side: int = 96) -> Path:
    """A pairs.csv of `count` textured pairs, most with a bright spot that came or went."""
    from argus_fiftyone.io.png import write_png

    lines = ["id,before,after,query"]
    for number in range(count):
        before, after = draw_textured(number, side)
        write_png(folder / f"before/{number:03}.png", before)
        write_png(folder / f"after/{number:03}.png", after)
        lines.append(f"part/{number:03},before/{number:03}.png,after/{number:03}.png,a new spot")
    (folder / "pairs.csv").write_text("\n".join(lines) + "\n")
    return folder / "pairs.csv"


def draw_textured(number: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Smoothed noise, and the same with a little light and a spot at a place of its own."""
    random = np.random.default_rng(number)
    noise = torch.from_numpy(random.uniform(0, 255, (1, 3, 12, 16)).astype(np.float32))
    size = (side, side + side // 3 // CELL * CELL)
    smooth = functional.interpolate(noise, size=size, mode="bicubic")[0].clamp(0, 255)
    before = smooth.permute(1, 2, 0).numpy()
    after = np.clip(before * 1.03 + 2, 0, 255)
    top, left = (int(value) for value in random.integers(8, side - 32, 2))
    after[top : top + 20, left : left + 20] = random.uniform(0, 255, 3)
    first, second = before.astype(np.uint8), after.astype(np.uint8)
    return (first, second) if number % 2 else (second, first)


def main() -> None:
    """Run a pair list: what tests kill. Arguments: pairs.csv, folder, log, seconds per call."""
    import sys

    from argus_fiftyone.io.pair_list import read_pairs
    from argus_fiftyone.runs.folder import run_pairs
    from argus_fiftyone.settings import Settings

    pairs, folder, log, delay = sys.argv[1:]
    torch.set_num_threads(1)
    encoder = FakeTowers(delay=float(delay), log=Path(log))
    print("ready", os.getpid(), flush=True)
    run_pairs(read_pairs(pairs), Path(folder), Settings(resolution=128), encoder)


if __name__ == "__main__":
    main()
