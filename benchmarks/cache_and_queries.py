"""What a second look costs: cold against warm cache, and 1, 5 and 20 queries.

    python -m benchmarks.cache_and_queries [--smoke | --quick]

ViT-B/16 with random weights at 448 px, 1-megapixel JPEG brought to 1024 px, so that maps are
at most 1024 px. Cold: an empty cache folder. Warm: the same pictures, a query not asked before.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from argus_fiftyone.encoders.clip.encoder import ClipEncoder
from argus_fiftyone.engine.cache import FeatureCache
from argus_fiftyone.io.pair_list import Pair
from argus_fiftyone.runs.folder import run_pairs
from argus_fiftyone.settings import Settings
from benchmarks.measuring import (
    QUERIES,
    by_amount,
    describe_machine,
    load_tower,
    precisions,
    seconds,
    tell_ratio,
    write_pairs,
)


def main() -> None:
    size = by_amount(smoke=(96, 128), quick=(768, 1024), full=(768, 1024))
    side, rounds = by_amount(smoke=(64, 1), quick=(448, 1), full=(448, 3))
    counts = by_amount(
        smoke={"fp32": 2, "bf16": 2}, quick={"fp32": 24, "bf16": 72}, full={"fp32": 24, "bf16": 72}
    )
    print(describe_machine())
    for precision in precisions():
        encoder = load_tower(precision)
        with tempfile.TemporaryDirectory() as scratch:
            pairs = write_pairs(Path(scratch) / "pictures", counts[precision], size)
            asker = Asker(pairs, encoder, Settings(resolution=side), Path(scratch))
            asker(QUERIES[:1])
            found = [asker.compare(f"cache{number}") for number in range(rounds)]
        for each in found:
            print(f"{precision}: " + ", ".join(f"{what} {value:.3f} s" for what, value in each.items()))
        middle = {what: statistics.median(each[what] for each in found) for what in found[0]}
        for count in (5, 20):
            ratio = middle[f"{count} queries"] / middle["1 query"]
            tell_ratio(f"time of {count} queries over 1, no cache, {precision}", ratio, "≤ 1.1")
        tell_ratio(f"cold over warm cache, new query, {precision}", middle["cold"] / middle["warm"], "≥ 10")


class Asker:
    """Runs the same pairs with other queries; seconds per pair."""

    def __init__(self, pairs: list[Pair], encoder: ClipEncoder, settings: Settings, scratch: Path) -> None:
        self.pairs, self.encoder, self.settings, self.scratch = pairs, encoder, settings, scratch

    def __call__(self, queries: Sequence[str], cache: FeatureCache | None = None) -> float:
        self.encoder._texts.clear()
        how = {"overwrite": True, "cache": cache, "progress": False}
        out = self.scratch / "out"
        return seconds(lambda: run_pairs(self.pairs, out, self.settings, self.encoder, queries, **how)) / len(
            self.pairs
        )

    def compare(self, name: str) -> dict[str, float]:
        cache = FeatureCache(self.scratch / name)
        found = {"1 query": self(QUERIES[:1]), "5 queries": self(QUERIES[:5]), "20 queries": self(QUERIES)}
        found |= {"cold": self(["a crack"], cache), "warm": self(["a scratch"], cache)}
        print(f"cache: {cache.volume() / len(self.pairs) / 1e6:.1f} MB per pair", flush=True)
        cache.close()
        return found


if __name__ == "__main__":
    sys.exit(main())
