"""Evaluate in a real browser: what it covers, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser import flows

pytestmark = pytest.mark.browser

ALL = {"found": 3, "missed": 1, "false_alarm": 1, "quiet": 3}
"""The run's figures at 0.5, on all eight pairs."""


def evaluate(page: Any) -> Any:
    """Press Evaluate in the triage panel; returns the form."""
    page.locator('[data-cy="argus-tool-evaluate_change_heatmaps"]').click()
    return flows.form_of(page)


def outcomes(plates: Any) -> dict[str, int]:
    plates.reload()
    if not plates.has_sample_field("argus_outcome"):
        return {}
    return {name: count for name, count in plates.count_values("argus_outcome").items() if name}


def test_one_ticked_card_does_not_make_the_figures_those_of_one_pair(page, address, plates):
    flows.open_dataset(page, address, plates.name)
    flows.open_triage(page)
    first = page.locator('[data-cy="looker"]').first
    first.hover()
    first.click(position={"x": 14, "y": 14})  # its checkbox
    form = evaluate(page)
    form.get_by_text("Whole data set: 8 pairs with heatmaps").wait_for()
    form.get_by_text("Selected in the grid: 1 pair with heatmaps").wait_for()
    flows.execute(page, form)
    page.get_by_text("8 of 8 pairs, whole data set").first.wait_for()
    assert outcomes(plates) == ALL


def test_a_filtered_view_is_measured_as_a_part_beside_the_whole(page, address, plates):
    from argus_fiftyone.plugin.dataset.evaluations import evaluation_reports
    from argus_fiftyone.plugin.dataset.ground_truth import evaluate_heatmaps

    list(evaluate_heatmaps(plates, "argus", 0.5))
    flows.open_dataset(page, address, plates.name)
    panel = flows.open_triage(page)
    panel.locator('[data-cy="argus-show-flagged"]').click()
    flows.wait_for_pictures(page, 4)
    form = evaluate(page)
    form.get_by_text("Whole data set: 8 pairs with heatmaps").wait_for()
    form.get_by_text("Current view: 4 pairs with heatmaps").click()
    form.get_by_text("A part is reported by itself").wait_for()
    flows.execute(page, form)
    page.get_by_text("4 of 8 pairs, current view").first.wait_for()
    assert outcomes(plates) == ALL
    whole, part = evaluation_reports(plates, parts=True)
    assert (whole["pairs"], part["pairs"], part["missed"]) == (8, 4, 0)
    assert plates.load_saved_view("argus missed").values("pair_id") == ["plate-07"]


def test_after_another_threshold_the_saved_view_of_misses_holds_what_the_card_says(page, address, plates):
    from argus_fiftyone.plugin.dataset.ground_truth import evaluate_heatmaps

    list(evaluate_heatmaps(plates, "argus", 0.5))
    flows.open_dataset(page, address, plates.name)
    panel = flows.open_triage(page)
    panel.locator('[data-cy="argus-threshold"]').fill("0.2")
    panel.locator('[data-cy="argus-apply"]').click()
    panel.get_by_text("applied: 0.20").wait_for()
    assert panel.locator('[data-cy="argus-count-missed"]').inner_text() == "0"
    # The panel says so while the last outcomes are still being written.
    flows.wait_until(lambda: plates.reload() or not plates.load_saved_view("argus missed").count(), page)
    assert outcomes(plates)["found"] == 4


def test_a_query_is_not_measured_against_another_querys_masks(page, address, fresh_plates):
    from argus_fiftyone.plugin.dataset.computing import compute_heatmaps
    from tests.fakes import FakeEncoder, compare_by_pixels

    made: Any = {"encoder": FakeEncoder(), "compare": compare_by_pixels}
    list(compute_heatmaps(fresh_plates, "argus", ["a stain"], **made))
    flows.open_dataset(page, address, fresh_plates.name)
    panel = flows.open_triage(page)
    assert panel.locator('[data-cy="argus-count-missed"]').count() == 0
    form = evaluate(page)
    form.get_by_text("their masks belong to “a missing screw”").first.wait_for()
    assert form.get_by_role("button", name="Execute", exact=True).is_disabled()
    form.get_by_text("The pairs' masks mark “a stain”, too").click()
    flows.execute(page, form)
    page.get_by_text("8 of 8 pairs, whole data set").first.wait_for()
