"""Does the head answer the words? `python -m training.language_tests --data PATH/pairs.csv`.

Every test comes with its control. Scores are those of the head and of `combine`, on pictures
as they are (no alignment), so they judge the language and not the engine around it.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor
from torch.nn import functional

from argus_fiftyone import query
from argus_fiftyone.encoders.mini_head import WEIGHTS, ChangeDescription, MiniHead, combine
from argus_fiftyone.encoders.mini_match import SeenPair
from training.evidence import DEFECT_SOURCES, PairReader, Row, mask_cells, rows_of

CLASSES = {
    "scratch": "a scratch", "stain": "a stain", "missing part": "a missing part", "crack": "a crack",
    "pit": "pits", "broken edge": "a broken edge", "circuit fault": "a circuit trace fault",
    "building": "a building built", "person or object": "a person or an object",
}  # fmt: skip


@dataclass
class Reading:
    """One pair, read once. visual: [rows, cols]; conse: answers per query."""

    seen: SeenPair
    told: ChangeDescription
    visual: Tensor


class Judge:
    """Answers queries about pairs, by the head, by ConSE, or by both."""

    def __init__(self, head: MiniHead, cache: Path):
        self.head, self.reader = head, PairReader(cache)
        self._vectors: dict[tuple[str, ...], Tensor] = {}

    @torch.inference_mode()
    def read(self, row: Row) -> Reading:
        seen = self.reader.seen(row)
        embedding, changed, ways = (x[0] for x in self.head.both_ways(seen))
        told = ChangeDescription(
            embedding.permute(1, 2, 0), changed.sigmoid(), ways.softmax(dim=0).permute(1, 2, 0)
        )
        return Reading(seen, told, visual_evidence(seen))

    @torch.inference_mode()
    def head_match(self, reading: Reading, texts: list[str]) -> Tensor:
        return self.head.match(reading.told, self.head.embed_queries(self._embedded(texts, centred=False)))

    @torch.inference_mode()
    def conse_match(self, reading: Reading, texts: list[str]) -> Tensor:
        """The stronger of the two pictures' posteriors, as the engine has it."""
        asked = [query.parse_query(text) for text in texts]
        found = []
        for one in asked:
            positive = functional.normalize(self._embedded(list(one.positive), True).mean(dim=0), dim=0)
            posteriors = self.reader.conse(
                reading.seen, positive[None], self._embedded(list(one.negative), True)
            )
            found.append(torch.maximum(*posteriors)[0])
        size = reading.visual.shape
        return functional.interpolate(
            torch.stack(found)[None], size=size, mode="bilinear", align_corners=False
        )[0]

    def understood(self, texts: list[str]) -> Tensor:
        return self.head.understood(self._embedded(texts, centred=False))

    def answer(self, reading: Reading, texts: list[str], how: str) -> Tensor:
        """Heatmaps [queries, rows, cols] by one of: visual, head, conse, both."""
        if how == "visual":
            return reading.visual.expand(len(texts), -1, -1)
        if how == "head":
            return reading.visual * self.head_match(reading, texts)
        conse = self.conse_match(reading, texts)
        if how == "conse":
            return reading.visual * conse
        return reading.visual * combine(self.head_match(reading, texts), conse, self.understood(texts))

    def _embedded(self, texts: list[str], centred: bool) -> Tensor:
        key = (str(centred), *texts)
        if key not in self._vectors:
            vectors = self.reader.encoder.encode_text(texts) if centred else self.reader.encoder._embed(texts)
            self._vectors[key] = vectors.clone()
        return self._vectors[key]


def visual_evidence(seen: SeenPair) -> Tensor:
    """The trained-free difference at stride 8: levels weighed 1:2:2:1, both ways, above its median."""
    weights = torch.tensor([1, 0, 2, 2, 1, 0]) / 6
    levels = seen.evidence[0]
    both = torch.maximum(*(torch.einsum("l,lrc->rc", weights, part) for part in (levels[:6], levels[6:])))
    return (both - 0.6 * both.median()).clamp(min=0)


def query_swap(judge: Judge, rows: list[Row], how: str) -> dict[str, float]:
    """How often the own query outranks those of five other sources, on changed and unchanged cells."""
    common = {
        s: Counter(r["query"] for r in rows if r["source"] == s).most_common(1)[0][0] for s in DEFECT_SOURCES
    }
    firsts: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in rows:
        reading = judge.read(row)
        texts = [row["query"], *(text for source, text in common.items() if source != row["source"])]
        match = judge.head_match(reading, texts) if how == "head" else judge.conse_match(reading, texts)
        changed, unchanged = mask_cells(row, tuple(reading.visual.shape))
        if changed.any() and unchanged.any():
            firsts[row["source"]].append(
                (_first(match.numpy()[:, changed]), _first(match.numpy()[:, unchanged]))
            )
    told = {f"{s} ({len(v)})": tuple(np.round(np.mean(v, axis=0), 2)) for s, v in firsts.items()}
    macro = np.mean([np.mean(v, axis=0) for v in firsts.values()], axis=0)
    rate = np.mean([x for v in firsts.values() for x in v], axis=0)
    return {
        "changed": rate[0],
        "unchanged": rate[1],
        "difference": rate[0] - rate[1],
        "macro difference": macro[0] - macro[1],
        **told,
    }


