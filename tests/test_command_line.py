"""The `argus` command: what it writes, what it prints, and its exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from fake_towers import FakeTowers
from fakes import write_list
from surfaces import draw_surface, paste_object
from typer.testing import CliRunner, Result

from argus_fiftyone.command_line import app
from argus_fiftyone.encoders import registry
from argus_fiftyone.encoders.entries import EncoderUnavailable
from argus_fiftyone.io.images import read_image
from argus_fiftyone.io.maps import read_map
from argus_fiftyone.io.pair_list import read_rows
from argus_fiftyone.io.png import write_png
from argus_fiftyone.plugin import link as plugin_link

COLUMNS = "id,query,score,direction,alignment,status,error"


@pytest.fixture
def argus(monkeypatch: pytest.MonkeyPatch):
    """Calls the command with fake towers in place of every encoder; returns what typer's runner saw."""

    def load(name: str, device: str, **options: str) -> FakeTowers:
        if name == "nothing":
            raise EncoderUnavailable("Unknown encoder 'nothing'. Known here: mini, or clip:MODEL:TAG.")
        return FakeTowers()

    monkeypatch.setattr(registry, "load_encoder", load)
    monkeypatch.delenv("ARGUS_CACHE", raising=False)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Path, Path]:
    surface = draw_surface(1, 96, 128)
    changed = surface.copy()
    changed[30:60, 40:80] = (250, 240, 20)
    write_png(tmp_path / "before.png", surface)
    write_png(tmp_path / "after.png", changed)
    return tmp_path / "before.png", tmp_path / "after.png"


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Three pairs with masks and labels, 64 px wide."""
    return write_list(tmp_path / "data", {"part/came": 0.9, "part/went": -0.9, "part/same": 0.0})


def one_clear_line(result: Result) -> str:
    """What was said about bad usage: exit 2 and one line, no traceback."""
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("argus: ")
    return line


def test_compare_writes_heatmap_overlay_and_facts(argus, pictures, tmp_path: Path):
    out = tmp_path / "deep" / "out"
    done = argus("compare", *pictures, "a new mark", "-o", out)
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in out.iterdir()) == ["heatmap.png", "overlay.png", "result.json"]
    assert read_map(out / "heatmap.png").shape == (96, 128)
    assert read_image(out / "overlay.png").shape == (96, 128, 3)
    facts = json.loads((out / "result.json").read_text())
    assert facts["query"] == "a new mark"
    assert facts["size"] == [96, 128]
    assert facts["settings"]["threshold"] == 0.5
    assert {"score", "direction", "alignment", "warp", "regions", "encoder", "argus"} <= facts.keys()
    assert f"score {facts['score']:.2f}, {facts['direction']}; alignment: " in done.stdout


def test_compare_takes_an_empty_query(argus, pictures, tmp_path: Path):
    assert argus("compare", *pictures, "", "-o", tmp_path / "out").exit_code == 0


def test_the_size_of_maps_can_be_bounded_and_is_checked(argus, pictures, tmp_path: Path):
    assert argus("compare", *pictures, "", "-o", tmp_path / "out", "--map-size", "64").exit_code == 0
    assert read_map(tmp_path / "out" / "heatmap.png").shape == (48, 64)
    assert argus("compare", *pictures, "", "-o", tmp_path / "out", "--map-size", "9").exit_code == 2
    assert argus("compare", *pictures, "", "-o", tmp_path / "out", "--map-size", "4096").exit_code == 2


def test_the_resolution_can_be_chosen_and_is_checked(argus, pictures, tmp_path: Path):
    done = argus("compare", *pictures, "", "-o", tmp_path / "out", "--resolution", "256")
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "out" / "result.json").read_text())["settings"]["resolution"] == 256
    assert argus("compare", *pictures, "", "-o", tmp_path / "out", "--resolution", "9").exit_code == 2


def test_compare_of_a_broken_picture_names_it_and_exits_1(argus, pictures, tmp_path: Path):
    pictures[0].write_bytes(b"no picture")
    done = argus("compare", *pictures, "", "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert "before.png: not a picture" in done.stderr
    assert not (tmp_path / "out").exists()


def test_run_writes_maps_of_the_after_pictures_size_and_scores_with_exact_columns(argus, pairs, tmp_path):
    out = tmp_path / "out"
    done = argus("run", pairs, "--out", out)
    assert done.exit_code == 0, done.output
    assert "3 of 3 pairs compared by argus on fake" in done.stdout
    lines = (out / "scores.csv").read_text().splitlines()
    assert lines[0] == COLUMNS
    assert [line.split(",")[0] for line in lines[1:]] == ["part/came", "part/went", "part/same"]
    for name in ("came", "went", "same"):
        levels = cv2.imread(str(out / "maps" / "part" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
        assert levels is not None
        assert (levels.dtype, levels.shape) == (np.uint16, (64, 64))
    for row in read_rows(out / "scores.csv", ("id",)):
        assert 0 <= float(row["score"]) <= 1
        assert (row["query"], row["status"], row["error"]) == ("a spot", "ok", "")
        assert row["direction"] in ("appeared", "disappeared", "changed", "none")
        assert row["alignment"]


def test_an_unchanged_pair_has_a_map_of_exactly_zero(argus, pairs, tmp_path: Path):
    argus("run", pairs, "--out", tmp_path / "out")
    assert not read_map(tmp_path / "out" / "maps" / "part" / "same.png").any()


def test_several_queries_give_a_folder_each_and_a_row_per_pair_and_query(argus, pairs, tmp_path: Path):
    out = tmp_path / "out"
    done = argus("run", pairs, "--out", out, "--query", "a new spot", "--query", "a missing spot")
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (out / "maps").iterdir()) == ["q1", "q2"]
    rows = read_rows(out / "scores.csv", ("id",))
    assert [(row["id"], row["query"]) for row in rows] == [
        (f"part/{name}", query)
        for name in ("came", "went", "same")
        for query in ("a new spot", "a missing spot")
    ]
    assert all((out / "maps" / q / "part" / "went.png").is_file() for q in ("q1", "q2"))


def test_one_query_replaces_those_of_the_list_and_needs_no_folder(argus, pairs, tmp_path: Path):
    argus("run", pairs, "--out", tmp_path / "out", "--query", "a hole")
    assert {row["query"] for row in read_rows(tmp_path / "out" / "scores.csv", ())} == {"a hole"}
    assert (tmp_path / "out" / "maps" / "part" / "came.png").is_file()


def test_a_broken_picture_fails_its_pair_and_the_rest_is_written(argus, pairs, tmp_path: Path):
    (pairs.parent / "after" / "part" / "came.png").write_bytes(b"no picture")
    (pairs.parent / "before" / "part" / "went.png").unlink()
    out = tmp_path / "out"
    done = argus("run", pairs, "--out", out)
    assert done.exit_code == 1
    assert "1 of 3 pairs compared" in done.stdout
    assert f"2 failed: see the error column of {out / 'scores.csv'}" in done.stderr
    came, went, same = read_rows(out / "scores.csv", ())
    assert (came["status"], went["status"], same["status"]) == ("failed", "failed", "ok")
    assert "came.png: not a picture" in came["error"]
    assert "went.png: no such file" in went["error"]
    assert (came["score"], came["direction"], came["query"]) == ("", "", "a spot")
    assert [path.name for path in (out / "maps").rglob("*.png")] == ["same.png"]


def test_a_mended_pair_is_done_by_the_same_command(argus, pairs, tmp_path: Path):
    picture = pairs.parent / "after" / "part" / "came.png"
    whole = picture.read_bytes()
    picture.write_bytes(whole[:100])
    assert argus("run", pairs, "--out", tmp_path / "out").exit_code == 1
    picture.write_bytes(whole)
    assert argus("run", pairs, "--out", tmp_path / "out").exit_code == 0
    assert {row["status"] for row in read_rows(tmp_path / "out" / "scores.csv", ())} == {"ok"}


def test_a_folder_that_holds_another_run_is_refused_until_told_to_overwrite(argus, pairs, tmp_path: Path):
    argus("run", pairs, "--out", tmp_path / "out")
    again = ("run", pairs, "--out", tmp_path / "out", "--query", "a hole")
    assert "choose another --out, or pass --overwrite" in one_clear_line(argus(*again))
    assert argus(*again, "--overwrite").exit_code == 0


def test_a_list_that_is_missing_or_lacks_a_column_is_bad_usage(argus, tmp_path: Path):
    assert "none.csv: no such file" in one_clear_line(argus("run", tmp_path / "none.csv", "-o", tmp_path))
    (tmp_path / "pairs.csv").write_text("id,before\n1,a.png\n")
    told = one_clear_line(argus("run", tmp_path / "pairs.csv", "-o", tmp_path / "out"))
    assert "needs the column after; found id, before" in told
    assert not (tmp_path / "out").exists()


def test_an_unknown_encoder_is_bad_usage(argus, pairs, pictures, tmp_path: Path):
    for words in (("run", pairs), ("compare", *pictures, "")):
        told = one_clear_line(argus(*words, "-o", tmp_path / "out", "--encoder", "nothing"))
        assert "Unknown encoder 'nothing'. Known here: mini" in told


@pytest.mark.parametrize("threshold", ["0", "1.5", "-1"])
def test_a_threshold_out_of_range_is_bad_usage(argus, pairs, tmp_path: Path, threshold: str):
    told = one_clear_line(argus("run", pairs, "-o", tmp_path / "out", "--threshold", threshold))
    assert "threshold must be above 0 and at most 1" in told


def test_a_missing_option_is_bad_usage(argus, pairs):
    assert argus("run", pairs).exit_code == 2


def test_evaluate_prints_a_table_and_saves_json(argus, pairs, tmp_path: Path):
    argus("run", pairs, "--out", tmp_path / "out")
    done = argus("evaluate", pairs, tmp_path / "out", "--json", tmp_path / "figures.json")
    assert done.exit_code == 0, done.output
    header, bench, macro = done.stdout.splitlines()[:3]
    assert header.split()[:3] == ["source", "pairs", "AP"]
    assert bench.split()[:2] == ["bench", "3"]
    assert macro.startswith("macro (non-circular)")
    report = json.loads((tmp_path / "figures.json").read_text())
    assert report["sources"][0]["source"] == "bench"
    assert report["threshold"] == 0.5


def test_evaluate_saves_beside_the_run_unless_told_otherwise(argus, pairs, tmp_path: Path):
    argus("run", pairs, "--out", tmp_path / "out")
    argus("evaluate", pairs, tmp_path / "out")
    assert (tmp_path / "out" / "metrics.json").is_file()


def test_evaluating_what_is_no_run_is_bad_usage(argus, pairs, tmp_path: Path):
    assert "scores.csv: no such file" in one_clear_line(argus("evaluate", pairs, tmp_path / "empty"))


def test_encoders_lists_mini_and_what_stands_in_the_way_of_the_others(argus):
    done = argus("encoders")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert any(line.split()[:1] == ["mini"] for line in lines)
    assert all(line.strip() == "ready" or line.strip().startswith("needs ") for line in lines[2::3])


def test_no_words_at_all_show_the_help(argus):
    shown = argus()
    assert shown.exit_code in (0, 2)
    for command in ("compare", "run", "evaluate", "encoders", "demo", "link"):
        assert command in shown.output


def test_asking_for_help_does_not_wait_for_torch_or_fiftyone():
    code = (
        "import argus_fiftyone.command_line, sys; sys.exit(bool({'torch', 'fiftyone'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr or "torch or fiftyone was imported"


def test_a_foreign_folder_makes_link_bad_usage(argus, monkeypatch):
    def refuse() -> str:
        raise FileExistsError("plugins/argus-fiftyone exists and is not Argus; move it away")

    monkeypatch.setattr(plugin_link, "link_plugin", refuse)
    assert "is not Argus; move it away" in one_clear_line(argus("link"))


@pytest.mark.offline_towers
def test_with_mini_a_run_finds_the_change_and_leaves_the_unchanged_pair_at_zero(
    argus, mini, monkeypatch, tmp_path: Path
):
    monkeypatch.setattr(registry, "load_encoder", lambda name, device, **options: mini)
    surface = draw_surface(11)
    write_png(tmp_path / "before.png", surface)
    write_png(tmp_path / "after.png", paste_object(surface))
    (tmp_path / "pairs.csv").write_text(
        "id,before,after,query\nbolt,before.png,after.png,a new bolt\nsame,before.png,before.png,a new bolt\n"
    )
    assert argus("run", tmp_path / "pairs.csv", "--out", tmp_path / "out").exit_code == 0
    bolt, same = read_rows(tmp_path / "out" / "scores.csv", ())
    assert float(bolt["score"]) > 0.5
    assert bolt["direction"] in ("appeared", "changed")
    assert float(same["score"]) < 0.01
    assert same["direction"] == "none"
