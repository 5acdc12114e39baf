"""The corridor: every file imports only from files before it; each layer keeps out what is not its own."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "argus_fiftyone"

ORDER_IN_WORDS = """
settings pictures pairs query windows cores things
encoders.protocol encoders encoders.transfers encoders.posterior
encoders.processor encoders.clip_arithmetic
encoders.clip_names encoders.clip_dense encoders.clip_tower encoders.clip_tiles encoders.clip_encoder
encoders.clip_checks
encoders.weights encoders.clip
encoders.mini_weights encoders.mini_tower encoders.mini_fused encoders.mini_text encoders.mini_match
encoders.mini_head encoders.mini_places encoders.mini encoders.registry
local_match motion alignment exposure prepared difference scenes calibration choice evidence
heatmap answers evaluation compare results truth
run_files cache batch journal run_folder ray_run
feedback refinement region_features
labels reports
dataset dataset.fields dataset.slices dataset.appearance dataset.evaluations dataset.runs
dataset.writing dataset.computing dataset.run_imports dataset.thresholds dataset.ground_truth
dataset.imports dataset.reviews
dataset.scores dataset.triage dataset.previews dataset.calibrating dataset.refining dataset.exporting
operators operators.base operators.forms operators.runs operators.importing operators.compute_form
operators.result_pages operators.computing operators.run_importing operators.evaluating
operators.reviewing operators.learning
operators.reporting
panels.chosen panels.review panels.triage panels plugin
demo plugin_link command_line
"""
"""The files in their order, folders by their `__init__`. A new file takes its place here."""

ORDER: list[str] = [*ORDER_IN_WORDS.split()]

CORE = ORDER[: ORDER.index("labels")]
APP_ONLY = ("labels", "reports", "dataset", "operators", "panels")


def modules_of(package: Path) -> dict[str, Path]:
    """The package's files by dotted name, folders by the name of the folder; without its own `__init__`."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:
            found[name] = path
    return found


def imports_of(path: Path) -> Iterator[str]:
    """Absolute names of all that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}, line {node.lineno}: import by the full name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(path: Path, modules: dict[str, Path], package: str = PACKAGE) -> Iterator[str]:
    """The package's own files among a file's imports: of `a.b.c`, the longest part that is a file."""
    for name in imports_of(path):
        if not name.startswith(f"{package}."):
            continue
        parts = name.split(".")[1:]
        whole = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        yield from [part for part in whole if part in modules][:1]


def broken_rules(package: Path, order: list[str]) -> list[str]:
    """A sentence for every import against the order, and for every file that has no place in it."""
    modules = modules_of(package)
    place = {name: number for number, name in enumerate(order)}
    told = [f"{name} has no place in the order" for name in modules if name not in place]
    told += [f"{name} is in the order and nowhere else" for name in order if name not in modules]
    for name, path in modules.items():
        for other in own_imports(path, modules, package.name):
            if name in place and other in place and place[other] >= place[name]:
                told.append(f"{name} imports {other}, which comes after it")
    return told


def test_every_file_imports_only_from_files_before_it():
    assert broken_rules(ROOT / PACKAGE, ORDER) == []


def test_a_wrong_import_is_told_even_inside_a_function(tmp_path):
    tree = tmp_path / "made_up"
    (tree / "late").mkdir(parents=True)
    for name in ("__init__", "late/__init__"):
        (tree / f"{name}.py").write_text("")
    (tree / "first.py").write_text("def load():\n    from made_up.late import second\n    return second\n")
    (tree / "late" / "second.py").write_text("import made_up.first\n")
    order = ["first", "late", "late.second"]
    assert broken_rules(tree, order) == ["first imports late.second, which comes after it"]
    (tree / "first.py").write_text("")
    assert broken_rules(tree, order) == []


def test_a_file_without_a_place_is_told(tmp_path):
    tree = tmp_path / "made_up"
    tree.mkdir()
    (tree / "stray.py").write_text("")
    assert broken_rules(tree, ["gone"]) == [
        "stray has no place in the order",
        "gone is in the order and nowhere else",
    ]


def test_the_core_never_imports_fiftyone():
    modules = modules_of(ROOT / PACKAGE)
    for name in CORE:
        assert "fiftyone" not in {each.split(".")[0] for each in imports_of(modules[name])}, name


def test_what_talks_to_fiftyone_never_imports_torch():
    for name, path in modules_of(ROOT / PACKAGE).items():
        if name.split(".")[0] in APP_ONLY:
            imported = {each.split(".")[0] for each in imports_of(path)}
            assert not imported & {"torch", "torchvision", "timm", "open_clip"}, name


def test_only_the_encoders_know_torch_models():
    for name, path in modules_of(ROOT / PACKAGE).items():
        imported = {each.split(".")[0] for each in imports_of(path)}
        models = imported & {"timm", "open_clip", "sentence_transformers", "torchvision"}
        assert not models or name.startswith("encoders."), f"{name} imports {models}"


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
