"""What the App shows of a run when the dataset opens, and where in the sidebar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fiftyone as fo
from fiftyone.core.odm.dataset import ActiveFields

from argus_fiftyone.dataset.fields import Dataset, RunFields

BESIDE = (
    "score",
    "review",
    "outcome",
    "direction",
    "average_precision",
    "iou",
    "support",
    "alignment",
    "error",
    "warp",
    "verdict",
    "segmentation",
)
"""Fields of a run that go into its own group of the sidebar, in this order."""


def shown_fields(run_bases: Sequence[str]) -> list[str]:
    """What is switched on: the heatmap and the regions of the first query, more would cover each other."""
    first = RunFields.of(run_bases[0])
    return [first.heatmap, first.regions]


def present_run(dataset: Dataset, run_bases: Sequence[str]) -> None:
    """Switch a run's labels on and gather its fields; without this the App leaves every heatmap off."""
    dataset.app_config.active_fields = ActiveFields(paths=shown_fields(run_bases))
    for base in run_bases:
        gather_fields(dataset, base)


def gather_fields(dataset: Dataset, base: str) -> None:
    """Put the plain fields that a run has by now into one group of the sidebar, below the labels.

    Without this the App mixes ten fields per run into the list of all the others.
    """
    names = RunFields.of(base)
    own = [name for name in (getattr(names, n) for n in BESIDE) if dataset.has_sample_field(name)]
    stored: Any = dataset.app_config.sidebar_groups or fo.DatasetAppConfig.default_sidebar_groups(dataset)
    groups = [group for group in stored if group.name != base]
    for group in groups:
        group.paths = [path for path in group.paths if path not in own]
    place = next((i for i, group in enumerate(groups) if group.name == "labels"), len(groups) - 1)
    groups.insert(place + 1, fo.SidebarGroupDocument(name=base, paths=own))
    dataset.app_config.sidebar_groups = groups
    dataset.save()


def drop_group(dataset: Dataset, base: str) -> None:
    """Take a run's group off the sidebar."""
    groups = list(dataset.app_config.sidebar_groups or [])
    dataset.app_config.sidebar_groups = [group for group in groups if group.name != base] or None
    dataset.save()
