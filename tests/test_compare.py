"""The walk of a pair: fake towers for its workings, the real `mini` for what it sees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_towers import FakeTowers, draw_textured, write_scenes
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from surfaces import PASTED, compress, draw_plate, draw_surface, move, paste_object, relight, shift
from walks import compared, walk_of

from argus_fiftyone.engine import compare as module
from argus_fiftyone.engine.overlay import overlay
from argus_fiftyone.engine.regions import LEVEL_ERROR
from argus_fiftyone.io.images import ImageError, read_image
from argus_fiftyone.io.maps import read_map, write_map
from argus_fiftyone.io.pair_list import read_pairs, read_rows
from argus_fiftyone.io.png import write_png
from argus_fiftyone.methods.constants import changed, constants
from argus_fiftyone.registration.registered_pair import encoding_size
from argus_fiftyone.runs.folder import run_pairs
from argus_fiftyone.settings import Settings
from argus_fiftyone.text.query import parse_query

SMALL = Settings(resolution=128)
FULL = Settings(encoder="mini", resolution=416)
BOLT = ("", "a new bolt")
CURVE = constants("argus", "mini")["curve"]


@pytest.fixture(scope="module")
def surface() -> np.ndarray:
    return draw_surface(11)


# How the walk works, whichever towers it has.


def test_several_queries_share_one_encoding(surface):
    towers = FakeTowers()
    answers = compared(surface, paste_object(surface), ["", "a bolt", "a missing nut"], towers, SMALL)
    assert towers.pictures == 2
    assert [answer.query for answer in answers] == ["", "a bolt", "a missing nut"]


def test_asked_together_or_alone_the_answer_is_the_same(surface):
    after = paste_object(surface)
    together = compared(surface, after, ["a new bolt", "a missing nut"], FakeTowers(), SMALL)
    alone = compared(surface, after, ["a missing nut"], FakeTowers(), SMALL)[0]
    assert np.array_equal(together[1].heatmap, alone.heatmap)
    assert together[1].score == alone.score


def test_an_empty_query_asks_for_any_change_and_needs_no_words(surface):
    towers = FakeTowers()
    (answer,) = compared(surface, paste_object(surface), [""], towers, SMALL)
    assert towers.texts == 0
    assert (answer.query, answer.query_support) == ("", 0)


@pytest.mark.parametrize("gain", [0.6, 1.0, 1.6])
def test_a_pair_in_pieces_on_several_cores_gives_the_same_answer(surface, gain: float, monkeypatch):
    before, after = surface, relight(paste_object(surface), gain)
    towers = FakeTowers()
    at_once = compared(before, after, ["a bolt"], towers, SMALL)[0]
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    towers.one_by_one = True
    in_pieces = compared(before, after, ["a bolt"], towers, SMALL)[0]
    assert (in_pieces.score, in_pieces.alignment) == (at_once.score, at_once.alignment)
    assert ("exposure" in in_pieces.alignment) == (gain != 1)
    assert np.array_equal(in_pieces.heatmap, at_once.heatmap)


@pytest.mark.parametrize(("size", "most"), [((90, 120), 2048), ((90, 120), 64), ((600, 900), 2048)])
def test_the_after_image_is_shown_as_read(tmp_path, size: tuple[int, int], most: int):
    paths, random = (tmp_path / "before.jpg", tmp_path / "after.jpg"), np.random.default_rng(1)
    for path in paths:
        Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8)).save(path)
    (answer,) = compared(*paths, [""], FakeTowers(), replace(SMALL, map_size=most))
    read = read_image(paths[1], most)
    assert read.shape[:2] == answer.heatmap.shape
    expected = overlay(read, answer.heatmap, answer.regions, SMALL.threshold)
    assert np.array_equal(answer.overlay(), expected)


# Score, map and regions say the same.


sides = st.integers(1, 260)
SHORT = settings(max_examples=25, deadline=None)


def drawn_pair(seed: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A textured pair with a spot, brought to any size and shape, however small."""
    height, width = size
    before, after = (np.asarray(Image.fromarray(p).resize((width, height))) for p in draw_textured(seed, 96))
    return before, after


def louder(half: float):
    """Fake towers whisper; with less raw evidence as one half, pairs have scores from 0 to nearly 1."""
    return changed("argus", curve={"half": half, "cut": 0.55, "steepness": 2.5})


