"""Bring the before picture into the after picture's frame, and say what was done.

A cascade: nothing, a shift, a homography (of tracked corners or, where tracking fails, of
matched keypoints), and local refinement by flow. A stage is taken only when the pictures then
match demonstrably better than on the stage below, so a pair that cannot be registered
(another specimen, another crop) stays as it is and is recorded as unregistered.
All stages are judged on small grey pictures; the picture itself is moved once, at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from argus_fiftyone.registration.local_correlation import LocalMatch, as_small_grey, mean_match
from argus_fiftyone.registration.motion_models import (
    Motion,
    find_flow,
    find_shift,
    match_keypoints,
    moved,
    normalise_contrast,
    places,
    sampled,
    track_corners,
)

LEAST_VIEW = 0.6
REGISTERED_MATCH = 0.5
"""Local correlation from which two pictures count as showing the same thing in the same place."""
WORTHWHILE = 0.92
"""A stage must bring the mismatch below this share of the mismatch before it."""
REFINEMENT_WORTHWHILE = 0.8
"""The same for local refinement, which is free enough to find some gain in anything."""
LEAST_TO_REFINE = 0.04
"""Mismatch below which local refinement is not tried."""
SURE_SHARE = 0.6
"""Where this share of all corners was tracked and agrees, keypoints have nothing to add."""
MARGIN_SHARE = 0.015
LIGHT_CELL = 8
"""Pixels; light is compared on pictures smaller by this."""

Stage = Literal["identity", "shift", "homography"]


@dataclass(frozen=True)
class Alignment:
    """What alignment did.

    Attributes:
        before: uint8 [height, width, 3], the before picture in the after picture's frame. Where
            it does not reach it shows the after picture, so that nothing is new there or nearby.
        in_view: bool [height, width], False where the before picture does not reach, with a margin.
        stage: which stage of the cascade was taken, local refinement aside.
        registered: whether the pictures show the same thing in the same place.
        match: mean local correlation after alignment, in [-1, 1].
        warp: 3×3, homogeneous, fractions of the before picture → fractions of the after picture;
            the motion of the whole picture, without local refinement.
        outcome: all of that in one phrase for people.
    """

    before: np.ndarray
    in_view: np.ndarray
    stage: Stage
    registered: bool
    match: float
    warp: np.ndarray
    outcome: str


def align(before: np.ndarray, after: np.ndarray) -> Alignment:
    """Align before to after.

    Args:
        before, after: uint8 [height, width, 3] RGB, the same size.

    Raises:
        ValueError: if the sizes differ.
    """
    if before.shape != after.shape:
        raise ValueError(f"before and after need one size, got {before.shape[:2]} and {after.shape[:2]}")
    cascade = _Cascade(as_small_grey(before), as_small_grey(after))
    if not np.array_equal(before, after):
        cascade.descend()
    return _record(cascade, before, after)


class _Cascade:
    """The best stage so far, on small grey pictures.

    Attributes:
        homography, flow: what was taken; before → after, and what `moved` needs after that.
        picture, in_view: the small before picture so aligned, and where it reaches.
        match: mean local correlation.
    """

    def __init__(self, before: np.ndarray, after: np.ndarray) -> None:
        self.before, self.after = before, after
        self.yardstick = LocalMatch(after)
        self.stage: Stage = "identity"
        self.phrase = "identity"
        self.homography, self.flow = np.eye(3), None
        self.picture, self.in_view = before, np.ones(before.shape, bool)
        self.local = self.yardstick.of(before)
        self.match = mean_match(self.local, self.in_view)

    def descend(self) -> None:
        """Try all stages, the cheap ones first."""
        self._offer("shift", find_shift(self.before, self.after))
        even = normalise_contrast(self.before), normalise_contrast(self.after)
        tracked = track_corners(*even, start=self.homography)
        self._offer("homography", tracked)
        if tracked is None or tracked.share < SURE_SHARE:
            matched = match_keypoints(self.before, self.after)
            self._offer("homography", matched)
            if matched is not None and _is_sane(matched.homography, self.before.shape):
                self._offer("homography", track_corners(*even, start=matched.homography))
        if REGISTERED_MATCH <= self.match < 1 - LEAST_TO_REFINE:
            self._refine(even[1])

    def _offer(self, stage: Stage, motion: Motion | None) -> None:
        """Take a motion of the whole picture if it is possible and pays."""
        if motion is None or not _is_sane(motion.homography, self.before.shape):
            return
        in_view = _in_view(motion.homography, self.before.shape)
        if in_view.mean() < LEAST_VIEW:
            return
        picture = _warped(self.before, motion.homography)
        if self._pays(picture, in_view, WORTHWHILE):
            self.stage, self.homography, self.in_view = stage, motion.homography, in_view
            self.phrase = f"homography from {motion.support} inliers" if motion.support else stage

    def _refine(self, even_after: np.ndarray) -> None:
        """Take what local flow adds, if it pays."""
        flow = find_flow(normalise_contrast(self.picture), even_after, self.in_view)
        if flow is None:
            return
        if self._pays(moved(self.picture, flow), self.in_view, REFINEMENT_WORTHWHILE):
            self.flow = flow

    def _pays(self, picture: np.ndarray, in_view: np.ndarray, worthwhile: float) -> bool:
        """Whether the picture matches demonstrably better than the one so far; if so, it takes its place."""
        local = self.yardstick.of(picture)
        match = mean_match(local, in_view)
        if match < REGISTERED_MATCH or 1 - match >= worthwhile * (1 - mean_match(self.local, in_view)):
            return False
        self.picture, self.local, self.match = picture, local, match
        return True


def _record(cascade: _Cascade, before: np.ndarray, after: np.ndarray) -> Alignment:
    """Move the picture itself as the cascade found best."""
    homography = _rescaled(cascade.homography, cascade.before.shape, before.shape)
    scale = before.shape[1] / cascade.before.shape[1]
    phrase, picture, in_view = cascade.phrase, before, np.ones(before.shape[:2], bool)
    if cascade.stage == "shift":
        phrase = f"shift by {np.hypot(*homography[:2, 2]):.1f} px"
    if cascade.stage != "identity":
        in_view = _in_view(homography, before.shape)
    if cascade.flow is not None:
        phrase += f", refined by flow up to {scale * np.linalg.norm(cascade.flow, axis=2).max():.0f} px"
        picture = _flowed(before, homography, cascade.flow * np.float32(scale))
    elif cascade.stage != "identity":
        picture = _warped(before, homography)
    if not in_view.all():
        picture = _filled(picture, after, in_view)
    registered = cascade.match >= REGISTERED_MATCH
    state = f"match {cascade.match:.2f}" if registered else f"unregistered, match {cascade.match:.2f}"
    state += "" if in_view.all() else f", {in_view.mean():.0%} in view"
    return Alignment(
        before=picture,
        in_view=in_view,
        stage=cascade.stage,
        registered=registered,
        match=cascade.match,
        warp=_rescaled(homography, before.shape, (1, 1)),
        outcome=f"{phrase} ({state})",
    )


def _is_sane(homography: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether the picture's outline stays convex, the right way round, and near its size."""
    height, width = shape[:2]
    corners = np.array([[[0, 0]], [[width, 0]], [[width, height]], [[0, height]]], np.float32)
    there = cv2.perspectiveTransform(corners, homography)
    ratio = cv2.contourArea(there, oriented=True) / cv2.contourArea(corners, oriented=True)
    return bool(cv2.isContourConvex(there)) and 0.25 < ratio < 4


