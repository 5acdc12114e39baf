"""What `argus doctor` tells: one line each, whatever is missing or broken."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from argus_fiftyone import __version__

PACKAGES = (
    "torch", "torchvision", "open_clip_torch", "fiftyone", "numpy", "scipy", "pillow",
    "opencv-python-headless", "opencv-contrib-python-headless", "opencv-python", "opencv-contrib-python",
)  # fmt: skip
"""Distributions whose versions are told. Several of OpenCV's beside each other are a fault of their own."""
CPUINFO = Path("/proc/cpuinfo")


def lines() -> Iterator[str]:
    """The report, line by line as it becomes known; the database comes last, since it may take a while."""
    for topic, told in TOPICS.items():
        for sentence in _caught(told):
            yield f"{topic:<10} {without_home(sentence)}"


def _caught(told: Callable[[], Iterator[str]]) -> Iterator[str]:
    """What a topic tells. An error is part of the report, since it may be what the report is about."""
    try:
        yield from told()
    except (Exception, SystemExit) as error:
        reason = (str(error).strip().splitlines() or ["no message"])[0]
        yield f"cannot be told: {type(error).__name__}: {reason}"


def _versions() -> Iterator[str]:
    found = [f"argus {__version__}", f"python {platform.python_version()}"]
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            if not name.startswith("opencv"):
                found.append(f"{name} missing")
    if not any(part.startswith("opencv") for part in found):
        found.append("opencv missing")
    yield ", ".join(found)


def _system() -> Iterator[str]:
    yield platform.platform()


def _processor() -> Iterator[str]:
    import torch

    from argus_fiftyone.encoders.device import has_fast_bf16

    told = CPUINFO.read_text(errors="replace").splitlines() if CPUINFO.is_file() else []
    models = (line.partition(":")[2].strip() for line in told if line.startswith("model name"))
    bf16 = "with" if has_fast_bf16(torch.device("cpu")) else "without"
    yield (
        f"{next(models, platform.processor() or platform.machine())}, {os.cpu_count()} cores, "
        f"{torch.get_num_threads()} torch threads; torch uses {torch.backends.cpu.get_cpu_capability()}, "
        f"{bf16} bfloat16 in hardware"
    )


def _cuda() -> Iterator[str]:
    import torch

    if not torch.cuda.is_available():
        yield f"none; this torch is built for CUDA {torch.version.cuda or '-'}"
        return
    for number in range(torch.cuda.device_count()):
        device = torch.cuda.get_device_properties(number)
        able = f"{device.total_memory / 2**30:.0f} GiB, capability {device.major}.{device.minor}"
        yield f"{device.name}, {able}; this torch is built for CUDA {torch.version.cuda}"


def _mps() -> Iterator[str]:
    import torch

    yield "available" if torch.backends.mps.is_available() else "none"


def _encoders() -> Iterator[str]:
    from argus_fiftyone.encoders.registry import list_encoders

    for entry in list_encoders():
        yield f"{entry.name}: {'ready' if entry.ready else f'needs {entry.missing}'}"


def _cache() -> Iterator[str]:
    from argus_fiftyone.engine.cache import FOLDER_VARIABLE

    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        yield f"none unless --cache is given ({FOLDER_VARIABLE} is not set)"
    elif not Path(folder).is_dir():
        yield f"{folder}, not made yet"
    else:
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        state = "" if os.access(folder, os.W_OK) else ", cannot be written"
        yield f"{folder}, {size / 1e9:.2f} GB{state}"


def _fiftyone() -> Iterator[str]:
    from argus_fiftyone.plugin.probe import probe

    found = probe()
    where = urlsplit(found.database_uri).hostname if found.database_uri else "started by FiftyOne"
    yield f"database {found.database} ({where})"
    yield f"plugin {found.plugin}"


def without_home(text: str) -> str:
    """The text with ~ in place of the home folder, whose name is nobody's business in a public report."""
    home = str(Path.home())
    return text.replace(home, "~") if len(home) > 1 else text


TOPICS: dict[str, Callable[[], Iterator[str]]] = {
    "versions": _versions,
    "system": _system,
    "processor": _processor,
    "cuda": _cuda,
    "mps": _mps,
    "encoder": _encoders,
    "cache": _cache,
    "fiftyone": _fiftyone,
}
