"""Register pictures taken from nearer, turned, mirrored or cut otherwise, where the cascade found nothing.

Guesses from keypoints are put right and judged by pixels within what both pictures show. The less
that is, the better it must match: some small part can be made to fit anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from argus_fiftyone.io.images import fit_within, resize
from argus_fiftyone.registration.cascade import Cascade
from argus_fiftyone.registration.common_view import View, find_views
from argus_fiftyone.registration.local_correlation import MATCH_SIDE
from argus_fiftyone.registration.warping import from_fractions, in_fractions, warped

KEYPOINT_SIDE = 256
"""Pictures of 384 px find no more on drawn pairs and take twice the time."""
JUDGED_SIDE = 640
"""Pictures are judged no larger than this; a small common view needs what detail there is."""
GUESSES = 3
"""So many, the best supported, are judged."""
LEAST_VIEW = 0.06
"""Share of either picture that must be in common; 3 times nearer leaves a ninth."""
LEAST_CONTAINED = 0.6
"""The same for the picture that has more of itself in common: one is a part of the other. Two pictures
that only touch are better compared as they are, since most of both would go unseen."""
MOST_SCALE = 4.5
MATCH_OF_ALL, MATCH_OF_LITTLE = 0.5, 0.85
"""Match that is asked for where all is in view, and where next to nothing is."""
SMALLEST_FRAME = 24
"""Pixels; on less, anything matches."""
ROUNDS = 3
"""How often corners are tracked anew; each round starts from nearer."""
GOOD_ENOUGH = 0.8
"""Match from which no other guess is looked at."""


@dataclass(frozen=True)
class Distant:
    """How the before picture lies in the after picture.

    Attributes:
        warp: 3×3, fractions of before → fractions of after.
        flow: float32 [rows, cols, 2], what local refinement adds: where to look, less the place itself,
            in fractions of after; None where there is none.
        box: (left, top, right, bottom) in fractions of after: the part that `flow` covers.
        match: mean local correlation in the common view.
        support: how many keypoints agreed.
        mirrored: whether one picture is mirrored.
    """

    warp: np.ndarray
    flow: np.ndarray | None
    box: tuple[float, float, float, float]
    match: float
    support: int
    mirrored: bool


def find_distant(before: np.ndarray, after: np.ndarray) -> Distant | None:
    """The registration of two pictures of any sizes; None where their pixels agree on none.

    Args:
        before, after: uint8 [height, width, 3] RGB, each at its own proportions.
    """
    greys = [
        cv2.cvtColor(fit_within(picture, JUDGED_SIDE), cv2.COLOR_RGB2GRAY) for picture in (before, after)
    ]
    small = [fit_within(grey, KEYPOINT_SIDE) for grey in greys]
    best = None
    for view in find_views(small[0], small[1])[:GUESSES]:
        warp = in_fractions(view.homography, small[0].shape, small[1].shape)
        judged = _judged(view, warp, greys[0], greys[1])
        if judged is not None and (best is None or judged.match > best.match):
            best = judged
        if best is not None and best.match >= GOOD_ENOUGH:
            break
    return best


def _judged(view: View, warp: np.ndarray, before: np.ndarray, after: np.ndarray) -> Distant | None:
    """A guess put right, if the pixels of the common view agree with it."""
    box = _common_box(warp, after.shape)
    if box is None:
        return None
    there, frame = _frame(box, after)
    if min(frame.shape) < SMALLEST_FRAME:
        return None
    # From before to this part of after, all in pixels.
    motion = from_fractions(there @ warp, before.shape, frame.shape)
    moved, reach = _seen_from(before, motion, frame.shape)
    cascade = Cascade(moved, frame, reach)
    cascade.settle(ROUNDS)
    settled = np.linalg.inv(there) @ in_fractions(cascade.homography @ motion, before.shape, frame.shape)
    share = common_share(settled)
    if share < LEAST_VIEW or cascade.match < asked_match(share):
        return None
    flow = None if cascade.flow is None else cascade.flow * _part_of_after(box, frame.shape)
    return Distant(settled, flow, box, cascade.match, view.support, view.mirrored)


def asked_match(share: float) -> float:
    """The match that makes a common view of this share of a picture believable."""
    return MATCH_OF_ALL + (MATCH_OF_LITTLE - MATCH_OF_ALL) * (1 - min(1.0, share)) ** 2


def common_share(warp: np.ndarray) -> float:
    """Share of the picture that has less of itself in the common view; 0 for what is not believed.

    Args:
        warp: 3×3, fractions of before → fractions of after.
    """
    outlines = _outline(warp), _outline(np.linalg.inv(warp))
    shares = [0.0 if outline is None else _area_within(outline) for outline in outlines]
    return min(shares) if max(shares) >= LEAST_CONTAINED else 0.0


def _outline(warp: np.ndarray) -> np.ndarray | None:
    """The unit square's outline so moved, float32 [4, 1, 2]; None for what no camera does."""
    corners = np.array([[[0, 0]], [[1, 0]], [[1, 1]], [[0, 1]]], np.float32)
    depths = np.concatenate([corners[:, 0], np.ones((4, 1))], axis=1) @ warp[2]
    if not (depths * depths[0] > 1e-6).all():
        return None
    there = cv2.perspectiveTransform(corners, warp).astype(np.float32)
    area = abs(cv2.contourArea(there))
    sane = cv2.isContourConvex(there) and MOST_SCALE**-2 < area < MOST_SCALE**2
    return there if sane else None


