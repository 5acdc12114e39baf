"""Heatmaps, regions and masks ↔ FiftyOne's labels.

The App draws a heatmap with an opacity that follows its value's size and ignores the
sign, and treats 0 as nothing. So the picture it gets is the evidence |h| in 8 bits,
and the signed map lies beside it in 16 bits; the regions carry the direction in words.

FiftyOne moves only that picture when a dataset is exported. So the picture holds the sign,
too, in a chunk of its own that browsers and picture libraries skip: some hundred bytes.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import fiftyone as fo
import numpy as np

from argus_fiftyone.engine.regions import Region
from argus_fiftyone.io.images import ImageError
from argus_fiftyone.io.maps import MAP_STEPS, MAP_ZERO, SmoothMap, map_levels, map_png, read_map
from argus_fiftyone.io.masks import read_mask
from argus_fiftyone.io.png import chunk_of, grey_png, with_chunk, write_whole

Label: TypeAlias = Any
"""A FiftyOne label. It types their attributes as database fields, which no checker can follow."""

ANY_CHANGE = "any change"
DECISIONS = ("confirmed", "rejected", "unsure")

FAINTEST_LEVEL = 8
"""Evidence below 8/255 is stored as 0 for the App: its colour-by-value mode paints
everything that is not 0 at full opacity, so faint noise would cover the picture."""


SIGN_CHUNK = b"arGS"
"""Big-endian uint16: the strongest |h| in steps of 1/32767; then, packed by zlib, a bit per pixel: h < 0."""


class SignLostError(ImageError):
    """A heatmap had a direction, and what it was is no longer known; the message says what to do."""


def write_heatmap(heatmap: np.ndarray | SmoothMap, folder: Path, pair_id: str) -> Label:
    """Store a signed heatmap and return the label that shows it.

    The file names carry a digest of the content, because a browser keeps showing the
    old picture where a file is rewritten under its name.

    Args:
        heatmap: [rows, cols] in [-1, 1]; + appeared or changed, − disappeared.
        folder: the run's folder.
        pair_id: becomes part of the file name.

    Returns:
        A label with `map_path` (8-bit, 255·|h|, range [0, 255], with the sign in a chunk) and
        `signed_map_path` (16-bit as `maps.write_map`).
    """
    levels, scale = map_levels(heatmap), 255 / MAP_STEPS
    strength = cv2.convertScaleAbs(levels, alpha=scale, beta=-MAP_ZERO * scale)
    strength[strength < FAINTEST_LEVEL] = 0
    packed = map_png(heatmap)
    stem = folder / f"{_file_stem(pair_id)}-{_digest(packed)}"
    shown, signed = Path(f"{stem}.png"), Path(f"{stem}.signed.png")
    write_whole(signed, packed)
    write_whole(shown, with_chunk(grey_png(strength), SIGN_CHUNK, _sign_of(levels, strength)))
    return fo.Heatmap(map_path=str(shown), range=[0, 255], signed_map_path=str(signed))


def _sign_of(levels: np.ndarray, strength: np.ndarray) -> bytes:
    """The chunk for a map: [rows, cols] as `map_levels`, and as the App gets it."""
    lowest, highest, *_ = cv2.minMaxLoc(levels)
    strongest = int(max(highest - MAP_ZERO, MAP_ZERO - lowest))
    negative = (levels < MAP_ZERO) & (strength > 0)  # noise that the App does not get would cost most bits
    return struct.pack(">H", strongest) + zlib.compress(np.packbits(negative).tobytes())


def read_heatmap(label: Label) -> np.ndarray:
    """Any heatmap label as float32 [rows, cols] in [-1, 1], signed where it ever had a sign.

    Argus' own come back as computed; of an export, where only `map_path` was moved, to 1/510,
    the strongest pixel as computed. Another tool's are brought to [0, 1] by their range, or
    to [-1, 1] where the range goes below 0.

    Raises:
        ImageError: if the file is missing or holds no map.
        SignLostError: if only the strength of a signed map is left, as in exports of Argus 0.1.0.
    """
    signed = _signed_path(label)
    if signed and signed.is_file():
        return read_map(signed)
    evidence = _own_values(label)
    packed = chunk_of(Path(label.map_path).read_bytes(), SIGN_CHUNK) if label.map_path else None
    if packed is not None:
        return _with_sign(evidence, packed)
    if signed:
        raise SignLostError(
            f"{label.map_path}: whether things appeared or disappeared is not known, since the signed map "
            f"{signed.name} was not exported with it: copy it from {signed.parent} of the machine that "
            "computed it to where this map lies, or compute the run again"
        )
    return evidence


def read_evidence(label: Label) -> np.ndarray:
    """|h| of any heatmap label, in [0, 1]: also where its sign is lost, since strength needs none.

    Raises:
        ImageError: if the file is missing or holds no map.
    """
    try:
        return np.abs(read_heatmap(label))
    except SignLostError:
        return _own_values(label)


def _own_values(label: Label) -> np.ndarray:
    values = label.map if label.map is not None else _read_levels(label.map_path)
    return _by_range(np.asarray(values), label.range)


def signed_file(label: Label, folder: Path) -> str | None:
    """A 16-bit file with the signed map of a label, for a browser to draw; None for another tool's.

    Where only the exported picture is left, the file is made from it, in `folder`.
    """
    signed = _signed_path(label)
    if signed is None or signed.is_file():
        return str(signed) if signed else None
    made = folder / signed.name
    try:
        if not made.is_file():
            write_whole(made, map_png(read_heatmap(label)))
    except ImageError:
        return None
    return str(made)


def _signed_path(label: Label) -> Path | None:
    """The signed map where the label says, else of that name beside the map; it need not exist."""
    stored = label["signed_map_path"] if label.has_field("signed_map_path") else None
    if not stored or Path(stored).is_file() or not label.map_path:
        return Path(stored) if stored else None
    beside = Path(label.map_path).with_name(Path(stored).name)
    return beside if beside.is_file() else Path(stored)


def _with_sign(evidence: np.ndarray, packed: bytes) -> np.ndarray:
    (strongest,), bits = struct.unpack(">H", packed[:2]), zlib.decompress(packed[2:])
    negative = np.unpackbits(np.frombuffer(bits, np.uint8), count=evidence.size).reshape(evidence.shape)
    peak = evidence.max()
    if peak > 0:
        evidence[evidence == peak] = strongest / MAP_STEPS  # a threshold may stand exactly there
    return np.where(negative, -evidence, evidence)


def _read_levels(path: str | None) -> np.ndarray:
    levels = cv2.imread(path, cv2.IMREAD_UNCHANGED) if path else None
    if levels is None:
        raise ImageError(f"{path or 'heatmap label'}: holds no map; compute it again or check the path")
    return levels[..., 0] if levels.ndim == 3 else levels


def _by_range(values: np.ndarray, given: Sequence[float] | None) -> np.ndarray:
    top = np.iinfo(values.dtype).max if np.issubdtype(values.dtype, np.integer) else 1
    low, high = (float(v) for v in given) if given else (0.0, float(top))
    if low < 0:
        return (np.clip(values, low, high) / max(-low, abs(high))).astype(np.float32)
    return np.clip((values - low) / max(high - low, 1e-12), 0, 1).astype(np.float32)


def to_detections(regions: Sequence[Region], query: str) -> Label:
    """Regions as detections: the query as label, the score as confidence, strongest first."""
    return fo.Detections(
        detections=[
            fo.Detection(
                label=query or ANY_CHANGE,
                bounding_box=[float(v) for v in region.box],
                mask=np.asarray(region.mask, dtype=bool),
                confidence=float(region.score),
                direction=str(region.direction),
                query=query,
                area=int(region.area),
            )
            for region in regions
        ]
    )


def carry_decisions(old: Label | None, new: Label) -> Label:
    """The new regions with the reviewers' decisions on the old ones.

    A decision passes to the new region that covers half of the old box or more (by
    intersection over union). Where none does, the decided region itself stays in the
    list: a person's decision is never dropped by a computation.
    """
    free = list(new.detections)
    for decided in (d for d in (old.detections if old else []) if decision_on(d)):
        heir = max(free, key=lambda d: box_iou(d.bounding_box, decided.bounding_box), default=None)
        if heir is not None and box_iou(heir.bounding_box, decided.bounding_box) >= 0.5:
            free.remove(heir)
            heir.tags = sorted({*heir.tags, *decided.tags})
        else:
            new.detections.append(decided)
    return new


def decision_on(label: Label) -> str | None:
    """confirmed, rejected, unsure, or None where nobody decided."""
    return next((tag for tag in DECISIONS if tag in label.tags), None)


def box_iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes (left, top, width, height), in [0, 1]."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    union = one[2] * one[3] + other[2] * other[3] - shared
    return shared / union if union > 0 else 0.0


def region_mask(regions: Sequence[Region], shape: tuple[int, ...]) -> np.ndarray:
    """The union of regions as bool [rows, cols]."""
    mask = np.zeros(shape, dtype=bool)
    for region in regions:
        left, top = round(region.box[0] * shape[1]), round(region.box[1] * shape[0])
        rows, cols = region.mask.shape
        mask[top : top + rows, left : left + cols] |= region.mask
    return mask


def write_segmentation(mask: np.ndarray, folder: Path, pair_id: str) -> Label:
    """Store a bool mask [rows, cols] as a PNG of 0 (background) and 255 (change)."""
    packed = grey_png(mask.astype(np.uint8) * 255)
    path = folder / f"{_file_stem(pair_id)}-{_digest(packed)}.mask.png"
    write_whole(path, packed)
    return fo.Segmentation(mask_path=str(path))


def read_segmentation(label: Label) -> np.ndarray:
    """A segmentation as bool [rows, cols]: everything that is not background (0)."""
    if label.mask is not None:
        mask = np.asarray(label.mask)
        return (mask.max(axis=-1) if mask.ndim == 3 else mask) > 0
    return _read_levels(label.mask_path) > 0


def truth_label(mask_file: Path, folder: Path, pair_id: str) -> Label:
    """A ground-truth label on a mask file.

    The file itself is used where it already holds only 0 and 255 in one channel;
    otherwise a copy that does goes into the folder.

    Raises:
        ImageError: if the file is missing or no picture.
    """
    levels = cv2.imread(str(mask_file), cv2.IMREAD_UNCHANGED)
    if levels is not None and levels.ndim == 2 and np.isin(levels, (0, 255)).all():
        return fo.Segmentation(mask_path=str(mask_file))
    return write_segmentation(read_mask(mask_file), folder, pair_id)


def _file_stem(pair_id: str) -> str:
    return re.sub(r"[^\w.-]+", "_", pair_id)[-80:] or "pair"


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=6).hexdigest()


def label_fields(samples: Any, kind: type) -> list[str]:
    """Names of the fields of one label class, e.g. every fo.Heatmap of a dataset."""
    schema = samples.get_field_schema(ftype=fo.EmbeddedDocumentField, embedded_doc_type=kind)
    return sorted(schema)
