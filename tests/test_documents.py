"""Documents that programs read: the citation, the issue form, the list of marks, the line that installs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from argus_fiftyone import __version__
from argus_fiftyone.command_line import app

ROOT = Path(__file__).resolve().parents[1]


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == __version__
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()


def test_the_issue_form_asks_for_commands_that_exist():
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml").read_text(encoding="utf-8"))
    asked = {field["id"]: field for field in form["body"]}
    assert asked["doctor"]["validations"]["required"]
    (command,) = re.findall(r"`argus (\w+)`", asked["doctor"]["attributes"]["label"])
    assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0


def test_every_mark_is_left_out_of_the_fast_tests(pytestconfig: pytest.Config):
    ours = {line.partition(":")[0] for line in pytestconfig.getini("markers")}
    (left_out,) = re.findall(r"^NOT_FAST := (.+)$", (ROOT / "Makefile").read_text(), flags=re.M)
    assert ours >= set(left_out.split(" or "))
    declared = re.findall(r'^    "(\w+): ', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), flags=re.M)
    assert set(left_out.split(" or ")) == set(declared)


def test_the_readme_installs_from_a_clone_until_argus_is_on_an_index():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^pip install (\S+)", readme, flags=re.M) == ["'.[offline]'"]
