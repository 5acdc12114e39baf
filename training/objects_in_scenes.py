"""Two real objects pasted into one scene: is the named one preferred?"""

from __future__ import annotations

import re
import tempfile
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from argus_fiftyone import pictures
from training.evidence import Row, rows_of
from training.judging import Judge, heatmap

SIZE = (448, 640)
BOX = 190
PAIRS = 60
OPENING = re.compile(r"^(?:let's |let |have )?(?:there be|add|put|give the woman) (?:an? )?", re.I)
REST = re.compile(r" (?:in|to|on|of the|leashed) .*$|\.$", re.I)


def preferred(judge: Judge, pairs_csv: Path, seed: int = 0) -> dict[str, dict[str, list]]:
    """Per way: 1 where the named object's box holds the stronger evidence."""
    rng, found = np.random.default_rng(seed), defaultdict(lambda: defaultdict(list))
    named = cut_outs(pairs_csv)
    scenes = [
        pictures.read_picture(row["before"]) for row in rows_of(pairs_csv, ("oxford_affine",), "nochange")
    ]
    with tempfile.TemporaryDirectory() as folder:
        for number in range(PAIRS):
            first, second = rng.choice(len(named), 2, replace=False)
            scene = pictures.resize(scenes[rng.integers(len(scenes))], SIZE)
            row = _written(Path(folder) / "scene", number, scene, [named[first][1], named[second][1]])
            reading = judge.read(row)
            half = reading.visual.shape[1] // 2
            for way, match in judge.matches(reading, [named[first][0]]).items():
                shown = heatmap(reading.visual, match[0]).numpy()
                left, right = (
                    np.sort(side.ravel())[-12:].mean() for side in (shown[:, :half], shown[:, half:])
                )
                found[way]["objects"].append(float(left > right))
    return found


def cut_outs(pairs_csv: Path) -> list[tuple[str, np.ndarray]]:
    """(name, RGBA) of objects that were painted into pictures, cut out along their masks."""
    made = []
    for row in rows_of(pairs_csv, ("magicbrush",)):
        mask = pictures.read_mask(row["mask"])
        if not (OPENING.match(row["query"]) and mask.any()) or " the hydrant on" in row["query"]:
            continue
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        noun = REST.sub("", OPENING.sub("", row["query"]))
        name = noun if noun.endswith("s") else f"a {noun}"
        opaque = mask[box].astype(np.uint8) * 255
        made.append((name, np.dstack([pictures.read_picture(row["after"])[box], opaque])))
    return made


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
        pictures.write_png(folder / part / f"{number}.png", picture)
    return {
        "id": "",
        "before": str(folder / f"before/{number}.png"),
        "after": str(folder / f"after/{number}.png"),
    }
