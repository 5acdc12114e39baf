"""Argus from Python: on files, PIL images and arrays, lazily, with one family of errors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_towers import FakeTowers, draw_textured, write_scenes
from PIL import Image

import argus_fiftyone as argus
from argus_fiftyone.io.images import read_image
from argus_fiftyone.io.maps import read_map
from argus_fiftyone.io.png import write_png

SMALL: dict[str, Any] = {"resolution": 128}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pair")
    for name, image in zip(("before", "after"), draw_textured(1, 96), strict=True):
        write_png(folder / f"{name}.png", image)
    return folder / "before.png", folder / "after.png"


def test_importing_argus_loads_neither_torch_nor_fiftyone():
    code = "import argus_fiftyone, sys; print({'torch', 'fiftyone', 'cv2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_public_name_is_there_and_documented():
    for name in argus.__all__:
        assert getattr(argus, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'compair'"):
        _ = argus.compair  # type: ignore[attr-defined]


def test_files_pil_images_and_arrays_give_the_same(files):
    arrays = [read_image(file) for file in files]
    images = [Image.fromarray(array) for array in arrays]
    pairs = (files, arrays, images)
    found = [argus.compare(old, new, method="pixel_difference", **SMALL) for old, new in pairs]
    assert found[0].score > 0.5
    for other in found[1:]:
        assert other.score == found[0].score
        assert np.array_equal(other.heatmap, found[0].heatmap)


def test_one_query_gives_one_result_and_a_list_gives_a_list(files):
    method = argus.load_method("argus", FakeTowers())
    one = argus.compare(files[0], files[1], "a new spot", method=method, **SMALL)
    many = argus.compare(files[0], files[1], ["a new spot", ""], method=method, **SMALL)
    assert isinstance(one, argus.Comparison)
    assert [each.query for each in many] == ["a new spot", ""]
    assert many[0].score == one.score


def test_a_comparison_says_what_it_is_and_shows_itself(files, tmp_path):
    found = argus.compare(
        files[0], files[1], "a new spot", method=argus.load_method("argus", FakeTowers()), **SMALL
    )
    assert repr(found).startswith(f"Comparison('a new spot': score {found.score:.2f}, ")
    assert found.told_by == "argus on fake (fake towers, for tests)"
    assert found._repr_png_().startswith(b"\x89PNG")
    found.save(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "heatmap.png",
        "overlay.png",
        "result.json",
    ]
    record = json.loads((tmp_path / "out" / "result.json").read_text())
    assert (record["method"], record["settings"]["resolution"]) == ("argus", 128)
    assert np.abs(read_map(tmp_path / "out" / "heatmap.png")).max() == pytest.approx(found.score, abs=1e-6)


def test_pairs_come_in_order_and_one_bad_pair_says_why(files, tmp_path):
    pairs = [(*files, ""), (files[0], tmp_path / "gone.png", ""), (*files, "")]
    found = list(argus.compare_pairs(pairs, method="pixel_difference", **SMALL))
    assert [bool(each.error) for each in found] == [False, True, False]
    assert "gone.png: no such file" in found[1].error
    assert found[0].comparisons[0].score == found[2].comparisons[0].score


def test_a_run_is_written_and_evaluated(tmp_path):
    listed = write_scenes(tmp_path / "scenes", 3)
    run = argus.run(listed, tmp_path / "out", method="pixel_difference", **SMALL)
    assert (run.failed, len(run.scores)) == (0, 3)
    assert json.loads((run.folder / "run.json").read_text())["method"] == "pixel_difference"
    header, *rows = listed.read_text().splitlines()
    labelled = [f"{header},mask,label", *(f"{row},,change" for row in rows)]
    listed.with_name("truth.csv").write_text("\n".join(labelled))
    report = argus.evaluate(listed.with_name("truth.csv"), run.folder)
    assert report["macro"]["changed"] == 3
    assert report["macro"]["recall"] > 0


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((4, 4, 4), np.uint8), r"got uint8 \[4, 4, 4\]"),
        (np.zeros((4, 4, 3), np.float32), r"got float32 \[4, 4, 3\]"),
    ],
)
def test_an_array_of_another_form_is_refused(array, said, files):
    with pytest.raises(argus.ImageError, match=said):
        argus.compare(files[0], array, method="pixel_difference")


def test_errors_are_of_one_family(files, tmp_path):
    for wrong in (
        {"method": "wishful"},
        {"encoder": "clip:ViT-B-16:nosuchtag", "method": "argus"},
        {"encoder": "mini", "attention": "vv"},
    ):
        with pytest.raises(argus.ArgusError):
            argus.compare(files[0], files[1], **wrong)
    with pytest.raises(argus.ArgusError, match=r"gone\.csv: no such file"):
        argus.run(tmp_path / "gone.csv", tmp_path / "out", method="pixel_difference")
