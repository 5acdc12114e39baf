"""How the before picture would have to move to meet the after picture: four ways to find out.

All of them look at small grey pictures and none of them decides anything; alignment does.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

FEWEST_INLIERS = 15
LEAST_INLIER_RATIO = 0.3
CLEAR_SHIFT = 0.03
"""Response of phase correlation below which its peak is chance."""
SMALLEST_SHIFT = 0.12
"""Pixels of the small picture; less is not worth resampling a picture for."""

CORNERS = 300
WINDOW = (15, 15)
PYRAMID = 3
RETURN_ERROR = 0.5
"""Pixels by which a corner tracked there and back may miss its start."""

KEYPOINT_SIDE = 240
KEYPOINTS = 500

FLOW_SIGMA = 0.06
"""Width of the flow's smoothing as a share of the long side: parallax is wide, defects are not."""
FLOW_MOST = 0.0125
"""The longest flow believed, as a share of the long side: what moved further is a change, not parallax."""
FLOW_RETURN_ERROR = 0.7
FLOW_SMALLEST_SIDE = 32
"""Pixels; patches of 8 at a quarter of the size must fit, or OpenCV reads beyond the picture and crashes."""
LEAST_BELIEVED = 0.1
"""Share of the picture that must have a believed flow."""


@dataclass(frozen=True)
class Motion:
    """A motion of the whole picture.

    Attributes:
        homography: 3×3, pixels of before → pixels of after.
        support: how many points agree on it; 0 where none were used.
        share: those as a share of all points tried, in [0, 1].
    """

    homography: np.ndarray
    support: int = 0
    share: float = 0.0


def find_shift(before: np.ndarray, after: np.ndarray) -> Motion | None:
    """A pure shift by phase correlation, to a fraction of a pixel.

    Args:
        before, after: uint8 [rows, cols].
    """
    window = cv2.createHanningWindow(before.shape[::-1], cv2.CV_32F)
    (right, down), response = cv2.phaseCorrelate(before.astype(np.float32), after.astype(np.float32), window)
    if response < CLEAR_SHIFT or max(abs(right), abs(down)) < SMALLEST_SHIFT:
        return None
    return Motion(np.array([[1, 0, right], [0, 1, down], [0, 0, 1.0]]))


def normalise_contrast(grey: np.ndarray) -> np.ndarray:
    """The picture under even light: each pixel in deviations of its surroundings, uint8 around 128."""
    values = grey.astype(np.float32)
    mean = cv2.blur(values, (31, 31))
    variance = np.maximum(cv2.blur(values * values, (31, 31)) - mean * mean, 0)
    return np.clip(128 + 40 * (values - mean) / np.sqrt(variance + 8), 0, 255).astype(np.uint8)


def track_corners(before: np.ndarray, after: np.ndarray, start: np.ndarray) -> Motion | None:
    """A homography from corners tracked by Lucas and Kanade's method, there and back.

    Args:
        before, after: uint8 [rows, cols] under even light.
        start: 3×3, where to begin to look.
    """
    corners = cv2.goodFeaturesToTrack(before, CORNERS, 0.01, 6)
    if corners is None or len(corners) < FEWEST_INLIERS:
        return None
    there, found = _tracked(before, after, corners, cv2.perspectiveTransform(corners, start))
    back, found_back = _tracked(after, before, there, corners)
    missed = np.linalg.norm(back - corners, axis=2)[:, 0]
    kept = found & found_back & (missed < RETURN_ERROR)
    return _agreed(corners[kept, 0], there[kept, 0], len(corners))


