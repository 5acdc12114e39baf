"""Methods by name: those here, those of other packages, one's own file; and what is said when it fails."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from fake_towers import FakeTowers, draw_textured
from typer.testing import CliRunner

from argus_fiftyone.command_line import app
from argus_fiftyone.encoders.none import NoEncoder
from argus_fiftyone.encoders.protocol import Encoder
from argus_fiftyone.engine.compare import Walk, compare_images
from argus_fiftyone.io.png import write_png
from argus_fiftyone.methods import registry
from argus_fiftyone.methods.registry import MethodUnavailable, built_in, list_methods, load_method
from argus_fiftyone.settings import Settings

EXTENDING = Path(__file__).parents[1] / "docs" / "extending.md"
OWN = "my_module:ColdDistance"


def blocks(language: str) -> list[str]:
    """The blocks of docs/extending.md in a language."""
    return re.findall(rf"```{language}\n(.*?)```", EXTENDING.read_text(encoding="utf-8"), re.S)


def example() -> str:
    """The method that docs/extending.md shows."""
    return blocks("python")[0]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Iterator[Path]:
    """A folder of the user's, from which `argus` is called; it is not on the path, as with the command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    (tmp_path / "my_module.py").write_text(example(), encoding="utf-8")
    importlib.invalidate_caches()
    yield tmp_path
    for name in ("my_module", "wrong"):
        sys.modules.pop(name, None)


def test_the_method_of_the_documentation_is_about_thirty_lines_and_finds_the_spot(folder):
    encoder = FakeTowers()
    assert len(example().splitlines()) <= 30
    walk = Walk(load_method(OWN, encoder), Settings(resolution=128))
    before, after = draw_textured(3, 96)

    (same,) = compare_images(after, after, [""], walk)
    (found,) = compare_images(before, after, [""], walk)

    assert (same.score, found.method) == (0, "cold_distance")
    assert found.score > 0.5
    assert found.regions


@pytest.mark.offline_towers
@pytest.mark.usefixtures("mini")
def test_the_commands_of_the_documentation_run_as_they_stand(folder, capsys):
    for name, image in zip(("before.png", "after.png"), draw_textured(3, 96), strict=True):
        write_png(folder / name, image)
    command, *_ = blocks("sh")

    done = CliRunner().invoke(app, shlex.split(command)[1:])
    assert done.exit_code == 0, done.output
    assert json.loads((folder / "result" / "result.json").read_text())["method"] == "cold_distance"

    exec(blocks("python")[1], {})
    assert float(capsys.readouterr().out.split()[0]) > 0


def test_a_file_of_ones_own_does_not_take_the_place_of_an_installed_package(folder):
    (folder / "json.py").write_text("raise RuntimeError('not the json that was meant')")
    load_method(OWN, FakeTowers())
    assert sys.path[-1] == str(folder)
    assert importlib.import_module("json").loads("1") == 1


def test_built_in_methods_leave_the_path_alone(folder):
    load_method("ssim", NoEncoder())
    assert str(folder) not in sys.path


def offered(monkeypatch, *points: tuple[str, str]):
    """Pretends that an installed package offers methods."""
    made = [EntryPoint(name, place, registry.GROUP) for name, place in points]
    monkeypatch.setattr(registry, "entry_points", lambda group: made if group == registry.GROUP else [])


def test_methods_of_other_packages_are_listed_and_loaded_by_their_names(folder, monkeypatch):
    monkeypatch.syspath_prepend(str(folder))
    offered(monkeypatch, ("cold", OWN), ("broken", "nowhere_to_be_found:Method"))

    *_, cold, broken = list_methods()

    assert (cold.name, cold.needs, cold.problem) == ("cold", "levels, one reference", "")
    assert "No module named 'nowhere_to_be_found'" in broken.problem
    assert load_method("cold", FakeTowers()).name == "cold_distance"


def test_needs_are_told_in_words():
    told = {entry.name: entry.needs for entry in list_methods()}
    assert told["argus"] == "levels, dense, text, pixels, one reference"
    assert told["text_only"] == "dense, text"
    assert told["ssim"] == "pixels, one reference"


def refused(name: str, encoder: Encoder | None = None) -> str:
    with pytest.raises(MethodUnavailable) as error:
        load_method(name, encoder or NoEncoder())
    return str(error.value)


def test_an_unknown_name_is_answered_with_those_that_are_known():
    message = refused("argos")
    assert "Unknown method 'argos'" in message
    assert all(name in message for name in built_in())
    assert "package.module:Class" in message


def test_a_class_that_is_no_method_is_told_what_it_lacks(folder):
    (folder / "my_module.py").write_text("class Half:\n    name = 'half'\n    version = 1\n")
    message = refused("my_module:Half")
    assert "my_module:Half has no paper, needs, fit, observe, score" in message
    assert "docs/extending.md" in message


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("my_module:Missing", "AttributeError: module 'my_module' has no attribute 'Missing'"),
        ("no_such_module:Method", "ModuleNotFoundError: No module named 'no_such_module'"),
        (":Method", "ValueError"),
        ("wrong:Method", "ZeroDivisionError: division by zero"),
    ],
)
def test_what_cannot_be_imported_says_why(folder, place: str, reason: str):
    (folder / "wrong.py").write_text("1 / 0\n")
    assert reason in refused(place)


def test_a_method_that_reads_features_asks_for_an_encoder():
    assert refused("clip_difference") == (
        "clip_difference reads an encoder's features, so it needs one: pass --encoder"
    )
    assert load_method("pixel_difference", NoEncoder()).name == "pixel_difference"


def test_a_method_for_other_encoders_is_refused_before_it_is_built(folder):
    source = example().replace('frozenset({"levels"})', 'frozenset({"levels"}), encoders=("mini", "clip")')
    source += "\n    def __init__(self, encoder):\n        self.head = encoder.pair_head\n"
    (folder / "my_module.py").write_text(source)
    assert refused(OWN, FakeTowers()) == f"{OWN} runs on encoders of the family mini, clip, not on fake"
