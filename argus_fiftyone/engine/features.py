"""What a pair shows before anyone asks anything: novelty, and what words are held against."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import torch

from argus_fiftyone.encoders import Encoder, ImageFeatures, PlaceReader
from argus_fiftyone.engine.calibration import above_normal, pixel_factor, smooth
from argus_fiftyone.engine.workers import side_by_side
from argus_fiftyone.io.images import resize
from argus_fiftyone.methods.common.distances import (
    Difference,
    level_novelties,
    over_levels,
    pixel_difference,
)
from argus_fiftyone.methods.common.partition import each_scene, two_scenes
from argus_fiftyone.registration.registered_pair import RegisteredPair

MIDDLE_LEVEL = 2
"""The visual level that scores a pair; stride 16 of `mini`."""


@dataclass(frozen=True)
class Evidence:
    """What a pair shows before anyone asks anything; shared by all queries.

    Attributes:
        novelty: above what is normal for the pair, on the finest patch grid.
        text_aligned: what `Encoder.describe` says of the before and of the after picture.
        middle: novelty of both pictures on the level in the middle, [rows, cols] in [0, 2]; nan out of view.
        outcome: what alignment did, in one phrase.
        warp: as `Comparison.warp`.
        size: (height, width) of the after picture before it was scaled down.
        guide: float32 in [0, 1], the after picture in grey at twice the finest patch grid.
        scene: bool on the finest patch grid, one of two scenes; all of it where there is only one.
        looked: what `PlaceReader.look` kept of the before and of the after picture; empty without a reader.
        pictures: the two as they were encoded, uint8 [height, width, 3]; for the reader too.
    """

    novelty: Difference
    text_aligned: tuple[torch.Tensor, torch.Tensor]
    middle: Difference
    outcome: str
    warp: tuple[float, ...]
    size: tuple[int, int]
    guide: np.ndarray
    scene: np.ndarray
    looked: tuple[torch.Tensor, ...] = ()
    pictures: tuple[np.ndarray, ...] = ()


def weigh(prepared: RegisteredPair, old: ImageFeatures, new: ImageFeatures, encoder: Encoder) -> Evidence:
    """Difference, pixels where they count, what is normal removed."""
    alignment, grid = prepared.alignment, new.visual[0].shape[:2]
    text_aligned, (difference, middle), scene, pixels, guide = side_by_side(
        [
            partial(encoder.describe, old, new),
            partial(_differences, old, new, encoder),
            partial(_scene, new, encoder.places, grid),
            partial(_pixels, prepared, grid),
            partial(_guide, prepared.after, grid),
        ],
        on_cpu=old.visual[0].is_cpu,
    )
    in_view = resize(alignment.in_view.astype(np.uint8), grid) > 0
    novelty = _novelty(difference, pixels, scene, in_view)
    return Evidence(
        novelty=novelty,
        text_aligned=text_aligned,
        middle=_within(alignment.in_view, middle),
        outcome=alignment.outcome,
        warp=tuple(float(v) for v in alignment.warp.ravel()),
        size=prepared.size,
        guide=guide,
        scene=scene,
        looked=tuple(encoder.places.look(side) for side in (old, new)) if encoder.places else (),
        pictures=prepared.pictures if encoder.places else (),
    )


def _scene(new: ImageFeatures, places: PlaceReader | None, grid: tuple[int, ...]) -> np.ndarray:
    return two_scenes([new.visual[number] for number in places.levels] if places else [], grid)


def _pixels(prepared: RegisteredPair, grid: tuple[int, ...]) -> np.ndarray:
    return pixel_difference(resize(prepared.alignment.before, grid), resize(prepared.after, grid))


def _novelty(
    difference: Difference, pixels: np.ndarray, scene: np.ndarray, in_view: np.ndarray
) -> Difference:
    """Novelty above what is normal for its scene."""
    # The less, the more the light differs: how much single pixels add.
    factor = each_scene(scene, partial(pixel_factor, pixels))
    sides = []
    for side in (difference.after_novelty, difference.before_novelty):
        calm = smooth(side.cpu().numpy())
        excess = each_scene(scene, lambda part, calm=calm: above_normal(calm, in_view & part))
        sides.append(torch.from_numpy((excess * factor).astype(np.float32)))
    return Difference(*sides)


def _differences(old: ImageFeatures, new: ImageFeatures, encoder: Encoder) -> tuple[Difference, Difference]:
    """Novelty over all levels, and on one level only, whose peaks tell nuisance from change best."""
    levels = level_novelties(old.visual, new.visual)
    middle = levels[min(MIDDLE_LEVEL, len(levels) - 1)]
    return over_levels(levels, encoder.level_weights), Difference(*middle.near)


def _within(in_view: np.ndarray, difference: Difference) -> Difference:
    """The difference where the before picture reaches, nan elsewhere."""
    sides = difference.after_novelty, difference.before_novelty
    seen = torch.from_numpy(resize(in_view.astype(np.uint8), tuple(sides[0].shape)) > 0)
    return Difference(*(side.cpu().where(seen, torch.nan) for side in sides))


def _guide(after: np.ndarray, grid: tuple[int, ...]) -> np.ndarray:
    grey = cv2.cvtColor(resize(after, (2 * grid[0], 2 * grid[1])), cv2.COLOR_RGB2GRAY)
    return grey.astype(np.float32) / 255
