"""A run may be killed at any moment; the same command goes on, and ends as if nothing had happened."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fake_towers import FakeTowers, write_scenes
from typer.testing import CliRunner

from argus_fiftyone.command_line import app
from argus_fiftyone.engine.batch import compare_pairs
from argus_fiftyone.engine.result import PairResult
from argus_fiftyone.io.maps import read_map
from argus_fiftyone.io.pair_list import Pair, read_pairs
from argus_fiftyone.runs.folder import RunFolder, RunFolderError, run_pairs
from argus_fiftyone.settings import Settings

SETTINGS = Settings(resolution=128)
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def pairs(tmp_path: Path) -> list[Pair]:
    return read_pairs(write_scenes(tmp_path / "scenes", 6))


def digest(folder: Path) -> dict[str, str]:
    """Every file a user sees, by content."""
    files = [p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")]
    kept = [p for p in files if p.name != "journal.jsonl"]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in kept}


def table(folder: Path) -> list[str]:
    if not (folder / "scores.csv").exists():
        return []
    return [line.split(",")[0] for line in (folder / "scores.csv").read_text().splitlines()]


def test_a_second_run_computes_nothing(pairs, tmp_path):
    run_pairs(pairs, tmp_path / "out", SETTINGS, FakeTowers())
    first = digest(tmp_path / "out")
    again = FakeTowers()
    assert run_pairs(pairs, tmp_path / "out", SETTINGS, again) == 0
    assert again.pictures == 0
    assert digest(tmp_path / "out") == first


def test_an_interrupted_run_keeps_what_it_has_and_a_valid_table(pairs, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run_and_stop(tmp_path / "out", pairs, 3)
    assert table(tmp_path / "out") == ["id", *(pair.id for pair in pairs[:3])]
    rest = FakeTowers()
    run_pairs(pairs, tmp_path / "out", SETTINGS, rest)
    assert rest.pictures == 2 * 3
    assert table(tmp_path / "out") == ["id", *(pair.id for pair in pairs)]


def run_and_stop(folder: Path, pairs: list[Pair], count: int) -> None:
    with RunFolder(folder, pairs, SETTINGS, FakeTowers()) as run:
        for outcome in compare_pairs(run.unfinished[:count], FakeTowers(), SETTINGS):
            run.add(outcome)
        raise KeyboardInterrupt


def test_failed_pairs_are_tried_again_and_keep_their_place(pairs, tmp_path):
    hidden = pairs[2].after.rename(tmp_path / "hidden.png")
    assert run_pairs(pairs, tmp_path / "out", SETTINGS, FakeTowers()) == 1
    assert "failed" in (tmp_path / "out" / "scores.csv").read_text().splitlines()[3]
    hidden.rename(pairs[2].after)
    again = FakeTowers()
    assert run_pairs(pairs, tmp_path / "out", SETTINGS, again) == 0
    assert again.pictures == 2
    assert table(tmp_path / "out") == ["id", *(pair.id for pair in pairs)]


def test_a_changed_picture_a_changed_query_and_a_lost_map_are_computed_again(pairs, tmp_path):
    run_pairs(pairs, tmp_path / "out", SETTINGS, FakeTowers())
    os.utime(pairs[0].after, ns=(1, 1))
    pairs[1] = Pair(pairs[1].id, pairs[1].before, pairs[1].after, "something else")
    (tmp_path / "out" / "maps" / f"{pairs[2].id}.png").unlink()
    again = FakeTowers()
    run_pairs(pairs, tmp_path / "out", SETTINGS, again)
    assert again.pictures == 6


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"settings": Settings(resolution=160)}, "resolution 128, now 160"),
        ({"encoder": FakeTowers("other")}, "encoder 'fake', now 'other'"),
        ({"queries": ["a spot"]}, r"queries \[\], now \['a spot'\]"),
    ],
)
def test_another_run_in_the_same_folder_is_refused(pairs, tmp_path, other, told):
    run_pairs(pairs, tmp_path / "out", SETTINGS, FakeTowers())
    before = digest(tmp_path / "out")
    asked = {"settings": SETTINGS, "encoder": FakeTowers(), "queries": None} | other
    with pytest.raises(RunFolderError, match=rf"{told}.*--overwrite"):
        run_pairs(pairs, tmp_path / "out", **asked)
    assert digest(tmp_path / "out") == before
    assert run_pairs(pairs, tmp_path / "out", **asked, overwrite=True) == 0
    assert json.loads((tmp_path / "out" / "run.json").read_text())["encoder"] == asked["encoder"].name


def test_the_command_goes_on_and_says_why_it_refuses(pairs, tmp_path, monkeypatch):
    from argus_fiftyone.encoders import registry

    loaded: list[FakeTowers] = []

    def load(*_: str, **options: str) -> FakeTowers:
        loaded.append(FakeTowers())
        return loaded[-1]

    monkeypatch.setattr(registry, "load_encoder", load)
    listed, out = str(tmp_path / "scenes" / "pairs.csv"), str(tmp_path / "out")
    command = ["run", listed, "--out", out, "--encoder", "fake"]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert CliRunner().invoke(app, command).exit_code == 0
    assert [encoder.pictures for encoder in loaded] == [12, 0]
    refused = CliRunner().invoke(app, [*command, "--threshold", "0.7"])
    assert refused.exit_code == 2
    assert "threshold 0.5, now 0.7" in refused.output
    assert CliRunner().invoke(app, [*command, "--threshold", "0.7", "--overwrite"]).exit_code == 0


def test_overwriting_removes_the_old_maps(pairs, tmp_path):
    run_pairs(pairs, tmp_path / "out", SETTINGS, FakeTowers(), ["a", "b"])
    run_pairs(pairs[:2], tmp_path / "out", SETTINGS, FakeTowers(), overwrite=True)
    assert len(list((tmp_path / "out" / "maps").rglob("*.png"))) == 2


def test_two_processes_never_write_into_one_folder(pairs, tmp_path):
    with (
        RunFolder(tmp_path / "out", pairs, SETTINGS, FakeTowers()),
        pytest.raises(RunFolderError, match="another process is writing"),
    ):
        RunFolder(tmp_path / "out", pairs, SETTINGS, FakeTowers())
    RunFolder(tmp_path / "out", pairs, SETTINGS, FakeTowers()).__exit__(None)


def test_a_half_written_last_line_of_the_journal_is_no_finished_pair(pairs, tmp_path):
    run_pairs(pairs, tmp_path / "out", SETTINGS, FakeTowers())
    journal = tmp_path / "out" / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    again = FakeTowers()
    run_pairs(pairs, tmp_path / "out", SETTINGS, again)
    assert again.pictures == 2
    assert len(journal.read_text().splitlines()) == len(pairs)


def test_a_full_disk_is_told_and_costs_nothing_finished(pairs, tmp_path, monkeypatch):
    import argus_fiftyone.runs.folder as module

    def full(*_):
        raise OSError(28, "No space left on device")

    run_pairs(pairs[:3], tmp_path / "out", SETTINGS, FakeTowers())
    with monkeypatch.context() as patched:
        patched.setattr(module, "write_map", full)
        with pytest.raises(RunFolderError, match=r"No space left on device.*same command goes on"):
            run_pairs(pairs, tmp_path / "out", SETTINGS, FakeTowers())
    again = FakeTowers()
    run_pairs(pairs, tmp_path / "out", SETTINGS, again)
    assert again.pictures == 6


def test_the_table_is_not_rewritten_for_every_pair(tmp_path):
    import argus_fiftyone.runs.folder as module

    count = 2000
    pairs = [Pair(str(n), tmp_path / "before.png", tmp_path / "after.png") for n in range(count)]

    written = []
    original = module.as_csv
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "as_csv", lambda rows: written.append(len(rows)) or original(rows))
        with RunFolder(tmp_path / "out", pairs, SETTINGS, FakeTowers()) as run:
            for pair in pairs:
                run.add(PairResult(pair, error="nothing there"))
    assert sum(written) < 40 * count
    assert len(table(tmp_path / "out")) == count + 1


KILLS = 10
PAIRS = 60
IN_FLIGHT = 4
"""Pairs that may be past the encoder and not yet in the journal: fewer than a batch of eight."""


@pytest.mark.slow
def test_ten_kills_at_random_moments_lose_less_than_a_batch_each(tmp_path):
    listed = write_scenes(tmp_path / "scenes", PAIRS)
    run_pairs(read_pairs(listed), tmp_path / "undisturbed", SETTINGS, FakeTowers())
    moments = random.Random(7)
    log, kills = tmp_path / "encoded.log", 0
    for _ in range(60):
        process = start(listed, tmp_path / "out", log)
        time.sleep(moments.uniform(0.05, 0.45))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
        check_whole(tmp_path / "out")
        if kills == KILLS:
            break
    assert kills == KILLS
    assert start(listed, tmp_path / "out", log).wait() == 0
    assert digest(tmp_path / "out") == digest(tmp_path / "undisturbed")
    encoded = len(log.read_text()) / 2
    assert encoded - PAIRS <= IN_FLIGHT * kills
    assert not list((tmp_path / "out").rglob("*.partial"))


def start(listed: Path, out: Path, log: Path) -> subprocess.Popen[str]:
    """A run in a process of its own, once it has begun."""
    script = [sys.executable, str(ROOT / "tests" / "fake_towers.py"), str(listed), str(out), str(log), "0.08"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(script, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    with process.stdout as said:
        said.readline()
    return process


def check_whole(folder: Path) -> None:
    """Whatever is visible after a kill is whole."""
    for path in folder.glob("maps/**/[!.]*.png"):
        assert np.abs(read_map(path)).max() <= 1
    if (folder / "scores.csv").exists():
        lines = (folder / "scores.csv").read_text().splitlines()
        assert lines[0].startswith("id,query,score")
        assert all(len(line.split(",")) >= 7 for line in lines)
