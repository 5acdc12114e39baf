"""How often Argus brings together pictures taken from nearer, turned, mirrored or cut otherwise.

    python -m benchmarks.geometry ../shared/data/pairs.csv [--quick]

Draws pairs from the before pictures of the list and from drawn scenes: two cuts of one picture under a
known motion, each with its own light, noise and JPEG. Prints for each kind the share that is registered
right (the motion right to 2 % of the after picture's sides within the common view), the share that is
registered wrong, and the median error where it is right. The last kind has two different pictures each:
nothing must be registered.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from argus_fiftyone.io.images import read_image
from argus_fiftyone.io.pair_list import read_pairs
from argus_fiftyone.registration.align import Alignment
from argus_fiftyone.registration.registered_pair import at_encoding_size
from argus_fiftyone.registration.warping import in_fractions, warped
from benchmarks.measuring import by_amount, draw_pair, seconds

CELL, RESOLUTION = 32, 640
LEFT_OUT = "crackforest", "magnetic_tile"
"""Sources whose pictures are 144 px, or show next to nothing."""
RIGHT = 0.02
EVERY = by_amount(smoke=120, quick=13, full=4)
SCENES = by_amount(smoke=1, quick=5, full=20)


@dataclass(frozen=True)
class Drawn:
    """Two pictures, uint8 [height, width, 3], and the 3×3 between their fractions, None for two scenes."""

    before: np.ndarray
    after: np.ndarray
    warp: np.ndarray | None


Kind = Callable[[np.ndarray, np.random.Generator], Drawn]


def main(pairs_csv: Path) -> None:
    cv2.setNumThreads(1)
    pictures = scenes() + photographs(pairs_csv)
    print(f"{len(pictures)} pictures, {SCENES} of them drawn; long side {RESOLUTION}")
    print("| kind | pairs | right | wrong | error, % of the side | ms |\n|---|---|---|---|---|---|")
    for name, kind in kinds().items():
        print(told(name, [kind(p, np.random.default_rng(n)) for n, p in enumerate(pictures)]), flush=True)
    others = [*pictures[1:], pictures[0]]
    different = [Drawn(one, other, None) for one, other in zip(pictures, others, strict=True)]
    print(told("of different things", different))


def photographs(pairs_csv: Path) -> list[np.ndarray]:
    pairs = [pair for pair in read_pairs(pairs_csv) if not pair.id.startswith(LEFT_OUT)]
    return [read_image(pair.before, 1024) for pair in pairs[::EVERY]]


def scenes() -> list[np.ndarray]:
    return [draw_pair(number, (600, 800))[1] for number in range(SCENES)]


def kinds() -> dict[str, Kind]:
    """What is drawn, by name."""
    nearer = (1.2, 1.5, 2.0, 2.5, 3.0)
    return (
        {f"before {zoom}x nearer": _zoomed(zoom, swapped=True) for zoom in nearer}
        | {f"after {zoom}x nearer": _zoomed(zoom, swapped=False) for zoom in nearer}
        | {f"turned by {angle}°": _turned(angle) for angle in (15, 40, 90, 180, 270)}
        | {"after an upright crop": _upright(swapped=False), "before an upright crop": _upright(swapped=True)}
        | {"mirrored": _mirrored, "grown at one side": _grown}
    )


def _zoomed(zoom: float, swapped: bool) -> Kind:
    def draw(picture: np.ndarray, random: np.random.Generator) -> Drawn:
        aside = random.uniform(-0.4, 0.4, 2) * (1 - 1 / zoom)
        motion = _about(picture, zoom, float(random.uniform(-4, 4)), aside)
        return _pair(picture, seen(picture, motion), motion, random, swapped)

    return draw


def _turned(angle: int) -> Kind:
    def draw(picture: np.ndarray, random: np.random.Generator) -> Drawn:
        if angle % 90 == 0:
            flips = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
            turned = cv2.rotate(picture, flips[angle])
            return _pair(picture, turned, _about(picture, 1, -angle, np.zeros(2), turned), random)
        motion = _about(picture, 1.2 + angle / 100, angle, np.zeros(2))
        return _pair(picture, seen(picture, motion), motion, random)

    return draw


def _upright(swapped: bool) -> Kind:
    """Of a wide picture an upright part, of a high one a wide part."""

    def draw(picture: np.ndarray, random: np.random.Generator) -> Drawn:
        height, width = picture.shape[:2]
        high, wide = (height, int(0.75 * height)) if width >= height else (int(0.75 * width), width)
        top, left = int(random.integers(height - high + 1)), int(random.integers(width - wide + 1))
        motion = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]])
        return _pair(picture, picture[top : top + high, left : left + wide], motion, random, swapped)

    return draw


def _mirrored(picture: np.ndarray, random: np.random.Generator) -> Drawn:
    motion = np.array([[-1, 0, picture.shape[1] - 1], [0, 1, 0], [0, 0, 1.0]])
    return _pair(picture, picture[:, ::-1].copy(), motion, random)


def _grown(picture: np.ndarray, random: np.random.Generator) -> Drawn:
    return _pair(picture[:, : int(0.6 * picture.shape[1])], picture, np.eye(3), random)


def _about(
    picture: np.ndarray, zoom: float, angle: float, aside: np.ndarray, target: np.ndarray | None = None
) -> np.ndarray:
    """The motion in pixels that zooms and turns about a point, which comes into the target's middle."""
    size, goal = (np.array(p.shape[1::-1]) for p in (picture, picture if target is None else target))
    middle = (size - 1) / 2 + aside * size
    turned = cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), angle, zoom)
    turned[:, 2] += (goal - 1) / 2 - middle
    return np.vstack([turned, [0, 0, 1]])


