"""The flows an inspector goes through, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser import flows

pytestmark = pytest.mark.browser

LOST = (60 / 320, 180 / 240)
"""Where plate-01 misses its screw, in fractions."""

KEPT = (160 / 320, 60 / 240)


def regions_of(dataset: Any, pair: str) -> list:
    dataset.reload()
    from fiftyone import ViewField as F

    return dataset.match(F("pair_id") == pair).first().argus_regions.detections


def test_the_heatmap_shows_in_the_grid_where_the_screw_is_missing(page, address, plates):
    flows.open_dataset(page, address, plates.name)
    first = page.locator('[data-cy="looker"]').first
    flows.show_field(page, "argus_regions", False)
    flows.show_field(page, "argus", False)
    plain = flows.settled_shot(page, first)
    flows.show_field(page, "argus")
    shown = flows.settled_shot(page, first)
    assert np.abs(flows.at(shown, LOST) - flows.at(plain, LOST)).max() > 15  # its colour is the App's choice
    assert np.abs(flows.at(shown, KEPT) - flows.at(plain, KEPT)).max() < 5


def test_the_heatmap_shows_in_the_modal_where_the_screw_is_missing(page, address, plates):
    flows.open_dataset(page, address, plates.name)
    page.locator('[data-cy="looker"]').first.click()
    canvas = page.locator('[data-cy="modal-looker-container"] canvas')
    canvas.wait_for()
    flows.show_field(page, "argus_regions", False, '[data-cy="modal"]')
    flows.show_field(page, "argus", False, '[data-cy="modal"]')
    plain = flows.settled_shot(page, canvas)
    flows.show_field(page, "argus", True, '[data-cy="modal"]')
    changed = np.abs(flows.settled_shot(page, canvas).astype(int) - plain).max(axis=2) > 12
    rows, cols = np.nonzero(changed)
    assert changed.mean() > 0.002
    # the picture is centred in the canvas at its own shape, 4:3
    width = min(changed.shape[1], changed.shape[0] * 4 / 3)
    left = (changed.shape[1] - width) / 2
    assert abs((np.median(cols) - left) / width - LOST[0]) < 0.05
    assert np.median(rows) > changed.shape[0] / 2


def test_apply_updates_counts_grid_and_regions_without_encoding(page, address, plates):
    maps = plates.values("argus.map_path")
    flows.open_dataset(page, address, plates.name)
    panel = flows.open_triage(page)
    count = {
        name: panel.locator(f'[data-cy="argus-count-{name}"]')
        for name in ("flagged", "missed", "false_alarms")
    }
    assert {name: cell.inner_text() for name, cell in count.items()} == {
        "flagged": "4",
        "missed": "1",
        "false_alarms": "1",
    }
    panel.locator('[data-cy="argus-threshold"]').fill("0.6")
    assert count["flagged"].inner_text() == "2"
    panel.locator('[data-cy="argus-apply"]').click()
    panel.get_by_text("applied: 0.60").wait_for()
    flows.wait_for_pictures(page, 2)
    assert {name: cell.inner_text() for name, cell in count.items()} == {
        "flagged": "2",
        "missed": "2",
        "false_alarms": "0",
    }
    assert regions_of(plates, "plate-04") == []
    assert len(regions_of(plates, "plate-05")) == 2
    assert plates.values("argus.map_path") == maps


def test_decisions_by_keys_are_there_after_a_reload(page, address, plates):
    flows.open_dataset(page, address, plates.name)
    panel = flows.open_triage(page)
    panel.locator('[data-cy="argus-ranked-row"]', has_text="plate-05").click()
    review = flows.open_review(page)
    review.get_by_text("plate-05").wait_for()
    flows.press(page, "g", "ArrowDown", "y", "n", "ArrowDown", "u")
    decisions = ["unsure", "confirmed", "rejected"]
    flows.expect_decisions(review, decisions)
    page.wait_for_timeout(flows.SETTLE_MS)
    plates.reload()
    assert [d.tags for d in regions_of(plates, "plate-05")] == [["confirmed"], ["rejected"]]

    page.reload()
    review = flows.open_review(page)
    review.get_by_text("plate-05").wait_for()
    flows.expect_decisions(review, decisions)


def test_one_key_per_pair_leads_through_the_review_to_the_confirmed_list(page, address, plates):
    flows.open_dataset(page, address, plates.name)
    panel = flows.open_triage(page)
    panel.locator('[data-cy="argus-start"]').click()
    review = page.locator('[data-cy="argus-review"]')
    order = ("plate-01", "plate-05", "plate-03", "plate-04", "plate-07", "plate-02")
    for name in order:
        review.get_by_text(name, exact=True).wait_for()
        page.wait_for_selector('[data-cy="argus-review"][data-ready="true"]')  # refused before, and said so
        flows.press(page, {"plate-04": "n", "plate-07": "u", "plate-02": "u"}.get(name, "y"))
    review.get_by_text(order[-1], exact=True).wait_for(state="detached")
    flows.press(page, "ArrowLeft")
    review.get_by_text(order[-1], exact=True).wait_for()
    flows.expect_decisions(review, ["unsure"])
    flows.close_modal(page)
    confirmed = panel.locator('[data-cy="argus-count-confirmed"]')
    confirmed.get_by_text("3", exact=True).wait_for()
    confirmed.click()
    flows.wait_for_pictures(page, 3)
    assert plates.reload() or plates.count_values("argus_review") == {
        "confirmed": 3,
        "rejected": 1,
        "unsure": 2,
        None: 2,
    }


def test_arrow_keys_walk_the_triage_order(page, address, plates):
    flows.open_dataset(page, address, plates.name)
    panel = flows.open_triage(page)
    panel.locator('[data-cy="argus-ranked-row"]').first.click()
    review = flows.open_review(page)
    for name in ("plate-01", "plate-05", "plate-03", "plate-04"):
        review.get_by_text(name, exact=True).wait_for()
        flows.press(page, "ArrowRight")
    review.get_by_text("plate-07", exact=True).wait_for()
    flows.press(page, "ArrowLeft")
    review.get_by_text("plate-04", exact=True).wait_for()


def test_evaluation_fills_the_views_of_misses_and_false_alarms(page, address, plates):
    flows.open_dataset(page, address, plates.name)
    form = flows.ask_operator(page, "Evaluate change heatmaps")
    flows.execute(page, form)
    flows.wait_until(lambda: plates.reload() or plates.has_sample_field("argus_outcome"), page)
    page.reload()
    page.wait_for_selector('[data-cy="looker"]')
    panel = flows.open_triage(page)
    # quiet in between: the number of thumbnails tells when the grid shows the next view
    for view, number, pair in (("missed", 1, "plate-07"), ("quiet", 4, ""), ("false_alarms", 1, "plate-04")):
        panel.locator(f'[data-cy="argus-show-{view}"]').click()
        flows.wait_for_pictures(page, number)
        if pair:
            page.locator('[data-cy="looker"]').click(position={"x": 60, "y": 60})  # its checkbox is top left
            review = flows.open_review(page)
            review.get_by_text(pair, exact=True).wait_for()
            flows.close_modal(page)


def test_a_run_from_its_form_writes_heatmaps(page, address, fresh_plates):
    flows.open_dataset(page, address, fresh_plates.name)
    form = flows.ask_operator(page, "Compute change heatmaps")
    form.locator('input[type="string"], input[type="text"]').first.fill("a missing screw")
    flows.execute(page, form)
    flows.wait_until(
        lambda: (
            fresh_plates.reload()
            or ("argus" in fresh_plates.list_runs() and fresh_plates.exists("argus_score").count() == 8)
        ),
        page,
        seconds=240,
    )
    assert all(Path(path).is_file() for path in fresh_plates.values("argus.map_path"))


def test_groups_of_other_names_are_mapped_where_the_panel_leads(page, address, left_and_right):
    from argus_fiftyone.plugin.dataset.slices import pairs_in

    flows.open_dataset(page, address, left_and_right.name)
    page.locator('[data-cy="new-panel-btn"]').first.click()
    page.click('[data-cy="new-panel-option-argus_triage"]')
    panel = page.locator('[data-cy="argus-message"]')
    panel.get_by_text("say which one is before").wait_for()
    panel.get_by_role("button").click()
    form = flows.form_of(page)
    for label, slice_name in (("before", "right"), ("after", "left")):
        flows.choose(page, form, f"Slice with the pictures {label}", slice_name)
    form.get_by_text("The first pair: before plate-01.png, after plate-01.png").wait_for()
    flows.execute(page, form)
    flows.wait_until(
        lambda: left_and_right.reload() or "argus" in left_and_right.list_runs(), page, seconds=240
    )
    pairs = pairs_in(left_and_right).samples
    assert {(p.pair.before.parent.name, p.pair.after.parent.name) for p in pairs} == {("before", "after")}


def test_the_report_opens_in_a_browser(page, address, plates, tmp_path):
    flows.open_dataset(page, address, plates.name)
    panel = flows.open_triage(page)
    panel.locator('[data-cy="argus-tool-export_report"]').click()
    form = flows.form_of(page)
    form.locator("input").nth(1).fill(str(tmp_path / "report"))
    flows.execute(page, form)
    written = tmp_path / "report" / "report.html"
    flows.wait_until(written.is_file, page)
    page.wait_for_timeout(flows.SETTLE_MS)
    page.goto(written.as_uri())
    assert page.get_by_text("plate-05").count() > 0
    pictures = page.locator("img")
    assert pictures.count() >= 3
    assert pictures.first.evaluate("image => image.complete && image.naturalWidth > 0")


def test_review_shows_the_before_picture_where_the_run_aligned_it(page, address, plates):
    shift = 0.25
    warp = [1, 0, shift, 0, 1, 0, 0, 0, 1]
    ids = plates.values("id")
    plates.set_values("argus_warp", dict.fromkeys(ids, warp), key_field="id")
    flows.open_dataset(page, address, plates.name)
    panel = flows.open_triage(page)
    panel.locator('[data-cy="argus-ranked-row"]').first.click()
    flows.open_review(page)
    flows.press(page, "b", "h")
    frame = flows.settled_shot(page, page.locator('[data-cy="argus-frame-before"]'))
    # a screw's upper half, so that its slot does not darken what is looked at
    x, y = 60 / 320, (60 - 9) / 240
    assert flows.at(frame, (x + shift, y)).min() > 180
    assert flows.at(frame, (x, y)).max() < 60, "what the before picture does not reach stays dark"


def test_swipe_overlay_and_blink_show_both_pictures(page, address, plates):
    flows.open_dataset(page, address, plates.name)
    panel = flows.open_triage(page)
    panel.locator('[data-cy="argus-ranked-row"]').first.click()
    review = flows.open_review(page)
    flows.press(page, "b", "h")
    x, y = LOST[0], LOST[1] - 9 / 240

    def brightness() -> float:
        page.wait_for_timeout(400)
        return float(flows.at(flows.shot(page.locator('[data-cy^="argus-frame"]').last), (x, y)).mean())

    after = brightness()
    flows.press(page, "2")
    assert brightness() > after + 80, "left of the divider: before, with its screw"
    review.locator('[data-cy="argus-share"]').fill("0.05")
    assert abs(brightness() - after) < 5
    flows.press(page, "3")
    review.locator('[data-cy="argus-share"]').fill("0.5")
    mixed = brightness()
    assert after + 20 < mixed < after + 90
    flows.press(page, "4", " ")
    one = brightness()
    flows.press(page, " ")
    assert abs(one - brightness()) > 80


def test_the_evaluation_opens_in_fiftyones_own_panel(page, address, plates):
    from argus_fiftyone.plugin.dataset.ground_truth import evaluate_heatmaps

    for _ in evaluate_heatmaps(plates, "argus", 0.5):
        pass
    flows.open_dataset(page, address, plates.name)
    page.locator('[data-cy="new-panel-btn"]').first.click()
    page.click('[data-cy="new-panel-option-model_evaluation_panel_builtin"]')
    page.get_by_text("2 Model Evaluations").wait_for()
    page.get_by_text("argus_pairs", exact=True).last.click()
    summary = page.locator("tr", has_text="Recall").first
    summary.wait_for()
    assert "0.75" in summary.inner_text()
