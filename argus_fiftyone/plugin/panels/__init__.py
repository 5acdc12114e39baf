"""The App's two panels: triage in the grid, review in the modal. Forms and messages only."""

from __future__ import annotations

from typing import Any

from argus_fiftyone.plugin.panels.review import ReviewPanel
from argus_fiftyone.plugin.panels.triage import TriagePanel


def register(plugin: Any) -> None:
    """Make both known to FiftyOne."""
    plugin.register(TriagePanel)
    plugin.register(ReviewPanel)