def _in_view(homography: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Where a picture so moved reaches, less a margin: bool [height, width]."""
    height, width = shape[:2]
    reached = cv2.warpPerspective(np.full((height, width), 255, np.uint8), homography, (width, height))
    margin = _margin((height, width))
    # The outermost pixels of a warp are guesses; but the picture's own border is no edge of view.
    return cv2.erode((reached > 127).astype(np.uint8), np.ones((margin, margin)), borderValue=1) > 0


def _warped(picture: np.ndarray, homography: np.ndarray) -> np.ndarray:
    size = picture.shape[1::-1]
    return cv2.warpPerspective(
        picture, homography, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


def _flowed(picture: np.ndarray, homography: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """The picture moved by a homography and then by a flow of a smaller grid, resampled once."""
    height, width = picture.shape[:2]
    wanted = places(cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR))
    sources = cv2.perspectiveTransform(wanted.reshape(-1, 1, 2), np.linalg.inv(homography))
    return sampled(picture, sources.reshape(height, width, 2))


def _filled(picture: np.ndarray, after: np.ndarray, in_view: np.ndarray) -> np.ndarray:
    """The picture where it is in view, and the after picture under its light elsewhere.

    A border of guesses would look new, and encoders look far around: it would be heard in view.
    """
    height, width = in_view.shape
    size = max(1, width // LIGHT_CELL), max(1, height // LIGHT_CELL)
    small = [cv2.resize(p, size, interpolation=cv2.INTER_AREA).astype(np.float32) for p in (picture, after)]
    known = cv2.resize(in_view.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    light = cv2.GaussianBlur((small[0] - small[1]) * known[..., None], (0, 0), 4)
    light /= cv2.GaussianBlur(known, (0, 0), 4)[..., None] + 1e-3
    relit = after + cv2.resize(light, (width, height))
    # No seam: within the margin, which was reached but is not trusted, one fades into the other.
    near = cv2.blur(
        in_view.astype(np.float32), (_margin(in_view.shape),) * 2, borderType=cv2.BORDER_REPLICATE
    )
    share = np.where(in_view, 1, np.minimum(1, 2 * near))[..., None]
    return np.clip(np.rint(share * picture + (1 - share) * relit), 0, 255).astype(np.uint8)


def _margin(shape: tuple[int, ...]) -> int:
    return 2 * max(1, round(MARGIN_SHARE * max(shape))) + 1


def _rescaled(homography: np.ndarray, shape: tuple[int, ...], target: tuple[int, ...]) -> np.ndarray:
    """The homography between pixels of one size as one between pixels of another; (1, 1): fractions."""
    # A pixel's coordinates are its centre's, a fraction counts from the picture's edge.
    there = _pixel_to_fraction(shape)
    if target != (1, 1):
        there = np.linalg.inv(_pixel_to_fraction(target)) @ there
    return there @ homography @ np.linalg.inv(there)


def _pixel_to_fraction(shape: tuple[int, ...]) -> np.ndarray:
    height, width = shape[:2]
    return np.array([[1 / width, 0, 0.5 / width], [0, 1 / height, 0.5 / height], [0, 0, 1]])