def _area_within(outline: np.ndarray) -> float:
    """Area of a convex outline within the unit square."""
    square = np.array([[[0, 0]], [[1, 0]], [[1, 1]], [[0, 1]]], np.float32)
    return float(cv2.intersectConvexConvex(outline, square)[0])


def _common_box(warp: np.ndarray, after: tuple[int, ...]) -> tuple[float, float, float, float] | None:
    """What the common view spans of after, in fractions on whole pixels; None where it is too little."""
    outline = _outline(warp)
    if outline is None or common_share(warp) < LEAST_VIEW / 2:
        return None
    height, width = after[:2]
    (left, top), (right, bottom) = (np.clip(outline[:, 0], 0, 1).min(0), np.clip(outline[:, 0], 0, 1).max(0))
    left, right = np.floor(left * width) / width, np.ceil(right * width) / width
    top, bottom = np.floor(top * height) / height, np.ceil(bottom * height) / height
    return float(left), float(top), float(right), float(bottom)


def _frame(box: tuple[float, float, float, float], after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 3×3 from fractions of after to fractions of the box, and what after shows there, grey and small."""
    height, width = after.shape
    left, top, right, bottom = box
    cut = after[round(top * height) : round(bottom * height), round(left * width) : round(right * width)]
    scale = 1 / (right - left), 1 / (bottom - top)
    there = np.array([[scale[0], 0, -left * scale[0]], [0, scale[1], -top * scale[1]], [0, 0, 1]])
    return there, fit_within(cut, MATCH_SIDE)


def _seen_from(
    before: np.ndarray, motion: np.ndarray, frame: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """The before picture moved into a frame, and where it shows something there."""
    reach = cv2.warpPerspective(np.full(before.shape, 255, np.uint8), motion, frame[1::-1]) > 127
    # Shrunk first: where much of a picture falls on one pixel, a warp alone shows moiré.
    shrunk, motion = shrunk_for(before, motion)
    return warped(shrunk, motion, frame), reach


def shrunk_for(picture: np.ndarray, motion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The picture no larger than the motion shows it, and the motion from there."""
    scale = min(1.0, 1.1 * scale_of(motion, picture.shape))
    if scale > 0.9:
        return picture, motion
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    small = resize(picture, (height, width))
    enlarge = from_fractions(np.eye(3), small.shape, picture.shape)
    return small, motion @ enlarge


def scale_of(motion: np.ndarray, shape: tuple[int, ...]) -> float:
    """How many times longer a stretch in the picture's middle becomes."""
    return float(np.sqrt(abs(np.linalg.det(slope_of(motion, shape)))))


def slope_of(motion: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """2×2: how the motion turns and stretches what lies in the middle of a picture of (height, width)."""
    middle = np.array([shape[1] / 2, shape[0] / 2, 1.0])
    x, y, depth = motion @ middle
    return (motion[:2, :2] - np.outer([x / depth, y / depth], motion[2, :2])) / depth


def _part_of_after(box: tuple[float, float, float, float], frame: tuple[int, ...]) -> np.ndarray:
    """Fractions of after that a pixel of the frame spans: float32 [2]."""
    left, top, right, bottom = box
    return np.array([(right - left) / frame[1], (bottom - top) / frame[0]], np.float32)
