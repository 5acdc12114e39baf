"""The README's screenshots of the App, on the shipped pairs with the offline encoder.

    python -m pytest tests/browser/make_screenshots.py

Writes docs/pictures/app-*.png at 1280 × 800. Another size goes to another folder, for looking:
ARGUS_SCREEN=1920x1080 ARGUS_PICTURES=/tmp/wide in front of the command. The name of this file
keeps it out of the test suite.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.browser import flows
from tests.browser.app import browse, find_chromium

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
PICTURES = Path(os.environ.get("ARGUS_PICTURES", ROOT / "docs" / "pictures"))
WIDTH, HEIGHT = (int(part) for part in os.environ.get("ARGUS_SCREEN", "1280x800").split("x"))


def test_screens_of_the_readme(address: str) -> None:
    from argus_fiftyone.demo import build_dataset
    from argus_fiftyone.settings import Settings

    assert find_chromium(), "screenshots need a Chromium"
    dataset = build_dataset(Settings(), print)
    PICTURES.mkdir(parents=True, exist_ok=True)
    for screen in (form, grid, triage, review):
        with browse(WIDTH, HEIGHT) as page:
            flows.open_dataset(page, address, str(dataset.name))
            screen(page)


def snap(page: Any, name: str) -> None:
    page.mouse.move(WIDTH - 3, HEIGHT - 3)
    page.wait_for_timeout(2 * flows.SETTLE_MS)
    page.screenshot(path=PICTURES / f"app-{name}.png")


def form(page: Any) -> None:
    asked = flows.ask_operator(page, "Compute change heatmaps")
    asked.locator('input[type="string"], input[type="text"]').first.fill(
        "a crack or break in the cookie; pitting wear"
    )
    snap(page, "form")


def grid(page: Any) -> None:
    flows.show_field(page, "argus_regions", False)
    flows.show_field(page, "argus")
    snap(page, "grid")


def triage(page: Any) -> None:
    flows.open_triage(page)
    snap(page, "triage")


def review(page: Any) -> None:
    panel = page.locator('[data-cy="argus-triage"]')
    if not panel.count():
        panel = flows.open_triage(page)
    panel.locator('[data-cy="argus-ranked-row"]').first.click()
    flows.open_review(page)
    flows.press(page, "ArrowDown", "y")
    snap(page, "review")
    flows.press(page, "ArrowUp", "2", "z")
    snap(page, "review-swipe")
