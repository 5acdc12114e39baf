"""Does it pay to encode several pairs per call on this processor, and do results depend on it?

    python -m benchmarks.batch_sizes [--smoke | --quick]

ViT-B/16 with random weights, one thread, processor time per picture rather than wall time, so that
other programs disturb little; the largest difference to encoding each picture alone beside it.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch

from argus_fiftyone.encoders.protocol import ImageFeatures
from benchmarks.measuring import by_amount, describe_machine, load_tower, precisions


def main() -> None:
    side, count = by_amount(smoke=(64, 4), quick=(448, 8), full=(448, 8))
    print(describe_machine())
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    pictures = list(random.integers(0, 256, (count, side, side, 3), np.uint8))
    for precision in precisions():
        encoder = load_tower(precision)
        alone = [encoder.encode_images([picture])[0] for picture in pictures]
        for size in (1, 2, 4, 8):
            if size > count:
                continue
            started = time.process_time()
            batches = [pictures[start : start + size] for start in range(0, count, size)]
            found = [features for batch in batches for features in encoder.encode_images(batch)]
            each = (time.process_time() - started) / count
            apart = max(_gap(one, other) for one, other in zip(found, alone, strict=True))
            cost = f"{each:.3f} s of processor time per picture"
            print(f"{precision} {size} per call: {cost}, differs by {apart:.1e}", flush=True)


def _gap(one: ImageFeatures, other: ImageFeatures) -> float:
    assert one.dense is not None
    assert other.dense is not None
    return float((one.dense - other.dense).abs().max())


if __name__ == "__main__":
    sys.exit(main())
