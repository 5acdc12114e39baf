"""A key of the review acts on the pair that is on the screen, once, and is stored or said not to be."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser import flows

pytestmark = pytest.mark.browser

LOG_KEYS = """
window.argusKeys = [];
window.addEventListener("keydown", (event) => {
  const panel = document.querySelector("[data-cy=argus-review]");
  const name = panel?.querySelector("[data-cy=argus-pair-name]").textContent;
  if (panel && !event.repeat) window.argusKeys.push([event.key, name, panel.dataset.ready]);
}, true);
"""
"""Notes for each key, before the panel sees it, which pair is on the screen and whether it can be seen."""

DECISIONS = {"y": "confirmed", "n": "rejected", "u": "unsure"}


def start_review(page: Any, address: str, name: str) -> Any:
    page.add_init_script(LOG_KEYS)
    flows.open_dataset(page, address, name)
    panel = flows.open_triage(page)
    panel.locator('[data-cy="argus-start"]').click()
    page.wait_for_selector('[data-cy="argus-review"][data-ready="true"]')
    review = page.locator('[data-cy="argus-review"]')
    review.get_by_text("plate-01", exact=True).wait_for()
    return review


def reviews_of(dataset: Any) -> dict[str, str]:
    dataset.reload()
    rows = zip(*dataset.values(["pair_id", "argus_review"]), strict=True)
    return {name: review for name, review in rows if review}


def decided_by_log(page: Any) -> list[tuple[str, str]]:
    """(pair, decision) of each deciding key that was pressed while its pair could be seen."""
    log = page.evaluate("window.argusKeys")
    return [(name, DECISIONS[key]) for key, name, ready in log if key in DECISIONS and ready == "true"]


def settled_reviews(page: Any, dataset: Any) -> dict[str, str]:
    """What is stored once the panel says that nothing is on its way."""
    page.wait_for_selector('[data-cy="argus-review"][data-storing="0"]')
    now = reviews_of(dataset)
    page.wait_for_timeout(flows.SETTLE_MS)
    assert reviews_of(dataset) == now, "something was stored after the panel said that all is"
    return now


@pytest.mark.parametrize("pause_ms", [300, 60])
def test_keys_in_quick_succession_decide_one_pair_each(page, address, plates, pause_ms):
    start_review(page, address, plates.name)
    for key in "ynyn":
        page.keyboard.press(key)
        page.wait_for_timeout(pause_ms)
    stored = settled_reviews(page, plates)
    decided = decided_by_log(page)
    assert stored["plate-01"] == "confirmed"
    assert len({name for name, _ in decided}) == len(decided), "no pair is decided twice"
    assert stored == dict(decided)
    assert len(stored) >= 2, "the next pairs are there without waiting for the server"


def test_a_key_right_after_going_on_does_not_decide_the_pair_that_was_left(page, address, plates):
    start_review(page, address, plates.name)
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(250)
    page.keyboard.press("y")
    stored = settled_reviews(page, plates)
    assert "plate-01" not in stored
    assert stored == dict(decided_by_log(page))


def test_a_key_held_down_decides_one_pair(page, address, plates):
    start_review(page, address, plates.name)
    for _ in range(100):
        page.keyboard.down("y")
        page.wait_for_timeout(50)
    page.keyboard.up("y")
    assert settled_reviews(page, plates) == {"plate-01": "confirmed"}


def test_fiftyones_modal_follows_the_pair_on_the_screen(page, address, plates):
    review = start_review(page, address, plates.name)
    flows.press(page, "y", "ArrowRight")
    review.get_by_text("plate-03", exact=True).wait_for()
    group = plates.match({"pair_id": "plate-03"}).first().group.id
    flows.wait_until(lambda: group in page.url, page)
    page.keyboard.press("ArrowLeft")
    review.get_by_text("plate-05", exact=True).wait_for()


def test_a_decision_that_is_not_stored_says_so_and_is_taken_back(page, address, plates):
    review = start_review(page, address, plates.name)
    asks_to_decide = '"__method__":"decide"'
    page.route(
        "**/operators/execute",
        lambda route: (
            route.abort() if asks_to_decide in (route.request.post_data or "") else route.continue_()
        ),
    )
    flows.press(page, "y")
    lost = review.locator('[data-cy="argus-lost"]')
    lost.wait_for()
    assert "plate-01: confirmed is not stored" in lost.inner_text()
    assert reviews_of(plates) == {}
    lost.click()
    review.get_by_text("plate-01", exact=True).wait_for()
    assert review.locator('[data-cy="argus-pair-row"]').get_attribute("data-decision") == ""
    page.unroute("**/operators/execute")
    page.wait_for_selector('[data-cy="argus-review"][data-ready="true"]')
    page.keyboard.press("y")
    lost.wait_for(state="detached")
    assert settled_reviews(page, plates) == {"plate-01": "confirmed"}


def test_a_pair_follows_its_regions_back_on_the_screen_and_in_the_database(page, address, plates):
    review = start_review(page, address, plates.name)
    row = review.locator('[data-cy="argus-pair-row"]')
    region = review.locator('[data-cy="argus-region-row"]')
    page.keyboard.press("ArrowDown")
    for key, of_region, of_pair in (
        ("y", "confirmed", "confirmed"),
        ("n", "rejected", "rejected"),
        ("u", "unsure", ""),
        ("y", "confirmed", "confirmed"),
        ("Backspace", "", ""),
    ):
        page.keyboard.press(key)
        assert region.get_attribute("data-decision") == of_region
        assert row.get_attribute("data-decision") == of_pair
        flows.wait_until(lambda told=of_pair: reviews_of(plates).get("plate-01", "") == told, page)
    flows.press(page, "g", "ArrowUp", "n", "ArrowDown", "u")
    assert row.get_attribute("data-decision") == "rejected", "decided on the pair itself"
    assert settled_reviews(page, plates) == {"plate-01": "rejected"}


def turn_modal(page: Any, dataset: Any, name: str) -> None:
    """Have FiftyOne's modal go to a pair, as its own arrows, or a late echo of an earlier wish, do."""
    sample = dataset.match({"pair_id": name}).first()
    page.evaluate(
        "params => window.__foo__.executeOperator('open_sample', params)",
        {"id": sample.id, "group_id": sample.group.id},
    )


