"""A run's folder against masks and labels: sources, the macro average, and what is left out."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from argus_fiftyone.evaluation.figures import OUTCOMES, Figures
from argus_fiftyone.evaluation.metrics import pair_metrics
from argus_fiftyone.evaluation.report import as_table, save
from argus_fiftyone.io.maps import read_map, write_map
from argus_fiftyone.io.pair_list import PairListError, read_rows
from argus_fiftyone.io.png import write_png
from argus_fiftyone.runs.evaluate import evaluate_run

SPOT = np.s_[10:20, 10:30]


def heatmap_of(seed: int, strength: float) -> np.ndarray:
    random = np.random.default_rng(seed)
    heatmap = random.uniform(0, 0.3, (40, 60))
    heatmap[SPOT] += strength
    # Half of the changes went rather than came: the sign must not matter here.
    return heatmap * (-1 if seed % 2 else 1)


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    """Three sources, one of them circular, one pair without a mask, one that failed."""
    listed, scores = [], []
    for number, (source, changed) in enumerate(
        zip(
            ("roads", "roads", "parts", "parts", "parts", "whatsup", "whatsup"),
            (True, False, True, True, False, True, False),
            strict=True,
        )
    ):
        name = f"{source}/{number}"
        mask = np.zeros((80, 120), np.uint8)
        if changed:
            mask[20:40, 20:60] = 255
        write_png(tmp_path / "masks" / f"{name}.png", mask)
        write_map(tmp_path / "run" / "maps" / f"{name}.png", heatmap_of(number, 0.6 * changed))
        label = "change" if changed else "nochange"
        listed.append({"id": name, "mask": f"masks/{name}.png", "label": label, "source": source})
        scores.append({"id": name, "score": 0.9 if changed else 0.1, "status": "ok"})
    listed.append({"id": "parts/unmasked", "mask": "", "label": "change", "source": "parts"})
    scores.append({"id": "parts/unmasked", "score": 0.3, "status": "ok"})
    listed.append({"id": "parts/broken", "mask": "", "label": "change", "source": "parts"})
    scores.append({"id": "parts/broken", "score": "", "status": "failed"})
    scores.append({"id": "unlisted", "score": 0.2, "status": "ok"})
    write_table(tmp_path / "pairs.csv", listed)
    write_table(tmp_path / "run" / "scores.csv", scores)
    return tmp_path


def write_table(path: Path, rows: list[dict]) -> None:
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def evaluate(bench: Path) -> dict:
    return evaluate_run(bench / "pairs.csv", bench / "run", 0.5)


def by_source(report: dict) -> dict[str, dict]:
    return {row["source"]: row for row in report["sources"]}


def test_every_source_is_measured_over_its_own_pairs(bench):
    sources = by_source(evaluate(bench))
    assert {name: (row["pairs"], row["changed"]) for name, row in sources.items()} == {
        "parts": (4, 3),
        "roads": (2, 1),
        "whatsup": (2, 1),
    }
    assert sources["roads"]["pixel_ap"] > 0.9
    assert sources["roads"]["pointing"] == 1
    assert sources["parts"]["recall"] == pytest.approx(2 / 3)
    assert sources["parts"]["false_alarm_rate"] == 0


def test_the_mean_over_pairs_is_that_of_the_single_pairs(bench):
    truth = np.zeros((40, 60), bool)
    truth[SPOT] = True
    single = [
        pair_metrics(np.abs(read_map(bench / "run" / "maps" / f"parts/{n}.png")), truth, 0.5) for n in (2, 3)
    ]
    expected = np.mean([metrics.average_precision for metrics in single])
    assert by_source(evaluate(bench))["parts"]["map_ap"] == pytest.approx(expected)


def test_the_macro_average_leaves_out_circular_sources(bench):
    report = evaluate(bench)
    sources = by_source(report)
    assert report["circular"] == ["whatsup"]
    assert report["macro"]["pixel_ap"] == pytest.approx(
        (sources["roads"]["pixel_ap"] + sources["parts"]["pixel_ap"]) / 2
    )
    assert report["macro"]["recall"] == pytest.approx(3 / 4)


def test_a_source_has_the_figures_that_a_dataset_has_by_the_same_names(bench):
    names = {figure.name for figure in fields(Figures)}
    report = evaluate(bench)
    assert names == {*report["macro"]}
    assert names | {"source"} == {*report["sources"][0]}
    parts = by_source(report)["parts"]
    assert [parts[name] for name in OUTCOMES] == [2, 1, 0, 1]
    assert parts["pair_ap"] == 1


def test_failed_and_unlisted_pairs_are_named_as_skipped(bench):
    assert evaluate(bench)["skipped"] == ["parts/broken", "unlisted"]


def test_without_a_source_column_all_pairs_are_one_source(bench):
    rows = read_rows(bench / "pairs.csv", ())
    write_table(bench / "pairs.csv", [{k: v for k, v in row.items() if k != "source"} for row in rows])
    (only,) = evaluate(bench)["sources"]
    assert (only["source"], only["pairs"]) == ("all", 8)


def test_the_table_has_a_line_per_source_and_one_for_the_macro_average(bench):
    lines = as_table(evaluate(bench)).splitlines()
    assert lines[0].split()[:3] == ["source", "pairs", "AP"]
    assert [line.split("  ")[0] for line in lines[1:]] == [
        "parts",
        "roads",
        "macro (non-circular)",
        "whatsup (circular)",
        "not evaluated (failed or not listed): 2",
    ]
    assert len({len(line) for line in lines[:-1]}) == 1


def test_without_unchanged_pairs_the_missing_figures_are_dashes(bench):
    rows = [row for row in read_rows(bench / "pairs.csv", ()) if row["label"] == "change"]
    write_table(bench / "pairs.csv", rows)
    report = evaluate(bench)
    assert math.isnan(report["macro"]["false_alarm_rate"])
    assert "–" in as_table(report)


def test_the_saved_report_is_strict_json(bench, tmp_path: Path):
    report = evaluate(bench)
    report["macro"]["pixel_ap"] = float("nan")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    path = save(report, tmp_path / "deep" / "metrics.json")
    saved = json.loads(path.read_text(), parse_constant=refuse)
    assert saved["macro"]["pixel_ap"] is None
    assert saved["sources"][0]["pairs"] == 4


def test_a_run_of_several_queries_is_refused(bench):
    rows = read_rows(bench / "run" / "scores.csv", ())
    write_table(bench / "run" / "scores.csv", [rows[0], *rows])
    with pytest.raises(PairListError, match="holds several queries per pair"):
        evaluate(bench)


def test_lists_that_have_nothing_in_common_are_refused(bench):
    write_table(bench / "pairs.csv", [{"id": "other", "mask": "", "label": "change"}])
    with pytest.raises(PairListError, match=r"no pair of .* ran and is listed in"):
        evaluate(bench)


def test_a_missing_column_a_missing_map_and_a_missing_mask_are_named(bench):
    (bench / "masks" / "roads" / "0.png").unlink()
    with pytest.raises(PairListError, match=r"masks/roads/0\.png: no such file"):
        evaluate(bench)
    (bench / "run" / "maps" / "roads" / "0.png").unlink()
    with pytest.raises(PairListError, match=r"maps/roads/0\.png: expected a 16-bit grey PNG"):
        evaluate(bench)
    (bench / "run" / "scores.csv").write_text("id,score\n1,0.5\n")
    with pytest.raises(PairListError, match=r"scores\.csv: needs the column status"):
        evaluate(bench)
