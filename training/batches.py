"""Batches of cached features with labels, true wordings and wordings that are not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from argus_fiftyone.encoders.mini.head import MiniHead
from argus_fiftyone.encoders.mini.matched import FOLDED, MatchedPair
from training import features
from training.prototypes import KINDS, SURFACES
from training.scene import APPEARED, CHANGED, DISAPPEARED, OPPOSITE
from training.vocabulary import HELD_OUT_KINDS
from training.wordings import Bank

DIRECTIONS = (APPEARED, DISAPPEARED, CHANGED)
CROP = 24
CELLS_PER_CHANGE = 24
QUIET_PER_PAIR = 48
"""Unchanged cells; half of them at random, half where the pictures differ most all the same."""
TRUE_PER_CHANGE = 3
NEAR_MISSES = 3
"""Per change, wordings of its kind that do not fit: another surface, part or direction."""
KINDRED = 6
"""Per change, wordings that name another kind of change on the same surface: the hardest to tell apart."""
OTHERS = 64
Attributes = tuple[str, str, str, str]


@dataclass
class Batch:
    """seen: the pairs. cells: [n, rows, cols]. directions: as cells, 0 … 2. picked, quiet:
    (pair, row, column) indices of changed and unchanged cells. kinds, surfaces: [picked], as in `KINDS`
    and `SURFACES`. texts: MiniLM vectors. truth: float [picked, texts]."""

    seen: MatchedPair
    cells: Tensor
    directions: Tensor
    picked: tuple[Tensor, Tensor, Tensor]
    quiet: tuple[Tensor, Tensor, Tensor]
    kinds: Tensor
    surfaces: Tensor
    texts: Tensor
    truth: Tensor


def opened(folder: Path, pairs: int) -> list[features.Shard]:
    names = sorted(path for path in folder.iterdir() if path.is_dir() and path.suffix != ".part")
    return [features.load(name) for name in names[: -(-pairs // features.SHARD)]]


def all_changes(shards: Iterable[features.Shard]) -> Iterator[Attributes]:
    """Every change of every pair."""
    for shard in shards:
        for listed in shard.changes:
            yield from listed


def set_statistics(head: MiniHead, shard: features.Shard) -> None:
    """Mean and deviation of every channel, from one shard."""
    values = [
        np.asarray(shard.maps[f"before{n}"][::2], np.float32).swapaxes(0, 1).reshape(size, -1)
        for n, size in enumerate(FOLDED)
    ]
    head.channel_mean.copy_(torch.from_numpy(np.concatenate([v.mean(axis=1) for v in values])))
    head.channel_scale.copy_(
        torch.from_numpy(np.concatenate([v.std(axis=1) for v in values])).clamp(min=1e-3)
    )


class Truths:
    """Which phrase of a bank names which change, worked out once per change.

    Args:
        changes: all there are, so that it is known what else happens on a surface.
    """

    def __init__(self, bank: Bank, changes: Iterable[Attributes] = ()):
        self.bank = bank
        self._on_surface: dict[str, list[Attributes]] = {}
        for change in sorted(set(changes)):
            self._on_surface.setdefault(change[1], []).append(change)
        self._known: dict[Attributes, np.ndarray] = {}
        self._by_kind: dict[str, list[int]] = {}
        for number, phrase in enumerate(bank.phrases):
            for kind in phrase.kinds:
                self._by_kind.setdefault(kind, []).append(number)

    def near_misses(self, change: Attributes) -> np.ndarray:
        """Numbers of the phrases of the right kind but of another surface, part or direction."""
        kindred = np.array(self._by_kind.get(change[0], ()), np.int64)
        return kindred[~self.of(change)[kindred]]

    def kindred(self, change: Attributes, most: int, rng: np.random.Generator) -> list[int]:
        """Numbers of up to so many phrases that name another kind of change on its surface, and not this."""
        others = [other for other in self._on_surface.get(change[1], ()) if other[0] != change[0]]
        found = []
        for number in rng.integers(len(others), size=most) if others else ():
            fits = np.flatnonzero(self.of(others[number]) & ~self.of(change))
            found += [int(rng.choice(fits))] if len(fits) else []
        return found

    def of(self, change: Attributes) -> np.ndarray:
        """Which phrases name a change, bool [phrases]."""
        if change not in self._known:
            fits = np.zeros(len(self.bank.phrases), bool)
            for number in self._by_kind.get(change[0], ()):
                fits[number] = self.bank.phrases[number].fits(*change)
            self._known[change] = fits
        return self._known[change]


def reversed_change(change: Attributes) -> Attributes:
    kind, surface, direction, part = change
    return kind, surface, OPPOSITE[direction], part


def stream(shards: list[features.Shard], truths: Truths, size: int, seed: int) -> Iterator[Batch]:
    """One epoch: random crops of all pairs in random order, each read in a random order of time."""
    rng = np.random.default_rng(seed)
    groups = [
        (shard, list(part))
        for shard in shards
        for part in np.array_split(rng.permutation(len(shard.cells)), len(shard.cells) // size)
    ]
    for number in rng.permutation(len(groups)):
        shard, pairs = groups[number]
        yield collate(shard, pairs, truths, rng)


def collate(shard: features.Shard, pairs: list[int], truths: Truths, rng: np.random.Generator) -> Batch:
    row, column = _window(shard, pairs, rng)
    seen = shard.seen(pairs, row, column, CROP)
    changes = [shard.changes[i] for i in pairs]
    cells = np.stack([_without_held_out(shard.cells[i], shard.changes[i]) for i in pairs])[
        :, row : row + CROP, column : column + CROP
    ]
    if rng.random() < 0.5:
        seen, changes = seen.swapped(), [[reversed_change(change) for change in listed] for listed in changes]
    picked, owners = _picked(cells, changes, rng)
    quiet = _quiet(cells, seen.visual().numpy(), rng)
    wanted, truth = _phrases(owners, truths, rng)
    texts = truths.bank.vectors[torch.from_numpy(wanted)]
    return Batch(
        seen,
        torch.from_numpy(cells.astype(np.int64)),
        _directions(cells, changes),
        _indices(picked),
        _indices(quiet),
        torch.tensor([KINDS[kind] for kind, *_ in owners], dtype=torch.int64),
        torch.tensor([SURFACES[surface] for _, surface, *_ in owners], dtype=torch.int64),
        texts,
        truth,
    )


def _window(shard: features.Shard, pairs: list[int], rng: np.random.Generator) -> tuple[int, int]:
    """The corner of a crop; of three the one that shows most changed cells."""
    corners = [4 * rng.integers(0, (features.GRID - CROP) // 4 + 1, 2) for _ in range(3)]
    changed = (shard.cells[pairs] > 0) & (shard.cells[pairs] < features.IGNORED)
    row, column = max(corners, key=lambda c: changed[:, c[0] : c[0] + CROP, c[1] : c[1] + CROP].sum())
    return int(row), int(column)


def _directions(cells: np.ndarray, changes: list[list[Attributes]]) -> Tensor:
    directions = np.zeros(cells.shape, np.int64)
    for n, listed in enumerate(changes):
        for k, change in enumerate(listed, start=1):
            directions[n][cells[n] == k] = DIRECTIONS.index(change[2])
    return torch.from_numpy(directions)


def _without_held_out(cells: np.ndarray, changes: list[Attributes]) -> np.ndarray:
    held_out = [k for k, change in enumerate(changes, start=1) if change[0] in HELD_OUT_KINDS]
    return np.where(np.isin(cells, held_out), features.IGNORED, cells)


def _indices(places: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
    pair, row, column = torch.from_numpy(places.reshape(-1, 3).astype(np.int64)).unbind(dim=1)
    return pair, row, column


def _picked(
    cells: np.ndarray, changes: list[list[Attributes]], rng: np.random.Generator
) -> tuple[np.ndarray, list[Attributes]]:
    """Some cells of every change, and the change each belongs to."""
    places, owners = [], []
    for n, listed in enumerate(changes):
        for k, change in enumerate(listed, start=1):
            spots = np.argwhere(cells[n] == k)
            rng.shuffle(spots)
            places += [(n, *spot) for spot in spots[:CELLS_PER_CHANGE]]
            owners += [change] * min(len(spots), CELLS_PER_CHANGE)
    return np.array(places, np.int64), owners


def _quiet(cells: np.ndarray, evidence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Unchanged cells, as (pair, row, column). Nuisance and other specimens leave evidence, and
    there the head has to know better; so half are drawn in proportion to it."""
    places, half = np.argwhere(cells == 0), QUIET_PER_PAIR * len(cells) // 2
    weights = evidence[cells == 0].astype(np.float64) + 1e-7
    misleading = rng.choice(len(places), half, p=weights / weights.sum())
    return places[np.concatenate([rng.integers(len(places), size=half), misleading])]


def _phrases(owners: list[Attributes], truths: Truths, rng: np.random.Generator) -> tuple[np.ndarray, Tensor]:
    """True wordings of every change, near misses and random others, with the truth of each."""
    wanted = list(rng.integers(len(truths.bank.phrases), size=OTHERS))
    for change in sorted(set(owners)):
        true, near = np.flatnonzero(truths.of(change)), truths.near_misses(change)
        for numbers, most in ((true, TRUE_PER_CHANGE), (near, NEAR_MISSES)):
            wanted += list(rng.choice(numbers, min(most, len(numbers)), replace=False))
        wanted += truths.kindred(change, KINDRED, rng)
    chosen = np.array(wanted, np.int64)
    if not owners:
        return chosen, torch.zeros(0, len(chosen))
    return chosen, torch.from_numpy(np.stack([truths.of(change)[chosen] for change in owners])).float()