def wait_for_modal(page: Any, dataset: Any, name: str) -> None:
    group = dataset.match({"pair_id": name}).first().group.id
    flows.wait_until(lambda: group in page.url, page)


def hold_moves(page: Any) -> list[Any]:
    """Keep what the panel asks about a pair it does not know yet from the server; returns what is held."""
    held: list[Any] = []
    page.route(
        "**/operators/execute",
        lambda route: (
            held.append(route)
            if '"__method__":"go"' in (route.request.post_data or "")
            else route.continue_()
        ),
    )
    return held


def let_go(page: Any, held: list[Any]) -> None:
    for route in held:
        route.continue_()
    page.unroute("**/operators/execute")


def test_every_arrow_key_moves_one_pair_however_fast(page, address, plates):
    review = start_review(page, address, plates.name)
    for key in ["ArrowRight"] * 4:
        page.keyboard.press(key)
    review.get_by_text("plate-07", exact=True).wait_for()
    for key in ["ArrowLeft"] * 2:
        page.keyboard.press(key)
    review.get_by_text("plate-03", exact=True).wait_for()
    wait_for_modal(page, plates, "plate-03")
    page.wait_for_timeout(flows.SETTLE_MS)
    assert review.get_by_text("plate-03", exact=True).is_visible(), "nothing moves after the last key"


def test_moves_pressed_while_an_answer_is_awaited_come_after_it(page, address, plates):
    review = start_review(page, address, plates.name)
    flows.press(page, "ArrowRight", "ArrowRight")
    wait_for_modal(page, plates, "plate-03")
    held = hold_moves(page)
    page.keyboard.press("ArrowLeft")
    flows.wait_until(lambda: held, page)
    turn_modal(page, plates, "plate-08")  # not where the user, who is on the way to plate-05, wants to go
    flows.press(page, "y")
    assert "Nothing stored" in review.locator('[data-cy="argus-told"]').inner_text()
    flows.press(page, "ArrowLeft", "ArrowRight", "ArrowRight", "ArrowRight")
    let_go(page, held)
    review.get_by_text("plate-04", exact=True).wait_for()
    wait_for_modal(page, plates, "plate-04")
    assert settled_reviews(page, plates) == {}


def test_the_review_tells_a_late_echo_of_the_modal_from_a_turn_of_the_users(page, address, plates):
    review = start_review(page, address, plates.name)
    flows.press(page, "ArrowRight", "ArrowRight")
    review.get_by_text("plate-03", exact=True).wait_for()
    wait_for_modal(page, plates, "plate-03")
    earlier = plates.match({"pair_id": "plate-05"}).first().group.id
    with page.expect_event("framenavigated", lambda frame: earlier in frame.url):
        turn_modal(page, plates, "plate-05")
    wait_for_modal(page, plates, "plate-03")
    assert review.get_by_text("plate-03", exact=True).is_visible()
    page.locator('[data-cy="panel-tab-argus_review"]').click()  # a press beside the panel
    turn_modal(page, plates, "plate-05")
    review.get_by_text("plate-05", exact=True).wait_for()
    wait_for_modal(page, plates, "plate-05")
