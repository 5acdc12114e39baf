"""Runs the frozen image tower over synthetic pairs once and keeps what it saw.

Resumable: a shard that is complete on disk is not made again.
"""

from __future__ import annotations

import json
import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch

from argus_fiftyone.encoders.mini import encoder as mini
from argus_fiftyone.encoders.mini.matched import MatchedPair
from argus_fiftyone.methods.common.soft_alignment import match
from training.pairs import Assets, make_pair
from training.scene import SIDE, Pair

SHARD = 100
CELL = 8
GRID = SIDE // CELL
LEAST_COVER = 0.08
IGNORED = 255
MAPS = tuple(
    f"{role}{n}"
    for role, count in (("before", 4), ("after", 4), ("gone", 2), ("come", 2))
    for n in range(count)
)


@dataclass
class Shard:
    """maps: by name, float16 [pairs, channels, rows, cols]: the parts of a `MatchedPair`. cells: uint8
    [pairs, GRID, GRID], 0 unchanged, k the k-th change, 255 neither. changes: per pair, per change
    (kind, surface, direction, part)."""

    maps: dict[str, np.ndarray]
    cells: np.ndarray
    changes: list[list[tuple[str, str, str, str]]]

    def seen(self, pairs: list[int], row: int = 0, column: int = 0, side: int = GRID) -> MatchedPair:
        """Some pairs, cut to a square of cells; row, column and side are multiples of 4."""
        cut = {name: self._cut(array, pairs, row, column, side) for name, array in self.maps.items()}
        grouped = {
            role: [cut[name] for name in MAPS if name.startswith(role)]
            for role in ("before", "after", "gone", "come")
        }
        return MatchedPair(**grouped, evidence=cut["evidence"])

    @staticmethod
    def _cut(array: np.ndarray, pairs: list[int], row: int, column: int, side: int) -> torch.Tensor:
        step = GRID // array.shape[-1]
        top, left, size = row // step, column // step, side // step
        return torch.from_numpy(
            np.stack([array[i, :, top : top + size, left : left + size] for i in pairs])
        ).float()


def cells_of(pair: Pair) -> np.ndarray:
    """Which change fills each cell; cells a change only touches are left out of training."""
    covers = [np.zeros((GRID, GRID), np.float32)]
    covers += [
        cv2.resize(c.mask.astype(np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA)
        for c in pair.changes
    ]
    stack = np.stack(covers)
    best, cover = stack.argmax(axis=0).astype(np.uint8), stack.max(axis=0)
    return np.where(cover >= LEAST_COVER, best, np.where(cover > 0.004, IGNORED, 0)).astype(np.uint8)


def precompute(folder: Path, assets_folder: Path, first: int, count: int) -> None:
    """Writes shards of pairs with seeds `first` … `first + count − 1` into `folder`, one process to a
    core and each of one thread: then the features do not depend on how many cores there are."""
    starts = [n for n in range(first, first + count, SHARD) if not (folder / f"{n:06d}").exists()]
    # Spawned, since a process that torch has used threads in cannot be copied.
    with ProcessPoolExecutor(
        mp_context=get_context("spawn"), initializer=_begin, initargs=(assets_folder,)
    ) as pool:
        for name, seconds in pool.map(_precompute_shard, [folder / f"{n:06d}" for n in starts]):
            print(f"{name}: {SHARD} pairs in {seconds:.0f} s", flush=True)


_tools: tuple[Assets, mini.MiniEncoder]
"""What a process of `precompute` draws and sees with."""


def _begin(assets_folder: Path) -> None:
    global _tools
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    _tools = Assets.load(assets_folder), mini.MiniEncoder("cpu")


def _precompute_shard(target: Path) -> tuple[str, float]:
    began, (assets, encoder), start = time.time(), _tools, int(target.name)
    _write_shard(target, [make_pair(seed, assets) for seed in range(start, start + SHARD)], encoder)
    return target.name, time.time() - began


@torch.inference_mode()
def _write_shard(target: Path, pairs: list[Pair], encoder: mini.MiniEncoder) -> None:
    rows = [_seen(encoder, pair) for pair in pairs]
    part = target.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name in (*MAPS, "evidence"):
        np.save(part / f"{name}.npy", np.concatenate([row[name] for row in rows]))
    np.save(part / "cells.npy", np.stack([cells_of(pair) for pair in pairs]))
    changes = [[(c.kind, c.surface, c.direction, c.part) for c in pair.changes] for pair in pairs]
    (part / "changes.json").write_text(json.dumps(changes))
    part.rename(target)


def _seen(encoder: mini.MiniEncoder, pair: Pair) -> dict[str, np.ndarray]:
    stages = encoder.stages([pair.before, pair.after])
    return _halved(match([stage[:1] for stage in stages], [stage[1:] for stage in stages]))


def _halved(seen: MatchedPair) -> dict[str, np.ndarray]:
    flat = zip(MAPS, [*seen.before, *seen.after, *seen.gone, *seen.come], strict=True)
    return {name: array.half().numpy() for name, array in (*flat, ("evidence", seen.evidence))}


def load(target: Path) -> Shard:
    maps = {name: np.load(target / f"{name}.npy", mmap_mode="r") for name in (*MAPS, "evidence")}
    changes = [
        [tuple(change) for change in pair] for pair in json.loads((target / "changes.json").read_text())
    ]
    return Shard(maps, np.load(target / "cells.npy"), changes)
