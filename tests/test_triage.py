"""What the panels count, order and say, on a database of the tests' own."""

from collections import Counter
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import fiftyone as fo
import pytest
from fiftyone import ViewField as F

from argus_fiftyone.plugin.dataset import scores, triage
from argus_fiftyone.plugin.dataset.computing import compute_heatmaps
from argus_fiftyone.plugin.dataset.imports import ImportReport, import_pairs, rows_of_csv
from argus_fiftyone.plugin.dataset.reviews import pair_decision, review_pairs, review_regions
from argus_fiftyone.plugin.panels import review as review_panel
from argus_fiftyone.plugin.panels import triage as triage_panel
from tests.fakes import FakeEncoder, compare_by_pixels, write_list

pytestmark = pytest.mark.database

SPOTS = {"strong": 0.9, "dark": -0.9, "weak": 0.3, "middle": 0.6, "same": 0.0, "also-same": 0.0}


@pytest.fixture
def dataset(tmp_path):
    rows = rows_of_csv(write_list(tmp_path, SPOTS))
    for _ in import_pairs("triage", rows, ImportReport(len(rows.rows)), overwrite=True):
        pass
    made = fo.load_dataset("triage")
    for _ in compute_heatmaps(made, "run", encoder=FakeEncoder(), compare=compare_by_pixels):  # type: ignore[arg-type]
        pass
    yield made
    fo.delete_dataset("triage")


@pytest.fixture
def ids(dataset) -> dict[str, str]:
    return dict(zip(*dataset.values(["pair_id", "id"]), strict=True))


def ctx_for(dataset, **params: Any) -> Any:
    """What of FiftyOne's context the panels use; what they send is kept in `sent`."""
    kept: dict[str, Any] = {}
    sent: list[tuple] = []
    ops = SimpleNamespace(
        **{
            name: lambda *args, name=name, **kwargs: sent.append((name, args, kwargs))
            for name in ("set_view", "set_group_slice", "open_sample", "notify")
        }
    )
    panel = SimpleNamespace(data={})
    panel.set_data = lambda key, value=None: panel.data.update(key if isinstance(key, dict) else {key: value})
    store = SimpleNamespace(get=kept.get, set=kept.__setitem__)
    return SimpleNamespace(
        dataset=dataset,
        view=dataset.view(),
        params=params,
        ops=ops,
        panel=panel,
        sent=sent,
        store=lambda _: store,
        group_slice="after",
    )


def names(dataset, ranking: str, threshold: float = 0.5) -> list[str]:
    return [row["name"] for row in triage.first_ranked(dataset, "run", ranking, threshold)]


def test_counts_hold_every_scored_pair_once_with_its_truth(dataset):
    counts = scores.count_scores(dataset, "run").scored
    truths = Counter()
    for count in counts:
        truths[count.truth] += count.count
    assert truths == {"change": 4, "nochange": 2}


def test_counts_follow_decisions(dataset, ids):
    review_pairs(dataset, "run", [ids["strong"], ids["same"]], "confirmed")
    decided = [count for count in scores.count_scores(dataset, "run").scored if count.review == "confirmed"]
    assert sum(count.count for count in decided) == 2


def test_a_score_on_a_bin_edge_counts_at_its_threshold(dataset, ids):
    dataset.set_values("run_score", {ids["weak"]: 0.57}, key_field="id")
    assert 570 in {count.bin for count in scores.count_scores(dataset, "run").scored}
    assert "weak" in names(dataset, "flagged", 0.57)


def test_a_pair_without_a_score_is_not_counted(dataset, ids):
    dataset.set_values("run_score", {ids["weak"]: None}, key_field="id")
    assert sum(count.count for count in scores.count_scores(dataset, "run").scored) == 5


def test_a_pair_that_failed_is_counted_as_failed(dataset, ids):
    dataset.set_values("run_score", {ids["weak"]: None}, key_field="id")
    dataset.set_values("run_error", {ids["weak"]: "unreadable"}, key_field="id")
    assert scores.count_scores(dataset, "run").failed == 1


def test_the_curve_reaches_full_recall_and_its_average_is_one_when_changes_score_highest(dataset):
    points, average = scores.curve_of(scores.count_scores(dataset, "run").scored)
    assert average == pytest.approx(1.0)
    assert points[0].recall == 1.0
    assert points[-1].precision == 1.0
    assert [p.threshold for p in points] == sorted(p.threshold for p in points)


def test_there_is_no_curve_without_unchanged_pairs(dataset):
    only_changed = [c for c in scores.count_scores(dataset, "run").scored if c.truth == "change"]
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
    ("review", "tags", "expected"),
    [
        (None, [], None),
        ("unsure", [["rejected"]], "unsure"),
        ("rejected", [["rejected"], ["confirmed"]], "confirmed"),
        (None, [["rejected"], []], None),
        (None, [["rejected"], ["rejected"]], "rejected"),
    ],
)
def test_one_confirmed_region_confirms_a_pair_and_only_all_rejected_reject_it(review, tags, expected):
    assert pair_decision(review, tags) == expected


