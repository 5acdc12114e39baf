"""The identity of the code, which is part of the cache's keys, changes with all code that decides."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from argus_fiftyone.engine.cache import DECIDING, PACKAGE, code_identity


@pytest.mark.parametrize("folder", DECIDING)
def test_every_file_of_every_deciding_folder_counts_for_the_identity_of_the_code(tmp_path, folder):
    for each in DECIDING:
        shutil.copytree(PACKAGE / each, tmp_path / each, ignore=shutil.ignore_patterns("*.safetensors"))
    known = {code_identity(tmp_path)}
    for path in sorted((tmp_path / folder).rglob("*.py")):
        path.write_text(path.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
        assert code_identity(tmp_path) not in known, path
        known.add(code_identity(tmp_path))
    (tmp_path / folder / "deep").mkdir()
    (tmp_path / folder / "deep" / "weights.safetensors").write_bytes(b"others")
    assert code_identity(tmp_path) not in known


def test_no_code_that_decides_on_evidence_lies_outside_the_deciding_folders():
    modules = "argus_fiftyone.engine.features, argus_fiftyone.encoders.mini.encoder"
    code = f"import sys, {modules}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    parts = [name.split(".") for name in done.stdout.split() if name.startswith("argus_fiftyone.")]
    assert {part[1] for part in parts} <= {*DECIDING, "settings"}