def seen(picture: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """The picture so moved, at its own size."""
    return warped(picture, motion, picture.shape)


def _pair(
    before: np.ndarray,
    after: np.ndarray,
    motion: np.ndarray,
    random: np.random.Generator,
    swapped: bool = False,
) -> Drawn:
    warp = in_fractions(motion, before.shape, after.shape)
    if swapped:
        before, after, warp = after, before, np.linalg.inv(warp)
    return Drawn(taken(before, random), taken(after, random), warp)


def taken(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The picture under a light of its own, with noise, after a round through JPEG."""
    lit = picture * random.uniform(0.85, 1.15) + random.normal(random.uniform(-8, 8), 2, picture.shape)
    data = cv2.imencode(".jpg", np.clip(lit, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))


def told(name: str, pairs: list[Drawn]) -> str:
    """One line of the table."""
    errors, registered, times = [], [], []
    for pair in pairs:
        ready, found = at_encoding_size(pair.before, pair.after, CELL, RESOLUTION), []
        times.append(seconds(lambda ready=ready, found=found: found.append(ready.aligned().alignment)))
        registered.append(found[0].registered)
        errors.append(error(found[0], pair.warp))
    sure, off = np.array(registered), np.array(errors)
    right = sure & (off < RIGHT)
    middle = f"{100 * np.median(off[right]):.2f}" if right.any() else ""
    shares = f"{right.mean():.0%} | {(sure & ~right).mean():.0%}"
    return f"| {name} | {len(pairs)} | {shares} | {middle} | {1000 * np.median(times):.0f} |"


def error(done: Alignment, warp: np.ndarray | None) -> float:
    """How far points of the common view land from where they belong, in shares of the after picture's side:
    the 95th percentile of a grid; without end where nothing is in common, or mirroring is not told."""
    if warp is None or done.mirrored != (np.linalg.det(warp) < 0):
        return float("inf")
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 17)] * 2), axis=-1).reshape(-1, 1, 2)
    sources = cv2.perspectiveTransform(grid, np.linalg.inv(warp))
    common = np.all((sources >= 0) & (sources <= 1), axis=-1)[:, 0]
    landed = cv2.perspectiveTransform(sources[common], done.warp)
    return float(np.quantile(np.linalg.norm(landed - grid[common], axis=-1), 0.95))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