def test_another_tools_heatmaps_can_be_chosen_once_they_have_scores(dataset):
    after = dataset.select_group_slices("after")
    after.set_values("other", [fo.Heatmap(map_path=path) for path in after.values("run.map_path")])
    assert "other" not in [choice.base for choice in scores.choices(dataset)]
    after.set_values("other_score", after.values("run_score"))
    assert [choice.base for choice in scores.choices(dataset)] == ["run", "other"]


def test_the_triage_panel_says_what_to_do_when_nothing_was_computed(dataset):
    dataset.delete_run("run")
    dataset.delete_sample_field("run")
    assert "Compute change heatmaps first" in triage_panel.describe(ctx_for(dataset))["message"]


def test_showing_missed_pairs_keeps_both_slices(dataset):
    ctx = ctx_for(dataset, what="missed", threshold=0.5)
    triage_panel.TriagePanel().show(ctx)
    (_, (view,), _) = ctx.sent[-1]
    assert view.values("pair_id") == ["weak"]
    assert view.media_type == "group"


def test_opening_a_pair_that_the_view_hides_widens_the_view(dataset, ids):
    ctx = ctx_for(dataset, id=ids["same"])
    ctx.view = dataset.match(F("pair_id") == "strong")
    triage_panel.TriagePanel().open(ctx)
    assert [name for name, _, _ in ctx.sent] == ["set_view", "open_sample"]


def test_the_review_panel_describes_the_group_that_is_open(dataset, ids):
    group = dataset.select_group_slices("after").select(ids["dark"]).first().group.id
    ctx = ctx_for(dataset, opened=group)
    review_panel.ReviewPanel().show(ctx)
    pair = ctx.panel.data["pair"]
    assert pair["name"] == "dark"
    assert pair["direction"] == "disappeared"
    assert pair["before"]["path"].endswith("before/dark.png")
    assert (pair["after"]["width"], pair["after"]["height"]) == (64, 64)
    assert pair["warp"] == [1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert [region["decision"] for region in pair["regions"]] == [None]


def test_both_panels_name_what_the_run_asked_for_rather_than_the_pairs_own_query(dataset, ids):
    steps = compute_heatmaps(dataset, "asked", ["a dent"], encoder=FakeEncoder(), compare=compare_by_pixels)  # type: ignore[arg-type]
    for _ in steps:
        pass
    ctx = ctx_for(dataset, opened=ids["dark"])
    review_panel.ReviewPanel().show(ctx)
    assert ctx.panel.data["pair"]["query"] == "a dent"
    assert {row["query"] for row in triage_panel.describe(ctx)["ranked"]} == {"a dent"}


def test_decisions_made_in_the_panel_are_stored_on_pair_and_region(dataset, ids):
    region = dataset.select_group_slices("after").select(ids["dark"]).first().run_regions.detections[0].id
    panel = review_panel.ReviewPanel()
    panel.decide(ctx_for(dataset, base="run", after_id=ids["dark"], region_id=region, decision="rejected"))
    panel.decide(ctx_for(dataset, base="run", after_id=ids["dark"], region_id=None, decision="unsure"))
    sample = dataset.select_group_slices("after").select(ids["dark"]).first()
    assert sample.run_regions.detections[0].tags == ["rejected"]
    assert sample.run_review == "unsure"


def test_next_at_the_end_of_the_order_says_so(dataset, ids):
    last = names(dataset, "open")[-1]
    ctx = ctx_for(dataset, after_id=ids[last], by=1)
    review_panel.ReviewPanel().go(ctx)
    assert ctx.sent[-1][0] == "notify"


def test_a_decision_may_go_on_to_the_next_pair(dataset, ids):
    first, second = names(dataset, "open")[:2]
    ctx = ctx_for(dataset, base="run", after_id=ids[first], region_id=None, decision="confirmed", by=1)
    review_panel.ReviewPanel().decide(ctx)
    assert ctx.sent[-1][0] == "open_sample"
    assert ctx.sent[-1][2]["id"] == ids[second]


def test_the_end_of_a_finished_review_tells_the_outcome(dataset, ids):
    review_pairs(dataset, "run", list(ids.values()), "rejected")
    ctx = ctx_for(dataset, after_id=ids["same"], by=1)
    review_panel.ReviewPanel().go(ctx)
    assert "All 6 pairs are decided: 6 rejected" in ctx.sent[-1][1][0]


def test_a_group_without_its_before_picture_is_explained(dataset, ids):
    sample = dataset.select_group_slices("after").select(ids["same"]).first()
    dataset.delete_samples(dataset.select_groups(sample.group.id).select_group_slices("before"))
    ctx = ctx_for(dataset, opened=sample.group.id)
    review_panel.ReviewPanel().show(ctx)
    assert "no before picture" in ctx.panel.data["message"]
