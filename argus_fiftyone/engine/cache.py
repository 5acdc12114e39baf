"""What was seen once is not seen again: features and evidence on disk, prompts in memory.

Two kinds of entries: what an encoder makes of one picture, under the pixels it was shown,
so that a shared before picture is encoded once; and what a pair shows before anyone asks
anything, under the bytes of both files, so that a new query costs no decoding, alignment
or encoding. Keys also hold the encoder, its weights, and the code in between.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import diskcache
import numpy as np
import torch
from diskcache.core import MODE_PICKLE
from safetensors import SafetensorError
from safetensors.torch import load, save

from argus_fiftyone.encoders import Encoder, ImageFeatures
from argus_fiftyone.engine.features import Evidence
from argus_fiftyone.methods.common.distances import Difference
from argus_fiftyone.methods.common.posterior import relevance_of_each
from argus_fiftyone.text.query import Query

DEFAULT_GIGABYTES = 10.0
FOLDER_VARIABLE = "ARGUS_CACHE"
"""Names the cache folder where no option can, e.g. for the App; unset means no cache."""

LOCKS = 1024
"""Pictures share them by their key; so many that two at work at once seldom meet by chance."""

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


class CachedEncoder:
    """An encoder that is asked nothing twice: each prompt once, and with a cache each picture once.

    Pictures may be asked for in several threads: who wants one that another is at work on, waits.
    On a CPU, pictures are encoded one by one when there is a cache, so that what is stored
    does not depend on what happened to share a batch.
    """

    def __init__(self, encoder: Encoder, cache: FeatureCache | None = None) -> None:
        self._encoder, self._cache = encoder, cache
        self.name, self.note, self.cell = encoder.name, encoder.note, encoder.cell
        self.temperature, self.level_weights = encoder.temperature, encoder.level_weights
        self.places = encoder.places
        self.device = torch.device(getattr(encoder, "device", "cpu"))
        self.identity = encoder_identity(encoder) if cache else ""
        self.evidence_identity = _digest(self.identity, code_identity())
        self._at_work = [threading.Lock() for _ in range(LOCKS)]
        self._prompts: dict[str, torch.Tensor] = {}
        self._support: dict[tuple[str, ...], float] = {}

    def encode_images(self, pictures: Sequence[np.ndarray]) -> list[ImageFeatures]:
        """See `Encoder.encode_images`."""
        if self._cache is None:
            return self._encoder.encode_images(pictures)
        keys = [_digest(self.identity, str(picture.shape), picture.tobytes()) for picture in pictures]
        with ExitStack() as held:
            # In one order everywhere, so that two threads never wait for each other.
            for number in sorted({int(key[:8], 16) % len(self._at_work) for key in keys}):
                held.enter_context(self._at_work[number])
            found = {key: self._known(key) for key in dict.fromkeys(keys)}
            missing = {
                key: picture for key, picture in zip(keys, pictures, strict=True) if found[key] is None
            }
            for key, features in zip(missing, self._encode_apart(list(missing.values())), strict=True):
                self._cache.put(key, *_features_entry(features))
                found[key] = features
        return [features for key in keys if (features := found[key])]

    def encode_text(self, prompts: Sequence[str]) -> torch.Tensor:
        """See `Encoder.encode_text`."""
        new = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._prompts]
        if new:
            self._prompts.update(zip(new, self._encoder.encode_text(new), strict=True))
        if not prompts:
            return self._encoder.encode_text(prompts)
        return torch.stack([self._prompts[prompt] for prompt in prompts])

    def read_queries(self, queries: Sequence[Query]) -> None:
        """See `Encoder.read_queries`."""
        self._encoder.read_queries(queries)

    def understands(self, texts: Sequence[str]) -> float:
        """See `Encoder.understands`."""
        asked = tuple(texts)
        if asked not in self._support:
            self._support[asked] = self._encoder.understands(asked)
        return self._support[asked]

    def describe(self, before: ImageFeatures, after: ImageFeatures) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Encoder.describe`."""
        return self._encoder.describe(before, after)

    def relevance(self, cells: torch.Tensor, query: Query) -> torch.Tensor:
        """See `Encoder.relevance`."""
        return self._encoder.relevance(cells, query)

    def relevance_of_each(self, cells: torch.Tensor, queries: Sequence[Query]) -> torch.Tensor:
        """See `ReadsTogether`."""
        return relevance_of_each(self._encoder, cells, queries)

    def _encode_apart(self, pictures: list[np.ndarray]) -> list[ImageFeatures]:
        if self.device.type != "cpu":
            return self._encoder.encode_images(pictures) if pictures else []
        return [self._encoder.encode_images([picture])[0] for picture in pictures]

    def _known(self, key: str) -> ImageFeatures | None:
        entry = self._cache.get(key) if self._cache else None
        return _features_of(entry[0], self.device) if entry else None


