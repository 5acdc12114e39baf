"""What a CLIP tower gains from the arithmetic chosen for this processor, against torch as it comes.

    python -m benchmarks.clip_arithmetic [--smoke | --quick]

ViT-B/16 with random weights at 448 px, both pictures of a pair per call, one thread; least processor time
of several rounds taken in turn. The cosine is the smallest over all cells, against torch as it comes in
float32.
"""

from __future__ import annotations

import time

import torch

from argus_fiftyone.encoders import PictureFeatures
from argus_fiftyone.encoders.clip_arithmetic import PLAIN
from argus_fiftyone.encoders.processor import is_made_by_amd
from benchmarks.measuring import by_amount, describe_machine, draw_pair, load_tower, precisions


def main() -> None:
    torch.set_num_threads(1)
    size, rounds = by_amount(smoke=((32, 48), 1), quick=((336, 448), 3), full=((336, 448), 10))
    print(describe_machine())
    print(f"attention head by head: {'yes' if is_made_by_amd() else 'no'}")
    pair, exact = draw_pair(0, size), None
    for precision in precisions():
        encoder = load_tower(precision)
        chosen, costs = encoder._by, {"torch as it comes": [], "Argus": []}
        features = {}
        for _ in range(rounds + 1):  # the first is the warm-up
            for name, by in zip(costs, (PLAIN, chosen), strict=True):
                encoder._by = by
                began = time.process_time()
                features[name] = encoder.encode_pictures(pair)
                costs[name].append(time.process_time() - began)
        exact = exact or features["torch as it comes"]
        for name, times in costs.items():
            least, likeness = 1000 * min(times), likest(exact, features[name])
            print(f"{precision} {name:18} {least:5.0f} ms, cosine {likeness:.6f}", flush=True)


def likest(exact: list[PictureFeatures], found: list[PictureFeatures]) -> float:
    """The smallest cosine over all cells of all maps."""
    both = zip(exact, found, strict=True)
    maps = [pair for one, other in both for pair in zip(_maps(one), _maps(other), strict=True)]
    return min(float((one * other).sum(dim=-1).min()) for one, other in maps)


def _maps(features: PictureFeatures) -> list[torch.Tensor]:
    return [*features.visual, features.text_aligned]


if __name__ == "__main__":
    main()
