"""The same run on two Ray workers: the same maps to the bit, and a lost worker loses nothing."""

from __future__ import annotations

import functools
import importlib.util
import os
import signal
from pathlib import Path

import pytest
from fake_towers import FakeTowers, write_scenes
from test_resume import digest

from argus_fiftyone.io.pair_list import PairListError, read_pairs
from argus_fiftyone.runs.files import RunFiles
from argus_fiftyone.runs.folder import RunFolderError, run_pairs
from argus_fiftyone.settings import Settings

SETTINGS = Settings(encoder="fake", resolution=128)
HAS_RAY = importlib.util.find_spec("ray") is not None
TESTS = str(Path(__file__).parent)

needs_ray = pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed: pip install 'argus-fiftyone[ray]'")
pytestmark = [
    pytest.mark.ray,
    needs_ray,
    pytest.mark.filterwarnings("ignore"),  # Ray and Arrow warn about themselves
]


class Doomed(FakeTowers):
    """Kills its own process at the third call, unless another has died before."""

    def __init__(self, grave: str) -> None:
        super().__init__()
        self.grave = Path(grave)

    def encode_images(self, images, kinds):
        if len(self.batches) == 2 and not self.grave.exists():
            self.grave.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode_images(images, kinds)


def load_fake(settings: Settings) -> FakeTowers:
    return FakeTowers()


def load_doomed(settings: Settings, grave: str) -> FakeTowers:
    return Doomed(grave)


@pytest.fixture(scope="module")
def cluster():
    import ray

    paths = os.pathsep.join([str(Path(TESTS).parent), TESTS])
    environment = {"env_vars": {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}}
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=2**27,
        runtime_env=environment,
    )
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def listed(tmp_path_factory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("scenes"), 40)


def test_two_workers_give_the_same_files_as_one_machine(cluster, listed, tmp_path):
    from pyarrow import parquet

    from argus_fiftyone.runs.on_ray import run_on_ray

    pairs = read_pairs(listed)
    run_pairs(pairs, tmp_path / "here", SETTINGS, FakeTowers())
    assert run_on_ray(pairs, tmp_path / "there", SETTINGS, FakeTowers(), workers=2, load=load_fake) == 0
    table = parquet.read_table(tmp_path / "there" / "scores.parquet")
    (tmp_path / "there" / "scores.parquet").unlink()
    assert digest(tmp_path / "there") == digest(tmp_path / "here")
    assert RunFiles.read(tmp_path / "there").rows == RunFiles.read(tmp_path / "here").rows
    assert {len(warp) for warp in table.column("warp").to_pylist()} == {9}
    assert table.column("id").to_pylist() == [pair.id for pair in pairs]
    assert all(0 <= score <= 1 for score in table.column("score").to_pylist())


def test_a_worker_lost_midway_loses_nothing(cluster, listed, tmp_path):
    from argus_fiftyone.runs.on_ray import run_on_ray

    pairs = read_pairs(listed)
    run_pairs(pairs, tmp_path / "here", SETTINGS, FakeTowers())
    doomed = functools.partial(load_doomed, grave=str(tmp_path / "grave"))
    assert run_on_ray(pairs, tmp_path / "there", SETTINGS, FakeTowers(), workers=2, load=doomed) == 0
    assert (tmp_path / "grave").exists()
    (tmp_path / "there" / "scores.parquet").unlink()
    assert digest(tmp_path / "there") == digest(tmp_path / "here")


def test_a_worker_with_another_version_is_refused(cluster, listed, tmp_path, monkeypatch):
    from argus_fiftyone.runs import on_ray as ray_run

    monkeypatch.setattr(ray_run, "code_identity", lambda: "another version")
    with pytest.raises(RunFolderError, match=r"the code of Argus on the worker .* install the same version"):
        ray_run.run_on_ray(
            read_pairs(listed), tmp_path / "out", SETTINGS, FakeTowers(), workers=1, load=load_fake
        )


def test_a_run_begun_here_is_finished_there(cluster, listed, tmp_path):
    from argus_fiftyone.runs.on_ray import run_on_ray

    pairs = read_pairs(listed)
    run_pairs(pairs[:30], tmp_path / "out", SETTINGS, FakeTowers())
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "maps").rglob("*.png")}
    assert run_on_ray(pairs, tmp_path / "out", SETTINGS, FakeTowers(), workers=2, load=load_fake) == 0
    assert len(list((tmp_path / "out" / "maps").rglob("*.png"))) == 40
    assert all(path.stat().st_mtime_ns == moment for path, moment in before.items())


def test_a_pair_list_in_parquet_is_the_pair_list_in_csv(listed, tmp_path):
    from pyarrow import csv, parquet

    table = csv.read_csv(listed)
    parquet.write_table(table, listed.with_suffix(".parquet"))
    assert read_pairs(listed.with_suffix(".parquet")) == read_pairs(listed)
    parquet.write_table(table.drop_columns(["after"]), tmp_path / "short.parquet")
    with pytest.raises(PairListError, match="needs the column after"):
        read_pairs(tmp_path / "short.parquet")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1")
    with pytest.raises(PairListError, match="not a readable Parquet file"):
        read_pairs(tmp_path / "torn.parquet")
