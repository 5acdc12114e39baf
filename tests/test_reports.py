"""The report page: whole in itself, safe against names, right in its figures."""

import base64
import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import FakeEncoder, compare_by_pixels, write_list
from PIL import Image

from argus_fiftyone.plugin.dataset.computing import compute_heatmaps
from argus_fiftyone.plugin.dataset.exporting import ExportError, export_report
from argus_fiftyone.plugin.dataset.ground_truth import evaluate_heatmaps
from argus_fiftyone.plugin.dataset.imports import ImportReport, import_pairs, rows_of_csv
from argus_fiftyone.plugin.dataset.reviews import review_pairs, review_regions
from argus_fiftyone.runs.html_report import Report, ShownPair, as_html, histogram_svg

SPOTS = {"a": 0.9, "b": -0.7, "c": 0.0, "d": 0.3}


def page(**changes: Any) -> str:
    pair = ShownPair("p<1>", "a 'crack'", 0.8, "appeared", "", [("before", np.zeros((4, 6, 3), np.uint8))])
    values = {
        "title": "T",
        "subtitle": "s",
        "numbers": [("pairs", "1")],
        "scores": np.array([0.1, 0.8]),
        "threshold": 0.5,
        "curve": ([0.5, 1.0], [1.0, 0.5]),
        "metrics": [],
        "settings": [("encoder", "mini")],
        "pairs": [pair],
    }
    return as_html(Report(**{**values, **changes}))


def test_a_page_needs_no_other_file_and_runs_no_script():
    text = page()
    assert not re.search(r"<script|<link|https?:|src='(?!data:)|url\(", text)


def test_every_text_is_escaped():
    hostile = "<img src=x onerror=alert(1)>"
    text = page(title=hostile, settings=[(hostile, hostile)], numbers=[(hostile, hostile)])
    assert "<img src=x" not in text
    assert "p&lt;1&gt;" in text


def test_without_ground_truth_there_is_no_curve():
    assert "Precision–recall" in page()
    assert "Precision–recall" not in page(curve=([], []))


def test_the_histogram_colours_what_is_flagged():
    picture = histogram_svg(np.array([0.1, 0.1, 0.9]), 0.5)
    assert picture.count("<rect") == 20
    assert "<title>2 pairs from 0.10</title>" in picture
    assert picture.index("var(--quiet)") < picture.index("var(--flag)")


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[Any]:
    found = rows_of_csv(write_list(tmp_path, SPOTS))
    *_, made = import_pairs("reported", found, ImportReport(4), overwrite=True)
    list(compute_heatmaps(made, "k", encoder=FakeEncoder(), compare=compare_by_pixels))
    yield made
    made.delete()


@pytest.mark.database
def test_rejected_pairs_are_not_shown_and_confirmed_ones_alone_where_asked(dataset: Any, tmp_path: Path):
    first, second = dataset.values("id")[:2]
    review_pairs(dataset, "k", [first], "rejected")
    review_pairs(dataset, "k", [second], "confirmed")
    for confirmed in (False, True):
        list(export_report(dataset, "k", tmp_path, confirmed=confirmed))
        text = (tmp_path / "report.html").read_text()
        assert [name for name in SPOTS if f"<b>{name}</b>" in text] == ["b"]
        assert ("Confirmed pairs" in text) == confirmed


@pytest.mark.database
def test_the_report_shows_flagged_pairs_with_pictures_and_lists_all_of_them(dataset: Any, tmp_path: Path):
    list(evaluate_heatmaps(dataset, "k", 0.5))
    review_pairs(dataset, "k", [dataset.first().id], "confirmed")
    *_, last = export_report(dataset, "k", tmp_path / "out")
    assert last.share == 1
    text = (tmp_path / "out" / "report.html").read_text()
    assert [name for name in SPOTS if f"<b>{name}</b>" in text] == ["a", "b"]
    pictures = re.findall(r"src='data:image/jpeg;base64,([^']+)'", text)
    assert len(pictures) == 6
    (tmp_path / "first.jpg").write_bytes(base64.b64decode(pictures[0]))
    with Image.open(tmp_path / "first.jpg") as picture:
        assert picture.size == (64, 64)
    assert "confirmed" in text
    assert "fake (pixel difference, for tests)" in text
    rows = list(csv.DictReader((tmp_path / "out" / "pairs.csv").read_text().splitlines()))
    assert [(row["pair_id"], row["outcome"], row["review"]) for row in rows] == [
        ("a", "found", "confirmed"),
        ("b", "found", ""),
        ("c", "quiet", ""),
        ("d", "missed", ""),
    ]


@pytest.mark.database
def test_rejected_regions_stay_out_of_the_coco_file(dataset: Any, tmp_path: Path):
    review_regions(dataset, "k", [dataset.first().k_regions.detections[0].id], "rejected")
    list(export_report(dataset, "k", tmp_path / "out"))
    coco = json.loads((tmp_path / "out" / "regions.json").read_text())
    (only,) = coco["annotations"]
    assert only["bbox"] == [24, 16, 24, 16]
    assert [category["name"] for category in coco["categories"]] == ["a spot"]
    names = {image["id"]: Path(image["file_name"]).name for image in coco["images"]}
    assert names[only["image_id"]] == "b.png"


@pytest.mark.database
def test_more_flagged_pairs_than_shown_are_counted(dataset: Any, tmp_path: Path):
    list(export_report(dataset, "k", tmp_path / "out", most=1))
    assert "1 more are in the CSV" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.database
def test_a_field_without_scores_cannot_be_reported(dataset: Any, tmp_path: Path):
    with pytest.raises(ExportError, match="'source' has no scores"):
        list(export_report(dataset, "source", tmp_path))