def _first(scores: np.ndarray) -> float:
    means = scores.mean(axis=1)
    best = np.isclose(means, means.max(), rtol=0, atol=1e-9)
    return float(best[0]) / best.sum()


def diptychs(judge: Judge, rows: list[Row], how: str) -> dict[str, float]:
    """How often the asked-for half holds the stronger answer (mean of its top 1 % of cells)."""
    wins: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        reading = judge.read(row)
        heatmap = judge.answer(reading, [row["query"]], how)[0].numpy()
        split = round(int(row["split_x"]) / _width(row) * heatmap.shape[1])
        left, right = _peak(heatmap[:, :split]), _peak(heatmap[:, split:])
        wins[row["source"]].append(
            0.5 if left == right else float((left > right) == (row["target"] == "left"))
        )
    told = {f"{s} ({len(v)})": round(float(np.mean(v)), 2) for s, v in sorted(wins.items())}
    return {"preferred": float(np.mean([x for v in wins.values() for x in v])), **told}


def _width(row: Row) -> int:
    from PIL import Image

    return Image.open(row["after"]).width


def _peak(heatmap: np.ndarray) -> float:
    values = np.sort(heatmap.ravel())
    return float(values[-max(len(values) // 100, 1) :].mean())


def pixel_ap(judge: Judge, rows: list[Row], how: str) -> dict[str, float]:
    """Macro AP over changed cells per source."""
    found: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        reading = judge.read(row)
        heatmap = judge.answer(reading, [row["query"]], how)[0].numpy()
        changed, _ = mask_cells(row, heatmap.shape)
        if changed.any():
            found[row["source"]].append(average_precision_score(changed.ravel(), heatmap.ravel()))
    told = {f"{s} ({len(v)})": round(float(np.mean(v)), 3) for s, v in sorted(found.items())}
    return {"macro": float(np.mean([np.mean(v) for v in found.values()])), **told}


def confusion(judge: Judge, rows: list[Row]) -> str:
    """Regions of real changes, classified by asking all classes at once."""
    names, table = list(CLASSES), defaultdict(Counter)
    for row in rows:
        reading = judge.read(row)
        match = judge.head_match(reading, list(CLASSES.values())).numpy()
        changed, _ = mask_cells(row, match.shape[1:])
        if changed.any():
            table[f"{row['source']}: {row['query']}"][names[match[:, changed].mean(axis=1).argmax()]] += 1
    lines = [f"| changed region | n | {' | '.join(names)} |", "|" + "---|" * (len(names) + 2)]
    for label, counts in sorted(table.items()):
        lines.append(
            f"| {label} | {sum(counts.values())} | {' | '.join(str(counts[n] or '') for n in names)} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="pairs.csv of the development pairs")
    parser.add_argument("--diptychs", type=Path, help="pairs.csv that make_diptychs.py wrote (200, seed 0)")
    parser.add_argument("--cache", type=Path, default=Path("language_cache"))
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--only", nargs="*", default=["swap", "diptychs", "ap", "confusion"])
    args = parser.parse_args()
    judge = Judge(MiniHead.load("cpu", args.weights), args.cache)
    defects, shown = (
        rows_of(args.data, DEFECT_SOURCES),
        lambda name, told: print(f"{name}: {json.dumps(told, default=str)}", flush=True),
    )
    queries = sorted({row["query"] for row in rows_of(args.data)})
    shown(
        "understood",
        {
            text: round(float(value), 2)
            for text, value in zip(queries, judge.understood(queries), strict=True)
        },
    )
    if "swap" in args.only:
        for how in ("head", "conse"):
            shown(f"query swap, {how}", query_swap(judge, defects, how))
    if "diptychs" in args.only and args.diptychs:
        for how in ("visual", "conse", "head", "both"):
            shown(f"diptychs, {how}", diptychs(judge, rows_of(args.diptychs), how))
    if "ap" in args.only:
        for how in ("visual", "conse", "head", "both"):
            shown(
                f"cell AP, {how}",
                pixel_ap(judge, [*defects, *rows_of(args.data, ("levir_cd", "sbi2015"))], how),
            )
    if "confusion" in args.only:
        print(confusion(judge, [*defects, *rows_of(args.data, ("levir_cd", "sbi2015"))]))


if __name__ == "__main__":
    main()