def _tracked(
    first: np.ndarray, second: np.ndarray, points: np.ndarray, guess: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    places, found, _ = cv2.calcOpticalFlowPyrLK(
        first,
        second,
        points,
        guess.copy(),
        winSize=WINDOW,
        maxLevel=PYRAMID,
        criteria=(cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.03),
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    return places, found[:, 0] > 0


def match_keypoints(before: np.ndarray, after: np.ndarray) -> Motion | None:
    """A homography from SIFT matches, for motions too large to be tracked.

    Args:
        before, after: uint8 [rows, cols].
    """
    scale = min(1.0, KEYPOINT_SIDE / max(before.shape))
    small = [
        cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for grey in (before, after)
    ]
    # What resize rounds a side to decides the true scale.
    enlarge = np.diag([before.shape[1] / small[0].shape[1], before.shape[0] / small[0].shape[0], 1.0])
    found = [cv2.SIFT.create(KEYPOINTS, contrastThreshold=0.02).detectAndCompute(p, None) for p in small]
    if min(len(points) for points, _ in found) < FEWEST_INLIERS:
        return None
    pairs = cv2.BFMatcher().knnMatch(found[0][1], found[1][1], k=2)
    good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < 0.75 * pair[1].distance]
    source = np.array([found[0][0][match.queryIdx].pt for match in good], np.float32)
    target = np.array([found[1][0][match.trainIdx].pt for match in good], np.float32)
    motion = _agreed(source, target, len(good))
    if motion is None:
        return None
    return Motion(enlarge @ motion.homography @ np.linalg.inv(enlarge), motion.support, motion.share)


def _agreed(source: np.ndarray, target: np.ndarray, tried: int) -> Motion | None:
    """The homography most points agree on, by MAGSAC (Barath et al., CVPR 2019)."""
    if len(source) < FEWEST_INLIERS:
        return None
    homography, inliers = cv2.findHomography(
        source, target, cv2.USAC_MAGSAC, 1.0, maxIters=2000, confidence=0.999
    )
    if homography is None or inliers.sum() < FEWEST_INLIERS or inliers.mean() < LEAST_INLIER_RATIO:
        return None
    return Motion(homography, int(inliers.sum()), float(inliers.sum()) / tried)


def find_flow(before: np.ndarray, after: np.ndarray, in_view: np.ndarray) -> np.ndarray | None:
    """The slowly varying motion that parallax leaves after a homography; None where there is none.

    Dense flow could draw texture over a defect. So it is believed only where it is short, returns
    to its start and has texture to hold on to, and is then averaged over a width that no
    defect has; everywhere else it follows its surroundings.

    Args:
        before, after: uint8 [rows, cols] under even light, aligned but for parallax.
        in_view: bool [rows, cols].

    Returns:
        float32 [rows, cols, 2]: where to look in before for each pixel of after, less its place.

    Source:
        Dense inverse search (Kroeger et al., ECCV 2016); belief and averaging are ours.
    """
    if min(after.shape) < FLOW_SMALLEST_SIDE:
        return None
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    still = np.zeros((*after.shape, 2), np.float32)
    flow = search.calc(after, before, still.copy())
    missed = cv2.magnitude(*cv2.split(moved(search.calc(before, after, still), flow) + flow))
    right, down = cv2.split(np.abs(flow))
    most = FLOW_MOST * max(after.shape)
    believed = (missed < FLOW_RETURN_ERROR) & (cv2.max(right, down) < most) & in_view
    weight = believed * _texture(after)
    if weight.mean() < LEAST_BELIEVED:
        return None
    sigma = FLOW_SIGMA * max(after.shape)
    total = cv2.GaussianBlur(weight, (0, 0), sigma) + 1e-2
    return np.dstack([cv2.GaussianBlur(part * weight, (0, 0), sigma) / total for part in cv2.split(flow)])


def moved(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """What `picture` shows at each place moved by `flow` [rows, cols, 2] in pixels."""
    return sampled(picture, places(flow))


def sampled(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The picture at each (column, row) of `where`, float32 [rows, cols, 2]."""
    nothing = np.empty(0, np.float32)  # since one map holds both columns and rows
    return cv2.remap(picture, where, nothing, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def places(flow: np.ndarray) -> np.ndarray:
    """(column, row) of each pixel plus its flow: float32 [rows, cols, 2]."""
    rows, cols = flow.shape[:2]
    grid = np.meshgrid(np.arange(cols, dtype=np.float32), np.arange(rows, dtype=np.float32))
    return flow + np.dstack(grid)


def _texture(grey: np.ndarray) -> np.ndarray:
    """How much there is to hold on to at each pixel, in [0, 1)."""
    values = grey.astype(np.float32)
    variance = cv2.blur(values * values, (7, 7)) - cv2.blur(values, (7, 7)) ** 2
    return np.sqrt(np.maximum(variance, 0) / (np.maximum(variance, 0) + 50))
