"""One Ray worker against two on this machine.

    python -m benchmarks.ray_workers [--smoke | --quick]

ViT-B/32 with random weights at 224 px, 96 pairs of 1 megapixel and 32 of them; each worker gets one
core. The difference of the two runs is the time of 64 pairs without any start-up. Needs the
extra [ray].
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from pathlib import Path

from argus_fiftyone.encoders.clip import load_clip
from argus_fiftyone.settings import Settings
from benchmarks.measuring import ONE_MEGAPIXEL, describe_machine, is_smoke, seconds, write_pairs

NAME = "clip:ViT-B-32-quickgelu:random"


def main() -> None:
    try:
        import ray
    except ImportError:
        print("not measured: Ray is not installed (pip install 'argus-fiftyone[ray]')")
        return
    from argus_fiftyone.ray_run import run_on_ray

    count, size, side = (4, (96, 128), 64) if is_smoke() else (96, ONE_MEGAPIXEL, 224)
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
    encoder, times = load_clip(NAME, "cpu"), {}
    with tempfile.TemporaryDirectory() as scratch:
        pairs = write_pairs(Path(scratch) / "pictures", count, size)
        few = pairs[: count // 3]
        settings = Settings(encoder=NAME, resolution=side, device="cpu")
        for workers in (1, 2):

            def run(some, workers=workers) -> float:
                how = {"workers": workers, "overwrite": True}
                return seconds(lambda: run_on_ray(some, Path(scratch) / "out", settings, encoder, **how))

            # Starting processes and loading weights is in both; the difference is the pairs.
            long, short = run(pairs), run(few)
            times[workers] = (long - short) / (len(pairs) - len(few))
            print(f"{workers} worker(s): {times[workers]:.3f} s per pair (start-up subtracted)", flush=True)
    print(f"two workers give {times[1] / times[2]:.2f} × one worker's throughput on {os.cpu_count()} cores")
    ray.shutdown()


if __name__ == "__main__":
    sys.exit(main())
