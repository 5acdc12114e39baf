"""Does it pay to encode several pairs per call on this processor, and do results depend on it?

    python benchmarks/batch_sizes.py [--smoke]

ViT-B/16 with random weights, one thread, processor time per picture rather than wall time, so that
other programs disturb little; the largest difference to encoding each picture alone beside it.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch
from measuring import describe_machine, is_smoke

from argus_fiftyone.encoders.clip import load_clip


def main() -> None:
    side, count = (64, 4) if is_smoke() else (448, 8)
    print(describe_machine())
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    pictures = list(random.integers(0, 256, (count, side, side, 3), np.uint8))
    for precision in ("fp32", "bf16"):
        encoder = load_clip("clip:ViT-B-16-quickgelu:random", "cpu", precision=precision)
        alone = [encoder.encode_pictures([picture])[0].text_aligned for picture in pictures]
        for size in (1, 2, 4, 8):
            if size > count:
                continue
            started = time.process_time()
            batches = [pictures[start : start + size] for start in range(0, count, size)]
            found = [features for batch in batches for features in encoder.encode_pictures(batch)]
            each = (time.process_time() - started) / count
            apart = max(float((f.text_aligned - a).abs().max()) for f, a in zip(found, alone, strict=True))
            cost = f"{each:.3f} s of processor time per picture"
            print(f"{precision} {size} per call: {cost}, differs by {apart:.1e}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
