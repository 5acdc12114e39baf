"""Writing results into FiftyOne: in chunks, as Argus does, against a loop that saves each sample.

    python -m benchmarks.database_writes [--smoke | --quick]

Heatmaps of 512 × 512 with one region, scores and the rest of a run's fields for 1,000 pairs (500
with --quick), in a database of its own. Contenders:
- argus: `RunWriter`, maps as 8-bit and 16-bit PNG, fields in bulk;
- loop: the same files and fields, `sample.save()` for each;
- loop, arrays: the heatmap as float32 array in the document, which is what one writes first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from argus_fiftyone.engine.regions import find_regions
from argus_fiftyone.engine.result import Comparison, PairResult
from argus_fiftyone.io.maps import SmoothMap
from argus_fiftyone.io.pair_list import Pair
from argus_fiftyone.settings import Settings
from benchmarks.measuring import by_amount, describe_machine, seconds, tell_ratio
from benchmarks.own_database import own_database


def main() -> None:
    count, side = by_amount(smoke=(10, 64), quick=(500, 512), full=(1000, 512))
    with own_database() as scratch:
        import fiftyone as fo

        print(f"{describe_machine()}, FiftyOne {fo.__version__}\n{count} pairs, maps of {side} × {side}")
        outcomes = [made_up(number, side) for number in range(count)]
        assert all(outcome.comparisons[0].heatmap.size for outcome in outcomes)  # drawn now, off the clock
        contenders: dict[str, Callable[[Any, list[PairResult], Path], None]] = {
            "argus": by_argus,
            "loop": by_loop,
            "loop, arrays": by_loop_of_arrays,
        }
        by_argus(empty_dataset("warm-up", 5), outcomes[:5], scratch / "warm-up")
        files = seconds(lambda: [write_files(outcome, scratch / "files") for outcome in outcomes])
        print(f"{'map files alone':16} {1000 * files / count:7.2f} ms per pair", flush=True)
        each = {}
        for name, write in contenders.items():
            dataset = empty_dataset(name, count)
            each[name] = seconds(lambda d=dataset, w=write, n=name: w(d, outcomes, scratch / n)) / count
            size = dataset.stats()["samples_bytes"] / count / 1000
            print(
                f"{name:16} {1000 * each[name]:7.2f} ms per pair, {size:6.1f} KB in the database", flush=True
            )
        tell_ratio(
            "database writes, × a loop of sample.save() with the same files", each["loop"] / each["argus"]
        )
        fields = {name: time - files / count for name, time in each.items()}
        tell_ratio("the same without writing the files", fields["loop"] / fields["argus"])
        tell_ratio("database writes, × a loop with arrays", each["loop, arrays"] / each["argus"])


def made_up(number: int, side: int) -> PairResult:
    """A smooth heatmap with one region at a place of its own."""
    random = np.random.default_rng(number)
    heatmap = np.zeros((side, side), np.float32)
    top, left = random.integers(0, side // 2, 2)
    heatmap[top : top + side // 5, left : left + side // 4] = 0.8
    heatmap += 0.2 * np.linspace(0, 1, side, dtype=np.float32)
    drawing = SmoothMap(heatmap, heatmap.shape[:2])
    regions = find_regions(heatmap, np.zeros_like(heatmap), 0.5)
    pair = Pair(f"{number:05}", Path("before.png"), Path("after.png"), "a scratch")
    return PairResult(pair, [Comparison(pair.query, drawing, 0.8, "appeared", "none needed", regions)])


def empty_dataset(name: str, count: int) -> Any:
    """Groups whose pictures nobody will open."""
    import fiftyone as fo

    dataset: Any = fo.Dataset(name)
    dataset.add_group_field("group", default="after")
    samples = []
    for number in range(count):
        group = fo.Group()
        for side in ("before", "after"):
            samples.append(fo.Sample(filepath=f"/{side}/{number}.png", group=group.element(side)))
    dataset.add_samples(samples)
    return dataset


def write_files(outcome: PairResult, folder: Path) -> Any:
    from argus_fiftyone.plugin.labels import write_heatmap

    return write_heatmap(outcome.comparisons[0].drawing, folder, outcome.pair.id)


def by_argus(dataset: Any, outcomes: list[PairResult], folder: Path) -> None:
    from argus_fiftyone.plugin.dataset.slices import pairs_in
    from argus_fiftyone.plugin.dataset.writing import RunWriter

    writer = RunWriter(dataset, {"run": Settings.threshold}, folder, Settings.threshold)
    for sample, outcome in zip(pairs_in(dataset).samples, outcomes, strict=True):
        writer.add(sample, outcome)
    writer.flush()


def by_loop(dataset: Any, outcomes: list[PairResult], folder: Path) -> None:
    for sample, outcome in zip(dataset.select_group_slices("after"), outcomes, strict=True):
        sample["run"] = write_files(outcome, folder)
        fill(sample, outcome.comparisons[0])


def by_loop_of_arrays(dataset: Any, outcomes: list[PairResult], folder: Path) -> None:
    import fiftyone as fo

    for sample, outcome in zip(dataset.select_group_slices("after"), outcomes, strict=True):
        sample["run"] = fo.Heatmap(map=outcome.comparisons[0].heatmap, range=[-1, 1])
        fill(sample, outcome.comparisons[0])


def fill(sample: Any, comparison: Comparison) -> None:
    """The fields that RunWriter writes beside the map, saved."""
    from argus_fiftyone.plugin.labels import to_detections

    sample["run_regions"] = to_detections(comparison.regions, comparison.query)
    sample["run_score"] = comparison.score
    sample["run_direction"] = comparison.direction
    sample["run_support"] = comparison.query_support
    sample["run_alignment"] = comparison.alignment
    sample["run_warp"] = [float(v) for v in comparison.warp]
    sample.save()


if __name__ == "__main__":
    sys.exit(main())
