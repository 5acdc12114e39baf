"""The same run on many machines: Ray Data spreads the pairs, workers write maps, one folder collects.

Every machine must see the pictures and the output folder under the same paths. The
journal stays with the process that was started, so a run on Ray is resumed like any
other, and may be continued without Ray.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from argus_fiftyone import __version__
from argus_fiftyone.encoders.protocol import Encoder
from argus_fiftyone.engine.batch import compare_pairs
from argus_fiftyone.engine.cache import FeatureCache, code_identity
from argus_fiftyone.io.pair_list import Pair
from argus_fiftyone.methods.registry import encoder_for, method_class
from argus_fiftyone.runs.folder import RunFolder, RunFolderError, map_packers, write_maps
from argus_fiftyone.runs.journal import score_rows
from argus_fiftyone.settings import Settings

PAIRS_PER_BLOCK = 16
"""What a lost worker costs at most, and what one call of a worker overlaps within itself."""

CORES_PER_WORKER = 4
"""On machines without a GPU. More cores speed one encoder up less than another worker would."""

OTHER_CODE = (
    "the code of Argus on the worker {host} (version {version}) is not that of the process that was "
    "started, so its maps would differ; install the same version on all machines"
)

Load = Callable[[Settings], Encoder]


def run_on_ray(
    pairs: Sequence[Pair],
    folder: Path,
    settings: Settings,
    encoder: Encoder,
    queries: Sequence[str] | None = None,
    *,
    address: str = "local",
    workers: int | None = None,
    overwrite: bool = False,
    cache: Path | None = None,
    load: Load = encoder_for,
) -> int:
    """Compare pairs on a Ray cluster; the number of pairs that failed.

    Writes what `folder.run_pairs` writes, and scores.parquet besides.

    Args:
        encoder: names the run in its record; the workers load their own.
        address: "local" starts Ray on this machine, "auto" finds the cluster this machine
            belongs to, "ray://host:10001" reaches another.
        workers: encoders at work at the same time; None: one per GPU, or one per four cores.
        cache: a folder that every worker sees.
        load: makes the encoder that settings name, on the worker.

    Raises:
        RunFolderError: if Ray is missing or unreachable, the folder cannot take this run, or a
            worker has another version of Argus; the message says which.
    """
    if method_class(settings.method).needs.fit != "none":
        raise RunFolderError(f"{settings.method} learns from the whole run: leave out --ray")
    _connect(address)
    settings = replace(settings, encoder=encoder.name)  # "auto" must mean the same on every machine
    with RunFolder(folder, pairs, settings, encoder, queries, overwrite) as run:
        known = {pair.id: pair for pair in run.unfinished}
        kept = str(cache) if cache else None
        job = (str(folder.resolve()), settings, list(queries or ()), kept, load, code_identity())
        done = len(pairs) - len(known)
        for row in tqdm(_spread(run.unfinished, job, workers), total=len(pairs), initial=done, disable=None):
            run.add_rows(known[row["id"]], json.loads(row["rows"]))
    _write_parquet(folder / "scores.parquet", run.rows())
    return run.failed


class CompareBlock:
    """A worker: one encoder, and blocks of pairs that it compares as one machine would."""

    def __init__(
        self,
        folder: str,
        settings: Settings,
        queries: list[str],
        cache: str | None,
        load: Load,
        code: str,
    ) -> None:
        if code != code_identity():
            raise RuntimeError(OTHER_CODE.format(host=socket.gethostname(), version=__version__))
        self.folder, self.settings, self.queries = Path(folder), settings, queries
        self.encoder = load(settings)
        self.cache = FeatureCache(cache) if cache else None
        self.packers = map_packers()

    def __call__(self, block: dict[str, Any]) -> dict[str, list[str]]:
        rows = zip(*(block[name] for name in ("id", "before", "after", "query")), strict=True)
        pairs = [Pair(str(i), Path(str(b)), Path(str(a)), str(q)) for i, b, a, q in rows]
        told: dict[str, list[str]] = {"id": [], "rows": []}
        asked = self.queries or None
        for outcome in compare_pairs(pairs, self.encoder, self.settings, asked, cache=self.cache):
            write_maps(self.folder, outcome, self.packers)
            told["id"].append(outcome.pair.id)
            told["rows"].append(json.dumps(score_rows(outcome, asked)))
        return told


def _spread(pairs: Sequence[Pair], job: tuple[Any, ...], workers: int | None) -> Iterator[dict[str, Any]]:
    """Rows of finished pairs as they come, in no particular order."""
    if not pairs:
        return
    import ray.data
    from ray.exceptions import RayError

    listed = [
        {"id": p.id, "before": str(p.before.resolve()), "after": str(p.after.resolve()), "query": p.query}
        for p in pairs
    ]
    ray.data.DataContext.get_current().enable_progress_bars = False
    blocks = -(-len(listed) // PAIRS_PER_BLOCK)
    spread = ray.data.from_items(listed, override_num_blocks=blocks).map_batches(
        CompareBlock,
        fn_constructor_args=job,
        batch_size=None,  # one call per block; Ray restarts a lost worker and repeats its block
        **_share(workers, blocks),
    )
    try:
        yield from spread.iter_rows()
    except RayError as error:
        raise RunFolderError(f"Ray gave up: {_reason(error)}; the same command goes on") from error


def _reason(error: Exception) -> str:
    """What a worker said, out of Ray's pages of trace."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line.partition(": ")[2] for line in lines if "Error: " in line]
    return (told or lines or [type(error).__name__])[-1]


def _share(workers: int | None, blocks: int) -> dict[str, Any]:
    """How many workers, and what each gets of the cluster."""
    import ray
    from ray.data import ActorPoolStrategy

    found = ray.cluster_resources()
    gpus, cores = int(found.get("GPU", 0)), int(found.get("CPU", 1))
    workers = max(1, min(workers or gpus or cores // CORES_PER_WORKER, blocks))
    pool = ActorPoolStrategy(size=workers)
    if gpus:
        return {"compute": pool, "num_gpus": min(1.0, gpus / workers)}
    return {"compute": pool, "num_cpus": max(1, cores // workers)}


def _connect(address: str) -> None:
    """Join or start a cluster; one that is already joined stays."""
    try:
        import ray
        import ray.data
    except ImportError:
        raise RunFolderError(
            "running on Ray needs its packages: pip install 'argus-fiftyone[ray]' here and on every worker"
        ) from None
    logging.getLogger("ray.data").setLevel(logging.WARNING)  # or each run begins with a page of plans
    if ray.is_initialized():
        return
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise RunFolderError(
            f"no Ray cluster answers at {address!r} ({error}); start one with `ray start --head`, "
            "or use --ray local for this machine alone"
        ) from None


def _write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    """The rows of scores.csv with numbers as numbers; appears whole or not at all."""
    import pyarrow
    from pyarrow import parquet

    texts = ("id", "query", "direction", "alignment", "status", "error")
    columns: dict[str, Any] = {n: pyarrow.array([row.get(n) for row in rows], "string") for n in texts}
    scores = [float(row["score"]) if row.get("score") else None for row in rows]
    supports, warps = ([row.get(name) for row in rows] for name in ("support", "warp"))
    columns |= {
        "score": pyarrow.array(scores, "float64"),
        "support": pyarrow.array(supports, "float64"),
        "warp": pyarrow.array(warps, pyarrow.list_(pyarrow.float64())),
    }
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    parquet.write_table(pyarrow.table(columns), partial)
    os.replace(partial, path)
