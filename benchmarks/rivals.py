"""An environment for anomalib, whose requirements conflict with ours: it needs an older open_clip.

It is made once, inside our own environment, and sees all that is installed there, so torch,
numpy and the rest are the very same builds; only what anomalib needs otherwise comes on top.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ANOMALIB = "2.7.0"
FOLDER = Path(sys.prefix) / "rivals" / f"anomalib-{ANOMALIB}"


def inside() -> bool:
    """Whether this process runs in that environment."""
    return Path(sys.prefix).parent.name == FOLDER.parent.name


def run_inside(module: str) -> int:
    """Run a module with the arguments of this process in that environment; its exit status."""
    try:
        python = _made()
    except subprocess.CalledProcessError as error:
        last = (error.stderr or error.stdout or "no message").strip().splitlines()[-1]
        print(f"not measured: anomalib {ANOMALIB} could not be installed ({last})")
        return 0
    # What anomalib's own dependencies warn about is no result.
    return subprocess.run([python, "-W", "ignore", "-m", module, *sys.argv[1:]]).returncode


def versions() -> str:
    """What a rival runs on."""
    names = ("anomalib", "open_clip_torch", "torch")
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)


def _made() -> Path:
    """The environment's interpreter."""
    python = FOLDER / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if (FOLDER / "ready").exists():
        return python
    venv.create(FOLDER, with_pip=True, clear=True)
    kind = {"base": str(FOLDER), "platbase": str(FOLDER)}
    shared = Path(sysconfig.get_path("purelib", vars=kind)) / "shared.pth"
    shared.write_text(sysconfig.get_path("purelib") + "\n")
    install = [python, "-m", "pip", "install", "--quiet", f"anomalib[clip]=={ANOMALIB}"]
    subprocess.run(install, check=True, capture_output=True, text=True)
    (FOLDER / "ready").touch()
    return python
