"""What was seen once is not seen again, and what is remembered is what was seen."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import diskcache
import numpy as np
import pytest
import tiny_clip
import torch
from fake_towers import FakeTowers, write_scenes
from walks import store_of, walk_of

from argus_fiftyone.encoders.clip.loading import load_clip
from argus_fiftyone.encoders.protocol import FeatureKind
from argus_fiftyone.engine import compare
from argus_fiftyone.engine.batch import compare_pairs
from argus_fiftyone.engine.cache import FeatureCache
from argus_fiftyone.engine.cached_encoder import CachedEncoder
from argus_fiftyone.engine.observation import Observation
from argus_fiftyone.engine.result import PairResult
from argus_fiftyone.io.images import read_image
from argus_fiftyone.io.pair_list import Pair, read_pairs
from argus_fiftyone.io.png import write_png
from argus_fiftyone.settings import Settings
from argus_fiftyone.text.query import parse_query

SETTINGS = Settings(resolution=128)
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def pairs(tmp_path: Path) -> list[Pair]:
    return read_pairs(write_scenes(tmp_path / "scenes", 4))


@pytest.fixture
def cache(tmp_path: Path):
    opened = FeatureCache(tmp_path / "cache")
    yield opened
    opened.close()


def ask(pairs, encoder, cache, queries=None) -> list[PairResult]:
    outcomes = list(compare_pairs(pairs, encoder, SETTINGS, queries, cache=cache))
    assert not [outcome.error for outcome in outcomes if outcome.error]
    return outcomes


def assert_same(first: list[PairResult], second: list[PairResult]) -> None:
    for one, other in zip(first, second, strict=True):
        for a, b in zip(one.comparisons, other.comparisons, strict=True):
            assert np.array_equal(a.heatmap, b.heatmap)
            assert (a.score, a.warp, a.alignment, a.direction) == (b.score, b.warp, b.alignment, b.direction)


def test_a_new_query_on_known_pictures_costs_no_encoding(pairs, cache):
    ask(pairs, FakeTowers(), cache)
    warm = FakeTowers()
    found = ask(pairs, warm, cache, ["a missing bolt"])
    assert warm.pictures == 0
    assert_same(found, ask(pairs, FakeTowers(), None, ["a missing bolt"]))


def test_with_the_cache_or_without_results_are_the_same_to_the_bit(pairs, cache):
    without = ask(pairs, FakeTowers(), None)
    assert_same(without, ask(pairs, FakeTowers(), cache))
    assert_same(without, ask(pairs, FakeTowers(), cache))


def test_the_environment_names_a_cache_where_no_option_can(pairs, tmp_path, monkeypatch):
    monkeypatch.setenv("ARGUS_CACHE", str(tmp_path / "named"))
    ask(pairs, FakeTowers(), None)
    warm = FakeTowers()
    ask(pairs, warm, None, ["another query"])
    assert warm.pictures == 0


def test_a_shared_before_picture_is_encoded_once(pairs, cache, tmp_path):
    plain = np.full((96, 128, 3), 100, np.uint8)
    shared = []
    for number in range(4):
        after = plain.copy()
        after[20:40, 20 + 8 * number : 50 + 8 * number] = 40 * number
        write_png(tmp_path / f"{number}.png", after)
        shared.append(Pair(str(number), tmp_path / "before.png", tmp_path / f"{number}.png"))
    write_png(tmp_path / "before.png", plain)
    encoder = FakeTowers()
    assert_same(ask(shared, encoder, cache), ask(shared, FakeTowers(), None))
    assert encoder.pictures == 5


def test_a_changed_picture_another_encoder_and_other_weights_are_not_mistaken(pairs, cache):
    ask(pairs, FakeTowers(), cache)
    renamed, retrained, changed = FakeTowers("other"), FakeTowers(scale=0.3), FakeTowers()
    ask(pairs, renamed, cache)
    ask(pairs, retrained, cache)
    assert (renamed.pictures, retrained.pictures) == (8, 8)
    write_png(pairs[0].after, read_image(pairs[0].after)[::-1].copy())
    ask(pairs, changed, cache)
    assert changed.pictures in (1, 2)  # one where the before picture is not warped anew


def test_changed_code_between_files_and_evidence_is_not_mistaken(pairs, cache, monkeypatch):
    found: list[str] = []
    original = FeatureCache.get

    def listening(self, key):
        entry = original(self, key)
        if entry and "alignment" in entry[1]:
            found.append(key)
        return entry

    monkeypatch.setattr(FeatureCache, "get", listening)
    ask(pairs, FakeTowers(), cache)
    assert not found
    ask(pairs, FakeTowers(), cache)
    assert len(set(found)) == len(pairs)
    found.clear()
    monkeypatch.setattr(compare, "code_identity", lambda: "a later release")
    ask(pairs, FakeTowers(), cache)
    assert not found


def test_every_field_of_an_observation_survives_the_cache(pairs, cache):
    walk = walk_of(FakeTowers(), SETTINGS)
    (seen,) = walk.observe([walk.register(pairs[0].before, pairs[0].after)])
    # As of an image compared with itself: two names hold one tensor.
    place = torch.rand(1, 4, 5)
    observed = dataclasses.replace(seen, tensors={**seen.tensors, "one": place, "other": place})
    store = store_of(walk, cache)
    store.put("key", observed)
    back = store.get("key")
    assert back is not None
    for field in dataclasses.fields(Observation):
        assert_equal(getattr(back, field.name), getattr(observed, field.name))


def test_a_cached_observation_says_what_the_pair_itself_says(pairs, cache):
    walk = walk_of(FakeTowers(), SETTINGS)
    store, (pair, *_) = store_of(walk, cache), pairs
    (seen,) = walk.observe([walk.register(pair.before, pair.after)])
    key = store.key(pair)
    assert key
    assert store.get(key) is None
    store.put(key, seen)
    back = store.get(key)
    assert back
    queries = ["a new spot", "", "a missing bolt"]
    for one, other in zip(walk.compare(seen, queries), walk.compare(back, queries), strict=True):
        assert np.array_equal(one.heatmap, other.heatmap)
        assert (one.score, one.direction, one.warp) == (other.score, other.direction, other.warp)


def test_another_method_version_resolution_or_file_is_not_mistaken(pairs, cache, monkeypatch):
    walk = walk_of(FakeTowers(), SETTINGS)
    keys = {store_of(walk, cache).key(pairs[0]), store_of(walk, cache).key(pairs[1])}
    keys.add(store_of(walk_of(FakeTowers(), Settings(resolution=160)), cache).key(pairs[0]))
    monkeypatch.setattr(type(walk.method), "version", 99)
    keys.add(store_of(walk, cache).key(pairs[0]))
    monkeypatch.setattr(type(walk.method), "name", "another")
    keys.add(store_of(walk, cache).key(pairs[0]))
    assert len(keys) == 5
    gone = Pair("gone", pairs[0].before, pairs[0].after.with_name("gone.png"))
    assert store_of(walk, cache).key(gone) is None


def assert_equal(found, expected) -> None:
    assert type(found) is type(expected)
    if isinstance(expected, torch.Tensor):
        assert torch.equal(found, expected)
        assert found.stride() == expected.stride()
    elif isinstance(expected, tuple):
        for one, other in zip(found, expected, strict=True):
            assert_equal(one, other)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for name in expected:
            assert_equal(found[name], expected[name])
    elif isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(found, expected)
    else:
        assert found == expected


def test_prompts_are_embedded_once_per_run(pairs):
    encoder = FakeTowers()
    queries = ["a crack", "a missing screw", "a crack or a screw"]
    ask(pairs, encoder, None, queries)
    parsed = [parse_query(query) for query in queries]
    distinct = {prompt for query in parsed for prompt in (*query.positive, *query.negative)}
    assert encoder.texts == len(distinct)
    assert encoder.pictures == 2 * len(pairs)


@pytest.mark.clip_towers
def test_a_clip_reads_the_prompts_of_a_run_once_and_together(pairs, tmp_path, monkeypatch):
    clip = load_clip(tiny_clip.register(tmp_path, "argus-counted"), "cpu", precision="fp32")
    clip.note = ""  # or random weights would understand nothing
    calls: list[list[str]] = []
    original = clip._embed
    monkeypatch.setattr(clip, "_embed", lambda prompts: calls.append(prompts) or original(prompts))
    queries = ["a crack", "a missing screw", "a crack or a screw"]
    outcomes = list(compare_pairs(pairs, clip, Settings(resolution=64), queries))
    assert not any(outcome.error for outcome in outcomes)
    (read,) = calls
    assert read
    assert len(read) == len(set(read))


def test_features_come_back_in_the_layout_they_had(cache):
    tensor = torch.randn(5, 3, 4).permute(1, 2, 0)
    cache.put("key", {"x": tensor}, {})
    entry = cache.get("key")
    assert entry
    assert_equal(entry[0]["x"], tensor)


KINDS: frozenset[FeatureKind] = frozenset({"levels", "dense"})


def noise(count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (count, 96, 128, 3), np.uint8))


def test_an_image_is_encoded_once_and_comes_back_as_it_was(cache):
    towers, (first, second) = FakeTowers(), noise(2)
    remembering = CachedEncoder(towers, KINDS, cache)
    seen = remembering.encode_images([first, second, first])
    assert towers.pictures == 2
    again = CachedEncoder(FakeTowers(), KINDS, cache).encode_images([first, second, first])
    for one, other in zip(seen, again, strict=True):
        assert_equal(one.levels, other.levels)
        assert_equal(one.dense, other.dense)
        assert_equal(one.image, other.image)


def test_features_of_other_kinds_are_not_mistaken(cache):
    (image,) = noise(1)
    (without,) = CachedEncoder(FakeTowers(), frozenset({"levels"}), cache).encode_images([image])
    (with_dense,) = CachedEncoder(FakeTowers(), KINDS, cache).encode_images([image])
    assert without.dense is None
    assert with_dense.dense is not None


def test_two_threads_that_want_one_image_encode_it_once(cache):
    towers, images = FakeTowers(delay=0.1), noise(1) * 4
    remembering = CachedEncoder(towers, KINDS, cache)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda image: remembering.encode_images([image])[0], images))
    assert towers.pictures == 1
    assert all(torch.equal(one.image, found[0].image) for one in found)


def test_the_budget_holds_and_the_oldest_go_first(tmp_path):
    cache = FeatureCache(tmp_path, gigabytes=0.004)
    for number in range(60):
        cache.put(str(number), {"x": torch.full((50_000,), float(number))}, {})
        cache.get("3")
    assert cache.volume() < 4.4e6
    assert cache.get("0") is None
    assert cache.get("3") is not None
    assert cache.get("59") is not None
    cache.close()


def test_a_budget_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="above 0 GB"):
        FeatureCache(tmp_path, 0)


def test_a_damaged_entry_is_a_miss(tmp_path):
    cache = FeatureCache(tmp_path)
    cache.put("key", {"x": torch.zeros(100_000)}, {"a": 1})
    (file,) = tmp_path.rglob("*.val")
    file.write_bytes(file.read_bytes()[:1000])
    assert cache.get("key") is None
    cache.close()


def test_what_would_have_to_be_unpickled_is_a_miss(tmp_path):
    with diskcache.Cache(str(tmp_path)) as open_handed:
        open_handed.set("key", {"an": "object"})
    cache = FeatureCache(tmp_path)
    assert cache.get("key") is None
    cache.close()


WRITER = """
import sys, torch
from argus_fiftyone.engine.cache import FeatureCache
cache = FeatureCache(sys.argv[1], 0.02)
print("ready", flush=True)
for number in range(int(sys.argv[2])):
    name = str(number % 25)
    cache.put(name, {"x": torch.full((40_000,), float(number % 25))}, {"is": number % 25})
    found = cache.get(str((number * 7) % 25))
    assert found is None or float(found[0]["x"].sum()) == 40_000 * found[1]["is"]
print("done", flush=True)
"""


def start_writer(folder: Path, count: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", WRITER, str(folder), str(count)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_several_processes_share_a_cache_and_one_may_be_killed_at_any_moment(tmp_path):
    victim, *others = [start_writer(tmp_path, 10**6), *(start_writer(tmp_path, 60) for _ in range(2))]
    assert victim.stdout
    with victim.stdout as said:
        assert said.readline() == "ready\n"
    time.sleep(0.5)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    for process in others:
        assert process.communicate()[0] == "ready\ndone\n"
    cache = FeatureCache(tmp_path)
    entries = [cache.get(str(number)) for number in range(25)]
    assert all(entry is None or float(entry[0]["x"][-1]) == entry[1]["is"] for entry in entries)
    assert any(entries)
    cache.close()
