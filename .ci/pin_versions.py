"""Write constraints.txt: the versions this environment has of everything Argus needs.

    python .ci/pin_versions.py

Run it in an environment whose tests pass; the containers are built with these versions.
"""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

import tomllib
from packaging.requirements import Requirement

OF_TORCH = ("nvidia-", "triton", "cuda-")
FILE = Path(__file__).resolve().parents[1] / "constraints.txt"


def needed(lines: list[str], extras: tuple[str, ...], found: dict[str, str]) -> None:
    """Add requirements, and theirs, to `found`."""
    for line in lines:
        requirement = Requirement(line)
        wanted = requirement.marker is None or any(requirement.marker.evaluate({"extra": e}) for e in extras)
        plain = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if not wanted or plain in found:
            continue
        try:
            found[plain] = importlib.metadata.version(plain)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another platform
        needed(importlib.metadata.requires(plain) or [], ("", *requirement.extras), found)


def main() -> None:
    project = tomllib.loads((FILE.parent / "pyproject.toml").read_text())["project"]
    found: dict[str, str] = {}
    needed(project["dependencies"] + project["optional-dependencies"]["offline"], ("",), found)
    head = "# Written by .ci/pin_versions.py: what the containers are built with.\n"
    # CUDA's own packages belong to one build of torch, and pip knows which.
    kept = {k: v.partition("+")[0] for k, v in found.items() if not k.startswith(OF_TORCH)}
    FILE.write_text(head + "".join(f"{name}=={version}\n" for name, version in sorted(kept.items())))
    print(f"{len(kept)} versions written to {FILE}")


if __name__ == "__main__":
    main()
