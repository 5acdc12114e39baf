"""Phrase banks with their MiniLM vectors, and where the head's understanding ends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from argus_fiftyone.encoders.mini import weights as mini_weights
from argus_fiftyone.encoders.mini.head import MiniHead
from argus_fiftyone.encoders.mini.text import MiniText
from training import captions, features, vocabulary
from training.captions import Phrase


@dataclass(frozen=True)
class Bank:
    """phrases and their MiniLM vectors, float32 [n, 384]."""

    phrases: list[Phrase]
    vectors: Tensor


def embed(texts: Sequence[str]) -> Tensor:
    return MiniText(mini_weights.checked(mini_weights.TEXT_TOWER)).encode(texts).clone()


def embedded_bank(work: Path, shards: list[features.Shard], held_out: bool = False) -> Bank:
    """The bank of one side, with the everyday objects that the shards show; cached in `work`."""
    own = set(vocabulary.PART_WORDS)
    names = sorted(
        {
            part
            for shard in shards
            for pair in shard.changes
            for _, _, _, part in pair
            if part and part not in own
        }
    )
    phrases = captions.phrase_bank(names, held_out)
    return Bank(
        phrases,
        _vectors(
            [phrase.text for phrase in phrases], work / f"bank_{'held_out' if held_out else 'training'}"
        ),
    )


def _vectors(texts: list[str], file: Path) -> Tensor:
    """MiniLM vectors of texts; those embedded before are read from `file`."""
    listing, store = file.with_suffix(".json"), file.with_suffix(".pt")
    known = json.loads(listing.read_text()) if store.exists() else []
    missing = sorted(set(texts) - set(known))
    vectors = torch.load(store, weights_only=True) if known else torch.zeros(0, 384)
    if missing:
        known, vectors = known + missing, torch.cat([vectors, embed(missing)])
        torch.save(vectors, store)
        listing.write_text(json.dumps(known))
    place = {text: number for number, text in enumerate(known)}
    return vectors[[place[text] for text in texts]]


def set_understanding(head: MiniHead, work: Path, bank: Bank) -> None:
    """Stores typical training wordings in the head and where held-out and unrelated texts part.

    Names of everyday objects are left out: "a plate" is understood as a thing, which the names of
    classes know better, and not as a change."""
    changes = torch.tensor([not _names_an_object(phrase) for phrase in bank.phrases])
    head.known.copy_(_typical(bank.vectors[changes], head.known.shape[0]))
    near, far = (
        _nearness(head, v)
        for v in (
            torch.load(work / "bank_held_out.pt", weights_only=True),
            embed(vocabulary.UNRELATED.split(";")),
        )
    )
    middle = (near.quantile(0.1) + far.quantile(0.9)) / 2
    head.understanding.copy_(torch.tensor([float(middle), 18.0]))
    low, high = near.quantile(0.1), far.quantile(0.9)
    print(f"nearness: held-out 10 % quantile {low:.3f}, unrelated 90 % {high:.3f}, half at {middle:.3f}")


def _names_an_object(phrase: Phrase) -> bool:
    return bool(phrase.parts and not phrase.parts <= set(vocabulary.PART_WORDS))


def _nearness(head: MiniHead, vectors: Tensor) -> Tensor:
    return (vectors @ head.known.T).topk(3, dim=-1).values.mean(dim=-1)


def _typical(vectors: Tensor, count: int) -> Tensor:
    """`count` cluster centres of unit length (spherical k-means, seeded)."""
    generator = torch.Generator().manual_seed(0)
    centres = vectors[torch.randperm(len(vectors), generator=generator)[:count]]
    for _ in range(12):
        nearest = (vectors @ centres.T).argmax(dim=1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, vectors)
        centres = functional.normalize(torch.where(sums.norm(dim=1, keepdim=True) > 0, sums, centres), dim=1)
    return centres
