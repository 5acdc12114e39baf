"""Which run and order the user is working on, shared by both panels and kept with the dataset."""

from __future__ import annotations

from typing import Any

from argus_fiftyone.plugin.dataset.scores import Choice
from argus_fiftyone.plugin.dataset.triage import RANKINGS

STORE = "argus_triage"


def remember(ctx: Any, **values: str) -> None:
    """Keep `base` or `ranking` for the next panel or session."""
    store = ctx.store(STORE)
    for name, value in values.items():
        store.set(name, value)


def chosen(ctx: Any, available: list[Choice]) -> Choice | None:
    """The run and query chosen last, else the newest; None without any."""
    base = ctx.store(STORE).get("base")
    return next((choice for choice in available if choice.base == base), available[0] if available else None)


def chosen_ranking(ctx: Any) -> str:
    """The order chosen last, else what is not reviewed yet."""
    ranking = ctx.store(STORE).get("ranking")
    return ranking if ranking in RANKINGS else "open"
