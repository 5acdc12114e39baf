"""How the head does on synthetic pairs, kinds and wordings that training never used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor
from torch.nn import functional

from argus_fiftyone.encoders.mini.head import MiniHead
from training import batches, features, wordings
from training.reading import both_ways
from training.vocabulary import HELD_OUT_KINDS

PAIRS = 200
WORDINGS = 400


@torch.no_grad()
def described(head: MiniHead, shards: list[features.Shard]) -> tuple[Tensor, list[batches.Attributes]]:
    """One embedding per change (the mean of up to 16 of its cells) and what it is."""
    told, owners = [], []
    for shard in shards:
        for i in range(len(shard.cells)):
            embedding = both_ways(head, shard.seen([i]))[0][0]
            for k, change in enumerate(shard.changes[i], start=1):
                spots = np.argwhere(shard.cells[i] == k)[:16]
                if len(spots) and change[0] not in HELD_OUT_KINDS:
                    told.append(
                        functional.normalize(embedding[:, spots[:, 0], spots[:, 1]].mean(dim=1), dim=0)
                    )
                    owners.append(change)
    return torch.stack(told), owners


@torch.no_grad()
def set_yardstick(head: MiniHead, work: Path, shards: list[features.Shard]) -> None:
    """Keeps reference changes in the head; fits the calibration on held-out wordings of validation
    changes, true and false ones in equal number, so that .5 is where they balance."""
    references, _ = described(head, shards)
    chosen = torch.randperm(len(references), generator=torch.Generator().manual_seed(0))[
        : len(head.reference)
    ]
    head.reference.copy_(
        references[chosen.repeat(-(-len(head.reference) // len(chosen)))[: len(head.reference)]]
    )
    shards = batches.opened(work / "validation", PAIRS)
    bank = wordings.embedded_bank(work, shards, held_out=True)
    standing, truth = _standings(head, bank, *described(head, shards))
    fitted = LogisticRegression(class_weight="balanced").fit(standing[:, None], truth)
    head.calibration.copy_(torch.tensor([float(fitted.coef_[0, 0]), float(fitted.intercept_[0])]))
    print(f"calibration: {head.calibration.tolist()}")


def _standings(
    head: MiniHead, bank: wordings.Bank, cells: Tensor, owners: list
) -> tuple[np.ndarray, np.ndarray]:
    queries = head.embed_queries(bank.vectors)
    usual = queries @ head.reference.T
    standing = (cells @ queries.T - usual.mean(dim=1)) / usual.std(dim=1)
    truths = batches.Truths(bank)
    return standing.numpy().ravel(), np.concatenate([truths.of(change) for change in owners])


@torch.no_grad()
def figures(head: MiniHead, work: Path, seed: int) -> dict[str, float]:
    """changed: AP of changed cells; direction: accuracy; seen, unseen: AUROC of true against false
    wordings per changed cell; unseen_kinds: the same for kinds that were held out."""
    head.eval()
    shards = batches.opened(work / "validation", PAIRS)
    held_out, trained = (wordings.embedded_bank(work, shards, side) for side in (True, False))
    rng = np.random.default_rng(seed)
    changed, truth, right, cells, owners = [], [], [], [], []
    for shard in shards:
        for i in range(len(shard.cells)):
            embedding, logits, ways = (x[0] for x in both_ways(head, shard.seen([i])))
            label = shard.cells[i]
            told = label != features.IGNORED
            changed.append(logits.sigmoid().numpy()[told])
            truth.append(label[told] > 0)
            for k, change in enumerate(shard.changes[i], start=1):
                spots = np.argwhere(label == k)[:16]
                if len(spots):
                    rows, columns = spots.T
                    right += list(
                        ways[:, rows, columns].argmax(dim=0).numpy() == batches.DIRECTIONS.index(change[2])
                    )
                    cells.append(embedding[:, rows, columns].mean(dim=1))
                    owners.append(change)
    told = {
        "changed": average_precision_score(np.concatenate(truth), np.concatenate(changed)),
        "direction": float(np.mean(right)),
        "seen": _wording_auroc(head, trained, cells, owners, rng, held_out_kinds=False),
        "unseen": _wording_auroc(head, held_out, cells, owners, rng, held_out_kinds=False),
        "unseen_kinds": _wording_auroc(head, held_out, cells, owners, rng, held_out_kinds=True),
    }
    return {name: round(float(value), 3) for name, value in told.items()}


def _wording_auroc(
    head: MiniHead, bank: wordings.Bank, cells: list, owners: list, rng, held_out_kinds: bool
) -> float:
    """AUROC over (change, wording) pairs; chance .5. Half the wordings asked are true ones."""
    truths, scores, labels = batches.Truths(bank), [], []
    for cell, change in zip(cells, owners, strict=True):
        fits = truths.of(change)
        if (change[0] in HELD_OUT_KINDS) != held_out_kinds or not fits.any():
            continue
        true = rng.choice(np.flatnonzero(fits), 20)
        chosen = np.concatenate([true, rng.integers(len(fits), size=WORDINGS)])
        queries = head.embed_queries(bank.vectors[torch.from_numpy(chosen)])
        scores.append((queries @ cell).numpy())
        labels.append(fits[chosen])
    return float("nan") if not scores else roc_auc_score(np.concatenate(labels), np.concatenate(scores))
