"""Files ↔ arrays: the 16-bit map, whole files, and errors that name the file."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from surfaces import draw_surface

from argus_fiftyone.io.images import (
    ORIENTATION,
    ImageError,
    fit_within,
    fitted_size,
    read_image,
    read_scaled,
    resize,
)
from argus_fiftyone.io.maps import (
    MAP_ERROR,
    MAP_GRAIN,
    MAP_STEPS,
    MAP_ZERO,
    ROWS_PER_CELL,
    SmoothMap,
    read_map,
    write_map,
)
from argus_fiftyone.io.masks import read_mask
from argus_fiftyone.io.png import grey_png, write_png, write_whole

heatmaps = arrays(np.float32, (5, 7), elements=st.floats(-1, 1, width=32))


@settings(max_examples=40, deadline=None)
@given(heatmaps)
def test_a_map_comes_back_to_half_a_16_bit_step(tmp_path_factory, heatmap: np.ndarray):
    path = tmp_path_factory.mktemp("maps") / "map.png"
    write_map(path, heatmap)
    assert np.abs(read_map(path) - heatmap).max() <= 0.5 / MAP_STEPS + 1e-7


def test_map_levels_are_32768_plus_32767_times_the_value(tmp_path: Path):
    values = np.array([[-1, -0.5, 0, 1e-6, 0.25, 1]], np.float32)
    write_map(tmp_path / "map.png", values)
    with Image.open(tmp_path / "map.png") as image:
        assert image.mode.startswith("I")
        levels = np.asarray(image).astype(int)
    expected = [MAP_ZERO + round(MAP_STEPS * float(value)) for value in values[0]]
    assert levels.tolist() == [expected]
    assert (levels.min(), levels.max(), levels[0, 2]) == (1, 65535, 32768)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([np.uint8, np.uint16]), st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_grey_pictures_come_back_exactly_in_opencv_and_pillow(
    tmp_path_factory, kind: type, height: int, width: int, seed: int
):
    levels = np.random.default_rng(seed).integers(0, np.iinfo(kind).max + 1, (height, width), kind)
    path = tmp_path_factory.mktemp("grey") / "grey.png"
    write_png(path, levels)
    by_opencv = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert by_opencv is not None
    assert by_opencv.dtype == kind
    assert np.array_equal(by_opencv, levels)
    with Image.open(path) as image:
        image.verify()
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image), levels)


def test_a_large_map_is_packed_no_larger_than_opencv_does():
    cells = np.random.default_rng(0).uniform(0, 60000, (12, 16)).astype(np.uint16)
    levels = cv2.resize(cells, (1024, 768), interpolation=cv2.INTER_LINEAR) // MAP_GRAIN * MAP_GRAIN
    _, by_opencv = cv2.imencode(".png", levels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    assert len(grey_png(levels)) < len(by_opencv)


def test_repeated_rows_make_a_map_half_as_large(tmp_path: Path):
    noise = np.random.default_rng(0).uniform(-1, 1, (42, 56)).astype(np.float32)
    smooth = SmoothMap(cv2.GaussianBlur(noise, (0, 0), 1.8), (1536, 2048))
    assert smooth.repeats == 6
    write_map(tmp_path / "map.png", smooth)
    assert np.array_equal(read_map(tmp_path / "map.png"), smooth.heatmap())
    every_row = SmoothMap(smooth.cells, (1537, 2048))
    assert every_row.repeats == 1
    write_map(tmp_path / "every.png", every_row)
    assert 2 * (tmp_path / "map.png").stat().st_size < (tmp_path / "every.png").stat().st_size


@settings(max_examples=100, deadline=None)
@given(heatmaps, st.integers(1, 40), st.integers(1, 40))
def test_a_smooth_map_is_its_interpolation_in_steps_of_a_grain(heatmap: np.ndarray, height: int, width: int):
    smooth = SmoothMap(heatmap, (height, width))
    drawn = smooth.heatmap()
    assert drawn.dtype == np.float32
    assert drawn.shape == (height, width)
    cut = np.clip(heatmap, -0.9997, 0.9997)
    expected = cv2.resize(cut, (width, height // smooth.repeats), interpolation=cv2.INTER_LINEAR)
    expected = np.repeat(expected, smooth.repeats, axis=0)
    # All but the one place that is raised to the strongest cell, and repeated with its row.
    at_peak = np.abs(drawn) >= smooth.strongest - 1e-6
    assert (np.abs(drawn - expected) <= MAP_ERROR)[~at_peak].all()
    assert ((np.abs(drawn - expected) > MAP_ERROR).sum()) <= smooth.repeats
    assert not (smooth.levels()[~at_peak] % MAP_GRAIN).any()


@settings(max_examples=200, deadline=None)
@given(heatmaps, st.integers(1, 40), st.integers(1, 40))
def test_the_strongest_pixel_is_as_strong_as_the_strongest_cell_and_lies_on_it(
    tmp_path_factory, heatmap: np.ndarray, height: int, width: int
):
    smooth = SmoothMap(heatmap, (height, width))
    drawn, file = smooth.heatmap(), tmp_path_factory.getbasetemp() / "map.png"
    assert np.abs(drawn).max() == pytest.approx(smooth.strongest, abs=1e-7)
    assert smooth.strongest == pytest.approx(min(np.abs(heatmap).max(), 0.9998), abs=2e-5)
    write_map(file, smooth)
    assert np.array_equal(read_map(file), drawn)
    row, col = np.unravel_index((heatmap if smooth.peak > 0 else -heatmap).argmax(), heatmap.shape)
    there = drawn[int((row + 0.5) / len(heatmap) * height), int((col + 0.5) / heatmap.shape[1] * width)]
    assert there == pytest.approx(smooth.peak / MAP_STEPS, abs=1e-7)


def test_a_change_between_the_samples_of_a_small_map_is_one_pixel_of_it():
    cells = np.zeros((40, 40), np.float32)
    cells[22, 31] = 0.8
    drawn = SmoothMap(cells, (4, 4)).heatmap()
    assert drawn[2, 3] == pytest.approx(0.8, abs=1e-4)
    assert np.count_nonzero(drawn) == 1


def test_rows_are_repeated_only_where_a_cell_covers_so_many_that_nobody_sees_it(tmp_path: Path):
    cells = np.random.default_rng(0).uniform(-0.9, 0.9, (6, 8)).astype(np.float32)
    assert SmoothMap(cells, (70, 120)).repeats == 1
    assert SmoothMap(cells, (97, 120)).repeats == 1, "97 rows have no divisor"
    smooth = SmoothMap(cells, (240, 320))
    assert smooth.repeats == 6
    write_map(tmp_path / "map.png", smooth)
    drawn = read_map(tmp_path / "map.png")
    assert np.array_equal(drawn, smooth.heatmap())
    assert np.array_equal(drawn[::6], drawn[5::6])
    exactly = cv2.resize(cells, (320, 240), interpolation=cv2.INTER_LINEAR)
    steepest = np.abs(np.diff(cells, axis=0)).max()
    assert np.abs(drawn - exactly).max() <= steepest / (2 * ROWS_PER_CELL) + MAP_ERROR


def test_a_smooth_map_of_nothing_is_exactly_zero():
    assert not SmoothMap(np.zeros((3, 4), np.float32), (30, 40)).heatmap().any()


def test_values_beyond_one_are_cut_rather_than_wrapped(tmp_path: Path):
    write_map(tmp_path / "map.png", np.array([[-7.0, 7.0]]))
    assert read_map(tmp_path / "map.png").tolist() == [[-1, 1]]


def test_zero_comes_back_as_exactly_zero(tmp_path: Path):
    write_map(tmp_path / "map.png", np.zeros((4, 4)))
    assert not read_map(tmp_path / "map.png").any()


def test_a_map_that_is_no_16_bit_picture_is_refused_by_name(tmp_path: Path):
    write_png(tmp_path / "eight.png", np.zeros((4, 4), np.uint8))
    for name in ("eight.png", "none.png"):
        with pytest.raises(ImageError, match=rf"{name}: expected a 16-bit grey PNG"):
            read_map(tmp_path / name)


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    target = tmp_path / "folder" / "file.bin"
    write_whole(target, b"first")

    def full_disk(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write_whole(target, b"second")
    assert target.read_bytes() == b"first"


def test_writing_leaves_no_partial_file_behind(tmp_path: Path):
    write_png(tmp_path / "a" / "b" / "picture.png", np.zeros((4, 4, 3), np.uint8))
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["picture.png"]


def test_png_colours_come_back_in_their_order(tmp_path: Path):
    picture = draw_surface(1, 24, 32)
    write_png(tmp_path / "picture.png", picture)
    assert np.array_equal(read_image(tmp_path / "picture.png"), picture)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ImageError, match=r"gone\.png: no such file; check the path"):
        read_image(tmp_path / "gone.png")


def test_a_file_that_is_no_picture_is_named(tmp_path: Path):
    (tmp_path / "notes.png").write_text("not a picture at all")
    with pytest.raises(ImageError, match=r"notes\.png: not a picture Pillow can read"):
        read_image(tmp_path / "notes.png")


@pytest.mark.parametrize("kind", ["png", "jpg", "tif"])
def test_a_torn_file_is_named(tmp_path: Path, kind: str):
    path = tmp_path / f"torn.{kind}"
    Image.fromarray(draw_surface(2, 96, 96)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(ImageError, match=rf"torn\.{kind}: "):
        read_image(path)


def test_a_folder_in_the_place_of_a_picture_is_named(tmp_path: Path):
    with pytest.raises(ImageError, match=tmp_path.name):
        read_image(tmp_path)


def test_an_absurdly_large_picture_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_png(tmp_path / "huge.png", np.zeros((64, 64, 3), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ImageError, match=r"huge\.png: damaged or unreadable"):
        read_image(tmp_path / "huge.png")


def test_16_bit_grey_is_brought_to_8_bits(tmp_path: Path):
    deep = np.array([[0, 257 * 100, 65535]], np.uint16)
    write_png(tmp_path / "deep.png", deep)
    assert read_image(tmp_path / "deep.png")[0].tolist() == [[0] * 3, [100] * 3, [255] * 3]


def test_8_bit_grey_gets_three_equal_channels(tmp_path: Path):
    Image.fromarray(np.array([[3, 200]], np.uint8)).save(tmp_path / "grey.png")
    assert read_image(tmp_path / "grey.png")[0].tolist() == [[3] * 3, [200] * 3]


def test_transparency_is_laid_on_white(tmp_path: Path):
    pixels = np.array([[[255, 0, 0, 255], [255, 0, 0, 0], [0, 0, 0, 128]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "glass.png")
    opaque, clear, half = read_image(tmp_path / "glass.png")[0].tolist()
    assert (opaque, clear) == ([255, 0, 0], [255, 255, 255])
    assert half == pytest.approx([127] * 3, abs=1)


def test_palettes_with_a_transparent_colour_are_laid_on_white(tmp_path: Path):
    image = Image.fromarray(np.array([[0, 1]], np.uint8), mode=None).convert("P")
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.save(tmp_path / "palette.png", transparency=0)
    assert read_image(tmp_path / "palette.png")[0].tolist() == [[255] * 3, [200, 100, 50]]


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_pictures_are_turned_upright_as_the_camera_says(tmp_path: Path, orientation: int, turns: int):
    stored = draw_surface(3, 16, 24)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / "turned.png"
    Image.fromarray(stored).save(path, exif=exif)
    upright = np.rot90(stored, turns)
    assert np.array_equal(read_image(path), upright)
    assert read_scaled(path, 1000)[1] == upright.shape[:2]


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_jpeg_is_decoded_small_yet_tells_its_full_size(tmp_path: Path, orientation: int):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(draw_surface(4, 480, 640)).save(tmp_path / "large.jpg", exif=exif)
    picture, full = read_scaled(tmp_path / "large.jpg", 150)
    expected = (480, 640) if orientation == 1 else (640, 480)
    assert full == expected
    assert max(picture.shape) == 160
    assert (picture.shape[0] > picture.shape[1]) == (expected[0] > expected[1])


def test_reading_never_enlarges(tmp_path: Path):
    write_png(tmp_path / "small.png", np.zeros((10, 20, 3), np.uint8))
    assert read_image(tmp_path / "small.png", longest=500).shape == (10, 20, 3)
    assert read_image(tmp_path / "small.png", longest=10).shape == (5, 10, 3)


def test_masks_are_inside_above_127(tmp_path: Path):
    write_png(tmp_path / "mask.png", np.array([[0, 127, 128, 255]], np.uint8))
    assert read_mask(tmp_path / "mask.png").tolist() == [[False, False, True, True]]


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 4096))
def test_a_fitted_size_has_the_long_side_within_and_no_side_of_zero(height: int, width: int, longest: int):
    fitted = fitted_size(height, width, longest)
    assert max(fitted) == min(longest, max(height, width))
    assert min(fitted) >= 1


def test_resizing_keeps_a_plain_picture_plain():
    plain = np.full((30, 40, 3), 77, np.uint8)
    for size in ((10, 10), (60, 100), (30, 40)):
        assert (resize(plain, size) == 77).all()
        assert resize(plain, size).shape[:2] == size
    assert fit_within(plain, 20).shape == (15, 20, 3)
