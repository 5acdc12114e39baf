"""A MongoDB of the benchmark's own, so that no figure depends on what a user keeps in theirs."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path


@contextmanager
def own_database() -> Iterator[Path]:
    """Point FiftyOne at a fresh database, and give a scratch folder; call before importing fiftyone."""
    spec = find_spec("fiftyone")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("FiftyOne is not installed: run `make bench`")
    mongod = Path(spec.submodule_search_locations[0]) / "db" / "bin" / "mongod"
    with tempfile.TemporaryDirectory() as name, socket.socket() as probe:
        scratch = Path(name)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        (scratch / "db").mkdir()
        command = [mongod, "--dbpath", scratch / "db", "--port", str(port), "--bind_ip", "127.0.0.1"]
        command += ["--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", "--logpath", scratch / "mongod.log"]
        os.environ.update(
            FIFTYONE_DATABASE_URI=f"mongodb://127.0.0.1:{port}",
            FIFTYONE_DATABASE_NAME="argus-benchmark",
            FIFTYONE_DATABASE_VALIDATION="false",
            FIFTYONE_DO_NOT_TRACK="1",
            FIFTYONE_SHOW_PROGRESS_BARS="false",
            FIFTYONE_DEFAULT_DATASET_DIR=str(scratch / "datasets"),
        )
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _wait_for(port, server)
            yield scratch
        finally:
            server.terminate()
            server.wait(timeout=30)


def _wait_for(port: int, server: subprocess.Popen) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert server.poll() is None, "mongod ended at once: run `python .ci/ensure_mongod.py`"
        time.sleep(0.1)
    raise TimeoutError("mongod did not open its port within 30 s")
