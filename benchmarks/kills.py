"""A run that is killed at ten random moments and started again: is the result the same, what was lost?

    python -m benchmarks.kills [--smoke | --quick]

60 pairs with the tests' encoder without weights, slowed down to 0.08 s per call, in a process that
is sent SIGKILL 0.1 to 1.2 s after it began to compare (seeded). Lost work is what was encoded
and not in the journal when the process died. Then the run is finished, and every file that a
user sees is compared with those of a run that nobody disturbed.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from argus_fiftyone.engine.batch import CUDA_BATCH
from argus_fiftyone.io.pair_list import read_pairs
from argus_fiftyone.runs.folder import run_pairs
from argus_fiftyone.settings import Settings
from benchmarks.measuring import by_amount, describe_machine, tell_ratio
from tests import fake_towers

SECONDS_PER_CALL = "0.08"
SETTINGS = Settings(resolution=128)


def main() -> int:
    pairs, kills = by_amount(smoke=(12, 2), quick=(60, 10), full=(60, 10))
    print(describe_machine())
    moments = random.Random(7)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        listed = fake_towers.write_scenes(folder / "scenes", pairs)
        run_pairs(
            read_pairs(listed), folder / "undisturbed", SETTINGS, fake_towers.FakeTowers(), progress=False
        )
        lost = []
        for number in range(1, kills + 1):
            before = wasted(folder)
            if not killed(listed, folder, moments.uniform(0.1, 1.2)):
                print(f"the run ended before kill {number}")
                break
            lost.append(wasted(folder) - before)
            print(
                f"kill {number:2}: {finished(folder):2} of {pairs} pairs finished, {lost[-1]} lost",
                flush=True,
            )
        started(listed, folder).wait()
        same = digests(folder / "out") == digests(folder / "undisturbed")
    print(f"{len(lost)} kills; the result {'equals' if same else 'DIFFERS FROM'} an undisturbed run")
    tell_ratio("pairs lost at the worst of the kills", max(lost), f"< {CUDA_BATCH}, one batch")
    return 0 if same else 1


def killed(listed: Path, folder: Path, after: float) -> bool:
    """Start the run, and kill it after so many seconds; whether it was still at work."""
    process = started(listed, folder)
    time.sleep(after)
    at_work = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return at_work


def started(listed: Path, folder: Path) -> subprocess.Popen[str]:
    """The run in a process of its own, once it has begun."""
    script = [sys.executable, fake_towers.__file__, listed, folder / "out", folder / "encoded.log"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    process = subprocess.Popen(
        [*script, SECONDS_PER_CALL], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    process.stdout.readline()
    return process


def wasted(folder: Path) -> int:
    """Pairs that were encoded and are not finished, so far."""
    log = folder / "encoded.log"
    encoded = len(log.read_text()) // 2 if log.exists() else 0
    return encoded - finished(folder)


def finished(folder: Path) -> int:
    journal = folder / "out" / "journal.jsonl"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def digests(folder: Path) -> dict[str, str]:
    """Every file a user sees, by content."""
    files = [p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")]
    kept = [p for p in files if p.name != "journal.jsonl"]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in kept}


if __name__ == "__main__":
    sys.exit(main())
