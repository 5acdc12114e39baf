"""Every public name says what it is, and every function what it takes and gives."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / "argus_fiftyone"
INHERITED = (
    "resolve_input",
    "resolve_output",
    "resolve_placement",
    "execute",
    "config",
    "render",
    "on_load",
    "on_change_dataset",
)
"""Names of FiftyOne's own operators and panels, which document them."""


def public_names(body: list[ast.stmt], inside: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Public classes and functions of a file, and of public classes in it."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            if not any("overload" in ast.unparse(each) for each in node.decorator_list):
                yield f"{inside}{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from public_names(node.body, f"{node.name}.")


def undocumented(source: str) -> list[str]:
    names = public_names(ast.parse(source).body)
    return [
        name for name, node in names if not ast.get_docstring(node) and name.split(".")[-1] not in INHERITED
    ]  # type: ignore[arg-type]


def untyped(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            taken = [
                each for each in node.args.args + node.args.kwonlyargs if each.arg not in ("self", "cls")
            ]
            if node.returns is None or not all(each.annotation for each in taken):
                found.append(node.name)
    return found


def in_all_files(check) -> dict[str, list[str]]:
    told = {
        str(path.relative_to(ROOT)): check(path.read_text(encoding="utf-8")) for path in ROOT.rglob("*.py")
    }
    return {name: found for name, found in told.items() if found}


def test_every_public_name_is_documented():
    assert in_all_files(undocumented) == {}


def test_every_function_is_typed():
    assert in_all_files(untyped) == {}


def test_both_searches_find_something():
    source = "class Public:\n    def method(self, value) -> int:\n        return value\n"
    assert undocumented(source) == ["Public", "Public.method"]
    assert untyped(source) == ["method"]
