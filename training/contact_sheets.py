"""Lays synthetic pairs out to be looked at: `python -m training.contact_sheets CACHE OUT.png`."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from training import sources
from training.pairs import Assets, make_pair
from training.scene import SIDE, Pair

ACROSS = 3


def strip(pair: Pair) -> np.ndarray:
    """Before, after, and the after picture with every change outlined and named."""
    named = pair.after.copy()
    for change in pair.changes:
        outline = cv2.morphologyEx(
            change.mask.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)
        )
        named[outline > 0] = (255, 0, 255)
        spots = np.argwhere(change.mask)
        if len(spots):
            row, column = spots[0]
            text = f"{change.part or change.kind} {change.direction[:3]}"
            cv2.putText(
                named,
                text,
                (int(min(column, SIDE - 110)), int(max(row, 12))),
                0,
                0.45,
                (255, 0, 255),
                1,
                cv2.LINE_AA,
            )
    return np.hstack([pair.before, pair.after, named])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cache", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=24)
    args = parser.parse_args()
    sources.fetch(args.cache)
    assets = Assets.load(args.cache)
    strips = [strip(make_pair(seed, assets)) for seed in range(args.first, args.first + args.count)]
    rows = [np.hstack(strips[i : i + ACROSS]) for i in range(0, len(strips) - ACROSS + 1, ACROSS)]
    cv2.imwrite(str(args.out), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
