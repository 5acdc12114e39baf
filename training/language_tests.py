"""Does the head answer the words? `python -m training.language_tests --data PATH/pairs.csv`.

Every test comes with its control. Pictures are taken as they are, without alignment, and the
heatmap is a plain one (`judging.heatmap`): these figures judge the language, not the engine.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import average_precision_score

from argus_fiftyone.encoders.mini.head import WEIGHTS, MiniHead
from training import objects_in_scenes
from training.evidence import DEFECT_SOURCES, Row, mask_cells, rows_of
from training.judging import WAYS, Judge, heatmap

CLASSES = {
    "scratch": "a scratch", "stain": "a stain", "missing part": "a missing part", "crack": "a crack",
    "pit": "pits", "broken edge": "a broken edge", "circuit fault": "a fault in a conductor track",
    "building": "a building was built", "person or object": "a person or an object",
}  # fmt: skip
ALSO = ("levir_cd", "sbi2015")
BOARD_QUERY = "a defect in the copper traces of the circuit board"
Figures = dict[str, dict[str, list]]


def query_swap(judge: Judge, rows: list[Row]) -> Figures:
    """Per way and source: does the own query outrank those of five other sources, (on changed cells,
    on unchanged cells)? Chance is 1 in 6 for either; only the difference speaks for the head."""
    asked = {
        s: Counter(r["query"] for r in rows if r["source"] == s).most_common(1)[0][0] for s in DEFECT_SOURCES
    }
    found: Figures = defaultdict(lambda: defaultdict(list))
    for row in rows:
        reading = judge.read(row)
        texts = [row["query"], *(text for source, text in asked.items() if source != row["source"])]
        changed, unchanged = mask_cells(row, (reading.visual.shape[0], reading.visual.shape[1]))
        if not (changed.any() and unchanged.any()):
            continue
        for way, match in judge.matches(reading, texts).items():
            first = tuple(_first(match.numpy()[:, cells]) for cells in (changed, unchanged))
            found[way][row["source"]].append(first)
    return found


def _first(scores: np.ndarray) -> float:
    """1 if the first query's mean is the highest, shared among ties."""
    means = scores.mean(axis=1)
    best = np.isclose(means, means.max(), rtol=0, atol=1e-9)
    return float(best[0]) / best.sum()


def diptychs(judge: Judge, rows: list[Row]) -> Figures:
    """Per way and source: does the asked-for half hold the stronger answer (top 1 % of its cells)?"""
    found: Figures = defaultdict(lambda: defaultdict(list))
    for row in rows:
        reading = judge.read(row)
        split = round(int(row["split_x"]) / _width(row) * reading.visual.shape[1])
        for way, match in judge.matches(reading, [row["query"]]).items():
            halves = np.split(heatmap(reading.visual, match[0]).numpy(), [split], axis=1)
            left, right = (peak(half) for half in halves)
            found[way][row["source"]].append(
                0.5 if left == right else float((left > right) == (row["target"] == "left"))
            )
    return found


def _width(row: Row) -> int:
    from PIL import Image

    return Image.open(row["after"]).width


def peak(shown: np.ndarray) -> float:
    values = np.sort(shown.ravel())
    return float(values[-max(len(values) // 100, 1) :].mean())


def cell_ap(judge: Judge, rows: list[Row]) -> Figures:
    """Per way and source: average precision of changed cells, with the row's query."""
    found: Figures = defaultdict(lambda: defaultdict(list))
    for row in rows:
        reading = judge.read(row)
        changed, _ = mask_cells(row, (reading.visual.shape[0], reading.visual.shape[1]))
        if changed.any():
            for way, match in judge.matches(reading, [row["query"]]).items():
                shown = heatmap(reading.visual, match[0]).numpy()
                found[way][row["source"]].append(average_precision_score(changed.ravel(), shown.ravel()))
    return found


def confusion(judge: Judge, rows: list[Row]) -> str:
    """Changed regions of real pairs, classified by asking all classes at once."""
    names, table = list(CLASSES), defaultdict(Counter)
    for row in rows:
        reading = judge.read(row)
        match = judge.matches(reading, list(CLASSES.values()))["head"].numpy()
        changed, _ = mask_cells(row, match.shape[1:])
        if changed.any():
            best = match[:, changed].mean(axis=1).argmax()
            table[f"{row['source']}: {row['query']}"][names[best]] += 1
    lines = [f"| changed region | n | {' | '.join(names)} |", "|" + "---|" * (len(names) + 2)]
    for label, counts in sorted(table.items()):
        cells = " | ".join(str(counts[name] or "") for name in names)
        lines.append(f"| {label} | {sum(counts.values())} | {cells} |")
    return "\n".join(lines)


def table(title: str, found: Figures, ways: Iterable[str]) -> str:
    """Means per way: over all rows, over sources, and by source."""
    sources = sorted({source for way in found.values() for source in way})
    lines = [f"\n{title}", f"| | rows | macro | {' | '.join(sources)} |", "|" + "---|" * (len(sources) + 3)]
    for way in ways:
        by_source = [np.mean(found[way][source], axis=0) for source in sources]
        rows = np.mean([value for source in sources for value in found[way][source]], axis=0)
        cells = [_shown(value) for value in (rows, np.mean(by_source, axis=0), *by_source)]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _shown(value: np.ndarray) -> str:
    pair = np.atleast_1d(value)
    return f"{pair[0]:.2f} − {pair[1]:.2f} = {pair[0] - pair[1]:+.2f}" if len(pair) == 2 else f"{pair[0]:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="pairs.csv of the development pairs")
    parser.add_argument("--diptychs", type=Path, help="pairs.csv that make_diptychs.py wrote (200, seed 0)")
    parser.add_argument("--cache", type=Path, default=Path("language_cache"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    judge = Judge(MiniHead.load("cpu", args.weights), args.cache)
    defects = rows_of(args.data, DEFECT_SOURCES)
    everything = [*defects, *rows_of(args.data, ALSO)]
    told = WAYS[1:]
    _say(
        table("Query swap: changed − unchanged cells (chance difference 0)", query_swap(judge, defects), told)
    )
    _say(table("AP of changed cells", cell_ap(judge, everything), WAYS))
    one_type = [row for row in rows_of(args.data, ("deeppcb",)) if row["query"] != BOARD_QUERY]
    _say(table("AP, boards whose query names one type of fault", cell_ap(judge, one_type), WAYS))
    _say(confusion(judge, everything))
    if args.diptychs:
        _say(
            table("Diptychs: the asked-for half is preferred", diptychs(judge, rows_of(args.diptychs)), WAYS)
        )
    _say(
        table("Two objects: the named one is preferred", objects_in_scenes.preferred(judge, args.data), WAYS)
    )
    for text in sorted({row["query"] for row in everything}):
        _say(f"understood {float(judge.understood([text])):.2f}  {text}")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
