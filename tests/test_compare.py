"""The corridor as a whole: fake towers for its workings, the real `mini` for what it sees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_towers import FakeTowers
from PIL import Image
from surfaces import PASTED, compress, draw_plate, draw_surface, move, paste_object, relight, shift

from argus_fiftyone.engine.compare import compare_files, compare_pictures
from argus_fiftyone.io.images import ImageError, read_image
from argus_fiftyone.io.png import write_png
from argus_fiftyone.registration.registered_pair import encoding_size
from argus_fiftyone.settings import Settings
from argus_fiftyone.text.query import parse_query

SMALL = Settings(resolution=128)
FULL = Settings(encoder="mini", resolution=416)
BOLT = ("", "a new bolt")


@pytest.fixture(scope="module")
def surface() -> np.ndarray:
    return draw_surface(11)


# How the corridor works, whichever towers it has.


def test_several_queries_share_one_encoding(surface):
    towers = FakeTowers()
    answers = compare_pictures(surface, paste_object(surface), ["", "a bolt", "a missing nut"], towers, SMALL)
    assert towers.pictures == 2
    assert [answer.query for answer in answers] == ["", "a bolt", "a missing nut"]


def test_asked_together_or_alone_the_answer_is_the_same(surface):
    after = paste_object(surface)
    together = compare_pictures(surface, after, ["a new bolt", "a missing nut"], FakeTowers(), SMALL)
    alone = compare_pictures(surface, after, ["a missing nut"], FakeTowers(), SMALL)[0]
    assert np.array_equal(together[1].heatmap, alone.heatmap)
    assert together[1].score == alone.score


def test_an_empty_query_asks_for_any_change_and_needs_no_words(surface):
    towers = FakeTowers()
    (answer,) = compare_pictures(surface, paste_object(surface), [""], towers, SMALL)
    assert towers.texts == 0
    assert (answer.query, answer.query_support) == ("", 0)


@pytest.mark.parametrize("gain", [0.6, 1.0, 1.6])
def test_a_picture_encoded_early_gives_the_same_answer(surface, gain: float, monkeypatch):
    before, after = surface, relight(paste_object(surface), gain)
    at_once = compare_pictures(before, after, ["a bolt"], FakeTowers(), SMALL)[0]
    monkeypatch.setattr(FakeTowers, "one_by_one", True, raising=False)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    early = compare_pictures(before, after, ["a bolt"], FakeTowers(), SMALL)[0]
    assert (early.score, early.alignment) == (at_once.score, at_once.alignment)
    assert ("exposure" in early.alignment) == (gain != 1)
    assert np.array_equal(early.heatmap, at_once.heatmap)


@pytest.mark.parametrize(("size", "most"), [((90, 120), 2048), ((90, 120), 64), ((600, 900), 2048)])
def test_the_after_picture_is_shown_as_read(tmp_path, size: tuple[int, int], most: int):
    paths, random = (tmp_path / "before.jpg", tmp_path / "after.jpg"), np.random.default_rng(1)
    for path in paths:
        Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8)).save(path)
    shown, _ = compare_files(*paths, "", FakeTowers(), replace(SMALL, map_size=most))
    assert np.array_equal(shown, read_image(paths[1], most))


@pytest.mark.parametrize("query", ["", "a new bolt", "a missing bolt"])
def test_identical_pictures_stay_at_zero(surface, query: str):
    (answer,) = compare_pictures(surface, surface, [query], FakeTowers(), SMALL)
    assert np.abs(answer.heatmap).max() < 1e-3
    assert answer.score < 0.01
    assert (answer.direction, answer.regions) == ("none", [])


def test_the_heatmap_has_the_size_of_the_after_picture(surface):
    before = surface[::2, ::2]
    (answer,) = compare_pictures(before, surface, [""], FakeTowers(), SMALL)
    assert answer.heatmap.shape == surface.shape[:2]
    assert answer.heatmap.dtype == np.float32


def test_very_large_pictures_get_maps_of_bounded_size():
    large = np.full((600, 3000, 3), 90, np.uint8)
    (answer,) = compare_pictures(large, large, [""], FakeTowers(), SMALL)
    assert answer.heatmap.shape == (round(600 * 2048 / 3000), 2048)


def test_encoding_sizes_are_whole_cells_at_the_resolution():
    assert encoding_size((480, 640), 32, 640) == (480, 640)
    assert encoding_size((1000, 750), 32, 640) == (640, 480)
    assert encoding_size((10, 4000), 32, 640) == (32, 640)


def test_what_the_before_picture_does_not_reach_stays_at_zero(surface):
    after = paste_object(move(surface, shift(60, 0)))
    (answer,) = compare_pictures(surface, after, [""], FakeTowers(), Settings(resolution=416))
    assert "% in view" in answer.alignment
    assert np.abs(answer.heatmap[:, :30]).max() < 1e-6


def test_files_give_what_their_pictures_give(surface, tmp_path: Path):
    after = paste_object(surface)
    write_png(tmp_path / "before.png", surface)
    write_png(tmp_path / "after.png", after)
    seen, answer = compare_files(
        tmp_path / "before.png", tmp_path / "after.png", "a bolt", FakeTowers(), SMALL
    )
    assert np.array_equal(seen, after)
    assert np.array_equal(
        answer.heatmap, compare_pictures(surface, after, ["a bolt"], FakeTowers(), SMALL)[0].heatmap
    )


def test_a_file_that_cannot_be_read_is_named(surface, tmp_path: Path):
    write_png(tmp_path / "before.png", surface)
    with pytest.raises(ImageError, match=r"gone\.png: no such file"):
        compare_files(tmp_path / "before.png", tmp_path / "gone.png", "", FakeTowers(), SMALL)


def test_every_answer_says_who_made_it(surface):
    (answer,) = compare_pictures(surface, surface, [""], FakeTowers(), SMALL)
    assert answer.encoder == "fake (fake towers, for tests)"
    np.testing.assert_allclose(np.reshape(answer.warp, (3, 3)), np.eye(3), atol=1e-12)


# What the offline towers see.


@pytest.mark.offline_towers
@pytest.mark.parametrize("query", ["", "a new bolt", "a missing bolt", "wrzlbrmft"])
def test_mini_keeps_an_identical_pair_at_zero(mini, surface, query: str):
    (answer,) = compare_pictures(surface, surface, [query], mini, FULL)
    assert np.abs(answer.heatmap).max() < 1e-3
    assert answer.score < 0.01


@pytest.mark.offline_towers
def test_mini_shows_a_pasted_object_with_a_plus_and_leaves_the_rest_quiet(mini, surface):
    for answer in compare_pictures(surface, paste_object(surface), BOLT, mini, FULL):
        assert answer.heatmap[PASTED].mean() > 0.4
        assert np.abs(answer.heatmap[:60]).max() < 0.2
        assert answer.score > 0.5
        assert answer.direction in ("appeared", "changed")


@pytest.mark.offline_towers
def test_swapping_before_and_after_flips_the_sign(mini, surface):
    """Nearly: light is matched from the before picture to the after picture."""
    after = paste_object(surface)
    came = parse_query("a new bolt")
    (forth,) = compare_pictures(surface, after, [came], mini, FULL)
    (back,) = compare_pictures(after, surface, [replace(came, direction="disappeared")], mini, FULL)
    assert forth.heatmap.max() > 0.5
    np.testing.assert_allclose(back.heatmap, -forth.heatmap, atol=0.05)
    assert back.score == pytest.approx(forth.score, abs=1e-3)


@pytest.mark.offline_towers
@pytest.mark.parametrize("ground", [draw_surface(11), draw_plate(11)], ids=["surface", "plate"])
def test_mini_shows_the_swapped_pair_with_a_minus_where_the_object_vanished(mini, ground):
    (answer,) = compare_pictures(paste_object(ground), ground, ["a missing bolt"], mini, FULL)
    assert answer.heatmap[PASTED].mean() < -0.4
    assert answer.heatmap.max() < 0.1
    assert answer.direction == "disappeared"
    assert answer.score > 0.5


@pytest.mark.offline_towers
def test_mini_finds_the_right_direction_likelier(mini):
    plate = draw_plate(11)
    came = compare_pictures(plate, paste_object(plate), ["a new bolt", "a missing bolt"], mini, FULL)
    went = compare_pictures(paste_object(plate), plate, ["a new bolt", "a missing bolt"], mini, FULL)
    assert came[0].score > came[1].score
    assert went[1].score > went[0].score


@pytest.mark.offline_towers
@pytest.mark.parametrize(("right", "down"), [(8, 0), (0, -8), (-5, 6), (2.5, 3)])
def test_mini_stays_quiet_under_a_shift_of_up_to_8_pixels(mini, surface, right: float, down: float):
    quiet(compare_pictures(surface, move(surface, shift(right, down)), BOLT, mini, FULL))


@pytest.mark.offline_towers
@pytest.mark.parametrize("gain", [0.8, 1.2])
def test_mini_stays_quiet_under_a_fifth_more_or_less_light(mini, surface, gain: float):
    quiet(compare_pictures(surface, relight(surface, gain), BOLT, mini, FULL))


@pytest.mark.offline_towers
@pytest.mark.parametrize("quality", [75, 40])
def test_mini_stays_quiet_under_compression(mini, surface, quality: int):
    quiet(compare_pictures(surface, compress(surface, quality), BOLT, mini, FULL))


def quiet(answers) -> None:
    for answer in answers:
        assert np.abs(answer.heatmap).max() < FULL.threshold
        assert answer.score < FULL.threshold
        assert answer.direction == "none"


@pytest.mark.offline_towers
def test_mini_understands_words_of_inspection_and_no_nonsense(mini):
    assert mini.understands(["a missing screw"]) > 0.5
    assert mini.understands(["wrzlbrmft qqxz"]) < 0.2
    assert mini.understands([""]) == 0
