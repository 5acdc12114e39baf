"""`fiftyone delegated launch` in a process of its own takes what a form or Python put into the queue."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fiftyone.operators as foo
import pytest
from fakes import write_list
from fiftyone.operators.delegated import DelegatedOperationService

from argus_fiftyone.plugin.dataset.imports import ImportReport, import_pairs, rows_of_csv
from argus_fiftyone.plugin.dataset.runs import list_runs, run_record

pytestmark = pytest.mark.database

ENCODER = "clip:ViT-B-32-quickgelu:random"
"""Needs no weights, so this test is never skipped; what it finds means nothing."""
PATIENCE = 240
"""Seconds; a quiet machine takes about 20."""


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[Any]:
    found = rows_of_csv(write_list(tmp_path, {"a": 0.8, "b": -0.6, "c": 0.0}))
    *_, made = import_pairs("delegated", found, ImportReport(3), overwrite=True)
    yield made
    made.delete()


@contextmanager
def running(command: list[str], log: Path) -> Iterator[subprocess.Popen]:
    """A process that does not outlive the block: one that did would warn within some later test."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """The command of the documentation, as a container or a second terminal would run it."""
    command = [str(Path(sys.executable).with_name("fiftyone")), "delegated", "launch"]
    with running(command, tmp_path / "worker.log") as process:
        yield process


def test_a_worker_computes_what_was_queued(dataset: Any, worker: subprocess.Popen, tmp_path: Path):
    compute: Any = foo.get_operator("@argus/argus-fiftyone/compute_change_heatmaps")
    assert compute(dataset, "later", "a spot", encoder=ENCODER, resolution=64, delegate=True) is None
    state = wait_for_the_end(dataset, worker)
    assert state == "completed", (tmp_path / "worker.log").read_text()[-3000:]
    dataset.reload()
    assert list_runs(dataset) == ["later"]
    record = run_record(dataset, "later")
    assert (record["status"], record["pairs"], record["failed"]) == ("done", 3, 0)
    assert record["encoder"].startswith(ENCODER)
    rows = dataset.select_group_slices("after").values(["later_score", "later.map_path", "later_error"])
    assert all(0 <= score <= 1 for score in rows[0])
    assert all(Path(path).is_file() for path in rows[1])
    assert rows[2] == [None] * 3
    worker.send_signal(signal.SIGINT)
    assert worker.wait(timeout=PATIENCE) == 0, (tmp_path / "worker.log").read_text()[-3000:]


def test_a_worker_that_hears_no_interrupt_does_not_outlive_its_test(tmp_path: Path):
    deaf = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('deaf', flush=True)"
    with running([sys.executable, "-c", f"{deaf}; time.sleep(600)"], tmp_path / "log") as process:
        while "deaf" not in (tmp_path / "log").read_text():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
    assert process.poll() == -signal.SIGKILL


def wait_for_the_end(dataset: Any, worker: subprocess.Popen) -> str:
    """The state of the one operation of this dataset, once it will not change any more."""
    service, deadline = DelegatedOperationService(), time.monotonic() + PATIENCE
    state = "not queued"
    while time.monotonic() < deadline and worker.poll() is None:
        (operation,) = service.list_operations(dataset_name=dataset.name)
        state = str(operation.run_state)
        if state in ("completed", "failed"):
            return state
        time.sleep(0.5)
    return f"{state} after {PATIENCE} s, worker {worker.poll()}"
