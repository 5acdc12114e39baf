"""Words → things, place, state and direction: what people in inspection really write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_fiftyone.text.prompts import EVERYDAY, TEMPLATES
from argus_fiftyone.text.query import parse_query


@pytest.mark.parametrize(
    ("text", "direction"),
    [
        ("a new crack", "appeared"),
        ("newly added sign", "appeared"),
        ("Add a dog to the bench", "appeared"),
        ("an extra cable", "appeared"),
        ("a stain appears", "appeared"),
        ("a missing screw", "disappeared"),
        ("A MISSING SCREW.", "disappeared"),
        ("screw missing", "disappeared"),
        ("the lid is gone", "disappeared"),
        ("remove the person", "disappeared"),
        ("Please make the cat disappear", "disappeared"),
        ("two apples taken away from the bowl", "disappeared"),
        ("a deleted icon", "disappeared"),
        ("a text label changed", "changed"),
        ("a replaced valve", "changed"),
        ("swapped connectors", "changed"),
        ("a scratch", "any"),
        ("a cup on the table", "any"),
        ("new or missing car", "any"),
        ("the box moved to the left", "any"),
        ("a newspaper", "any"),
        ("an absent-minded robot with a renewed licence", "disappeared"),
        ("", "any"),
        ("any change", "any"),
    ],
)
def test_the_words_say_which_way_the_change_went(text: str, direction: str):
    assert parse_query(text).direction == direction


@pytest.mark.parametrize(
    ("text", "things", "place"),
    [
        ("a missing screw on the cover", ("a screw",), "the cover"),
        ("a bottle of wine", ("a bottle of wine",), ""),
        ("a chip of the tile", ("a chip",), "the tile"),
        ("a crack of this tile", ("a crack",), "the tile"),
        ("a new crack or chip in the road surface", ("a crack", "a chip"), "the road surface"),
        ("a car/truck", ("a car", "a truck"), ""),
        ("scratches, dents and rust", ("scratches", "dents", "a rust"), ""),
        ("a missing or damaged component", ("a damaged component",), ""),
        ("let there be a red car", ("a red car",), ""),
        ("have there be a lobster on the bed", ("a lobster",), "the bed"),
        ("the lid is gone", ("a lid",), ""),
        ("screws have been removed", ("screws",), ""),
        ("Please make the cat disappear", ("a cat",), ""),
        ("the box moved to the left", ("a box",), ""),
        ("is there a new sign?", ("a sign",), ""),
        ("an open valve", ("an open valve",), ""),
        ("a bolt (see drawing 7)", ("a bolt",), ""),
        ("  a   loose \n wire ", ("a loose wire",), ""),
        ("螺丝", ("a 螺丝",), ""),
    ],
)
def test_things_and_places_are_what_can_be_seen(text: str, things: tuple[str, ...], place: str):
    query = parse_query(text)
    assert (query.things, query.place, query.text) == (things, place, text)


@pytest.mark.parametrize(
    "text",
    ["", "  ", "any change", "Something changed", "what changed", "what is different?", "the", "...!", "new"],
)
def test_words_that_name_nothing_leave_the_query_open(text: str):
    query = parse_query(text)
    assert query.is_open
    assert query.positive == ()
    assert query.negative == ()


def test_an_open_query_may_still_name_a_direction():
    assert parse_query("anything new").direction == "appeared"
    assert parse_query("something missing").direction == "disappeared"


def test_words_of_direction_never_reach_the_encoder():
    prompts = " ".join(parse_query("a new missing or changed screw, removed").positive)
    for word in ("new", "missing", "changed", "removed"):
        assert word not in prompts


def test_every_thing_is_put_in_every_phrasing():
    prompts = parse_query("a screw or a nut").positive
    assert len(prompts) == len(set(prompts)) == 2 * len(TEMPLATES)
    assert "a close-up photo of a nut" in prompts


def test_a_defect_is_held_against_the_sound_surface_it_is_on():
    query = parse_query("a crack in the road")
    assert query.state == "crack"
    assert "a crack on the road" in query.positive
    assert {"a flawless road", "an intact road", "a clean road", "the road", *EVERYDAY} == set(query.negative)
    assert "a flawless surface" in parse_query("a scratch").negative


def test_an_object_is_held_against_its_place_and_the_everyday():
    query = parse_query("a cup on the table")
    assert query.state == ""
    assert query.negative == ("the table", *EVERYDAY)


@given(st.text(max_size=80))
def test_whatever_is_typed_can_be_parsed_and_is_kept(text: str):
    query = parse_query(text)
    assert query.text == text
    assert query.is_open == (not query.things)
    assert all(prompt.strip() for prompt in query.positive + query.negative)


@given(st.sampled_from(["a missing screw", "a new crack in the road", "the changed label", "any change"]))
def test_capitals_make_no_difference_to_what_is_meant(text: str):
    plain, loud = parse_query(text), parse_query(text.upper())
    assert loud.direction == plain.direction
    assert loud.is_open == plain.is_open
    assert loud.state == plain.state


def test_plurals_take_no_article_and_are_the_same_defect():
    query = parse_query("scratches on the plate")
    assert query.things == ("scratches",)
    assert query.state == "scratch"
    assert parse_query("glass").things == ("a glass",)
