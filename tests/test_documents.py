"""Documents: programs can read them, and pages for people are short, linked, and name what exists."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from argus_fiftyone import __version__
from argus_fiftyone.command_line import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
READ = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *PAGES]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


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


def test_no_page_is_longer_than_one_reads():
    most = dict.fromkeys(PAGES, 200) | {ROOT / "README.md": 100}
    lines = {page: len(page.read_text(encoding="utf-8").splitlines()) for page in most}
    assert {name_of(page): count for page, count in lines.items() if count >= most[page]} == {}


@pytest.mark.parametrize("page", READ, ids=name_of)
def test_every_link_to_a_file_leads_to_one(page: Path):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    files = {link.partition("#")[0] for link in links if not link.startswith(("http", "#"))}
    assert {file for file in files if not (page.parent / file).exists()} == set()


@pytest.mark.parametrize("folder", ["docs", "docs/decisions"])
def test_every_page_stands_in_the_index_of_its_folder(folder: str):
    index = (ROOT / folder / "README.md").read_text(encoding="utf-8")
    pages = {page.name for page in PAGES if page.parent == ROOT / folder} - {"README.md"}
    assert {page for page in pages if f"({page})" not in index} == set()


@pytest.mark.parametrize("page", READ, ids=name_of)
def test_every_command_that_a_page_names_exists(page: Path):
    text = page.read_text(encoding="utf-8")
    commands = set(re.findall(r"(?:^ *|`)argus ([a-z]+)", text, flags=re.M))
    assert commands <= {command.callback.__name__ for command in app.registered_commands if command.callback}
    modules = set(re.findall(r"python -m\s+((?:benchmarks|training)\.\w+)", text))
    assert {module for module in modules if importlib.util.find_spec(module) is None} == set()
