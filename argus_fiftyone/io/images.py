"""Picture files ↔ arrays: decoding with clear errors, sizes, and the 16-bit signed map."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from isal import isal_zlib
from PIL import Image, ImageOps, UnidentifiedImageError

MAP_ZERO = 32768
MAP_STEPS = 32767
MAP_GRAIN = 8
"""A drawn heatmap takes every eighth level, 1/4096 apart: finer ones are noise that makes files larger."""
MAP_ERROR = MAP_GRAIN / MAP_STEPS
"""A drawn heatmap differs by less than this from the cells it is drawn from."""
ROWS_PER_CELL = 6
"""A row of cells that covers more rows of pixels than this is drawn in no more of them, each repeated:
nobody sees the steps, and rows like the one above cost next to nothing to draw and to pack."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_SUB, PNG_UP = 1, 2
"""PNG's names for rows written as differences from the pixel before and from the row above. The former
packs in less time, and smaller, the more pixels a cell of the map covers."""
PNG_STRIP = 2**18
"""Bytes that are packed at a time: fewer cost calls, more outgrow a core's cache."""

ORIENTATION = 0x0112
"""The EXIF tag that says how a camera was held; 5 to 8 exchange height and width."""


class PictureError(ValueError):
    """A picture cannot be used; the message names the file and what to do."""


def read_picture(path: str | os.PathLike[str], longest: int | None = None) -> np.ndarray:
    """Decode a picture upright, as uint8 [height, width, 3] RGB.

    Args:
        path: any format Pillow reads.
        longest: the long side is brought down to this many pixels; never enlarged.

    Raises:
        PictureError: if the file is missing, no picture, damaged, or absurdly large.
    """
    picture = _decode(path, longest)[0]
    return fit_within(picture, longest) if longest else picture


def read_scaled(path: str | os.PathLike[str], longest: int) -> tuple[np.ndarray, tuple[int, int]]:
    """A picture with a long side of at least `longest`, and the (height, width) the file has.

    Decodes no more than that: a JPEG comes at 1, 1/2, 1/4 or 1/8 of its size, others whole.

    Raises:
        PictureError: as `read_picture`.
    """
    return _decode(path, longest)


def _decode(path: str | os.PathLike[str], longest: int | None) -> tuple[np.ndarray, tuple[int, int]]:
    """The picture upright, perhaps still larger than `longest`, and the size the file has."""
    try:
        with Image.open(path) as image:
            full = image.size
            if longest:
                # A JPEG decodes at 1/2, 1/4 or 1/8 for a fraction of the time.
                image.draft("RGB", fitted_size(full[0], full[1], longest))
            turned = image.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)
            upright = ImageOps.exif_transpose(image)
            return np.asarray(_as_rgb(upright)), full if turned else full[::-1]
    except FileNotFoundError:
        raise PictureError(
            f"{path}: no such file; check the path (relative paths start at the CSV's folder)"
        ) from None
    except UnidentifiedImageError:
        raise PictureError(
            f"{path}: not a picture Pillow can read; expected JPEG, PNG, TIFF or similar"
        ) from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PictureError(f"{path}: damaged or unreadable picture ({error}); export it again") from None


def _as_rgb(image: Image.Image) -> Image.Image:
    """RGB, with 16-bit grey brought to 8 bits and transparency laid on white."""
    if image.mode.startswith("I"):
        deep = np.asarray(image).astype(np.float64)
        return Image.fromarray((deep / (65535 if deep.max() > 255 else 255) * 255).astype(np.uint8)).convert(
            "RGB"
        )
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layered = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered).convert("RGB")
    return image.convert("RGB")


def fit_within(picture: np.ndarray, longest: int) -> np.ndarray:
    """The picture with its long side at most `longest` pixels, aspect kept."""
    height, width = picture.shape[:2]
    if max(height, width) <= longest:
        return picture
    return resize(picture, fitted_size(height, width, longest))


