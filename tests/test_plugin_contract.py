"""The plugin through FiftyOne's own loader, which swallows errors and skips what the yml forgets."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from fiftyone.operators.registry import OperatorRegistry

from argus_fiftyone import __version__

pytestmark = pytest.mark.database
ROOT = Path(__file__).resolve().parents[1]
MANIFEST = yaml.safe_load((ROOT / "fiftyone.yml").read_text())


def registered() -> list:
    return [
        op for op in OperatorRegistry().list_operators(builtin=False) if op.plugin_name == MANIFEST["name"]
    ]


def test_the_loader_reports_no_errors():
    assert OperatorRegistry().list_errors() == []


def test_exactly_what_the_manifest_lists_is_registered():
    listed = [*MANIFEST["operators"], *MANIFEST.get("panels", [])]
    assert sorted(op.name for op in registered()) == sorted(listed)


def test_loading_twice_does_not_import_the_package_twice():
    first, second = ({op.name: type(op) for op in registered()} for _ in range(2))
    assert first == second
    assert {kind.__module__.split(".")[0] for kind in first.values()} == {"argus_fiftyone"}


def test_every_operator_has_words_icons_and_a_call_from_python():
    for operator in registered():
        config = operator.config
        assert config.label != config.name, operator.name
        assert config.description, operator.name
        if operator.name in MANIFEST["panels"]:
            assert "/" not in config.icon, "a panel's tab shows only icons of the App's own font"
            continue
        for icon in (config.light_icon, config.dark_icon):
            assert (ROOT / (icon or "no icon").lstrip("/")).is_file(), operator.name
        assert callable(operator), operator.name


def test_the_manifest_and_the_package_have_one_version():
    assert MANIFEST["version"] == __version__


def test_requirements_are_those_of_the_package():
    block = (ROOT / "pyproject.toml").read_text().split("\ndependencies = [")[1].split("]")[0]
    assert (ROOT / "requirements.txt").read_text().split() == re.findall(r'"(.+)"', block)


def test_loading_the_plugin_does_not_import_torch():
    code = "import argus_fiftyone.plugin.register, sys; sys.exit('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr or "torch was imported"