@SHORT
@given(
    seed=st.integers(0, 30),
    size=st.tuples(sides, sides),
    most=st.integers(64, 300),
    half=st.sampled_from([0.003, 0.01, 0.03]),
    threshold=st.floats(0.01, 1),
    query=st.sampled_from(["", "a new spot", "a missing spot"]),
)
def test_the_score_is_the_strongest_pixel_and_what_reaches_the_threshold_has_a_region(
    tmp_path_factory, seed: int, size: tuple[int, int], most: int, half: float, threshold: float, query: str
):
    with louder(half):
        walk = walk_of(FakeTowers(), replace(SMALL, map_size=most))
    (observed,) = walk.observe([walk.register(*drawn_pair(seed, size))])
    (answer,) = walk.compare(observed, [query])
    assert answer.score == pytest.approx(np.abs(answer.heatmap).max(), abs=1e-6)
    written = tmp_path_factory.getbasetemp() / "drawn.png"
    write_map(written, answer.drawing)
    assert np.array_equal(read_map(written), answer.heatmap)
    thresholds = {0.5, threshold, answer.score, round(answer.score, 6)}
    for asked in thresholds - {0.0}:
        walk.settings = replace(walk.settings, threshold=asked)
        (at,) = walk.compare(observed, [query])
        assert at.score == answer.score
        assert bool(at.regions) == (at.score >= asked - LEVEL_ERROR)
        assert (at.direction == "none") == (not at.regions)
        assert not at.regions or at.regions[0].score == pytest.approx(at.score, abs=1e-6)


def test_a_pair_one_level_below_the_threshold_is_quiet(surface):
    after = paste_object(surface)
    with louder(0.003):
        (loud,) = compared(surface, after, [""], FakeTowers(), SMALL)
        assert loud.score > 0.5
        assert loud.regions
        above = replace(SMALL, threshold=loud.score + 1 / 32767)
        (quiet,) = compared(surface, after, [""], FakeTowers(), above)
    assert (quiet.score, quiet.direction, quiet.regions) == (loud.score, "none", [])


@pytest.mark.parametrize("query", ["", "a new bolt", "a missing bolt"])
def test_identical_pictures_stay_at_zero(surface, query: str):
    (answer,) = compared(surface, surface, [query], FakeTowers(), SMALL)
    assert np.abs(answer.heatmap).max() < 1e-3
    assert answer.score < 0.01
    assert (answer.direction, answer.regions) == ("none", [])


def test_the_heatmap_has_the_size_of_the_after_picture(surface):
    before = surface[::2, ::2]
    (answer,) = compared(before, surface, [""], FakeTowers(), SMALL)
    assert answer.heatmap.shape == surface.shape[:2]
    assert answer.heatmap.dtype == np.float32


def test_very_large_pictures_get_maps_of_bounded_size():
    large = np.full((600, 3000, 3), 90, np.uint8)
    (answer,) = compared(large, large, [""], FakeTowers(), SMALL)
    assert answer.heatmap.shape == (round(600 * 2048 / 3000), 2048)


def test_encoding_sizes_are_whole_cells_at_the_resolution():
    assert encoding_size((480, 640), 32, 640) == (480, 640)
    assert encoding_size((1000, 750), 32, 640) == (640, 480)
    assert encoding_size((10, 4000), 32, 640) == (32, 640)


def test_what_the_before_picture_does_not_reach_stays_at_zero(surface):
    after = paste_object(move(surface, shift(60, 0)))
    (answer,) = compared(surface, after, [""], FakeTowers(), Settings(resolution=416))
    assert "% in view" in answer.alignment
    assert np.abs(answer.heatmap[:, :30]).max() < 1e-6


def test_files_give_what_their_images_give(surface, tmp_path: Path):
    after = paste_object(surface)
    write_png(tmp_path / "before.png", surface)
    write_png(tmp_path / "after.png", after)
    files = tmp_path / "before.png", tmp_path / "after.png"
    (of_files,) = compared(*files, ["a bolt"], FakeTowers(), SMALL)
    (of_images,) = compared(surface, after, ["a bolt"], FakeTowers(), SMALL)
    assert np.array_equal(of_files.heatmap, of_images.heatmap)
    assert np.array_equal(of_files.overlay(), of_images.overlay())


@pytest.mark.parametrize("kind", ["fake", "mini"])
def test_a_pair_alone_gives_what_a_run_of_many_writes(request, kind: str, tmp_path: Path):
    encoder = FakeTowers() if kind == "fake" else request.getfixturevalue("mini")
    settings = Settings(resolution=128 if kind == "fake" else 320)
    pairs = read_pairs(write_scenes(tmp_path, 3, side=192))
    queries = ["a new spot", "", "a missing bolt"]
    assert run_pairs(pairs, tmp_path / "out", settings, encoder, queries, progress=False) == 0
    rows = read_rows(tmp_path / "out" / "scores.csv", ("id", "score"))
    for number, pair in enumerate(pairs):
        alone = compared(pair.before, pair.after, queries, encoder, settings)
        for place, comparison in enumerate(alone):
            row = rows[number * len(queries) + place]
            written = read_map(tmp_path / "out" / "maps" / f"q{place + 1}" / f"{pair.id}.png")
            assert (row["id"], row["query"]) == (pair.id, queries[place])
            assert np.array_equal(written, comparison.heatmap)
            assert float(row["score"]) == pytest.approx(comparison.score, abs=1e-6)
            assert float(row["score"]) == pytest.approx(np.abs(written).max(), abs=1e-6)
            assert row["direction"] == comparison.direction


def test_a_file_that_cannot_be_read_is_named(surface, tmp_path: Path):
    write_png(tmp_path / "before.png", surface)
    with pytest.raises(ImageError, match=r"gone\.png: no such file"):
        compared(tmp_path / "before.png", tmp_path / "gone.png", [""], FakeTowers(), SMALL)


