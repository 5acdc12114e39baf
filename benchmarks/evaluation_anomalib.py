"""AUPRO in one pass against anomalib's: time, extra memory and agreement; its AUPIMO beside it.

    python -m benchmarks.evaluation_anomalib [--smoke | --quick]

The maps of `evaluation_speed`. The script makes an environment for anomalib (see `rivals`).
Argus has no AUPIMO; what it costs is printed for comparison.
"""

from __future__ import annotations

import sys

import numpy as np
import torch

from argus_fiftyone.evaluation.metrics import EvidenceHistogram
from benchmarks import rivals
from benchmarks.evaluation_speed import Drawn, draw, draw_all, measured
from benchmarks.measuring import describe_machine, tell_ratio


def main() -> int:
    if not rivals.inside():
        return rivals.run_inside("benchmarks.evaluation_anomalib")
    from anomalib.metrics.aupro import _AUPRO  # pyright: ignore[reportMissingImports]
    from anomalib.metrics.pimo.pimo import _AUPIMO  # pyright: ignore[reportMissingImports]

    drawn = draw_all()
    print(f"{describe_machine()}\n{rivals.versions()}\n{len(drawn)} maps of {drawn[0][0].shape}")

    def aupro(maps: Drawn) -> tuple[float]:
        return (float(fed(_AUPRO(fpr_limit=0.3), maps).compute()),)

    def aupimo(maps: Drawn) -> tuple[float]:
        return (float(fed(_AUPIMO(), maps).compute(force=True)[1].aupimos.nanmean()),)

    ours([draw(1, 64)])
    found, times = {}, {}
    for name, work in (("argus AUPRO", ours), ("anomalib AUPRO", aupro), ("anomalib AUPIMO", aupimo)):
        try:
            times[name], extra, (found[name],) = measured(work, drawn)
        except (ValueError, IndexError) as error:  # AUPIMO wants more thresholds than some maps give
            print(f"{name:16} refuses: {error}")
            continue
        print(f"{name:16} {times[name]:8.3f} s, {extra:6.0f} MB extra, {found[name]:.8f}", flush=True)
    apart = abs(found["argus AUPRO"] - found["anomalib AUPRO"])
    print(f"AUPRO differs by {apart:.1e}")
    tell_ratio("AUPRO, × anomalib's", times["anomalib AUPRO"] / times["argus AUPRO"])
    return 0


def ours(drawn: Drawn) -> tuple[float]:
    histogram = EvidenceHistogram()
    for evidence, mask in drawn:
        histogram.add(evidence, mask)
    return (histogram.aupro(0.3),)


def fed(metric, drawn: Drawn):
    """A metric of anomalib that was given all maps."""
    evidence, masks = (np.stack(parts) for parts in zip(*drawn, strict=True))
    metric.update(torch.from_numpy(evidence), torch.from_numpy(masks.astype(np.int64)))
    return metric


if __name__ == "__main__":
    sys.exit(main())
