"""Layers: each folder imports only from those before it, and each keeps out what is not its own."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "argus_fiftyone"

ORDER = [
    "settings",
    "io",
    "text",
    "registration",
    "encoders",
    "methods",
    "engine",
    "evaluation",
    "feedback",
    "runs",
    "plugin",
    "demo",
    "command_line",
]
"""Folders and single files of the package, in the order in which they may import each other."""

CORE = ORDER[: ORDER.index("plugin")]
TORCH = ("torch", "torchvision", "timm", "open_clip")


def imports_of(path: Path) -> Iterator[str]:
    """Absolute names of all that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}, line {node.lineno}: import by the full name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer_of(path: Path, package: Path) -> str:
    """The folder or single file right under the package that a file belongs to."""
    return path.relative_to(package).with_suffix("").parts[0]


def broken_rules(package: Path, order: list[str]) -> set[tuple[str, str]]:
    """(importing, imported) layers of imports against the order, or of a layer that has no place in it."""
    place = {name: number for number, name in enumerate(order)}
    broken = set()
    for path in package.rglob("*.py"):
        if (own := layer_of(path, package)) == "__init__":
            continue
        for name in imports_of(path):
            parts = name.split(".")
            if parts[0] != package.name or len(parts) < 2 or parts[1].startswith("__"):
                continue
            if place.get(parts[1], -1) > place.get(own, -1) or own not in place or parts[1] not in place:
                broken.add((own, parts[1]))
    return broken


def test_every_folder_imports_only_from_those_before_it():
    assert broken_rules(ROOT / PACKAGE, ORDER) == set()


def test_a_wrong_import_is_told_even_inside_a_function(tmp_path):
    tree = tmp_path / "made_up"
    for folder in ("first", "second"):
        (tree / folder).mkdir(parents=True)
    (tree / "first" / "low.py").write_text(
        "def load():\n    from made_up.second import high\n    return high\n"
    )
    (tree / "second" / "high.py").write_text("from made_up.first import low\n")
    assert broken_rules(tree, ["first", "second"]) == {("first", "second")}
    (tree / "first" / "low.py").write_text("")
    assert broken_rules(tree, ["first", "second"]) == set()
    assert broken_rules(tree, ["first"]) == {("second", "first")}


def test_the_package_has_at_most_sixteen_entries():
    entries = {path.name for path in (ROOT / PACKAGE).iterdir() if path.name != "__pycache__"}
    assert len(entries) <= 16, sorted(entries)


@pytest.mark.parametrize("layer", ORDER)
def test_contributing_says_what_goes_into_each_folder(layer: str):
    table = [line for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines() if line.startswith("| `")]
    assert [line for line in table if f"`{layer}`" in line.split("|")[1]]


def loaded_by(modules: list[str]) -> set[str]:
    """Top-level names that importing these modules loads, in a Python of its own."""
    code = (
        f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


def modules_in(*layers: str) -> list[str]:
    found = (path for path in (ROOT / PACKAGE).rglob("*.py") if layer_of(path, ROOT / PACKAGE) in layers)
    return sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in found
    )


def test_the_core_loads_no_fiftyone():
    assert "fiftyone" not in loaded_by(modules_in(*CORE))


@pytest.mark.database
def test_what_talks_to_fiftyone_loads_no_torch():
    assert not loaded_by(modules_in("plugin")) & set(TORCH)


def test_files_and_words_load_no_torch():
    assert not loaded_by(modules_in("settings", "io", "text", "registration", "evaluation")) & set(TORCH)


def test_listing_what_is_here_loads_no_torch():
    listed = ["argus_fiftyone.encoders.registry", "argus_fiftyone.methods.registry", "argus_fiftyone"]
    assert not loaded_by(listed) & set(TORCH)


def test_only_the_encoders_know_torch_models():
    for path in (ROOT / PACKAGE).rglob("*.py"):
        models = {each.split(".")[0] for each in imports_of(path)} & {
            "timm", "open_clip", "sentence_transformers", "torchvision"
        }  # fmt: skip
        assert not models or layer_of(path, ROOT / PACKAGE) == "encoders", f"{path} imports {models}"


# Put together from halves, so that this file does not name what it forbids.
MACHINE_PATH = re.compile(
    r"(?<![\w.}])(?:" + "|".join(["/ho" + "me/", "/wo" + "rk/", "/Us" + "ers/"]) + r")\w"
)


def test_no_file_names_a_path_of_a_machine():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout, so there is no list of the repository's own files")
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if (
            path.suffix in (".py", ".md", ".toml", ".yml", ".yaml", ".txt", ".csv", ".json")
            and path.is_file()
        ):
            found = MACHINE_PATH.search(path.read_text(encoding="utf-8"))
            assert not found, f"{name} names {found and found.group()}"


def test_the_search_for_machine_paths_finds_one():
    assert MACHINE_PATH.search("see " + "/ho" + "me/somebody/data")
    assert not MACHINE_PATH.search("https://example.org/home/page")
