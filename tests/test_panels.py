"""What the two panels say and do when they are called, without a browser."""

from types import SimpleNamespace
from typing import Any

import fiftyone as fo
import pytest
from fiftyone import ViewField as F

from argus_fiftyone.plugin.dataset.computing import compute_heatmaps
from argus_fiftyone.plugin.dataset.reviews import review_pairs
from argus_fiftyone.plugin.dataset.runs import set_threshold
from argus_fiftyone.plugin.panels import review as review_panel
from argus_fiftyone.plugin.panels import triage as triage_panel
from tests.fakes import FakeEncoder, compare_by_pixels
from tests.spotted import names, spotted_dataset

pytestmark = pytest.mark.database


@pytest.fixture
def dataset(tmp_path):
    yield from spotted_dataset(tmp_path)


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
    pair = review_panel.ReviewPanel().show(ctx)["pair"]
    assert pair["name"] == "dark"
    assert pair["direction"] == "disappeared"
    assert pair["before"]["path"].endswith("before/dark.png")
    assert (pair["after"]["width"], pair["after"]["height"]) == (64, 64)
    assert pair["warp"] == [1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert [region["decision"] for region in pair["regions"]] == [None]


def test_describing_a_pair_adds_nothing_to_what_fiftyone_goes_through_when_the_modal_turns(
    dataset, ids, monkeypatch
):
    added: list[Any] = []
    monkeypatch.setattr(type(fo.Sample), "_register_instance", lambda _, sample: added.append(sample))
    assert review_panel.describe(ctx_for(dataset), ids["dark"])["ahead"]
    assert not added
    dataset.first()
    assert added, "FiftyOne lists a data set's own samples another way by now"


def test_both_panels_name_what_the_run_asked_for_rather_than_the_pairs_own_query(dataset, ids):
    steps = compute_heatmaps(dataset, "asked", ["a dent"], encoder=FakeEncoder(), compare=compare_by_pixels)  # type: ignore[arg-type]
    for _ in steps:
        pass
    ctx = ctx_for(dataset, opened=ids["dark"])
    assert review_panel.ReviewPanel().show(ctx)["pair"]["query"] == "a dent"
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
    assert review_panel.ReviewPanel().go(ctx) == {}
    assert ctx.sent[-1][0] == "notify"


def test_going_on_and_back_answers_with_the_neighbour_in_the_order(dataset, ids):
    first, second = names(dataset, "open")[:2]
    on = review_panel.ReviewPanel().go(ctx_for(dataset, after_id=ids[first], by=1))
    back = review_panel.ReviewPanel().go(ctx_for(dataset, after_id=ids[second], by=-1))
    assert (on["pair"]["name"], back["pair"]["name"]) == (second, first)


def test_the_pairs_that_follow_are_sent_along_in_order(dataset, ids):
    order = names(dataset, "open")
    told = review_panel.ReviewPanel().show(ctx_for(dataset, opened=ids[order[0]]))
    assert [pair["name"] for pair in told["ahead"]] == order[1:4]
    last = review_panel.ReviewPanel().show(ctx_for(dataset, opened=ids[order[-1]]))
    assert last["ahead"] == []


def test_a_decision_that_cannot_be_stored_says_so(dataset, ids):
    gone = ids["strong"]
    dataset.delete_samples([gone])
    ctx = ctx_for(dataset, base="run", after_id=gone, region_id=None, decision="confirmed")
    assert "none of the 1 samples" in review_panel.ReviewPanel().decide(ctx)["error"]
    ctx = ctx_for(dataset, base="run", after_id=ids["dark"], region_id=None, decision="confirmed")
    assert review_panel.ReviewPanel().decide(ctx) == {"error": ""}


def test_a_threshold_that_is_tried_moves_list_grid_and_review_until_another_is_applied(dataset, ids):
    panel, tried = triage_panel.TriagePanel(), ctx_for(dataset, ranking="missed", threshold=0.95)
    panel.rank(tried)
    told = tried.panel.data["triage"]
    assert (told["threshold"], told["listed_at"]) == (0.5, 0.95)
    assert {row["name"] for row in told["ranked"]} == {"strong", "dark", "weak", "middle"}
    panel.show(tried_and(tried, what="ranked"))
    assert len(tried.sent[-1][1][0]) == 4
    pair = review_panel.ReviewPanel().show(tried_and(tried, opened=ids["weak"]))["pair"]
    assert (pair["total"], pair["threshold"]) == (4, 0.5)
    assert pair["order"] == "Missed changes, weakest first, at 0.95 (not applied)"
    set_threshold(dataset, "run", 0.6)
    panel.refresh(tried)
    assert tried.panel.data["triage"]["listed_at"] == 0.6


def tried_and(ctx, **params):
    """The same panel and session, called with other values."""
    return SimpleNamespace(**{**vars(ctx), "params": params})


def test_the_end_of_a_finished_review_tells_the_outcome(dataset, ids):
    review_pairs(dataset, "run", list(ids.values()), "rejected")
    ctx = ctx_for(dataset, after_id=ids["same"], by=1)
    review_panel.ReviewPanel().go(ctx)
    assert "All 6 pairs are decided: 6 rejected" in ctx.sent[-1][1][0]


def test_a_group_without_its_before_picture_is_explained(dataset, ids):
    sample = dataset.select_group_slices("after").select(ids["same"]).first()
    dataset.delete_samples(dataset.select_groups(sample.group.id).select_group_slices("before"))
    ctx = ctx_for(dataset, opened=sample.group.id)
    assert "no before picture" in review_panel.ReviewPanel().show(ctx)["message"]
