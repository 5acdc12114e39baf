"""Bring the before picture into the after picture's frame, and say what was done.

First the cascade, for pictures that show nearly the same; where it finds nothing, guesses from
keypoints, for pictures taken from nearer, turned, mirrored or cut otherwise. A pair that cannot be
registered (another specimen) stays as it is and is recorded as unregistered.
All is judged on small grey pictures; the picture itself is moved once, at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from argus_fiftyone.registration.cascade import REGISTERED_MATCH, Cascade, Stage
from argus_fiftyone.registration.distant import Distant, find_distant, shrunk_for, slope_of
from argus_fiftyone.registration.local_correlation import as_small_grey
from argus_fiftyone.registration.warping import (
    filled,
    flowed,
    from_fractions,
    in_fractions,
    reached,
    rescaled,
    warped,
)

UNSURE_MATCH = 0.75
"""Plain pictures match so well anywhere: below this, another way to register them is looked for."""
UNSURE_MATCH_STRETCHED = 0.95
"""The same where one picture was stretched to the other's proportions, which may have torn them apart."""
STRETCHED = 1.05
SURE_MATCH = 0.9
CLEARLY_BETTER = 0.4
"""What an unsure registration is given up for: such a match, and this share of its mismatch at most."""
SMALLEST_TURN = 5
"""Degrees that are told."""
SMALLEST_ZOOM = 1.1
"""Times nearer or farther that is told."""


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
        mirrored: whether one of the pictures was mirrored.
        parallax: 95th percentile of what local refinement moved, as a share of the long side; 0 where
            there was none.
    """

    before: np.ndarray
    in_view: np.ndarray
    stage: Stage
    registered: bool
    match: float
    warp: np.ndarray
    outcome: str
    mirrored: bool = False
    parallax: float = 0.0

    @property
    def overlap(self) -> float:
        """Share of the after picture that the before picture reaches, in [0, 1]; the rest is not compared."""
        return float(self.in_view.mean())


def align(before: np.ndarray, after: np.ndarray, whole: np.ndarray | None = None) -> Alignment:
    """Align before to after.

    Args:
        before, after: uint8 [height, width, 3] RGB, the same size.
        whole: the before picture at its own proportions, of any size, if `before` was stretched or
            made smaller to fit.

    Raises:
        ValueError: if the sizes of before and after differ.
    """
    if before.shape != after.shape:
        raise ValueError(f"before and after need one size, got {before.shape[:2]} and {after.shape[:2]}")
    cascade = Cascade(as_small_grey(before), as_small_grey(after))
    if not np.array_equal(before, after):
        cascade.descend()
    source = before if whole is None else whole
    if cascade.match < _sure_match(source, after):
        distant = find_distant(source, after)
        if distant is not None and _is_better(distant, cascade):
            return _record_distant(distant, source, after)
    return _record(cascade, before, after, source.shape)


def _sure_match(whole: np.ndarray, after: np.ndarray) -> float:
    """The match from which the cascade is believed without looking further."""
    stretch = whole.shape[0] / whole.shape[1] / (after.shape[0] / after.shape[1])
    return UNSURE_MATCH_STRETCHED if max(stretch, 1 / stretch) > STRETCHED else UNSURE_MATCH


def _is_better(distant: Distant, cascade: Cascade) -> bool:
    """Whether to give up what the cascade found."""
    if cascade.match < REGISTERED_MATCH:
        return cascade.outdone_by(distant.match)
    mismatch = CLEARLY_BETTER * (1 - cascade.match)
    return cascade.outdone_by(distant.match) and distant.match >= SURE_MATCH and 1 - distant.match < mismatch


def _record(cascade: Cascade, before: np.ndarray, after: np.ndarray, whole: tuple[int, ...]) -> Alignment:
    """Move the picture itself as the cascade found best; `whole` has its own proportions."""
    homography = rescaled(cascade.homography, cascade.before.shape, before.shape)
    warp = in_fractions(homography, before.shape, before.shape)
    scale = before.shape[1] / cascade.before.shape[1]
    phrase, picture, in_view = cascade.phrase, before, np.ones(before.shape[:2], bool)
    parallax = 0.0
    if cascade.stage == "shift":
        phrase = f"shift by {np.hypot(*homography[:2, 2]):.1f} px"
    if cascade.stage != "identity":
        in_view = reached(homography, before.shape, in_view)
        told = _told(warp, whole, after.shape, mirrored=False)
        phrase = ", ".join([phrase, *told])
    if cascade.flow is not None:
        phrase += f", refined by flow up to {scale * np.linalg.norm(cascade.flow, axis=2).max():.0f} px"
        flow = _enlarged(cascade.flow * np.float32(scale), before.shape)
        picture, parallax = flowed(before, homography, flow), _parallax(flow, in_view)
    elif cascade.stage != "identity":
        picture = warped(before, homography, before.shape)
    if not in_view.all():
        picture = filled(picture, after, in_view)
    registered = cascade.match >= REGISTERED_MATCH
    return Alignment(
        before=picture,
        in_view=in_view,
        stage=cascade.stage,
        registered=registered,
        match=cascade.match,
        warp=warp,
        outcome=f"{phrase} ({_state(cascade.match, registered, in_view)})",
        parallax=parallax,
    )


def _record_distant(distant: Distant, before: np.ndarray, after: np.ndarray) -> Alignment:
    """Move a picture of any size as `find_distant` found."""
    motion = from_fractions(distant.warp, before.shape, after.shape)
    source, homography = shrunk_for(before, motion)
    in_view = reached(homography, after.shape, np.ones(source.shape[:2], bool))
    told = _told(distant.warp, before.shape, after.shape, distant.mirrored) or ["another cut"]
    phrase, parallax = f"{', '.join(told)}, from {distant.support} inliers", 0.0
    if distant.flow is None:
        picture = warped(source, homography, after.shape)
    else:
        flow = _placed(distant, after.shape)
        parallax = _parallax(flow, in_view)
        phrase += f", refined by flow up to {np.linalg.norm(flow, axis=2).max():.0f} px"
        picture = flowed(source, homography, flow)
    return Alignment(
        before=picture if in_view.all() else filled(picture, after, in_view),
        in_view=in_view,
        stage="homography",
        registered=True,
        match=distant.match,
        warp=distant.warp,
        outcome=f"{phrase} ({_state(distant.match, True, in_view)})",
        mirrored=distant.mirrored,
        parallax=parallax,
    )


def _state(match: float, registered: bool, in_view: np.ndarray) -> str:
    state = f"match {match:.2f}" if registered else f"unregistered, match {match:.2f}"
    return state + ("" if in_view.all() else f", {in_view.mean():.0%} in view")


def _told(warp: np.ndarray, before: tuple[int, ...], after: tuple[int, ...], mirrored: bool) -> list[str]:
    """What a camera would have had to do, e.g. "turned by 90° clockwise" and "1.5x nearer".

    Args:
        before, after: (height, width) of the pictures at their own proportions.
    """
    # With the long sides of both pictures as unit: a file's size in pixels is not how near it was taken.
    unit = max(after[:2]) / max(before[:2])
    slope = slope_of(from_fractions(warp, before, after), before) / unit
    zoom = float(np.sqrt(abs(np.linalg.det(slope))))
    if mirrored:
        slope = slope @ np.diag([-1, 1])
    turn = float(np.degrees(np.arctan2(slope[1, 0] - slope[0, 1], slope[0, 0] + slope[1, 1])))
    said = ["mirrored"] if mirrored else []
    if abs(turn) >= SMALLEST_TURN:
        sense = "" if abs(turn) > 179 else " clockwise" if turn > 0 else " anticlockwise"
        said.append(f"turned by {abs(turn):.0f}°{sense}")
    if max(zoom, 1 / zoom) >= SMALLEST_ZOOM:
        said.append(f"{zoom:.1f}x nearer" if zoom > 1 else f"{1 / zoom:.1f}x farther")
    return said


def _placed(distant: Distant, after: tuple[int, ...]) -> np.ndarray:
    """The flow in pixels of the after picture, 0 outside its box: float32 [height, width, 2]."""
    assert distant.flow is not None
    height, width = after[:2]
    left, top, right, bottom = (
        round(share * side) for share, side in zip(distant.box, (width, height) * 2, strict=True)
    )
    whole = np.zeros((height, width, 2), np.float32)
    inside = distant.flow * np.array([width, height], np.float32)
    whole[top:bottom, left:right] = _enlarged(inside, (bottom - top, right - left))
    return whole


def _enlarged(flow: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return cv2.resize(flow, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)


def _parallax(flow: np.ndarray, in_view: np.ndarray) -> float:
    lengths = np.linalg.norm(flow, axis=2)[in_view]
    return float(np.quantile(lengths, 0.95)) / max(flow.shape) if lengths.size else 0.0
