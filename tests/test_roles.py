"""Before and after are told apart by words, by time or by a person; the alphabet has no say."""

from datetime import date

import pytest

from argus_fiftyone.plugin.dataset.roles import RolesError, read_roles


def first_of(*values: object, **said: object) -> object:
    """The value that is read as before, for two values in either order."""
    ranks = read_roles(values, **said).ranks
    assert ranks == read_roles(values[::-1], **said).ranks
    return min(ranks, key=ranks.__getitem__)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("before", "after"),
        ("Before", "AFTER"),
        ("old", "new"),
        ("pre", "post"),
        ("ref", "cur"),
        ("reference", "test"),
        ("reference", "current"),
        ("golden", "test"),
        ("template", "inspected"),
        ("good", "bad"),
        ("old_picture", "new_picture"),
        ("cam 1 before", "cam 1 after"),
        ("t0", "t1"),
        ("t9", "t10"),
        ("visit 2", "visit 11"),
        (1, 2),
        (9.5, 10.5),
        ("9", "10"),
        (date(2024, 1, 31), date(2024, 2, 1)),
        ("2024-09-30", "2024-10-01"),
    ],
)
def test_known_words_and_times_say_which_is_before(before: object, after: object):
    assert first_of(before, after) == before


@pytest.mark.parametrize(
    "values",
    [
        ("left", "right"),
        ("a", "b"),
        ("x", "y"),
        ("cam1", "cam2"),
        (False, True),
        ("ref", "golden"),
        ("old", "right"),
        ("before after", "x"),
        ("t0", "v1"),
        (1, "new"),
        (float("nan"), 1.0),
        ("only",),
        (),
    ],
)
def test_what_does_not_say_it_is_refused_with_the_values_found(values: tuple):
    with pytest.raises(RolesError, match="say which one is before") as refused:
        read_roles(values)
    for value in values:
        assert repr(str(value)) in str(refused.value)


def test_a_person_says_it_for_any_values():
    assert first_of("left", "right", before="right") == "right"
    assert first_of("a", "b", "c", before="c", after="a") == "c"
    assert read_roles([True, False], before="True").ranks == {True: 0, False: 1}
    assert first_of("old", "new", before="new") == "new"


def test_what_a_person_says_must_be_there_and_be_enough():
    with pytest.raises(RolesError, match="do not hold 'up'"):
        read_roles(["left", "right"], before="up")
    with pytest.raises(RolesError, match="leave open which one stands beside 'a'"):
        read_roles(["a", "b", "c"], before="a")
    with pytest.raises(RolesError, match="do not hold 'a' beside 'a'"):
        read_roles(["a", "b"], before="a", after="a")


def test_what_was_assumed_is_said_in_words():
    assert read_roles(["old", "new"]).told == "'old' read as before, 'new' as after"
    assert "(3 is the lowest)" in read_roles([3, 20]).told


def test_further_values_have_no_role_and_tags_are_looked_through():
    roles = read_roles(["old", "new", "mask"])
    assert roles.rank_of("mask") is None
    assert roles.rank_of(["night shift", "new"]) == 1
    assert roles.rank_of(["old", "new"]) is None
