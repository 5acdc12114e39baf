"""Each method on cells and pixels so few that its evidence can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from fake_towers import FakeTowers
from pair_batches import batch_of, dense_batch

from argus_fiftyone.encoders.none import NoEncoder
from argus_fiftyone.methods.clip_difference import ClipDifference
from argus_fiftyone.methods.clip_similarity import ClipSimilarity
from argus_fiftyone.methods.nearest_neighbour import NearestNeighbour
from argus_fiftyone.methods.pixel_difference import PixelDifference
from argus_fiftyone.methods.protocol import Evidence, QueryBatch
from argus_fiftyone.methods.ssim import Ssim
from argus_fiftyone.methods.text_only import TextOnly
from argus_fiftyone.text.query import Query, parse_query

TEMPERATURE = 4.0
SCREW = Query("a screw", ("a screw",), "", "", "any")
NAMED, OTHER = (1.0, 0.0), (0.0, 1.0)
"""Cells that show a screw, and cells that show what a screw is not."""
LIKELY = 1 / (1 + np.exp(-TEMPERATURE))
"""The posterior of a cell that shows a screw; 1 less that of one that does not."""


def words(prompts: Sequence[str]) -> torch.Tensor:
    """Prompts with a screw in them point one way, all others the other way."""
    return torch.tensor([NAMED if "screw" in prompt else OTHER for prompt in prompts])


def asked(query: Query = SCREW, support: float = 1.0) -> QueryBatch:
    return QueryBatch((query,), torch.tensor([support]), words, TEMPERATURE)


def cells(*named: tuple[int, int], size: tuple[int, int] = (5, 5)) -> torch.Tensor:
    """A grid of cells, of which a few show a screw."""
    grid = torch.tensor(OTHER).expand(*size, 2).clone()
    for place in named:
        grid[place] = torch.tensor(NAMED)
    return grid


def found(made, before: torch.Tensor, after: torch.Tensor, queries: QueryBatch | None = None) -> Evidence:
    method = made(FakeTowers())
    return method.score(method.observe(dense_batch(before, after), {}), queries or asked())


def gone(evidence: Evidence) -> torch.Tensor:
    """What disappeared, of a method that has a direction."""
    assert evidence.disappeared is not None
    return evidence.disappeared


def test_what_words_name_appears_by_the_difference_of_the_posteriors():
    evidence = found(ClipDifference, cells(), cells((2, 2)))
    expected = torch.zeros(1, 1, 5, 5)
    expected[..., 2, 2] = 2 * LIKELY - 1
    torch.testing.assert_close(evidence.appeared, expected)
    assert not gone(evidence).any()


def test_what_moved_by_one_cell_did_not_change_and_what_moved_by_two_did():
    assert not found(ClipDifference, cells((2, 2)), cells((2, 3))).appeared.any()
    further = found(ClipDifference, cells((2, 2)), cells((2, 4)))
    assert further.appeared.argmax() == 2 * 5 + 4
    assert gone(further).argmax() == 2 * 5 + 2


def turned(grid: torch.Tensor, angle: float) -> torch.Tensor:
    """All cells a little nearer to the word, as light may turn them."""
    turn = torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]).float()
    return grid @ turn


def test_a_bias_of_the_whole_image_is_no_change_but_fools_the_bare_cosine():
    same = cells()
    assert found(ClipDifference, same, turned(same, 0.3)).appeared.max() < 1e-6
    fooled = found(ClipSimilarity, same, turned(same, 0.3))
    torch.testing.assert_close(fooled.appeared, torch.full((1, 1, 5, 5), float(np.sin(0.3))))


def test_the_bare_cosine_is_subtracted_place_by_place():
    evidence = found(ClipSimilarity, cells((2, 2)), cells((2, 3)))
    assert evidence.appeared[0, 0, 2, 3] == 1
    assert gone(evidence)[0, 0, 2, 2] == 1
    assert evidence.appeared.sum() == 1


@pytest.mark.parametrize("queries", [asked(parse_query(""), 0.0), asked(support=0.0)])
@pytest.mark.parametrize("made", [ClipDifference, ClipSimilarity])
def test_without_words_that_are_understood_the_cells_themselves_are_compared(made, queries: QueryBatch):
    evidence = found(made, cells(), cells((2, 2)), queries)
    # Its neighbours still find their like in the other image; half the cosine distance of what is at
    # right angles is one half.
    expected = torch.zeros(1, 1, 5, 5)
    expected[..., 2, 2] = 0.5 * made(FakeTowers()).open_weight
    torch.testing.assert_close(evidence.appeared, expected)


def test_a_nearest_neighbour_is_sought_nearby_and_everywhere():
    evidence = found(NearestNeighbour, cells((0, 0), size=(8, 8)), cells((0, 0), (7, 7), size=(8, 8)))
    # (7, 7) has no screw within reach, distance 1, but one far off, distance 0.
    assert evidence.appeared[0, 0, 7, 7] == pytest.approx(0.5)
    assert evidence.appeared.sum() == pytest.approx(0.5)
    assert not gone(evidence).any()


def test_words_alone_give_the_odds_of_the_after_image():
    evidence = found(TextOnly, cells((0, 0)), cells((2, 2)))
    expected = torch.full((1, 1, 5, 5), float(np.exp(-TEMPERATURE)))
    expected[..., 2, 2] = float(np.exp(TEMPERATURE))
    torch.testing.assert_close(evidence.appeared, expected, rtol=1e-4, atol=0)
    assert evidence.disappeared is None


@pytest.mark.parametrize("queries", [asked(parse_query(""), 0.0), asked(support=0.0)])
def test_words_alone_without_words_find_nothing(queries: QueryBatch):
    assert not found(TextOnly, cells(), cells((2, 2)), queries).appeared.any()


def by_pixels(made, before: np.ndarray, after: np.ndarray) -> torch.Tensor:
    """[rows, cols], cells of four pixels."""
    method = made(NoEncoder())
    return method.observe(batch_of([(before, after)], method.needs, NoEncoder()), {})["appeared"][0]


GREY = np.full((64, 64, 3), 119, np.uint8)


def test_black_on_grey_differs_by_the_lightness_that_ciede2000_gives():
    after = GREY.copy()
    after[16:32, 16:32] = 0
    difference = by_pixels(PixelDifference, GREY, after)
    # L* of 119 is 50.03 and of black 0. ΔE = ΔL / S_L, S_L = 1 + .015 d² / √(20 + d²), d = 25.015 − 50.
    away = (50.03 / 2 - 50) ** 2
    assert difference[5, 5] == pytest.approx(50.03 / (1 + 0.015 * away / np.sqrt(20 + away)), abs=0.05)
    assert difference[12, 12] == 0


def test_one_gain_for_the_whole_image_is_light_and_no_change():
    brighter = np.full_like(GREY, 150)
    assert by_pixels(PixelDifference, GREY, brighter).max() < 0.1  # 1 is just visible
    assert by_pixels(PixelDifference, GREY, np.full_like(GREY, 255)).min() > 1  # more than light explains


def test_colours_differ_as_much_in_either_order():
    noise = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    forth, back = (by_pixels(PixelDifference, *pair) for pair in (noise, noise[::-1]))
    torch.testing.assert_close(forth, back)


def test_structure_of_flat_images_differs_by_their_light_alone():
    other = np.full_like(GREY, 60)
    c = (0.01 * 255) ** 2
    expected = 1 - (2 * 119 * 60 + c) / (119**2 + 60**2 + c)
    torch.testing.assert_close(by_pixels(Ssim, GREY, other), torch.full((16, 16), expected).float())


def test_structure_differs_where_it_is_turned_over():
    stripes = np.where((np.arange(64) // 4 % 2)[None, :, None], np.uint8(40), np.uint8(200))
    stripes = np.broadcast_to(stripes, (64, 64, 3)).copy()
    after = stripes.copy()
    after[:32] = 240 - after[:32]
    difference = by_pixels(Ssim, stripes, after)
    assert difference[2].min() > 1  # the opposite agrees less than nothing at all
    assert difference[13].max() == 0
