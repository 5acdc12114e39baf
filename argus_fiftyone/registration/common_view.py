"""What two pictures have in common when one is nearer, turned, mirrored or cut otherwise: guesses.

Keypoints with a scale and an angle of their own. Those that belong together agree on how much
nearer and how far turned the picture is, which sorts out most false matches before any geometry.
Nothing is decided here; `distant` does, by the pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

KEYPOINTS = 500
CONTRAST = 0.005
"""Far below SIFT's usual 0.04: a plain scene seen from afar has only faint corners."""
DISTINCT = 0.9
"""Ratio of the best to the second distance; loose, since scale and angle must agree as well."""
ANGLES, OCTAVES = 12, 12
"""Bins of the vote: 30° and half an octave each."""
FEWEST_AGREED = 6
FEWEST_FOR_PERSPECTIVE = 15
REACH = 3.0
"""Pixels by which a match may miss the motion."""

MIRRORED_BINS = np.array(
    [((3 - row) * 4 + col) * 8 + (-angle) % 8 for row in range(4) for col in range(4) for angle in range(8)]
)
"""Where each number of a SIFT descriptor stands in the descriptor of the mirrored picture."""


@dataclass(frozen=True)
class View:
    """A guess at how the before picture lies in the after picture.

    Attributes:
        homography: 3×3, pixels of before → pixels of after.
        support: how many keypoints agree on it.
        mirrored: whether it turns the picture inside out.
    """

    homography: np.ndarray
    support: int
    mirrored: bool


@dataclass(frozen=True)
class _Keypoints:
    """Places, angles in degrees and sizes in pixels of keypoints, and their descriptors, one a row."""

    places: np.ndarray
    angles: np.ndarray
    sizes: np.ndarray
    descriptors: np.ndarray

    def mirrored(self, width: int) -> _Keypoints:
        """Those of the picture mirrored from left to right, without looking at it again."""
        places = np.array([width - 1, 0], np.float32) + self.places * np.array([-1, 1], np.float32)
        return _Keypoints(places, 180 - self.angles, self.sizes, self.descriptors[:, MIRRORED_BINS])


def find_views(before: np.ndarray, after: np.ndarray) -> list[View]:
    """Guesses, the best supported first.

    Args:
        before, after: uint8 [rows, cols], each of its own size.
    """
    first, second = _keypoints(before), _keypoints(after)
    if first is None or second is None:
        return []
    width = before.shape[1]
    flip = np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1.0]])
    found = [(motion, False) for motion in _agreed(first, second)]
    found += [((homography @ flip, n), True) for homography, n in _agreed(first.mirrored(width), second)]
    views = [View(homography, support, mirrored) for (homography, support), mirrored in found]
    return sorted(views, key=lambda view: -view.support)


def _keypoints(grey: np.ndarray) -> _Keypoints | None:
    points, descriptors = cv2.SIFT.create(KEYPOINTS, contrastThreshold=CONTRAST).detectAndCompute(grey, None)
    if len(points) < FEWEST_AGREED:
        return None
    # The root of what sums to one compares by overlap rather than by the loudest bin (Arandjelović 2012).
    root = np.sqrt(descriptors / (descriptors.sum(axis=1, keepdims=True) + 1e-6))
    places, angles, sizes = zip(*((point.pt, point.angle, point.size) for point in points), strict=True)
    where, angle, size = (np.array(values, np.float32) for values in (places, angles, sizes))
    return _Keypoints(where, angle, size, root)


def _agreed(first: _Keypoints, second: _Keypoints) -> list[tuple[np.ndarray, int]]:
    """The motion that most keypoints agree on, and how many: a similarity, and what perspective adds."""
    one, other = _matches(first, second)
    kept = _in_one_vote(second.angles[other] - first.angles[one], second.sizes[other] / first.sizes[one])
    source, target = first.places[one[kept]], second.places[other[kept]]
    if len(source) < FEWEST_AGREED:
        return []
    similarity, inliers = cv2.estimateAffinePartial2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=REACH, maxIters=2000, confidence=0.999
    )
    if similarity is None or inliers.sum() < FEWEST_AGREED:
        return []
    found = [(np.vstack([similarity, [0, 0, 1]]), int(inliers.sum()))]
    if len(source) >= FEWEST_FOR_PERSPECTIVE and inliers.mean() < 0.9:
        tilted, agreeing = cv2.findHomography(
            source, target, cv2.USAC_MAGSAC, REACH / 2, maxIters=2000, confidence=0.999
        )
        if tilted is not None and agreeing.sum() >= max(FEWEST_FOR_PERSPECTIVE, 1.2 * inliers.sum()):
            found.append((tilted, int(agreeing.sum())))
    return found


def _matches(first: _Keypoints, second: _Keypoints) -> tuple[np.ndarray, np.ndarray]:
    """Of keypoints whose best counterpart is distinctly better than the second best: their numbers."""
    overlap = first.descriptors @ second.descriptors.T
    rows = np.arange(len(overlap))
    best = overlap.argmax(axis=1)
    highest = overlap[rows, best].copy()
    overlap[rows, best] = -1
    # Squared distances of unit vectors are 2 - 2 times their overlap.
    distinct = 1 - highest < DISTINCT**2 * (1 - overlap.max(axis=1))
    return np.flatnonzero(distinct), best[distinct]


def _in_one_vote(turns: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Bool: which matches belong to the most common turn and scale, and the bins around it."""
    turn = (turns % 360) * (ANGLES / 360)
    scale = np.clip(2 * np.log2(scales) + OCTAVES / 2, 0, OCTAVES - 1e-3)
    votes = np.zeros((ANGLES, OCTAVES + 2))
    np.add.at(votes, (turn.astype(int) % ANGLES, scale.astype(int) + 1), 1)
    around = votes + np.roll(votes, 1, axis=0) + np.roll(votes, -1, axis=0)
    around = around[:, :-2] + around[:, 1:-1] + around[:, 2:]
    most_turn, most_scale = np.unravel_index(around.argmax(), around.shape)
    aside = np.abs((turn - most_turn - 0.5 + ANGLES / 2) % ANGLES - ANGLES / 2)
    return (aside <= 1.5) & (np.abs(scale - most_scale - 0.5) <= 1.5)
