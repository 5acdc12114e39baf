"""One Ray worker against two on this machine.

    python -m benchmarks.ray_workers [--smoke | --quick]

ViT-B/16 with random weights at 224 px on 144 pairs of 1 megapixel (288 without --quick), and on a
third of them. Each worker is held to one core of its own, or a single one would decode and
align on the other's. The difference of the two runs is the time of the pairs without any
start-up. Needs the extra [ray], and Linux to hold a worker to a core.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from functools import partial
from pathlib import Path

from argus_fiftyone.encoders.clip.encoder import ClipEncoder
from argus_fiftyone.encoders.clip.loading import load_clip
from argus_fiftyone.settings import Settings
from benchmarks.measuring import (
    ONE_MEGAPIXEL,
    TOWER,
    by_amount,
    describe_machine,
    repeated,
    seconds,
    tell_ratio,
    write_pairs,
)


def main() -> None:
    try:
        import ray
    except ImportError:
        print("not measured: Ray is not installed (pip install 'argus-fiftyone[ray]')")
        return
    from argus_fiftyone.runs.on_ray import run_on_ray

    count, side = by_amount(smoke=(4, 64), quick=(144, 224), full=(288, 224))
    size = by_amount(smoke=(96, 128), quick=ONE_MEGAPIXEL, full=ONE_MEGAPIXEL)
    print(describe_machine())
    environment = {"PYTHONPATH": str(Path(__file__).resolve().parents[1]), "OMP_NUM_THREADS": "1"}
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        runtime_env={"env_vars": environment},
    )
    encoder, times = load_clip(TOWER, "cpu"), {}
    with tempfile.TemporaryDirectory() as scratch:
        pairs = repeated(write_pairs(Path(scratch) / "pictures", min(count, 8), size), count)
        few = pairs[: count // 3]
        settings = Settings(encoder=TOWER, resolution=side, device="cpu")
        for workers in (1, 2):

            def run(some, workers=workers) -> float:
                taken = tempfile.mkdtemp(dir=scratch)
                how = {"workers": workers, "overwrite": True, "load": partial(load_on_a_core, taken=taken)}
                return seconds(lambda: run_on_ray(some, Path(scratch) / "out", settings, encoder, **how))

            # Starting processes and loading weights is in both; the difference is the pairs.
            long, short = run(pairs), run(few)
            times[workers] = (long - short) / (len(pairs) - len(few))
            print(f"{workers} worker(s): {times[workers]:.3f} s per pair (start-up subtracted)", flush=True)
    tell_ratio(f"two Ray workers over one, on {os.cpu_count()} cores", times[1] / times[2], "≥ 1.6")
    ray.shutdown()


def load_on_a_core(name: str, device: str, taken: str) -> ClipEncoder:
    """An encoder in a process that from now on uses one core, which no other of the run has."""
    for core in sorted(os.sched_getaffinity(0)):
        try:
            os.mkdir(os.path.join(taken, str(core)))
        except FileExistsError:
            continue
        for thread in os.listdir("/proc/self/task"):
            os.sched_setaffinity(int(thread), {core})
        return load_clip(name, device)
    raise RuntimeError("more workers than cores: none is left for this one")


if __name__ == "__main__":
    sys.exit(main())
