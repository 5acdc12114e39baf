"""A store of tensors on disk, and the keys under which features and observations lie there.

Two kinds of entries: what an encoder makes of one image, under the pixels it was shown, so that a
shared before image is encoded once; and what a method observes of a pair, under the bytes of both
files, so that a new query costs no decoding, registration or encoding. Keys also hold the encoder,
its weights, the method, and the code in between.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diskcache
import torch
from diskcache.core import MODE_PICKLE
from safetensors import SafetensorError
from safetensors.torch import load, save

DEFAULT_GIGABYTES = 10.0
FOLDER_VARIABLE = "ARGUS_CACHE"
"""Names the cache folder where no option can, e.g. for the App; unset means no cache."""

PACKAGE = Path(__file__).parents[1]
DECIDING = ("io", "text", "registration", "encoders", "methods", "engine")
"""Folders whose code decides what the cache keeps."""

Entry = tuple[dict[str, torch.Tensor], dict[str, Any]]


class FeatureCache:
    """Named tensors and plain values under a key, on disk, under a byte budget.

    Several processes may share a folder. Least recently used entries go first. An entry
    that cannot be read or written is a miss, never an error: a cache must not sink a run.

    Args:
        folder: made if missing.
        gigabytes: budget, in 10⁹ bytes.
    """

    def __init__(self, folder: str | os.PathLike[str], gigabytes: float = DEFAULT_GIGABYTES) -> None:
        if gigabytes <= 0:
            raise ValueError(f"a cache needs a budget above 0 GB, got {gigabytes}")
        self.folder = Path(folder)
        self._entries = diskcache.Cache(
            str(folder),
            size_limit=int(gigabytes * 1e9),
            eviction_policy="least-recently-used",
            disk=_BytesOnly,
        )

    @classmethod
    def from_environment(cls) -> FeatureCache | None:
        """The cache in the folder that ARGUS_CACHE names, or None if it names none."""
        folder = os.environ.get(FOLDER_VARIABLE)
        return cls(folder) if folder else None

    def get(self, key: str) -> Entry | None:
        """What was put under the key, or None."""
        try:
            data = self._entries.get(key)
            if not isinstance(data, bytes):
                return None
            length = int.from_bytes(data[:4], "little")
            told = json.loads(data[4 : 4 + length])
            tensors = load(data[4 + length :])
            ordered = {name: tensors[name].permute(order) for name, order in told["orders"].items()}
            return ordered, told["facts"]
        except (OSError, sqlite3.Error, diskcache.Timeout, SafetensorError, ValueError, KeyError):
            return None

    def put(self, key: str, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> None:
        """Keep tensors and plain values; appears whole or not at all."""
        laid_out = {name: _laid_out(tensor) for name, tensor in tensors.items()}
        orders = {name: order for name, (_, order) in laid_out.items()}
        told = json.dumps({"facts": facts, "orders": orders}).encode()
        whole = save({name: tensor for name, (tensor, _) in laid_out.items()})
        try:
            self._entries.set(key, len(told).to_bytes(4, "little") + told + whole)
        except (OSError, sqlite3.Error, diskcache.Timeout):
            return

    def volume(self) -> int:
        """Bytes on disk."""
        return self._entries.volume()

    def close(self) -> None:
        """Let go of the folder."""
        self._entries.close()


def _laid_out(tensor: torch.Tensor) -> tuple[torch.Tensor, list[int]]:
    """The tensor with its axes as they lie in memory, and the order that puts them back.

    Sums over another layout are rounded differently, and what is remembered shall be
    what was seen to the last bit. A copy, since the file format refuses what two names share.
    """
    axes = sorted(range(tensor.ndim), key=lambda axis: -tensor.stride(axis))
    order = [axes.index(axis) for axis in range(tensor.ndim)]
    return tensor.detach().cpu().permute(axes).clone(memory_format=torch.contiguous_format), order


class _BytesOnly(diskcache.Disk):
    """Refuses what would have to be unpickled, since unpickling can run any code."""

    def fetch(self, mode: int, filename: str, value: Any, read: bool) -> Any:
        return None if mode == MODE_PICKLE else super().fetch(mode, filename, value, read)


def pair_key(identity: str, before: os.PathLike[str], after: os.PathLike[str], resolution: int) -> str | None:
    """The key of a pair's observation, for an identity of what observes.

    None if a file cannot be read, which decoding will tell better.
    """
    try:
        contents = [Path(path).read_bytes() for path in (before, after)]
    except OSError:
        return None
    return digest(identity, str(resolution), *(hashlib.sha256(content).digest() for content in contents))


def code_identity(package: Path = PACKAGE) -> str:
    """Changes with the code between files and evidence, so that no update meets stale entries."""
    return digest(*(code_of(package / folder) for folder in DECIDING))


def code_of(folder: Path) -> str:
    """Changes with any file of a folder, and of folders in it, that decides a result."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".json", ".safetensors"))
    named = ((path.relative_to(folder).as_posix(), path.read_bytes()) for path in files)
    return digest(*(part for each in named for part in each))


def digest(*parts: str | bytes) -> str:
    """SHA-256 of parts, each with its length, as hexadecimal."""
    summed = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        summed.update(len(data).to_bytes(8, "little"))
        summed.update(data)
    return summed.hexdigest()
