"""`argus doctor`: tells what an issue report needs, whatever is broken, and changes nothing."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from typer.testing import CliRunner

from argus_fiftyone import __version__
from argus_fiftyone.command_line import app
from argus_fiftyone.encoders import registry
from argus_fiftyone.plugin import probe as module
from argus_fiftyone.plugin.probe import Probe, probe

ROOT = Path(__file__).resolve().parents[1]
TOPICS = ("versions", "system", "processor", "cuda", "mps", "encoder", "cache", "fiftyone")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch):
    """Calls the command and returns its lines by topic; FiftyOne's answer is made up."""

    def call(found: Probe | None = None) -> dict[str, list[str]]:
        monkeypatch.setattr(module, "probe", lambda: found or Probe("answers, 3 datasets"))
        done = CliRunner().invoke(app, ["doctor"])
        assert done.exit_code == 0, done.output
        lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
        return {topic: [rest for first, rest in lines if first == topic] for topic, _ in lines}

    return call


def test_every_topic_is_told(told):
    found = told()
    assert tuple(found) == TOPICS
    (versions,) = found["versions"]
    assert f"argus {__version__}, python 3." in versions
    assert f"torch {torch.__version__.partition('+')[0]}" in versions
    assert "opencv-" in versions
    assert any(line.startswith("mini: ") for line in found["encoder"])
    assert f"{torch.get_num_threads()} torch threads" in found["processor"][0]
    assert found["fiftyone"][0] == "database answers, 3 datasets (started by FiftyOne)"


def test_what_breaks_is_part_of_the_report_and_the_rest_is_told(told, monkeypatch):
    def broken() -> None:
        raise RuntimeError("weights of another torch\nand more")

    monkeypatch.setattr(registry, "list_encoders", broken)
    monkeypatch.setattr(torch, "get_num_threads", broken)
    found = told()
    assert tuple(found) == TOPICS
    assert found["encoder"] == ["cannot be told: RuntimeError: weights of another torch"]
    assert found["processor"] == ["cannot be told: RuntimeError: weights of another torch"]
    assert len(found["fiftyone"]) == 2


def test_the_report_names_neither_the_home_folder_nor_a_password(told, monkeypatch):
    home = str(Path.home())
    monkeypatch.setenv("ARGUS_CACHE", f"{home}/cache")
    found = told(Probe("answers", "mongodb://me:secret@db.example:27017", f"found: {home}/plugins/argus"))
    assert found["cache"] == ["~/cache, not made yet"]
    assert found["fiftyone"] == ["database answers (db.example)", "plugin found: ~/plugins/argus"]


def test_the_cache_is_told_with_its_size(told, monkeypatch, tmp_path: Path):
    monkeypatch.delenv("ARGUS_CACHE", raising=False)
    assert found_cache(told) == "none unless --cache is given (ARGUS_CACHE is not set)"
    monkeypatch.setenv("ARGUS_CACHE", str(tmp_path))
    (tmp_path / "deep").mkdir()
    with (tmp_path / "deep" / "entry.val").open("wb") as file:
        file.truncate(20_000_000)
    assert found_cache(told).endswith(", 0.02 GB")


def found_cache(told) -> str:
    (line,) = told()["cache"]
    return line


def test_every_gpu_is_told(told, monkeypatch):
    card = SimpleNamespace(name="A card", total_memory=80 * 2**30, major=9, minor=0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: card)
    assert [line.partition(";")[0] for line in told()["cuda"]] == ["A card, 80 GiB, capability 9.0"] * 2


def test_a_fiftyone_that_hangs_is_not_waited_for_and_what_it_said_is_kept(monkeypatch, tmp_path: Path):
    hanging = tmp_path / "python"
    hanging.write_text('#!/bin/sh\necho \'{"plugin": "found: there"}\'\nexec sleep 600\n')
    hanging.chmod(0o755)
    monkeypatch.setattr(module.sys, "executable", str(hanging))
    assert probe(patience=2) == Probe("gives no answer within 2 s", plugin="found: there")


def test_a_fiftyone_that_dies_is_told(monkeypatch):
    monkeypatch.setattr(module.sys, "executable", "/bin/false")
    assert probe().database == "unknown: FiftyOne ended without a word"


@pytest.mark.database
def test_the_database_answers_and_the_plugin_is_found_where_it_is_linked():
    found = probe(patience=240)
    assert found.database.startswith("answers, ")
    assert found.database_uri == os.environ["FIFTYONE_DATABASE_URI"]
    assert found.plugin == f"found: {os.environ['FIFTYONE_PLUGINS_DIR']}/argus → {ROOT}"


@pytest.mark.database
def test_a_database_out_of_reach_is_told_and_so_is_a_plugin_not_linked(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200")
    monkeypatch.setenv("FIFTYONE_PLUGINS_DIR", str(tmp_path))
    found = probe(patience=240)
    assert found.database.startswith("cannot be reached: ")
    assert found.plugin == f"not found in {tmp_path}: run `argus link`"
