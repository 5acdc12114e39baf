"""Two real objects pasted into one scene: is the named one preferred?

    python -m training.objects_in_scenes --data PATH/pairs.csv [--seeds 0 1] [--ablate]

asks the whole engine, with `--ablate` also with one decision about things undone at a time;
`training.language_tests` asks the head alone of the same scenes. Objects are either photographed
(`whatsup`: one thing of each name, moved about a room) or painted into photographs by a model
(`magicbrush`).
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from sklearn.metrics import average_precision_score

from argus_fiftyone.encoders.registry import load_encoder
from argus_fiftyone.engine.compare import Walk
from argus_fiftyone.engine.observation import Observation
from argus_fiftyone.engine.workers import in_pieces
from argus_fiftyone.io.images import read_image, resize
from argus_fiftyone.io.masks import read_mask
from argus_fiftyone.io.png import write_png
from argus_fiftyone.methods.registry import load_method
from argus_fiftyone.settings import Settings
from benchmarks.measuring import turned
from training.evidence import Row, rows_of
from training.judging import Judge, heatmap

SHIPPED = "as shipped"
UNDONE: dict[str, dict[str, Any]] = {
    SHIPPED: {},
    "read only where it lies": {"methods.common.region_classifier.ALONE": 0.0},
    "read only cut out": {"methods.common.region_classifier.ALONE": 1.0},
    "cut out on grey": {"methods.common.instances.BACKGROUND": 127},
    "cut out at 352 px": {"methods.common.region_classifier.CROP_SIDE": 352},
    "all thousand names count": {"methods.common.region_classifier.CLASSES_MEANT": 1000},
    "a tenth left of other things": {"methods.common.query_weighting.NAMES_LEAST": 0.1},
}
"""What is undone, as module constants; everything else stays."""
SIZE = (448, 640)
BOX = 190
PAIRS = 60
OPENING = re.compile(r"^(?:let's |let |have )?(?:there be|add|put|give the woman) (?:an? )?", re.I)
REST = re.compile(r" (?:in|to|on|of the|leashed) .*$|\.$", re.I)
PLACE = "left_of|right_of|on|under|behind|in-front_of"
MOVED = re.compile(rf"whatsup/(?P<name>.+?)_(?P<was>{PLACE})_.+__.+?_(?P<now>{PLACE})_.+")
SIDES = {"left_of": (0, -1), "right_of": (0, 1), "behind": (1, -1), "in-front_of": (1, 1)}
"""The axis, 0 across and 1 down, and the end of it at which a thing stands."""
OWN_PIXELS = (40, 192)
"""Longest side of a photographed thing: below, nothing is to be seen; above, its neighbour is cut out too."""


def preferred(
    judge: Judge, pairs_csv: Path, seed: int = 0, objects: str = "photographed"
) -> dict[str, dict[str, list]]:
    """Per way: 1 where the named object's box holds the stronger evidence."""
    found: dict[str, dict[str, list]] = defaultdict(lambda: defaultdict(list))
    for row, name in scenes(pairs_csv, seed, objects):
        reading = judge.read(row)
        for way, match in judge.matches(reading, [name]).items():
            shown = heatmap(reading.visual, match[0]).numpy()
            found[way]["objects"].append(_left_preferred(shown, 12))
    return found


