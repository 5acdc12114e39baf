"""The cascade of alignment: what moves the before picture best onto the after picture.

Nothing, a shift, a homography (of tracked corners or, where tracking fails, of matched keypoints),
and local refinement by flow. A stage is taken only when the pictures then match demonstrably
better than on the stage below, so a pair that cannot be registered stays as it is.
All stages are judged on small grey pictures.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from argus_fiftyone.registration.local_correlation import LocalMatch, mean_match
from argus_fiftyone.registration.motion_models import (
    Motion,
    find_flow,
    find_shift,
    match_keypoints,
    moved,
    normalise_contrast,
    track_corners,
)
from argus_fiftyone.registration.warping import reached, warped

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

Stage = Literal["identity", "shift", "homography"]


class Cascade:
    """The best stage so far, on small grey pictures.

    Attributes:
        homography, flow: what was taken; before → after, and what `moved` needs after that.
        picture, in_view: the small before picture so aligned, and where it reaches.
        match: mean local correlation.
    """

    def __init__(self, before: np.ndarray, after: np.ndarray, reach: np.ndarray | None = None) -> None:
        """Args:
        before, after: uint8 [rows, cols].
        reach: bool [rows, cols], where the before picture shows something; None: everywhere.
        """
        self.before, self.after = before, after
        self.reach = np.ones(before.shape, bool) if reach is None else reach
        self.yardstick = LocalMatch(after)
        self.stage: Stage = "identity"
        self.phrase = "identity"
        self.homography, self.flow = np.eye(3), None
        self.picture, self.in_view = before, self.reach
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

    def settle(self, times: int) -> None:
        """Put right what is nearly so: corners tracked from where it stands, and flow."""
        even = normalise_contrast(self.before), normalise_contrast(self.after)
        for _ in range(times):
            standing = self.homography
            self._offer("homography", track_corners(*even, start=standing))
            if self.homography is standing:  # from the same start nothing else would be found
                break
        if REGISTERED_MATCH <= self.match < 1 - LEAST_TO_REFINE:
            self._refine(even[1])

    def _offer(self, stage: Stage, motion: Motion | None) -> None:
        """Take a motion of the whole picture if it is possible and pays."""
        if motion is None or not _is_sane(motion.homography, self.before.shape):
            return
        in_view = reached(motion.homography, self.before.shape, self.reach)
        if in_view.mean() < LEAST_VIEW * self.reach.mean():
            return
        picture = warped(self.before, motion.homography, self.before.shape)
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

    def outdone_by(self, match: float) -> bool:
        """Whether another way to register the pictures matches demonstrably better."""
        return match >= REGISTERED_MATCH and 1 - match < WORTHWHILE * (1 - self.match)

    def _pays(self, picture: np.ndarray, in_view: np.ndarray, worthwhile: float) -> bool:
        """Whether the picture matches demonstrably better than the one so far; if so, it takes its place."""
        local = self.yardstick.of(picture)
        match = mean_match(local, in_view)
        if match < REGISTERED_MATCH or 1 - match >= worthwhile * (1 - mean_match(self.local, in_view)):
            return False
        self.picture, self.local, self.match = picture, local, match
        return True


def _is_sane(homography: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether the picture's outline stays convex, the right way round, and near its size."""
    height, width = shape[:2]
    corners = np.array([[[0, 0]], [[width, 0]], [[width, height]], [[0, height]]], np.float32)
    there = cv2.perspectiveTransform(corners, homography)
    ratio = cv2.contourArea(there, oriented=True) / cv2.contourArea(corners, oriented=True)
    return bool(cv2.isContourConvex(there)) and 0.25 < ratio < 4
