"""Normal for the pair: the bulk of its own map and its pixels say how much distance means nothing."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np


def smooth(distance: np.ndarray, sigma: float) -> np.ndarray:
    """Distance [rows, cols] averaged over neighbours: single cells are noisy, changes are not single cells.

    Args:
        sigma: standard deviation of the window in cells.
    """
    return cv2.GaussianBlur(distance, (0, 0), sigma)


def above_normal(distance: np.ndarray, in_view: np.ndarray, quantile: float, share: float) -> np.ndarray:
    """Distance beyond what is normal for the pair, ≥ 0; 0 out of view.

    Args:
        distance: [rows, cols] ≥ 0.
        in_view: bool [rows, cols].
        quantile, share: how much of which quantile of the map counts as normal.
    """
    normal = float(np.quantile(distance[in_view] if in_view.any() else distance, quantile))
    return np.maximum(distance - share * normal, 0) * in_view


def pixel_difference(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Difference of colours that a change of light does not explain.

    Args:
        before, after: uint8 [height, width, 3] RGB, registered.

    Returns:
        float32 [height, width] ≥ 0, in grey levels; 0 for identical images.
    """
    matched = _match_light(before.astype(np.float32), after.astype(np.float32))
    colour = np.abs(cv2.GaussianBlur(after - matched, (0, 0), 1.0)).mean(axis=2)
    lab = [cv2.cvtColor(p, cv2.COLOR_RGB2LAB).astype(np.float32)[..., 1:] for p in (before, after)]
    hue = lab[1] - lab[0]
    hue = np.abs(cv2.GaussianBlur(hue - hue.mean(axis=(0, 1)), (0, 0), 1.0)).sum(axis=2)
    return colour + 0.5 * hue


def pixel_factor(
    difference: np.ndarray, part: np.ndarray, *, calm: float, half: float, trust: float, doubt: float
) -> np.ndarray:
    """The factor that single pixels put on evidence, in [1 − doubt, 1 + trust].

    The typical pixel difference of the pair says how far pixels can be trusted: where
    light moved everywhere, they say nothing and the factor is 1 everywhere.

    Args:
        difference: [rows, cols] ≥ 0 in grey levels, as `pixel_difference` gives it.
        part: bool [rows, cols], where what is typical is looked for.
        calm: typical difference, in grey levels, at which trust falls to 1/e.
        half: difference, in grey levels, at which `trust` counts half.
    """
    typical = float(np.median(difference[part]))
    excess = np.maximum(difference - 2 * typical, 0)
    believed = np.exp(-typical / calm)
    return 1 + believed * (trust * excess / (excess + half) - doubt)


def each_part(part: np.ndarray, calibrated: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Values that are calibrated apart for each of two parts of an image, put together again.

    Args:
        part: bool [rows, cols], one of two; the whole where there is only one.
        calibrated: takes the bool [rows, cols] of one part, returns values [rows, cols].
    """
    values = calibrated(part)
    return values if part.all() else np.where(part, values, calibrated(~part))


def _match_light(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The before image under the after image's light: one gain and offset per channel.

    The gain is capped, so that light is matched and a real change of colour is not.
    """
    spread = [image.std(axis=(0, 1)) + 1 for image in (before, after)]
    gain = np.clip(spread[1] / spread[0], 0.5, 2)
    return (before - before.mean(axis=(0, 1))) * gain + after.mean(axis=(0, 1))