def by_the_engine(
    pairs_csv: Path, seed: int, objects: str, ways: Mapping[str, Mapping[str, Any]]
) -> dict[str, tuple[float, float]]:
    """Per way of the engine: how often the named object holds the stronger evidence, and AP of its pixels."""
    encoder = load_encoder("mini")
    walk = Walk(load_method("argus", encoder), Settings(encoder="mini"))
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row, name in scenes(pairs_csv, seed, objects):
        before, after = (read_image(row[when]) for when in ("before", "after"))
        (observed,) = in_pieces(partial(_observed, walk, before, after))
        pasted = (before != after).any(axis=2)
        pasted[:, SIZE[1] // 2 :] = False  # the named one is on the left
        for way, constants in ways.items():
            with turned(constants):
                shown = np.abs(in_pieces(partial(walk.compare, observed, [name]))[0].heatmap)
            precision = average_precision_score(pasted.ravel(), shown.ravel())
            found[way].append((_left_preferred(shown, shown.size // 100), float(precision)))
    return {way: (float(won), float(ap)) for way, own in found.items() for won, ap in [np.mean(own, axis=0)]}


def _observed(walk: Walk, before: np.ndarray, after: np.ndarray) -> list[Observation]:
    return walk.observe([walk.register(before, after)])


def _left_preferred(shown: np.ndarray, strongest: int) -> float:
    half = shown.shape[1] // 2
    left, right = (np.sort(side.ravel())[-strongest:].mean() for side in (shown[:, :half], shown[:, half:]))
    return float(left > right)


def scenes(pairs_csv: Path, seed: int, objects: str) -> Iterator[tuple[Row, str]]:
    """Pairs without and with two objects, and what the one on the left is called."""
    rng = np.random.default_rng(seed)
    named = CUT_OUTS[objects](pairs_csv)
    empty = [read_image(row["before"]) for row in rows_of(pairs_csv, ("oxford_affine",), "nochange")]
    with tempfile.TemporaryDirectory() as folder:
        for number in range(PAIRS):
            first, second = rng.choice(len(named), 2, replace=False)
            scene = resize(empty[rng.integers(len(empty))], SIZE)
            cut = [named[first][1], named[second][1]]
            yield _written(Path(folder) / "scene", number, scene, cut), named[first][0]


def painted(pairs_csv: Path) -> list[tuple[str, np.ndarray]]:
    """(name, RGBA) of objects that were painted into pictures, cut out along their masks."""
    made = []
    for row in rows_of(pairs_csv, ("magicbrush",)):
        mask = read_mask(row["mask"])
        if not (OPENING.match(row["query"]) and mask.any()) or " the hydrant on" in row["query"]:
            continue
        noun = REST.sub("", OPENING.sub("", row["query"]))
        made.append((_named(noun), _cut_out(row, mask)))
    return made


def photographed(pairs_csv: Path) -> list[tuple[str, np.ndarray]]:
    """(name, RGBA), one of each name, cut out where it was moved to."""
    made: dict[str, np.ndarray] = {}
    for row in rows_of(pairs_csv, ("whatsup",)):
        told = MOVED.fullmatch(row["id"])
        if not told or told["name"] in made:
            continue
        mask = _moved_to(read_mask(row["mask"]), told["was"], told["now"])
        if mask.any():
            made[told["name"]] = _cut_out(row, mask)
    return [(_named(name.replace("-", " ")), patch) for name, patch in made.items()]


def _named(noun: str) -> str:
    if noun.endswith("s"):
        return noun
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _moved_to(mask: np.ndarray, was: str, now: str) -> np.ndarray:
    """Of the places where a thing stood before and after, the latter; nothing where the two touch."""
    count, labels, stats, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    large = [n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] >= 0.2 * stats[1:, -1].max()]
    axis, end = _end(was, now)
    place = max(large, key=lambda n: end * centres[n][axis])
    longest = max(stats[place, cv2.CC_STAT_WIDTH : cv2.CC_STAT_HEIGHT + 1])
    return (labels == place) & (len(large) > 1 and OWN_PIXELS[0] <= longest <= OWN_PIXELS[1])


def _end(was: str, now: str) -> tuple[int, int]:
    """The axis along which a thing moved, and the end of it that it moved to."""
    if now not in ("left_of", "right_of") and was in ("left_of", "right_of"):
        return 0, -SIDES[was][1]
    return SIDES.get(now, (1, -1 if now == "on" else 1))


def _cut_out(row: Row, mask: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.dstack([read_image(row["after"])[box], mask[box].astype(np.uint8) * 255])


CUT_OUTS = {"photographed": photographed, "painted": painted}


def _written(folder: Path, number: int, scene: np.ndarray, cut: list[np.ndarray]) -> Row:
    """The scene without and with both objects, the first on the left, as files of a row."""
    after = scene.copy()
    for patch, centre in zip(cut, (SIZE[1] // 4, 3 * SIZE[1] // 4), strict=True):
        scale = BOX / max(patch.shape[:2])
        small = cv2.resize(patch, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        height, width = small.shape[:2]
        top, left = (SIZE[0] - height) // 2, centre - width // 2
        alpha = small[..., 3:] / 255
        spot = after[top : top + height, left : left + width]
        spot[:] = spot * (1 - alpha) + small[..., :3] * alpha
    for part, picture in (("before", scene), ("after", after)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        write_png(folder / part / f"{number}.png", picture)
    return {
        "id": "",
        "before": str(folder / f"before/{number}.png"),
        "after": str(folder / f"after/{number}.png"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="pairs.csv of the development pairs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--objects", nargs="+", choices=CUT_OUTS, default=list(CUT_OUTS))
    parser.add_argument("--ablate", action="store_true", help="also with one decision about things undone")
    given = parser.parse_args()
    ways = UNDONE if given.ablate else {SHIPPED: {}}
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for objects in given.objects:
        for seed in given.seeds:
            for way, (won, precision) in by_the_engine(given.data, seed, objects, ways).items():
                found[way].append((won, precision))
                told = f"named one preferred {won:.3f}, AP {precision:.3f}"
                print(f"{objects}, seed {seed}, {way}: {told}", flush=True)
    for way, each in found.items():
        won, precision = np.mean(each, axis=0)
        print(f"all {PAIRS * len(each)} scenes of two objects, {way}: {won:.3f}, AP {precision:.3f}")


if __name__ == "__main__":
    main()
