"""A database of the tests' own, started only when a collected test needs one."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]
NEEDS_DATABASE = ("database", "browser")

FOREIGN_WARNINGS = (
    # Third parties inside FiftyOne, on import and on connecting.
    "ignore:Passing a class to strawberry:DeprecationWarning",
    "ignore:No uuidRepresentation is specified:DeprecationWarning",
)

# A busy machine makes any deadline a matter of luck; pytest-timeout guards against hanging.
hypothesis.settings.register_profile("argus", deadline=None)
hypothesis.settings.load_profile("argus")

_scratch: Path | None = None
_mongod: subprocess.Popen | None = None


def pytest_configure(config: pytest.Config) -> None:
    """Point FiftyOne away from the user's own database before anything imports it."""
    global _scratch
    for line in FOREIGN_WARNINGS:
        config.addinivalue_line("filterwarnings", line)
    if "fiftyone" in sys.modules:
        raise pytest.UsageError(
            "fiftyone was imported before the tests could give it a database of their own"
        )
    atexit.register(_stop)
    _scratch = Path(tempfile.mkdtemp(prefix="argus-tests-"))
    (_scratch / "plugins").mkdir()
    (_scratch / "plugins" / "argus").symlink_to(ROOT)
    os.environ.update(
        FIFTYONE_DATABASE_URI=f"mongodb://127.0.0.1:{_free_port()}",
        FIFTYONE_DATABASE_NAME="argus-tests",
        FIFTYONE_DATABASE_VALIDATION="false",
        FIFTYONE_DO_NOT_TRACK="1",
        FIFTYONE_SHOW_PROGRESS_BARS="false",
        FIFTYONE_PLUGINS_DIR=str(_scratch / "plugins"),
        FIFTYONE_DEFAULT_DATASET_DIR=str(_scratch / "datasets"),
        HOME=str(_scratch),
        HF_HUB_OFFLINE="1",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for the real `mini`, before `-m` chooses by marks."""
    for item in items:
        if "mini" in getattr(item, "fixturenames", ()):
            item.add_marker("offline_towers")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start mongod once it is known that a test will use it."""
    wanted = any(item.get_closest_marker(name) for item in session.items for name in NEEDS_DATABASE)
    if wanted and not session.config.option.collectonly:
        _start_mongod()


def _stop() -> None:
    """Last of all exit hooks: FiftyOne's own, registered later and run earlier, still needs the database."""
    if _mongod is not None:
        _mongod.terminate()
        try:
            _mongod.wait(timeout=20)
        except subprocess.TimeoutExpired:
            _mongod.kill()
            _mongod.wait()
    if _scratch is not None:
        shutil.rmtree(_scratch, ignore_errors=True)


def _start_mongod() -> None:
    global _mongod
    spec = find_spec("fiftyone")
    if spec is None or not spec.submodule_search_locations or _scratch is None:
        raise pytest.UsageError("these tests need FiftyOne: run `make test`, which installs it")
    executable = Path(spec.submodule_search_locations[0]) / "db" / "bin" / "mongod"
    if not executable.is_file():
        raise pytest.UsageError("FiftyOne's mongod is missing: run `python .ci/ensure_mongod.py`")
    (_scratch / "db").mkdir()
    port = os.environ["FIFTYONE_DATABASE_URI"].rpartition(":")[2]
    command = f"{executable} --dbpath {_scratch}/db --logpath {_scratch}/mongod.log --port {port} "
    command += "--bind_ip 127.0.0.1 --nounixsocket --wiredTigerCacheSizeGB 0.25 "
    command += "--setParameter diagnosticDataCollectionEnabled=false"
    _mongod = subprocess.Popen(command.split(), stdout=subprocess.DEVNULL)
    _wait_until_open(int(port), _mongod)


def _wait_until_open(port: int, mongod: subprocess.Popen) -> None:
    """A quiet machine takes a second or two, a busy one many times that."""
    for _ in range(1200):
        if mongod.poll() is not None:
            raise pytest.UsageError(f"the tests' mongod ended at once, with status {mongod.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise pytest.UsageError("the tests' mongod did not open its port within 120 s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def mini():
    """The offline encoder, loaded once: it takes seconds."""
    from argus_fiftyone.encoders.registry import list_encoders, load_encoder

    entry = next(entry for entry in list_encoders() if entry.name == "mini")
    if not entry.ready:
        pytest.skip(f"the mini encoder is not here: {entry.missing}")
    return load_encoder("mini", "cpu")
