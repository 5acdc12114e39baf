"""The triage panel, the grid and the review show one threshold, and count what the dataset finds at it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fiftyone import ViewField as F

from tests.browser import flows

pytestmark = pytest.mark.browser


def counts_of(panel: Any) -> dict[str, str]:
    names = ("flagged", "quiet", "missed", "false_alarms")
    return {name: panel.locator(f'[data-cy="argus-count-{name}"]').inner_text() for name in names}


def listed(panel: Any) -> list[str]:
    """The pairs of the list once it is of the threshold that the panel shows."""
    panel.locator('[data-cy="argus-ranked"][aria-busy="false"]').wait_for(state="attached")
    return [row.inner_text().split("\n")[1] for row in panel.locator('[data-cy="argus-ranked-row"]').all()]


def test_counts_are_what_the_dataset_matches_at_a_calibrated_threshold(page, address, plates):
    from argus_fiftyone.plugin.dataset.runs import set_threshold

    scores = sorted(plates.values("argus_score"))
    threshold = float(np.nextafter(scores[-2], 1))  # just above a pair that is to be left quiet
    set_threshold(plates, "argus", threshold)
    flagged = plates.match(F("argus_score") >= threshold).count()
    flows.open_dataset(page, address, plates.name)
    shown = counts_of(flows.open_triage(page))
    assert (shown["flagged"], shown["quiet"]) == (str(flagged), str(8 - flagged))


def test_a_threshold_that_is_tried_holds_for_all_of_the_panel_and_says_so(page, address, plates):
    flows.open_dataset(page, address, plates.name)
    panel = flows.open_triage(page)
    trial = panel.locator('[data-cy="argus-trial"]')
    panel.locator('[data-cy="argus-ranking"]').select_option("missed")
    panel.get_by_text("plate-07", exact=True).wait_for()
    assert trial.count() == 0
    panel.locator('[data-cy="argus-threshold"]').fill("0.6")
    assert "Not applied: 0.60" in trial.inner_text()
    assert "are of the applied threshold, 0.50" in trial.inner_text()
    assert counts_of(panel) == {"flagged": "2", "quiet": "6", "missed": "2", "false_alarms": "0"}
    assert listed(panel) == ["plate-07", "plate-03"]
    assert "recall 0.50" in panel.locator('[data-cy="argus-curve"]').inner_text()
    panel.locator('[data-cy="argus-order-grid"]').click()
    flows.wait_for_pictures(page, 2)

    panel.locator('[data-cy="argus-start"]').click()
    page.wait_for_selector('[data-cy="argus-review"][data-ready="true"]')
    review = page.locator('[data-cy="argus-review"]')
    assert "at 0.6 (not applied)" in review.locator('[data-cy="argus-order"]').inner_text()
    assert review.locator('[data-cy="argus-place"]').inner_text() == "1 of 2"
    assert review.get_by_text("Regions at the applied threshold, 0.50").count() == 1
    flows.close_modal(page)

    assert "Not applied: 0.60" in trial.inner_text()
    panel.locator('[data-cy="argus-trial-back"]').click()
    assert trial.count() == 0
    assert listed(panel) == ["plate-07"]
    flows.wait_for_pictures(page, 1)


def test_applying_what_is_tried_ends_the_trial_everywhere(page, address, plates):
    flows.open_dataset(page, address, plates.name)
    panel = flows.open_triage(page)
    panel.locator('[data-cy="argus-ranking"]').select_option("false_alarms")
    panel.locator('[data-cy="argus-threshold"]').fill("0.6")
    assert listed(panel) == []
    panel.locator('[data-cy="argus-trial-apply"]').click()
    panel.get_by_text("applied: 0.60").wait_for()
    panel.locator('[data-cy="argus-trial"]').wait_for(state="detached")
    flows.wait_for_pictures(page, 2)
    assert counts_of(panel) == {"flagged": "2", "quiet": "6", "missed": "2", "false_alarms": "0"}
    assert listed(panel) == []