def pair_key(identity: str, before: os.PathLike[str], after: os.PathLike[str], resolution: int) -> str | None:
    """The key of a pair's evidence, for an `evidence_identity`.

    None if a file cannot be read, which decoding will tell better.
    """
    try:
        contents = [Path(path).read_bytes() for path in (before, after)]
    except OSError:
        return None
    return _digest(identity, str(resolution), *(hashlib.sha256(content).digest() for content in contents))


def evidence_entry(evidence: Evidence) -> Entry:
    """Evidence as the cache keeps it, exactly."""
    tensors = {
        "after_novelty": evidence.novelty.after_novelty,
        "before_novelty": evidence.novelty.before_novelty,
        "after_middle": evidence.middle.after_novelty,
        "before_middle": evidence.middle.before_novelty,
        "text_before": evidence.text_aligned[0],
        "text_after": evidence.text_aligned[1],
        "guide": torch.from_numpy(evidence.guide),
        "scene": torch.from_numpy(evidence.scene),
        **{f"place_{number}": place for number, place in enumerate(evidence.looked)},
        **{f"picture_{number}": torch.tensor(seen) for number, seen in enumerate(evidence.pictures)},
    }
    facts = {name: getattr(evidence, name) for name in ("outcome", "warp", "size")}
    return tensors, facts


def evidence_of(entry: Entry, device: torch.device) -> Evidence:
    """What `evidence_entry` was given, the text-aligned features on the encoder's device."""
    tensors, facts = entry
    return Evidence(
        novelty=Difference(tensors["after_novelty"], tensors["before_novelty"]),
        text_aligned=(tensors["text_before"].to(device), tensors["text_after"].to(device)),
        middle=Difference(tensors["after_middle"], tensors["before_middle"]),
        outcome=facts["outcome"],
        warp=tuple(facts["warp"]),
        size=tuple(facts["size"]),
        guide=tensors["guide"].numpy(),
        scene=tensors["scene"].numpy(),
        looked=tuple(tensors[name].to(device) for name in ("place_0", "place_1") if name in tensors),
        pictures=tuple(tensors[name].numpy() for name in ("picture_0", "picture_1") if name in tensors),
    )


def encoder_identity(encoder: Encoder) -> str:
    """Changes whenever features would: name, declared fingerprint, code, and a look at one small picture.

    The look catches other weights under the same name. It is rounded, since sums differ
    in the last bits between processors; should it still differ, an entry is merely not found.
    """
    side = 4 * encoder.cell
    picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    seen = encoder.encode_images([picture])[0].picture.float().cpu().numpy()
    declared = f"{encoder.name} {getattr(encoder, 'fingerprint', '')}"
    return _digest(declared, _code_of(PACKAGE / "encoders"), np.round(seen, 2).tobytes())


def code_identity(package: Path = PACKAGE) -> str:
    """Changes with the code between files and evidence, so that no update meets stale entries.

    Args:
        package: the folder that holds those of `DECIDING`.
    """
    return _digest(*(_code_of(package / folder) for folder in DECIDING))


def _code_of(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".json", ".safetensors"))
    named = ((str(path.relative_to(folder)), path.read_bytes()) for path in files)
    return _digest(*(part for each in named for part in each))


def _features_entry(features: ImageFeatures) -> Entry:
    levels = {f"visual_{number}": level for number, level in enumerate(features.visual)}
    return levels | {"text_aligned": features.text_aligned, "picture": features.picture}, {}


def _features_of(tensors: dict[str, torch.Tensor], device: torch.device) -> ImageFeatures:
    there = {name: tensor.to(device) for name, tensor in tensors.items()}
    levels = tuple(there[f"visual_{number}"] for number in range(len(there) - 2))
    return ImageFeatures(levels, there["text_aligned"], there["picture"])


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()
