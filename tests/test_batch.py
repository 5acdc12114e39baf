"""Many pairs: overlapping stages give what one pair after the other gives."""

from __future__ import annotations

import threading
import time
import tracemalloc
from itertools import cycle, islice

import numpy as np
import pytest
import torch
from fake_towers import FakeTowers, write_scenes
from walks import compared

from argus_fiftyone.engine.batch import compare_pairs
from argus_fiftyone.io.pair_list import Pair, read_pairs
from argus_fiftyone.io.png import write_png
from argus_fiftyone.settings import Settings

SETTINGS = Settings(resolution=128)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    return read_pairs(write_scenes(tmp_path_factory.mktemp("scenes"), 12))


def alone(pair: Pair):
    return compared(pair.before, pair.after, [pair.query], FakeTowers(), SETTINGS)[0]


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_many_pairs_give_what_each_gives_alone(pairs, batch):
    outcomes = list(compare_pairs(pairs, FakeTowers(), SETTINGS, batch=batch))
    assert [outcome.pair for outcome in outcomes] == pairs
    for outcome in outcomes:
        single = alone(outcome.pair)
        assert not outcome.error
        assert np.array_equal(outcome.comparisons[0].heatmap, single.heatmap)
        assert outcome.comparisons[0].score == single.score
        assert outcome.comparisons[0].warp == single.warp
    assert any(outcome.comparisons[0].heatmap.any() for outcome in outcomes)


def test_pairs_of_one_size_share_a_batch_and_others_do_not(tmp_path):
    big = read_pairs(write_scenes(tmp_path / "big", 6, side=128))
    write_png(tmp_path / "tall.png", np.full((160, 96, 3), 90, np.uint8))
    tall = [Pair(f"tall/{pair.id}", tmp_path / "tall.png", tmp_path / "tall.png") for pair in big]
    mixed = [pair for both in zip(big, tall, strict=True) for pair in both]
    slow_to_answer = FakeTowers(delay=0.05)
    outcomes = list(compare_pairs(mixed, slow_to_answer, SETTINGS, batch=3, readers=4))
    assert [outcome.pair for outcome in outcomes] == mixed
    assert not any(outcome.error for outcome in outcomes)
    assert slow_to_answer.pictures == 2 * len(mixed)
    assert max(slow_to_answer.batches) > 2


def test_one_bad_pair_never_sinks_the_rest(pairs, tmp_path):
    (tmp_path / "torn.jpg").write_bytes(pairs[0].before.read_bytes()[:500])
    write_png(tmp_path / "13.png", np.full((96, 128, 3), 13, np.uint8))
    bad = [
        Pair("gone", tmp_path / "gone.png", pairs[0].after),
        Pair("torn", pairs[0].before, tmp_path / "torn.jpg"),
        Pair("feared", tmp_path / "13.png", tmp_path / "13.png"),
    ]
    asked = [pairs[0], *bad, *pairs[1:]]
    for batch in (1, 4):
        outcomes = list(compare_pairs(asked, FakeTowers(), SETTINGS, batch=batch))
        assert [outcome.pair for outcome in outcomes] == asked
        assert [outcome.pair.id for outcome in outcomes if outcome.error] == ["gone", "torn", "feared"]
        assert "no such file" in outcomes[1].error
        assert "13" in outcomes[3].error


def test_the_encoder_goes_on_while_the_caller_is_busy(pairs):
    encoder = FakeTowers()
    outcomes = compare_pairs(pairs, encoder, SETTINGS)
    next(outcomes)
    # The caller asks for nothing more; two pictures were enough for what it has.
    deadline = time.monotonic() + 60
    while encoder.pictures <= 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert encoder.pictures > 2
    outcomes.close()


def test_no_more_pairs_are_read_than_the_queues_hold(pairs):
    drawn = 0

    def counted():
        nonlocal drawn
        for pair in cycle(pairs):
            drawn += 1
            yield pair

    outcomes = compare_pairs(counted(), FakeTowers(), SETTINGS, readers=2, lanes=1)
    list(islice(outcomes, 5))
    time.sleep(0.2)
    assert drawn <= 5 + 2 + 4
    outcomes.close()


def test_memory_does_not_grow_with_the_number_of_pairs(pairs):
    def peak(count: int) -> int:
        tracemalloc.start()
        for _ in compare_pairs(islice(cycle(pairs), count), FakeTowers(), SETTINGS, readers=1):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(10)
    assert peak(90) < 1.5 * peak(30)  # three times as much, if it grew


def test_leaving_early_leaves_no_threads(pairs):
    before = threading.active_count()
    outcomes = compare_pairs(pairs, FakeTowers(), SETTINGS)
    next(outcomes)
    outcomes.close()
    assert threading.active_count() == before


def test_the_callers_torch_keeps_its_threads(pairs):
    before = torch.get_num_threads()
    list(compare_pairs(pairs[:2], FakeTowers(), SETTINGS))
    seen = []
    thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert torch.get_num_threads() == before
    assert seen == [before]


@pytest.mark.offline_towers
def test_maps_do_not_depend_on_how_many_cores_there_are(tmp_path, mini):
    pairs = read_pairs(write_scenes(tmp_path, 3, side=256))
    found, before = [], torch.get_num_threads()
    try:
        for cores in (1, 2, 3):
            torch.set_num_threads(cores)
            outcomes = compare_pairs(pairs, mini, Settings(resolution=320))
            found.append([outcome.comparisons[0].heatmap for outcome in outcomes])
    finally:
        torch.set_num_threads(before)
    for maps in found[1:]:
        assert all(np.array_equal(one, other) for one, other in zip(found[0], maps, strict=True))


def test_several_queries_share_one_encoding(pairs):
    encoder = FakeTowers()
    outcomes = list(compare_pairs(pairs[:3], encoder, SETTINGS, ["a spot", "", "a missing spot"]))
    assert encoder.pictures == 6
    assert [c.query for c in outcomes[0].comparisons] == ["a spot", "", "a missing spot"]


def test_maps_keep_the_size_of_the_after_picture_though_it_is_decoded_smaller(tmp_path):
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    big = Image.fromarray(noise).resize((2400, 1800))
    for name in ("before.jpg", "after.jpg"):
        big.save(tmp_path / name, quality=90)
    upright = Image.Exif()
    upright[0x0112] = 6
    big.save(tmp_path / "turned.jpg", exif=upright)
    pairs = [Pair(name, tmp_path / "before.jpg", tmp_path / f"{name}.jpg") for name in ("after", "turned")]
    outcomes = list(compare_pairs(pairs, FakeTowers(), SETTINGS))
    assert [o.comparisons[0].heatmap.shape for o in outcomes] == [(1536, 2048), (2048, 1536)]
    assert np.abs(outcomes[0].comparisons[0].heatmap).max() < 1e-4
