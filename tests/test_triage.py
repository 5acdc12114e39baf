"""Counts and orders of pairs, on a database of the tests' own."""

from collections import Counter
from itertools import pairwise

import fiftyone as fo
import numpy as np
import pytest
from fiftyone import ViewField as F

from argus_fiftyone.plugin.dataset import scores, triage
from argus_fiftyone.plugin.dataset.reviews import review_pairs
from tests.spotted import names, spotted_dataset

pytestmark = pytest.mark.database


@pytest.fixture
def dataset(tmp_path):
    yield from spotted_dataset(tmp_path)


@pytest.fixture
def ids(dataset) -> dict[str, str]:
    return dict(zip(*dataset.values(["pair_id", "id"]), strict=True))


def test_counts_hold_every_scored_pair_once_with_its_truth(dataset):
    counts = scores.count_scores(dataset, "run", 0.5).scored
    truths = Counter()
    for count in counts:
        truths[count.truth] += count.count
    assert truths == {"change": 4, "nochange": 2}


def test_counts_follow_decisions(dataset, ids):
    review_pairs(dataset, "run", [ids["strong"], ids["same"]], "confirmed")
    decided = [
        count for count in scores.count_scores(dataset, "run", 0.5).scored if count.review == "confirmed"
    ]
    assert sum(count.count for count in decided) == 2


def test_a_score_on_a_bin_edge_counts_at_its_threshold(dataset, ids):
    dataset.set_values("run_score", {ids["weak"]: 0.57}, key_field="id")
    assert 570 in {count.bin for count in scores.count_scores(dataset, "run", 0.5).scored}
    assert "weak" in names(dataset, "flagged", 0.57)


@pytest.mark.parametrize("threshold", [0.57, 0.1, 0.836, 0.8364912, 1.0])
def test_counts_are_what_the_dataset_matches_at_the_threshold(dataset, ids, threshold):
    """Scores at the threshold and one step of a float beside it: rounding would move one across."""
    near = (np.nextafter(threshold, 0), threshold, np.nextafter(threshold, 2))
    scored = dict(zip(ids.values(), [*map(float, near), 0.0, 0.3, 0.999], strict=True))
    dataset.set_values("run_score", scored, key_field="id")
    counts = scores.count_scores(dataset, "run", threshold).scored
    expected = dataset.match(F("run_score") >= threshold).count()
    assert sum(count.count for count in counts if count.flagged) == expected
    if round(threshold, 3) == threshold:
        assert sum(count.count for count in counts if count.bin >= round(threshold * 1000)) == expected


def test_a_pair_without_a_score_is_not_counted(dataset, ids):
    dataset.set_values("run_score", {ids["weak"]: None}, key_field="id")
    assert sum(count.count for count in scores.count_scores(dataset, "run", 0.5).scored) == 5


def test_a_pair_that_failed_is_counted_as_failed(dataset, ids):
    dataset.set_values("run_score", {ids["weak"]: None}, key_field="id")
    dataset.set_values("run_error", {ids["weak"]: "unreadable"}, key_field="id")
    assert scores.count_scores(dataset, "run", 0.5).failed == 1


def test_the_curve_reaches_full_recall_and_its_average_is_one_when_changes_score_highest(dataset):
    points, average = scores.curve_of(scores.count_scores(dataset, "run", 0.5).scored)
    assert average == pytest.approx(1.0)
    assert points[0].recall == 1.0
    assert points[-1].precision == 1.0
    assert [p.threshold for p in points] == sorted(p.threshold for p in points)


def test_there_is_no_curve_without_unchanged_pairs(dataset):
    only_changed = [c for c in scores.count_scores(dataset, "run", 0.5).scored if c.truth == "change"]
    assert scores.curve_of(only_changed) == ([], None)


def test_rankings_sort_as_their_names_say(dataset, ids):
    assert set(names(dataset, "strongest")[:2]) == {"strong", "dark"}
    assert names(dataset, "strongest")[2:4] == ["middle", "weak"]
    assert names(dataset, "uncertain", 0.5)[0] == "middle"
    assert names(dataset, "missed", 0.5) == ["weak"]
    assert names(dataset, "false_alarms", 0.5) == []
    review_pairs(dataset, "run", [ids["strong"]], "rejected")
    assert "strong" not in names(dataset, "open")


@pytest.mark.parametrize("ranking", ["strongest", "open", "uncertain", "quiet"])
def test_walking_by_neighbours_visits_a_ranking_in_order(dataset, ids, ranking):
    expected = [ids[name] for name in names(dataset, ranking)]
    walked = [expected[0]]
    while (following := triage.neighbour(dataset, "run", walked[-1], ranking, 0.5, back=False)) is not None:
        walked.append(following)
    assert walked == expected
    for earlier, later in pairwise(walked):
        assert triage.neighbour(dataset, "run", later, ranking, 0.5, back=True) == earlier
    places = [triage.place_of(dataset, "run", sample, ranking, 0.5) for sample in walked]
    assert [place.number for place in places] == list(range(1, len(walked) + 1))
    assert {place.total for place in places} == {len(walked)}


def test_a_decided_pair_keeps_its_way_to_the_next_open_one(dataset, ids):
    order = names(dataset, "open")
    review_pairs(dataset, "run", [ids[order[1]]], "confirmed")
    assert triage.neighbour(dataset, "run", ids[order[1]], "open", 0.5, back=False) == ids[order[2]]


def test_the_way_back_leads_over_decided_pairs_and_the_way_on_past_them(dataset, ids):
    order = names(dataset, "open")
    review_pairs(dataset, "run", [ids[order[1]]], "confirmed")
    assert triage.neighbour(dataset, "run", ids[order[2]], "open", 0.5, back=True) == ids[order[1]]
    assert triage.neighbour(dataset, "run", ids[order[0]], "open", 0.5, back=False) == ids[order[2]]
    assert triage.place_of(dataset, "run", ids[order[2]], "open", 0.5) == triage.Place(3, len(order))


def test_another_tools_heatmaps_can_be_chosen_once_they_have_scores(dataset):
    after = dataset.select_group_slices("after")
    after.set_values("other", [fo.Heatmap(map_path=path) for path in after.values("run.map_path")])
    assert "other" not in [choice.base for choice in scores.choices(dataset)]
    after.set_values("other_score", after.values("run_score"))
    assert [choice.base for choice in scores.choices(dataset)] == ["run", "other"]
