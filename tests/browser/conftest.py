"""A served App and a page per test; a dataset of drawn scenes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.app import browse, find_chromium, serve


@pytest.fixture
def page(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A fresh Chromium page."""
    if find_chromium() is None:
        pytest.skip(
            "no Chromium on this machine: install the package chromium, or name one in ARGUS_CHROMIUM"
        )
    with browse() as fresh:
        yield fresh


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A FiftyOne server of this test's own."""
    with serve(tmp_path / "server.log") as served:
        yield served


@pytest.fixture
def plates(tmp_path: Path) -> Iterator[Any]:
    """Eight pairs with a run "argus" at threshold 0.5; see scenes.SCENES."""
    yield from _dataset(tmp_path, computed=True)


@pytest.fixture
def fresh_plates(tmp_path: Path) -> Iterator[Any]:
    """The same pairs, nothing computed."""
    yield from _dataset(tmp_path, computed=False)


@pytest.fixture
def left_and_right(tmp_path: Path) -> Iterator[Any]:
    """The same pairs in groups whose slices are called right (before) and left (after)."""
    import fiftyone as fo

    from tests.browser.scenes import make_groups

    dataset = make_groups(f"plates-{uuid.uuid4().hex[:6]}", tmp_path / "plates", "right", "left")
    yield dataset
    fo.delete_dataset(dataset.name)


def _dataset(folder: Path, computed: bool) -> Iterator[Any]:
    import fiftyone as fo

    from tests.browser.scenes import make_dataset

    dataset = make_dataset(f"plates-{uuid.uuid4().hex[:6]}", folder / "plates", computed)
    yield dataset
    fo.delete_dataset(dataset.name)
