"""Bring the before picture into the after picture's frame, and say what was done.

A ladder: nothing, a shift, a homography. A rung is
taken only when the pictures then match demonstrably better than on the rung below, so a
pair that cannot be registered (another specimen, another crop) stays as it is and is
recorded as unregistered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

ESTIMATION_SIDE = 640
"""Motion is estimated on pictures no larger than this; finer detail costs time and adds nothing."""
MATCH_SIDE = 320
FEWEST_INLIERS = 15
LEAST_INLIER_RATIO = 0.3
LEAST_VIEW = 0.6
REGISTERED_MATCH = 0.5
"""Local correlation from which two pictures count as showing the same thing in the same place."""
WORTHWHILE = 0.92
"""A rung must bring the mismatch below this share of the mismatch before it."""
MARGIN_SHARE = 0.015

Rung = Literal["identity", "shift", "homography"]


@dataclass(frozen=True)
class Alignment:
    """What alignment did.

    Attributes:
        before: uint8 [height, width, 3], the before picture in the after picture's frame.
        in_view: bool [height, width], False where the before picture does not reach, with a margin.
        rung: which rung of the ladder was taken.
        registered: whether the pictures show the same thing in the same place.
        match: mean local correlation after alignment, in [-1, 1].
        warp: 3×3, homogeneous, fractions of the before picture → fractions of the after picture.
        outcome: all of that in one phrase for people.
    """

    before: np.ndarray
    in_view: np.ndarray
    rung: Rung
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
    identity = _Candidate("identity", np.eye(3), "identity", before, np.ones(before.shape[:2], bool))
    if np.array_equal(before, after):
        return _record(identity, 1.0)
    best, match = identity, local_match(before, after)
    for rung in (_shifted, _matched):
        candidate = rung(before, after)
        if candidate is None or candidate.in_view.mean() < LEAST_VIEW:
            continue
        reached = local_match(candidate.picture, after, candidate.in_view)
        reference = local_match(best.picture, after, candidate.in_view)
        if reached >= REGISTERED_MATCH and 1 - reached < WORTHWHILE * (1 - reference):
            best, match = candidate, reached
    return _record(best, match)


@dataclass(frozen=True)
class _Candidate:
    rung: Rung
    homography: np.ndarray
    phrase: str
    picture: np.ndarray
    in_view: np.ndarray


def _record(chosen: _Candidate, match: float) -> Alignment:
    height, width = chosen.picture.shape[:2]
    to_fraction = np.diag([1 / width, 1 / height, 1.0])
    registered = match >= REGISTERED_MATCH
    state = f"match {match:.2f}" if registered else f"unregistered, match {match:.2f}"
    in_view = chosen.in_view
    return Alignment(
        before=chosen.picture,
        in_view=in_view,
        rung=chosen.rung,
        registered=registered,
        match=match,
        warp=to_fraction @ chosen.homography @ np.linalg.inv(to_fraction),
        outcome=f"{chosen.phrase} ({state}"
        + (f", {in_view.mean():.0%} in view)" if not in_view.all() else ")"),
    )


def local_match(before: np.ndarray, after: np.ndarray, in_view: np.ndarray | None = None) -> float:
    """Mean local correlation of two pictures, in [-1, 1], blind to light and weighted by texture.

    Correlation is taken in Gaussian windows of σ = 3 px on pictures of 320 px, which a
    change of gain or offset leaves as it is.
    """
    first, second = _grey(before, MATCH_SIDE), _grey(after, MATCH_SIDE)
    mean = [_smooth(picture) for picture in (first, second)]
    variance = [_smooth(p * p) - m * m for p, m in zip((first, second), mean, strict=True)]
    covariance = _smooth(first * second) - mean[0] * mean[1]
    # A variance floor of 8 grey levels² keeps sensor noise in flat areas from voting.
    energy = np.sqrt(np.maximum(variance[0] + 8, 8) * np.maximum(variance[1] + 8, 8))
    weight = np.sqrt(energy)
    if in_view is not None:
        weight = weight * (cv2.resize(in_view.astype(np.uint8), weight.shape[::-1]) > 0)
    return float(((covariance + 8) / energy * weight).sum() / max(float(weight.sum()), 1e-9))


def _shifted(before: np.ndarray, after: np.ndarray) -> _Candidate | None:
    """A pure shift by phase correlation, to a fraction of a pixel."""
    first, second = _grey(before, ESTIMATION_SIDE), _grey(after, ESTIMATION_SIDE)
    (right, down), response = cv2.phaseCorrelate(
        first, second, cv2.createHanningWindow(first.shape[::-1], cv2.CV_32F)
    )
    scale = before.shape[1] / first.shape[1]
    right, down = right * scale, down * scale
    if response < 0.03 or max(abs(right), abs(down)) < 0.25:
        return None
    motion = np.array([[1, 0, right], [0, 1, down], [0, 0, 1.0]])
    return _warped("shift", motion, f"shift by {np.hypot(right, down):.1f} px", before)


def _matched(before: np.ndarray, after: np.ndarray) -> _Candidate | None:
    """A homography from SIFT matches by MAGSAC."""
    found = [_keypoints(_grey(picture, ESTIMATION_SIDE)) for picture in (before, after)]
    if min(len(points) for points, _ in found) < FEWEST_INLIERS:
        return None
    pairs = cv2.BFMatcher().knnMatch(found[0][1], found[1][1], k=2)
    good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < 0.75 * pair[1].distance]
    if len(good) < FEWEST_INLIERS:
        return None
    source = np.array([found[0][0][match.queryIdx] for match in good])
    target = np.array([found[1][0][match.trainIdx] for match in good])
    homography, inliers = cv2.findHomography(
        source, target, cv2.USAC_MAGSAC, 2.0, maxIters=5000, confidence=0.999
    )
    if homography is None or inliers.sum() < FEWEST_INLIERS or inliers.mean() < LEAST_INLIER_RATIO:
        return None
    scale = max(1.0, max(before.shape[:2]) / ESTIMATION_SIDE)
    enlarge = np.diag([scale, scale, 1.0])
    homography = enlarge @ homography @ np.linalg.inv(enlarge)
    if not _is_sane(homography, before.shape):
        return None
    return _warped("homography", homography, f"homography from {int(inliers.sum())} inliers", before)


def _keypoints(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    points, descriptors = cv2.SIFT.create(2000, contrastThreshold=0.02).detectAndCompute(
        grey.astype(np.uint8), None
    )
    return np.array([point.pt for point in points], np.float32).reshape(-1, 2), descriptors


def _is_sane(homography: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether the picture's outline stays convex, the right way round, and near its size."""
    height, width = shape[:2]
    corners = np.array([[[0, 0]], [[width, 0]], [[width, height]], [[0, height]]], np.float32)
    moved = cv2.perspectiveTransform(corners, homography)
    ratio = cv2.contourArea(moved, oriented=True) / cv2.contourArea(corners, oriented=True)
    return bool(cv2.isContourConvex(moved)) and 0.25 < ratio < 4


def _warped(rung: Rung, homography: np.ndarray, phrase: str, before: np.ndarray) -> _Candidate:
    height, width = before.shape[:2]
    picture = cv2.warpPerspective(
        before, homography, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    reached = cv2.warpPerspective(np.full((height, width), 255, np.uint8), homography, (width, height))
    margin = 2 * max(1, round(MARGIN_SHARE * max(height, width))) + 1
    # The outermost pixels of a warp are guesses; but the picture's own border is no edge of view.
    in_view = cv2.erode((reached > 127).astype(np.uint8), np.ones((margin, margin)), borderValue=1)
    return _Candidate(rung, homography, phrase, picture, in_view > 0)


def _grey(picture: np.ndarray, longest: int) -> np.ndarray:
    height, width = picture.shape[:2]
    scale = min(1.0, longest / max(height, width))
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return grey.astype(np.float32)


def _smooth(values: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(values, (0, 0), 3)
