"""What a second look costs: cold against warm cache, and 1, 5 and 20 queries.

    python benchmarks/cache_and_queries.py [--smoke]

ViT-B/16 with random weights at 448 px, 1-megapixel JPEG brought to 1024 px, so that maps are
at most 1024 px. Cold: an empty cache folder. Warm: the same pictures, a query not asked before.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from measuring import QUERIES, describe_machine, is_smoke, seconds, write_pairs

from argus_fiftyone.cache import FeatureCache
from argus_fiftyone.encoders.clip import load_clip
from argus_fiftyone.run_folder import run_pairs
from argus_fiftyone.settings import Settings


def main() -> None:
    smoke = is_smoke()
    side, count, size, rounds = (64, 2, (96, 128), 1) if smoke else (448, 24, (768, 1024), 3)
    print(describe_machine())
    settings = Settings(resolution=side)
    for precision in ("fp32", "bf16"):
        encoder = load_clip("clip:ViT-B-16-quickgelu:random", "cpu", precision=precision)
        encoder.note = ""  # or random weights would understand no words, and queries would cost nothing
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            pairs = write_pairs(folder / "pictures", count, size)

            def ask(queries, cache, out=folder / "out", pairs=pairs, encoder=encoder) -> float:
                encoder._texts.clear()
                how = {"overwrite": True, "cache": cache, "progress": False}
                return seconds(lambda: run_pairs(pairs, out, settings, encoder, queries, **how)) / len(pairs)

            ask(QUERIES[:1], None)
            for number in range(rounds):
                cache = FeatureCache(folder / f"cache{number}")
                without = {n: ask(QUERIES[:n], None) for n in (1, 5, 20)}
                cold, warm = ask(["a crack"], cache), ask(["a scratch"], cache)
                print(
                    f"{precision} round {number + 1}: "
                    + ", ".join(f"{n} queries {s:.3f} s ({s / without[1]:.2f}×)" for n, s in without.items())
                    + f"; cold cache {cold:.3f} s, warm {warm:.3f} s: {cold / warm:.1f}× faster; "
                    + f"{cache.volume() / count / 1e6:.1f} MB per pair",
                    flush=True,
                )
                cache.close()


if __name__ == "__main__":
    sys.exit(main())
