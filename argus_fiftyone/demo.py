"""The main job on shipped real pairs: run, evaluate, draw, and load into FiftyOne."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from tqdm import tqdm

from argus_fiftyone.engine.overlay import overlay
from argus_fiftyone.io.images import read_image, resize
from argus_fiftyone.io.maps import read_map
from argus_fiftyone.io.masks import read_mask
from argus_fiftyone.io.pair_list import read_pairs, read_rows
from argus_fiftyone.io.png import write_png
from argus_fiftyone.settings import Settings

if TYPE_CHECKING:
    import fiftyone as fo

PAIRS = Path(__file__).parent / "demo_pairs" / "pairs.csv"
DATASET = "argus-demo"
RUN_KEY = "argus"
PANEL_HEIGHT = 260


def draw_pictures(folder: Path, threshold: float) -> list[Path]:
    """Write before | after | heatmap | truth, one picture per pair of the demo."""
    scores = {row["id"]: row for row in read_rows(folder / "scores.csv", ("id", "score"))}
    written = []
    for row in read_rows(PAIRS, ("id", "before", "after", "mask")):
        picture = _strip(row, scores[row["id"]], folder, threshold)
        path = folder / "pictures" / f"{row['id'].replace('/', '_')}.png"
        write_png(path, picture)
        written.append(path)
    return written


def _strip(row: dict[str, str], score: dict[str, str], folder: Path, threshold: float) -> np.ndarray:
    root = PAIRS.parent
    before, after = (read_image(root / row[side]) for side in ("before", "after"))
    heatmap = read_map(folder / "maps" / f"{row['id']}.png")
    truth = np.repeat(read_mask(root / row["mask"])[..., None].astype(np.uint8) * 255, 3, axis=2)
    painted = overlay(after, heatmap, [], threshold)
    titles = ("before", "after", f"score {float(score['score']):.2f} {score['direction']}", "truth")
    tiles = [
        _titled(tile, title) for tile, title in zip((before, after, painted, truth), titles, strict=True)
    ]
    return np.hstack(tiles)


def _titled(picture: np.ndarray, title: str) -> np.ndarray:
    width = round(picture.shape[1] * PANEL_HEIGHT / picture.shape[0])
    tile = np.full((PANEL_HEIGHT + 30, width + 6, 3), 255, np.uint8)
    tile[30:, :width] = resize(picture, (PANEL_HEIGHT, width))
    cv2.putText(tile, title, (4, 21), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (40, 40, 40), 1, cv2.LINE_AA)
    return tile


def result_table(folder: Path) -> str:
    """One line per pair: what was asked, what was there, what Argus said."""
    truth = {row["id"]: row for row in read_rows(PAIRS, ("id", "label"))}
    lines = [f"{'pair':<36} {'truth':<9} {'score':>6}  {'direction':<12} alignment"]
    for row in read_rows(folder / "scores.csv", ("id", "score")):
        label = truth[row["id"]]["label"]
        lines.append(
            f"{row['id']:<36} {label:<9} {float(row['score']):6.2f}  "
            f"{row['direction']:<12} {row['alignment']}"
        )
    return "\n".join(lines)


def run_demo(folder: Path, settings: Settings, open_app: bool, say: Callable[[str], None] = print) -> int:
    """Run, evaluate, draw, load into FiftyOne; the number of pairs that failed.

    Args:
        open_app: open the App on the dataset and wait until it is closed.
        say: takes each line of the report.
    """
    failed = _run_core(folder, settings, say)
    say("\nThe same in FiftyOne: a grouped dataset, the operator, its evaluation")
    dataset = build_dataset(settings, say)
    say(f"dataset {DATASET!r}: heatmaps in the field {RUN_KEY!r} of the after slice, sort by {RUN_KEY}_score")
    if open_app:
        _open_app(dataset, say)
    else:
        say("make demo APP=1 opens the App on it")
    return failed


def _run_core(folder: Path, settings: Settings, say: Callable[[str], None]) -> int:
    from argus_fiftyone.evaluation.report import as_table, save
    from argus_fiftyone.methods.registry import encoder_for
    from argus_fiftyone.runs.evaluate import evaluate_run
    from argus_fiftyone.runs.folder import run_pairs

    encoder = encoder_for(settings)
    pairs = read_pairs(PAIRS)
    say(f"{len(pairs)} shipped pairs, encoder {encoder.name}")
    failed = run_pairs(pairs, folder, settings, encoder, overwrite=True)
    say("\n" + result_table(folder))
    report = evaluate_run(PAIRS, folder, settings.threshold)
    save(report, folder / "metrics.json")
    say("\nAgainst the masks (nine pairs: a look, not a measurement)\n" + as_table(report))
    pictures = draw_pictures(folder, settings.threshold)
    say(f"\n{len(pictures)} pictures before | after | heatmap | truth in {pictures[0].parent}")
    return failed


def build_dataset(settings: Settings, say: Callable[[str], None]) -> fo.Dataset:
    """The grouped FiftyOne dataset with the run's fields and its evaluation."""
    from argus_fiftyone.plugin.dataset.computing import compute_heatmaps
    from argus_fiftyone.plugin.dataset.ground_truth import evaluate_heatmaps
    from argus_fiftyone.plugin.dataset.imports import ImportReport, import_pairs, rows_of_csv

    found = rows_of_csv(PAIRS)
    report = ImportReport(len(found.rows))
    dataset = list(import_pairs(DATASET, found, report, overwrite=True))[-1]
    for sentence in report.incomplete:
        say(sentence)
    steps = [compute_heatmaps(dataset, RUN_KEY, [], settings, overwrite=True)]
    steps += [evaluate_heatmaps(dataset, RUN_KEY, settings.threshold)]
    for step in steps:
        with tqdm(total=100, unit="%", leave=False) as bar:
            for progress in step:
                bar.set_description(progress.note)
                bar.update(round(100 * progress.share) - bar.n)
    return dataset


def _open_app(dataset: fo.Dataset, say: Callable[[str], None]) -> None:
    import fiftyone as fo

    from argus_fiftyone.plugin.dataset.appearance import triage_space

    session = fo.launch_app(dataset, spaces=triage_space(), address="127.0.0.1")
    say(f"The App is open at {session.url}; close it with Ctrl-C")
    say("Press Review in the panel on the right, then Y (a real defect) or N (none) for each pair")
    session.wait(-1)
