"""Decisions on pairs and regions, and how one follows the other."""

import fiftyone as fo
import pytest

from argus_fiftyone.plugin.dataset.reviews import DecisionError, pair_decision, review_pairs, review_regions
from tests.spotted import names, spotted_dataset

pytestmark = pytest.mark.database


@pytest.fixture
def dataset(tmp_path):
    yield from spotted_dataset(tmp_path)


@pytest.fixture
def ids(dataset) -> dict[str, str]:
    return dict(zip(*dataset.values(["pair_id", "id"]), strict=True))


def test_a_pair_follows_the_decisions_on_its_regions(dataset, ids):
    def region_of(name: str) -> str:
        return dataset.select_group_slices("after").select(ids[name]).first().run_regions.detections[0].id

    review_regions(dataset, "run", [region_of("strong")], "confirmed")
    review_regions(dataset, "run", [region_of("dark")], "rejected")
    review_regions(dataset, "run", [region_of("middle")], "unsure")
    assert names(dataset, "confirmed") == ["strong"]
    assert names(dataset, "rejected") == ["dark"]
    assert names(dataset, "unsure") == []


@pytest.mark.parametrize(
    ("own", "review", "tags", "latest", "expected"),
    [
        (None, None, [[]], None, None),
        (None, None, [["rejected"], []], "rejected", None),
        (None, None, [["rejected"], ["rejected"]], "rejected", "rejected"),
        (None, "confirmed", [["rejected"], []], "rejected", None),
        (None, "confirmed", [["unsure"]], "unsure", None),
        ("unsure", "unsure", [["rejected"]], "rejected", "unsure"),
        ("rejected", "rejected", [["rejected"], ["confirmed"]], "confirmed", "confirmed"),
        ("rejected", "rejected", [["unsure"], ["confirmed"]], "unsure", "rejected"),
        ("rejected", "confirmed", [["rejected"], []], None, "rejected"),
    ],
)
def test_a_pair_follows_its_regions_unless_a_person_decided_on_it(own, review, tags, latest, expected):
    assert pair_decision(own, review, tags, latest) == expected


def decided_after(dataset, sample_id: str, *steps: tuple[str, str | None]) -> str | None:
    """What holds for a pair after decisions, each on ("region" or "pair", what)."""
    first = dataset.select_group_slices("after").select(sample_id).first().run_regions.detections[0].id
    for on, decision in steps:
        if on == "region":
            review_regions(dataset, "run", [first], decision)
        else:
            review_pairs(dataset, "run", [sample_id], decision)
    return dataset.select_group_slices("after").select(sample_id).first().run_review


@pytest.mark.parametrize(
    ("corrected", "expected"), [("rejected", "rejected"), ("unsure", None), (None, None)]
)
def test_correcting_a_confirmed_region_corrects_its_pair(dataset, ids, corrected, expected):
    steps = [("region", "confirmed"), ("region", corrected)]
    assert decided_after(dataset, ids["strong"], *steps) == expected


def test_a_decision_on_the_pair_itself_outlives_the_decisions_on_its_regions(dataset, ids):
    assert (
        decided_after(dataset, ids["strong"], ("pair", "confirmed"), ("region", "confirmed")) == "confirmed"
    )
    assert decided_after(dataset, ids["strong"], ("region", "rejected")) == "confirmed"
    assert decided_after(dataset, ids["dark"], ("pair", "rejected"), ("region", "confirmed")) == "confirmed"
    assert decided_after(dataset, ids["dark"], ("region", None)) == "rejected"


def test_a_decision_stored_by_other_means_is_not_taken_back_with_a_region(dataset, ids):
    dataset.set_values("run_review", {ids["strong"]: "unsure"}, key_field="id")
    assert decided_after(dataset, ids["strong"], ("region", "rejected"), ("region", None)) == "unsure"


def test_a_decision_on_a_region_that_is_gone_is_refused(dataset, ids):
    gone = dataset.select_group_slices("after").select(ids["strong"]).first().run_regions.detections[0].id
    dataset.set_values("run_regions", {ids["strong"]: fo.Detections()}, key_field="id")
    with pytest.raises(DecisionError, match="no longer has these regions"):
        review_regions(dataset, "run", [gone], "confirmed")
