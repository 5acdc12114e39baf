"""How long the panels' calls take with 50,000 pairs in the database.

    python -m benchmarks.panel_on_50k [pairs]

Makes a throw-away dataset in the database that FiftyOne is configured for: one drawn pair
is imported and compared, its two documents are then inserted again and again with scores,
truth and decisions at random (seeded). Times the panels' own functions as the App calls
them (one warm-up, then the median and range of seven), and, where a Chromium is there,
the time from the click that opens the panel to its drawn histogram, in a fresh App each time.
"""

from __future__ import annotations

import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
from bson import ObjectId
from fiftyone.core.odm import get_db_conn

from argus_fiftyone.engine.regions import find_regions
from argus_fiftyone.engine.result import Comparison, PairResult
from argus_fiftyone.io.maps import SmoothMap
from argus_fiftyone.io.png import write_png
from argus_fiftyone.plugin.dataset import scores, triage
from argus_fiftyone.plugin.dataset.computing import compute_heatmaps
from argus_fiftyone.plugin.dataset.imports import ImportReport, import_pairs, rows_of_csv
from argus_fiftyone.plugin.dataset.reviews import review_counts, review_pairs, review_regions
from argus_fiftyone.plugin.panels.triage import describe_choice
from argus_fiftyone.settings import Settings
from tests.browser import flows
from tests.browser.app import browse, find_chromium, serve

BASE = "bench"
NAME = "argus-panel-benchmark"
REPEATS = 7
CHUNK = 2_000


def main(pairs: int = 50_000) -> None:
    """Print one line per call."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = one_pair(Path(folder))
        try:
            multiply(dataset, pairs)
            measure(dataset, pairs)
            measure_in_the_app(dataset.name, Path(folder))
        finally:
            fo.delete_dataset(NAME)


def measure(dataset: Any, pairs: int) -> None:
    versions = f"Python {platform.python_version()}, FiftyOne {fo.__version__}, {platform.machine()}"
    print(f"{pairs} pairs; {versions}; median of {REPEATS} (range), s")
    choice = scores.choices(dataset)[0]
    sample = dataset.select_group_slices("after").skip(pairs // 2).first()
    region = sample[f"{BASE}_regions"].detections[0].id
    calls: dict[str, Callable[[], Any]] = {
        "triage: open": lambda: describe_choice(
            dataset, scores.choices(dataset), choice, "open", choice.threshold
        ),
        "triage: counts alone": lambda: scores.count_scores(dataset, BASE, 0.5),
        "triage: list alone": lambda: triage.first_ranked(dataset, BASE, "open", 0.5),
        "review: place": lambda: triage.place_of(dataset.view(), BASE, sample.id, "open", 0.5),
        "review: next": lambda: triage.neighbour(dataset.view(), BASE, sample.id, "open", 0.5, back=False),
        "review: decided so far": lambda: review_counts(dataset, BASE),
        "review: decide on a pair": lambda: review_pairs(dataset, BASE, [sample.id], "confirmed"),
        "review: decide on a region": lambda: review_regions(
            dataset, BASE, [region], "confirmed", [sample.id]
        ),
    }
    for what, call in calls.items():
        print(f"{what:32s} {timed(call)}", flush=True)


def measure_in_the_app(name: str, folder: Path) -> None:
    """Click to histogram, three times."""
    if find_chromium() is None:
        print("in the App: not measured, no Chromium here")
        return
    seconds = []
    for _ in range(3):
        with serve(folder / "server.log") as address, browse() as page:
            flows.open_dataset(page, address, name)
            page.locator('[data-cy="new-panel-btn"]').first.click()
            started = time.perf_counter()
            page.click('[data-cy="new-panel-option-argus_triage"]')
            page.wait_for_selector('[data-cy="argus-histogram"]')
            seconds.append(time.perf_counter() - started)
    print(f"in the App, click to histogram   {spread(seconds)}")


def spread(seconds: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(seconds):5.2f}  ({min(seconds):.2f} to {max(seconds):.2f})"


def timed(call: Callable[[], Any]) -> str:
    """Median and range of REPEATS calls after one warm-up, s."""
    call()
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return spread(seconds)


class NoEncoder:
    """Nothing is encoded here."""

    name, note = "none", "benchmark"


def one_pair(folder: Path) -> Any:
    """A dataset with one pair and one run."""
    for side in ("before", "after"):
        write_png(folder / f"{side}.png", np.full((64, 64, 3), 120, np.uint8))
    rows = "id,before,after,query,label\npair,before.png,after.png,a scratch,change\n"
    (folder / "pairs.csv").write_text(rows)
    found = rows_of_csv(folder / "pairs.csv")
    for _ in import_pairs(NAME, found, ImportReport(1), overwrite=True):
        pass
    dataset = fo.load_dataset(NAME)
    for _ in compute_heatmaps(dataset, BASE, encoder=NoEncoder(), compare=one_spot):  # type: ignore[arg-type]
        pass
    return dataset


def one_spot(pairs: Any, _encoder: Any, settings: Settings, _queries: Any = None) -> Iterator[PairResult]:
    """The same heatmap with one region for every pair."""
    heatmap = np.zeros((64, 64), np.float32)
    heatmap[10:20, 20:40] = 0.8
    drawing = SmoothMap(heatmap, heatmap.shape[:2])
    regions = find_regions(heatmap, np.zeros_like(heatmap), settings.threshold)
    for pair in pairs:
        yield PairResult(pair, [Comparison(pair.query, drawing, 0.8, "appeared", "none needed", regions)])


def multiply(dataset: Any, pairs: int) -> None:
    """Insert copies of the pair's two documents until there are so many pairs."""
    collection = get_db_conn()[dataset._sample_collection_name]
    patterns = list(collection.find())
    dice = random.Random(0)
    for start in range(1, pairs, CHUNK):
        numbers = range(start, min(start + CHUNK, pairs))
        collection.insert_many([doc for number in numbers for doc in copies(patterns, number, dice)])
    dataset.reload()


def copies(patterns: list[dict[str, Any]], number: int, dice: random.Random) -> Iterator[dict[str, Any]]:
    """The documents of one more pair."""
    group, changed = ObjectId(), dice.random() < 0.2
    for pattern in patterns:
        copy = {**pattern, "_id": ObjectId(), "_rand": dice.random(), "pair_id": f"pair-{number:06d}"}
        copy["group"] = {**pattern["group"], "_id": group}
        if pattern["group"]["name"] == "after":
            regions = [{**region, "_id": ObjectId()} for region in pattern[f"{BASE}_regions"]["detections"]]
            copy[f"{BASE}_regions"] = {**pattern[f"{BASE}_regions"], "detections": regions}
            copy[f"{BASE}_score"] = min(1.0, max(0.0, dice.gauss(0.65 if changed else 0.25, 0.15)))
            copy["change"] = "change" if changed else "nochange"
            copy[f"{BASE}_review"] = dice.choice([None, None, None, "confirmed", "rejected", "unsure"])
        yield copy


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