def fitted_size(height: int, width: int, longest: int) -> tuple[int, int]:
    """(height, width) scaled down so that the long side is at most `longest`."""
    scale = min(1.0, longest / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def resize(picture: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Resize to (height, width): area averaging when shrinking, cubic when enlarging."""
    height, width = size[:2]
    if picture.shape[:2] == (height, width):
        return picture
    shrinking = height * width < picture.shape[0] * picture.shape[1]
    return cv2.resize(
        picture, (width, height), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC
    )


def read_mask(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a mask file as bool [height, width]: above 127 is inside.

    Raises:
        PictureError: as `read_picture`.
    """
    return read_picture(path)[..., 0] > 127


@dataclass(frozen=True)
class SmoothMap:
    """A signed heatmap before it is drawn: small, whatever its size in pixels.

    Attributes:
        cells: float [rows, cols] in [-1, 1], on any grid; what lies beyond ±0.9997 is cut.
        size: (height, width) in pixels.
    """

    cells: np.ndarray
    size: tuple[int, int]

    @property
    def repeats(self) -> int:
        """How many rows of pixels in succession are alike; divides the height."""
        height = self.size[0]
        most = height // (ROWS_PER_CELL * len(self.cells))
        return max((count for count in range(1, most + 1) if height % count == 0), default=1)

    def rows(self) -> np.ndarray:
        """uint16 [height / repeats, width], 32768 + 32767·h in whole grains, smooth between cells."""
        (height, width), strongest = self.size, MAP_ZERO - MAP_GRAIN
        cells = np.clip(_as_levels(self.cells), MAP_ZERO - strongest, MAP_ZERO + strongest)
        cells += np.uint16(MAP_GRAIN // 2)
        drawn = cv2.resize(cells, (width, height // self.repeats), interpolation=cv2.INTER_LINEAR)
        return np.bitwise_and(drawn, np.uint16(MAP_ZERO + strongest), out=drawn)

    def levels(self) -> np.ndarray:
        """As `rows`, uint16 [height, width]."""
        return np.repeat(self.rows(), self.repeats, axis=0)

    def heatmap(self) -> np.ndarray:
        """float32 [height, width] in [-1, 1], to the last bit what `read_map` reads."""
        return _as_heatmap(self.levels())


def write_map(path: str | os.PathLike[str], heatmap: np.ndarray | SmoothMap) -> None:
    """Write a signed heatmap [rows, cols] in [-1, 1] as 16-bit grey: 32768 + round(32767·h).

    The file appears whole or not at all.
    """
    write_whole(path, map_png(heatmap))


def map_png(heatmap: np.ndarray | SmoothMap) -> bytes:
    """A heatmap as the PNG that `write_map` writes."""
    if isinstance(heatmap, SmoothMap):
        return grey_png(heatmap.rows(), heatmap.repeats)
    return grey_png(_as_levels(heatmap))


def map_levels(heatmap: np.ndarray | SmoothMap) -> np.ndarray:
    """The levels of `map_png`, uint16 [rows, cols]."""
    return heatmap.levels() if isinstance(heatmap, SmoothMap) else _as_levels(heatmap)


def _as_levels(heatmap: np.ndarray) -> np.ndarray:
    steps = np.clip(heatmap, -1, 1) * np.float32(MAP_STEPS)
    return (np.rint(steps, out=steps) + MAP_ZERO).astype(np.uint16)


def read_map(path: str | os.PathLike[str]) -> np.ndarray:
    """Read what `write_map` wrote: float32 [rows, cols] in [-1, 1].

    Raises:
        PictureError: if the file is missing or not a 16-bit grey picture.
    """
    levels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if levels is None or levels.dtype != np.uint16 or levels.ndim != 2:
        raise PictureError(f"{path}: expected a 16-bit grey PNG as `argus run` writes it")
    return _as_heatmap(levels)


def _as_heatmap(levels: np.ndarray) -> np.ndarray:
    heatmap = levels.astype(np.float32)
    heatmap -= MAP_ZERO
    heatmap /= MAP_STEPS
    return heatmap


def write_png(path: str | os.PathLike[str], picture: np.ndarray) -> None:
    """Write uint8 RGB or grey, or uint16 grey, atomically."""
    write_whole(path, grey_png(picture) if picture.ndim == 2 else _colour_png(path, picture))


def _colour_png(path: str | os.PathLike[str], picture: np.ndarray) -> bytes:
    # Level 1 is several times faster than the default and costs little.
    written, data = cv2.imencode(".png", picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not written:
        raise PictureError(f"{path}: could not encode the picture as PNG")
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


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that a reader, or a kill, never meets half of it."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    partial.write_bytes(data)
    os.replace(partial, target)
