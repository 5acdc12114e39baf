"""Do the words decide between two changes? Two tests of `benchmarks.quality`, with their controls.

    python -m benchmarks.words_decide PATH/pairs.csv [PATH/pairs.csv …]

asks the diptychs of several lists, since two hundred of one seed are two hundred draws.
"""

from __future__ import annotations

import argparse
import csv as tables
import tempfile
from pathlib import Path

import numpy as np

from argus_fiftyone.encoders.protocol import Encoder
from argus_fiftyone.encoders.registry import load_encoder
from argus_fiftyone.io.images import resize
from argus_fiftyone.io.maps import read_map
from argus_fiftyone.io.masks import read_mask
from argus_fiftyone.io.pair_list import read_pairs, read_rows
from argus_fiftyone.runs.evaluate import evaluate_run
from argus_fiftyone.runs.folder import run_pairs
from argus_fiftyone.settings import Settings

WORDS_DECIDE = """\
Two changes side by side, the query names one. Control: the same of what lies outside every mask.
Where a picture falls apart into two scenes, a scene is chosen as a whole, by what changed in it and by
what it is, so the control follows: these figures say that the words find their scene, not that they tell
one change from another in the same scene."""

BOARDS, ANY_FAULT = "deeppcb", "a defect in the copper traces of the circuit board"


def boards_of_one_fault(csv: Path, with_query: Path, without: Path, settings: Settings) -> list[str]:
    """AP of the boards whose query names one kind of fault; [] where the list has none.

    Such boards show other faults as well, which their masks leave out: only words tell them apart.

    Args:
        csv: all pairs. with_query, without: folders of runs over them, the latter asked for any change.
    """
    rows = [row for row in read_rows(csv, ("id", "query", "mask", "label")) if row.get("source") == BOARDS]
    rows = [row | {"mask": str((csv.parent / row["mask"]).resolve())} for row in rows if _names_one(row)]
    if not rows:
        return []
    few = with_query.parent / "boards_of_one_fault.csv"
    with few.open("w", newline="", encoding="utf-8") as file:
        table = tables.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    named, any_change = (
        evaluate_run(few, run, settings.threshold)["macro"]["pixel_ap"] for run in (with_query, without)
    )
    return [
        "",
        f"Boards whose query names one kind of fault ({len(rows)} of {BOARDS}; other faults they show count "
        f"as wrong): AP {named:.3f} with the query, {any_change:.3f} asked for any change.",
    ]


def _names_one(row: dict[str, str]) -> bool:
    return row["label"] == "change" and row["query"] != ANY_FAULT


def diptychs(csv: Path, folder: Path, encoder: Encoder, settings: Settings) -> dict[str, float]:
    """Which half of a diptych the map prefers, by the mean of the strongest 1 % of either half.

    The control asks the same of the cells outside every mask: a preference there is for the
    scene, not for the change.
    """
    run_pairs(read_pairs(csv), folder, settings, encoder)
    preferred, control = [], []
    for row in read_rows(csv, ("id", "mask", "target", "split_x")):
        evidence = np.abs(read_map(folder / "maps" / f"{row['id']}.png"))
        mask = resize(read_mask(csv.parent / row["mask"]).astype(np.uint8), evidence.shape) > 0
        split = round(int(row["split_x"]) * evidence.shape[1] / mask.shape[1])
        halves = np.split(evidence, [split], axis=1)
        outside = np.split(np.where(mask, 0, evidence), [split], axis=1)
        wanted = 0 if row["target"] == "left" else 1
        preferred.append(_strength(halves[wanted]) > _strength(halves[1 - wanted]))
        control.append(float(outside[wanted].mean()) > float(outside[1 - wanted].mean()))
    return {"asked-for half preferred": float(np.mean(preferred)), "control": float(np.mean(control))}


def _strength(half: np.ndarray) -> float:
    flat = np.sort(half, axis=None)
    return float(flat[-max(1, flat.size // 100) :].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "diptychs", type=Path, nargs="+", help="pairs.csv of diptychs with target and split_x"
    )
    parser.add_argument("--encoder", default="mini")
    given = parser.parse_args()
    encoder, settings = load_encoder(given.encoder), Settings(encoder=given.encoder)
    for csv in given.diptychs:
        with tempfile.TemporaryDirectory() as folder:
            found = diptychs(csv, Path(folder), encoder, settings)
        print(f"{csv}:", ", ".join(f"{name} {share:.3f}" for name, share in found.items()), flush=True)


if __name__ == "__main__":
    main()
