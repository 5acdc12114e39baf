"""Which run, order and threshold the user is working on: one for both panels, kept with the dataset."""

from __future__ import annotations

from typing import Any

from argus_fiftyone.plugin.dataset.scores import Choice
from argus_fiftyone.plugin.dataset.triage import RANKINGS

STORE = "argus_triage"


def remember(ctx: Any, **values: Any) -> None:
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


def look_at_threshold(ctx: Any, choice: Choice, threshold: float | None) -> None:
    """Keep the threshold that pairs are listed at while it is not the applied one; None goes back to that."""
    tried = {"base": choice.base, "applied": choice.threshold, "threshold": threshold}
    remember(ctx, tried=None if threshold in (None, choice.threshold) else tried)


def listed_threshold(ctx: Any, choice: Choice) -> float:
    """The threshold pairs are listed at: the one that is being tried, else the applied one.

    A threshold applied in the meantime, by whatever operator, ends the trial.
    """
    tried = ctx.store(STORE).get("tried") or {}
    valid = (tried.get("base"), tried.get("applied")) == (choice.base, choice.threshold)
    return float(tried["threshold"]) if valid else choice.threshold
