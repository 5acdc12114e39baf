"""What a person does in the App, in words."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

SETTLE_MS = 1200
"""The App redraws thumbnails in workers; switching fields sooner can leave them unpainted."""


def open_dataset(page: Any, address: str, name: str) -> None:
    """Open a dataset's grid and wait for its first picture."""
    page.goto(f"{address}/datasets/{name}")
    page.wait_for_selector('[data-cy="looker"]')
    page.wait_for_timeout(SETTLE_MS)
    hint = page.get_by_text("Dismiss", exact=True)
    if hint.count():
        hint.first.click()


def show_field(page: Any, field: str, shown: bool = True, within: str = "") -> None:
    """Have a field drawn or not, whatever the App showed so far."""
    box = page.locator(f'{within} [data-cy="checkbox-{field}"]').first
    if box.locator("xpath=descendant-or-self::input").is_checked() != shown:
        box.click()
        page.wait_for_timeout(SETTLE_MS)  # two switches within a second can leave pictures unpainted
    page.mouse.move(5, 5)


def open_triage(page: Any) -> Any:
    """Open the triage panel beside the grid; returns it once it has counted."""
    page.locator('[data-cy="new-panel-btn"]').first.click()
    page.click('[data-cy="new-panel-option-argus_triage"]')
    page.wait_for_selector('[data-cy="argus-histogram"]')
    return page.locator('[data-cy="argus-triage"]')


def ask_operator(page: Any, label: str) -> Any:
    """Find an operator by its label with the ` key; returns its form."""
    page.wait_for_timeout(SETTLE_MS)
    page.keyboard.press("`")
    page.locator('[data-cy="operators-browser-search"]').locator("xpath=descendant-or-self::input").fill(
        label
    )
    page.locator('[data-cy="operators-browser"]').get_by_text(label, exact=True).first.click()
    return form_of(page)


def form_of(page: Any) -> Any:
    """The operator form that is open."""
    page.wait_for_selector('[data-cy="operators-prompt-modal"]')
    page.wait_for_timeout(SETTLE_MS)
    return page.locator('[data-cy="operators-prompt-modal"]')


def choose(page: Any, form: Any, label: str, value: str) -> None:
    """Choose a value in a drop-down of a form."""
    form.get_by_text(label, exact=True).locator('xpath=following::*[@role="combobox"][1]').click()
    page.get_by_role("option", name=value, exact=True).click()
    page.wait_for_timeout(SETTLE_MS)


def execute(page: Any, form: Any) -> None:
    """Press Execute once the form allows it, wait for the end and close what is left of the form."""
    from playwright.sync_api import expect

    button = form.get_by_role("button", name="Execute", exact=True)
    expect(button).to_be_enabled(timeout=30_000)
    page.wait_for_timeout(SETTLE_MS)
    button.click()


def shot(target: Any) -> np.ndarray:
    """What a part of the page looks like, uint8 [rows, cols, 3]."""
    return np.asarray(Image.open(io.BytesIO(target.screenshot())).convert("RGB"))


def settled_shot(page: Any, target: Any) -> np.ndarray:
    """The same, once it has stopped changing: the App paints in workers, at its own pace."""
    earlier = shot(target)
    for _ in range(20):
        page.wait_for_timeout(SETTLE_MS)
        now = shot(target)
        if now.shape == earlier.shape and (now == earlier).all():
            return now
        earlier = now
    raise AssertionError("the picture kept changing for 24 s")


def at(picture: np.ndarray, centre: tuple[float, float]) -> np.ndarray:
    """Mean colour around a place given in fractions (x, y)."""
    rows, cols = picture.shape[:2]
    row, col = int(centre[1] * rows), int(centre[0] * cols)
    return picture[row - 2 : row + 3, col - 2 : col + 3].reshape(-1, 3).mean(axis=0)


def open_review(page: Any) -> Any:
    """Turn the open modal to the review panel; returns it once it shows a pair."""
    page.locator('[data-cy="panel-tab-argus_review"]').click()
    page.wait_for_selector('[data-cy="argus-review"]')
    return page.locator('[data-cy="argus-review"]')


def press(page: Any, *keys: str) -> None:
    """Press keys one after the other, as fast as a person would."""
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(150)


def expect_decisions(review: Any, decisions: list[str]) -> None:
    """Wait until pair and regions, in this order, show these decisions."""
    for row, decision in zip(review.locator("[role=option]").all(), decisions, strict=True):
        row.locator(f"text={decision}").wait_for()


def wait_for_pictures(page: Any, number: int) -> None:
    """Wait until the grid shows so many pictures, and keeps showing them."""
    shown = "number => document.querySelectorAll('[data-cy=looker]').length === number"
    page.wait_for_function(shown, arg=number)
    page.wait_for_timeout(SETTLE_MS)
    page.wait_for_function(shown, arg=number)


def close_modal(page: Any) -> None:
    """Leave the modal by a click beside it."""
    page.mouse.click(5, 300)
    page.wait_for_selector('[data-cy="modal"]', state="detached")


def wait_until(condition: Any, page: Any, seconds: float = 60) -> None:
    """Wait for something outside the page to become true."""
    for _ in range(int(seconds * 4)):
        if condition():
            return
        page.wait_for_timeout(250)
    raise AssertionError(f"still not so after {seconds:.0f} s")
