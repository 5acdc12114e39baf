"""Arrays → PNG files that appear whole or not at all."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from isal import isal_zlib

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

PNG_SUB, PNG_UP = 1, 2
"""PNG's names for rows written as differences from the pixel before and from the row above. The former
packs in less time, and smaller, the more pixels a cell of the map covers."""

PNG_STRIP = 2**18
"""Bytes that are packed at a time: fewer cost calls, more outgrow a core's cache."""


def write_png(path: str | os.PathLike[str], picture: np.ndarray) -> None:
    """Write uint8 RGB or grey, or uint16 grey, atomically."""
    write_whole(path, grey_png(picture) if picture.ndim == 2 else colour_png(picture))


def colour_png(picture: np.ndarray) -> bytes:
    """uint8 [rows, cols, 3] RGB as PNG."""
    # Level 1 is several times faster than the default and costs little.
    _, data = cv2.imencode(".png", picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return data.tobytes()


def grey_png(levels: np.ndarray, repeats: int = 1) -> bytes:
    """uint8 or uint16 [rows, cols] as PNG, in a fifth of the time OpenCV's takes; of smooth rows no larger.

    A heatmap is as smooth as a picture can be: along a row it rises by the same step for many
    pixels, so differences from pixel to pixel are all it needs, and Intel's ISA-L packs those
    several times faster than zlib. Strip by strip, since memory that is asked for in large pieces
    costs as much as the packing.

    Args:
        repeats: how many rows of the picture each row of levels makes.
    """
    count, width = levels.shape
    packer = isal_zlib.compressobj(1)
    packed = [*(packer.compress(strip) for strip in _strips(levels, repeats)), packer.flush()]
    header = struct.pack(">IIBBBBB", width, count * repeats, 8 * levels.dtype.itemsize, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", b"".join(packed)), (b"IEND", b""))
    return PNG_SIGNATURE + b"".join(_png_chunk(name, data) for name, data in parts)


def _strips(levels: np.ndarray, repeats: int) -> Iterator[np.ndarray]:
    """Rows as PNG wants them before packing: a byte that names the filter, then each byte's difference
    from the pixel before, or from the row above where a row repeats: 0 throughout. One array holds one
    strip after the other."""
    (count, length), deep = (len(levels), levels[0].nbytes), levels.dtype.itemsize
    most = min(count, max(1, PNG_STRIP // (length * repeats)))
    strip = np.zeros((most, repeats, 1 + length), np.uint8)
    strip[:, 0, 0], strip[:, 1:, 0] = PNG_SUB, PNG_UP
    for top in range(0, count, most):
        here = levels[top : top + most]
        pixels = np.ascontiguousarray(here, levels.dtype.newbyteorder(">")).view(np.uint8)
        rows = strip[: len(here), 0, 1:]
        rows[:, :deep] = pixels[:, :deep]
        np.subtract(pixels[:, deep:], pixels[:, :-deep], out=rows[:, deep:])
        yield strip[: len(rows)]


def _png_chunk(name: bytes, data: bytes) -> bytes:
    checked = isal_zlib.crc32(data, isal_zlib.crc32(name))
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checked)


def with_chunk(png: bytes, name: bytes, data: bytes) -> bytes:
    """The PNG with a further chunk after its header; whoever does not know it skips it, a copy keeps it.

    Args:
        name: four letters; of a private chunk: lower, lower, upper, and upper where it depends on the pixels.
    """
    header = len(PNG_SIGNATURE) + 25
    return png[:header] + _png_chunk(name, data) + png[header:]


def chunk_of(png: bytes, name: bytes) -> bytes | None:
    """What a chunk of a PNG holds; None where there is no such chunk, or no PNG."""
    place = len(PNG_SIGNATURE) if png.startswith(PNG_SIGNATURE) else len(png)
    while place + 12 <= len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        if png[place + 4 : place + 8] == name:
            return png[place + 8 : place + 8 + length]
        place += 12 + length
    return None


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that a reader, or a kill, never meets half of it."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    partial.write_bytes(data)
    os.replace(partial, target)