def test_queries_beyond_what_is_scored_at_once_are_answered_alike(surface, monkeypatch):
    after, queries = paste_object(surface), ["a bolt", "", "a nut", "a missing nut", "a crack"]
    together = compared(surface, after, queries, FakeTowers(), SMALL)
    monkeypatch.setattr(module, "QUERIES_TOGETHER", 2)
    in_parts = compared(surface, after, queries, FakeTowers(), SMALL)
    assert [answer.query for answer in in_parts] == queries
    for one, other in zip(together, in_parts, strict=True):
        assert np.array_equal(one.heatmap, other.heatmap)
        assert one.score == other.score


def test_every_answer_says_who_made_it(surface):
    (answer,) = compared(surface, surface, [""], FakeTowers(), SMALL)
    assert answer.encoder == "fake (fake towers, for tests)"
    assert answer.method == "argus"
    np.testing.assert_allclose(np.reshape(answer.warp, (3, 3)), np.eye(3), atol=1e-12)


# What the offline towers see.


@pytest.mark.offline_towers
@pytest.mark.parametrize("query", ["", "a new bolt", "a missing bolt", "wrzlbrmft"])
def test_mini_keeps_an_identical_pair_at_zero(mini, surface, query: str):
    (answer,) = compared(surface, surface, [query], mini, FULL)
    assert np.abs(answer.heatmap).max() < 1e-3
    assert answer.score < 0.01


@pytest.mark.offline_towers
def test_mini_shows_a_pasted_object_with_a_plus_and_leaves_the_rest_quiet(mini, surface):
    for answer in compared(surface, paste_object(surface), BOLT, mini, FULL):
        assert np.mean(answer.heatmap[PASTED] >= FULL.threshold) > 0.5, "most of it is flagged"
        assert np.abs(answer.heatmap[:60]).max() < 0.1
        assert answer.score > 0.5
        assert answer.direction in ("appeared", "changed")


@pytest.mark.offline_towers
def test_swapping_before_and_after_flips_the_sign(mini, surface):
    """Nearly: light is matched from before to after, and the curve steepens what is left of that."""
    after = paste_object(surface)
    came = parse_query("a new bolt")
    (forth,) = compared(surface, after, [came], mini, FULL)
    (back,) = compared(after, surface, [replace(came, direction="disappeared")], mini, FULL)
    assert forth.heatmap.max() > 0.5
    np.testing.assert_allclose(back.heatmap, -forth.heatmap, atol=0.05 * CURVE["steepness"])
    assert back.score == pytest.approx(forth.score, abs=1e-3 * CURVE["steepness"])


@pytest.mark.offline_towers
@pytest.mark.parametrize("ground", [draw_surface(11), draw_plate(11)], ids=["surface", "plate"])
def test_mini_shows_the_swapped_pair_with_a_minus_where_the_object_vanished(mini, ground):
    (answer,) = compared(paste_object(ground), ground, ["a missing bolt"], mini, FULL)
    assert np.mean(answer.heatmap[PASTED] <= -FULL.threshold) > 0.5, "most of it is flagged"
    assert answer.heatmap.max() < 0.1
    assert answer.direction == "disappeared"
    assert answer.score > 0.5


@pytest.mark.offline_towers
def test_mini_finds_the_right_direction_likelier(mini):
    plate = draw_plate(11)
    came = compared(plate, paste_object(plate), ["a new bolt", "a missing bolt"], mini, FULL)
    went = compared(paste_object(plate), plate, ["a new bolt", "a missing bolt"], mini, FULL)
    assert came[0].score > came[1].score
    assert went[1].score > went[0].score


@pytest.mark.offline_towers
@pytest.mark.parametrize(("right", "down"), [(8, 0), (0, -8), (-5, 6), (2.5, 3)])
def test_mini_stays_quiet_under_a_shift_of_up_to_8_pixels(mini, surface, right: float, down: float):
    quiet(compared(surface, move(surface, shift(right, down)), BOLT, mini, FULL))


@pytest.mark.offline_towers
@pytest.mark.parametrize("gain", [0.8, 1.2])
def test_mini_stays_quiet_under_a_fifth_more_or_less_light(mini, surface, gain: float):
    quiet(compared(surface, relight(surface, gain), BOLT, mini, FULL))


@pytest.mark.offline_towers
@pytest.mark.parametrize("quality", [75, 40])
def test_mini_stays_quiet_under_compression(mini, surface, quality: int):
    quiet(compared(surface, compress(surface, quality), BOLT, mini, FULL))


def quiet(answers) -> None:
    for answer in answers:
        assert np.abs(answer.heatmap).max() < FULL.threshold
        assert answer.score < FULL.threshold
        assert answer.direction == "none"


@pytest.mark.offline_towers
def test_mini_understands_words_of_inspection_and_no_nonsense(mini):
    known, nonsense, nothing = mini.text_support(["a missing screw", "wrzlbrmft qqxz", ""])
    assert known > 0.5
    assert nonsense < 0.2
    assert nothing == 0
