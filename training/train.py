"""Trains the head: `python -m training.train WORK [--pairs 12000] [--epochs 8]`.

WORK keeps downloads, the frozen features and checkpoints; a run that was stopped goes on
where it was, with the same result. It lies in WORK/mini_head.safetensors.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from argus_fiftyone.encoders.mini.head import MiniHead
from training import batches, features, sources, validation, wordings
from training.perturbation import perturbed
from training.prototypes import KINDS, SURFACES, Prototypes
from training.reading import match_logits, one_way

VALIDATION_SEED = 900_000
BATCH = 16
FOUND_WEIGHT = 0.5
RANKED_WEIGHT = 1.0
KIND_WEIGHT = 3.0
SURFACE_WEIGHT = 1.0
DROPPED = 0.2
AVERAGED = 0.995
"""Share of the running mean of the weights that stays at every step; the mean is what is kept."""


def losses(head: MiniHead, teachers: nn.ModuleDict, batch: batches.Batch) -> dict[str, Tensor]:
    """Every term of the training loss for one batch."""
    embedding, changed, direction = one_way(head, perturbed(head, batch.seen))
    told = batch.cells != features.IGNORED
    is_changed = (batch.cells > 0) & told
    terms = {"changed": _changed_loss(changed, is_changed, told)}
    if is_changed.any():
        terms["direction"] = functional.cross_entropy(
            direction.permute(0, 2, 3, 1)[is_changed], batch.directions[is_changed]
        )
    queries = head.embed_queries(batch.texts + 0.02 * torch.randn_like(batch.texts))
    flat = embedding.permute(0, 2, 3, 1)
    picked, quiet = flat[batch.picked], flat[batch.quiet]
    terms["match"] = 2 * _match_loss(head, picked, queries, batch.truth)
    terms["kind"] = KIND_WEIGHT * teachers["kind"](picked, batch.kinds)
    terms["surface"] = SURFACE_WEIGHT * teachers["surface"](picked, batch.surfaces)
    terms["quiet"] = _quiet_loss(head, quiet, queries)
    terms["found"] = FOUND_WEIGHT * _found_loss(head, picked, quiet, queries, batch.truth)
    return terms


def _changed_loss(logits: Tensor, target: Tensor, told: Tensor) -> Tensor:
    """Cross-entropy and a Dice term, so that small changes count."""
    truth = target[told].float()
    plain = functional.binary_cross_entropy_with_logits(logits[told], truth, pos_weight=torch.tensor(2.0))
    share = logits.sigmoid() * told
    dice = 1 - (2 * (share * target).sum() + 1) / (share.sum() + target.sum() + 1)
    return 2 * plain + 0.5 * dice


def _match_loss(head: MiniHead, cells: Tensor, queries: Tensor, truth: Tensor) -> Tensor:
    """Sigmoid loss per cell and wording, plus a ranking of the wordings per cell."""
    if not len(cells):
        return cells.sum()
    logits = match_logits(head, cells @ queries.T)
    each = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    right, wrong = truth.sum().clamp(min=1), (1 - truth).sum().clamp(min=1)
    balanced = (each * truth).sum() / right + (each * (1 - truth)).sum() / wrong
    ranked = _with_nothing(head, cells, logits).logsumexp(dim=1, keepdim=True) - logits
    return balanced + RANKED_WEIGHT * (ranked * truth).sum() / right


def _quiet_loss(head: MiniHead, cells: Tensor, queries: Tensor) -> Tensor:
    """Where nothing changed no wording fits, and the one thing to say is `nothing`: then the
    scene itself cannot answer a query that happens to name it."""
    logits = match_logits(head, cells @ queries.T)
    offered = _with_nothing(head, cells, logits)
    return 0.5 * functional.softplus(logits).mean() + 0.5 * (offered.logsumexp(dim=1) - offered[:, -1]).mean()


def _found_loss(head: MiniHead, changed: Tensor, quiet: Tensor, queries: Tensor, truth: Tensor) -> Tensor:
    """Per wording, a ranking of the cells: those it names come before changed cells it does not
    name and before unchanged ones. It is what a heatmap has to do; `_match_loss` ranks wordings."""
    if not truth.any():
        return changed.sum() * 0
    named = match_logits(head, changed @ queries.T)
    others = torch.cat([named.masked_fill(truth > 0, -1e4), match_logits(head, quiet @ queries.T)])
    late = functional.softplus(others.logsumexp(dim=0) - named)
    return (late * truth).sum() / truth.sum()


def _with_nothing(head: MiniHead, cells: Tensor, logits: Tensor) -> Tensor:
    silent = match_logits(head, cells @ functional.normalize(head.nothing, dim=0))
    return torch.cat([logits, silent[:, None]], dim=1)


def train(work: Path, pairs: int, epochs: int, seed: int) -> MiniHead:
    torch.manual_seed(seed)
    shards = batches.opened(work / "train", pairs)
    bank = wordings.embedded_bank(work, shards)
    truths = batches.Truths(bank, batches.all_changes(shards))
    head = MiniHead()
    head.drop.p = DROPPED
    batches.set_statistics(head, shards[0])
    head.text_mean.copy_(bank.vectors.mean(dim=0))
    teachers = nn.ModuleDict({"kind": Prototypes(head.dim, KINDS), "surface": Prototypes(head.dim, SURFACES)})
    learning = [*head.parameters(), *teachers.parameters()]
    optimizer = torch.optim.AdamW(learning, lr=2e-3, weight_decay=0.05)
    mean = AveragedModel(head, multi_avg_fn=get_ema_multi_avg_fn(AVERAGED))
    averaged = cast(MiniHead, mean.module)
    checkpoint, first = work / "checkpoint.pt", 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        head.load_state_dict(state["head"])
        teachers.load_state_dict(state["teachers"])
        optimizer.load_state_dict(state["optimizer"])
        mean.load_state_dict(state["mean"])
        torch.set_rng_state(state["chance"])
        first = state["epoch"] + 1
    steps = epochs * pairs // BATCH
    for epoch in range(first, epochs):
        _epoch(
            head,
            teachers,
            mean,
            optimizer,
            batches.stream(shards, truths, BATCH, seed + epoch),
            epoch * pairs // BATCH,
            steps,
        )
        states = {"head": head, "teachers": teachers, "mean": mean, "optimizer": optimizer}
        kept = {name: part.state_dict() for name, part in states.items()}
        torch.save({**kept, "epoch": epoch, "chance": torch.get_rng_state()}, checkpoint)
        print(f"epoch {epoch}:", json.dumps(validation.figures(averaged, work, seed)), flush=True)
    return averaged


def _epoch(
    head: MiniHead,
    teachers: nn.ModuleDict,
    mean: AveragedModel,
    optimizer: torch.optim.Optimizer,
    stream: Iterator[batches.Batch],
    done: int,
    steps: int,
) -> None:
    head.train()
    began, sums, number = time.time(), {}, 0
    for number, batch in enumerate(stream):
        progress = (done + number) / steps
        for group in optimizer.param_groups:
            group["lr"] = (
                2e-3 * min(1.0, (done + number + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * progress))
            )
        terms = losses(head, teachers, batch)
        optimizer.zero_grad()
        sum(terms.values()).backward()  # type: ignore[union-attr]
        torch.nn.utils.clip_grad_norm_(head.parameters(), 2.0)
        optimizer.step()
        mean.update_parameters(head)
        for name, term in terms.items():
            sums[name] = sums.get(name, 0.0) + float(term.detach())
    means = {name: round(total / (number + 1), 3) for name, total in sums.items()}
    print(f"{time.time() - began:.0f} s", means, flush=True)


def save(head: MiniHead, file: Path) -> None:
    from safetensors.torch import save_file

    save_file(
        {
            name: t.half().contiguous() if t.numel() > 1 else t.float()
            for name, t in head.state_dict().items()
        },
        str(file),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--pairs", type=int, default=12000)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)  # so that sums are rounded alike on any number of cores
    sources.fetch(args.work / "assets")
    features.precompute(args.work / "train", args.work / "assets", 0, args.pairs)
    features.precompute(args.work / "validation", args.work / "assets", VALIDATION_SEED, 300)
    head = train(args.work, args.pairs, args.epochs, args.seed).eval()
    shards = batches.opened(args.work / "train", args.pairs)
    wordings.set_understanding(head, args.work, wordings.embedded_bank(args.work, shards))
    validation.set_yardstick(head, args.work, batches.opened(args.work / "train", 600))
    save(head, args.work / "mini_head.safetensors")
    print("done:", json.dumps(validation.figures(head, args.work, args.seed)))


if __name__ == "__main__":
    main()
