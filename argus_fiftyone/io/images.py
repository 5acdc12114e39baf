"""Image files → arrays: decoding with clear errors, and sizes."""

from __future__ import annotations

import os

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from argus_fiftyone.io.errors import ArgusError

ORIENTATION = 0x0112
"""The EXIF tag that says how a camera was held; 5 to 8 exchange height and width."""


class ImageError(ArgusError, ValueError):
    """A picture cannot be used; the message names the file and what to do."""


def read_image(path: str | os.PathLike[str], longest: int | None = None) -> np.ndarray:
    """Decode a picture upright, as uint8 [height, width, 3] RGB.

    Args:
        path: any format Pillow reads.
        longest: the long side is brought down to this many pixels; never enlarged.

    Raises:
        ImageError: if the file is missing, no picture, damaged, or absurdly large.
    """
    picture = _decode(path, longest)[0]
    return fit_within(picture, longest) if longest else picture


def read_scaled(path: str | os.PathLike[str], longest: int) -> tuple[np.ndarray, tuple[int, int]]:
    """A picture with a long side of at least `longest`, and the (height, width) the file has.

    Decodes no more than that: a JPEG comes at 1, 1/2, 1/4 or 1/8 of its size, others whole.

    Raises:
        ImageError: as `read_image`.
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
            return np.asarray(_rgb(upright)), full if turned else full[::-1]
    except FileNotFoundError:
        raise ImageError(
            f"{path}: no such file; check the path (relative paths start at the CSV's folder)"
        ) from None
    except UnidentifiedImageError:
        raise ImageError(
            f"{path}: not a picture Pillow can read; expected JPEG, PNG, TIFF or similar"
        ) from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path}: damaged or unreadable picture ({error}); export it again") from None


def as_rgb(image: Image.Image | np.ndarray) -> np.ndarray:
    """A PIL image, upright, or an array as uint8 [height, width, 3] RGB.

    Raises:
        ImageError: if an array is not uint8 [height, width, 3] or [height, width].
    """
    if isinstance(image, Image.Image):
        return np.asarray(_rgb(ImageOps.exif_transpose(image)))
    if image.dtype == np.uint8 and image.ndim == 2 and image.size:
        return np.repeat(image[..., None], 3, axis=2)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ImageError(
            f"an image array must be uint8 [height, width, 3] in RGB or [height, width] in grey, "
            f"got {image.dtype} {list(image.shape)}; convert it first"
        )
    return image


def _rgb(image: Image.Image) -> Image.Image:
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
