"""Do the CLIP encoders give the same features under several releases of open_clip?

    python benchmarks/open_clip_versions.py 2.24.0 2.32.0 3.3.0

Installs each release without its dependencies into a scratch folder that comes before the environment's
own, so everything else (torch, timm) stays the same; runs the tests of the CLIP encoders there; and
prints the largest difference of any feature to tests/golden/clip_tiny.npz.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

DIFFERENCE = """
import sys, tempfile, warnings
from pathlib import Path
warnings.simplefilter("ignore")
sys.path.insert(0, "tests")
import numpy as np, open_clip, tiny_clip
golden = np.load(tiny_clip.GOLDEN)
found = tiny_clip.golden_features(Path(tempfile.mkdtemp()))
assert Path(open_clip.__file__).is_relative_to(sys.argv[1]), open_clip.__file__
print(max(float(abs(golden[name] - found[name]).max()) for name in golden.files))
"""


def main(versions: list[str]) -> int:
    """Print one line per release; the exit status is the number of releases that fail."""
    print(f"{'open_clip':10} {'golden difference':>18}  tests")
    failures = 0
    for version in versions:
        with tempfile.TemporaryDirectory() as folder:
            install(version, folder)
            difference, tests = measure(folder), run_tests(folder)
        failures += "failed" in tests or "error" in tests or not difference
        print(f"{version:10} {difference or 'failed':>18}  {tests}", flush=True)
    return failures


def install(version: str, folder: str) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder]
    subprocess.run([*pip, f"open_clip_torch=={version}"], check=True, stderr=subprocess.DEVNULL)


def measure(folder: str) -> str:
    """The largest difference to the golden file, or "" if features could not be computed."""
    done = run([sys.executable, "-c", DIFFERENCE, folder], folder)
    return f"{float(done.stdout):.1e}" if done.returncode == 0 else ""


def run_tests(folder: str) -> str:
    """pytest's last line. Deprecations inside old releases are theirs, not ours."""
    tests = sorted(str(path) for path in (ROOT / "tests").glob("test_clip_*.py"))
    pytest = [sys.executable, "-m", "pytest", "-q", "-W", "ignore::FutureWarning", *tests]
    return run(pytest, folder).stdout.strip().splitlines()[-1]


def run(command: list[str], folder: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([folder, str(ROOT)])
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["2.24.0", "3.3.0"]))
