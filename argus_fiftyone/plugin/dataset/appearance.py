"""What the App shows of a run when the dataset opens, and where in the sidebar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fiftyone as fo
from fiftyone.core.odm.dataset import ActiveFields

from argus_fiftyone.plugin.dataset.fields import Dataset, RunFields

BESIDE = (
    "score",
    "review",
    "own_review",
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


HEATMAP_COLOUR = "#e63c28"
"""As `engine.overlay.APPEARED`: the App draws evidence in one colour, whatever its sign."""

REGION_COLOUR = "#ffe14d"


def shown_fields(run_bases: Sequence[str]) -> list[str]:
    """What is switched on: the heatmap of the first query; more would cover it."""
    return [RunFields.of(run_bases[0]).heatmap]


def present_run(dataset: Dataset, run_bases: Sequence[str]) -> None:
    """Switch a run's heatmap on and gather its fields; without this the App leaves every heatmap off."""
    dataset.app_config.active_fields = ActiveFields(paths=shown_fields(run_bases))
    save_workspace(dataset)
    for base in run_bases:
        colour_fields(dataset, base)
        gather_fields(dataset, base)


def colour_fields(dataset: Dataset, base: str) -> None:
    """Give heatmap and regions a colour that shows on most parts, unless the user chose one."""
    names = RunFields.of(base)
    scheme: Any = dataset.app_config.color_scheme or fo.ColorScheme()
    fields = list(scheme.fields or [])
    for path, colour in ((names.heatmap, HEATMAP_COLOUR), (names.regions, REGION_COLOUR)):
        if path not in [entry["path"] for entry in fields]:
            fields.append({"path": path, "fieldColor": colour})
    scheme.fields = fields
    dataset.app_config.color_scheme = scheme
    dataset.save()


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


WORKSPACE = "Argus triage"
TRIAGE_PANEL = "argus_triage"


def triage_space() -> Any:
    """The grid with the triage panel beside it, for `fo.launch_app(spaces=...)`."""
    grid, triage = fo.Panel(type="Samples", pinned=True), fo.Panel(type=TRIAGE_PANEL)
    sides = [fo.Space(children=[panel], active_child=panel.component_id) for panel in (grid, triage)]
    return fo.Space(children=sides, orientation="horizontal", sizes=[0.56, 0.44])


def save_workspace(dataset: Dataset) -> None:
    """Put that layout where the App lists workspaces."""
    if not dataset.has_workspace(WORKSPACE):
        told = "The grid, and beside it scores, threshold and what to look at next"
        dataset.save_workspace(WORKSPACE, triage_space(), description=told)


def drop_run(dataset: Dataset, base: str) -> None:
    """Forget how a run's fields were shown: their group in the sidebar and their colours."""
    groups = list(dataset.app_config.sidebar_groups or [])
    dataset.app_config.sidebar_groups = [group for group in groups if group.name != base] or None
    scheme: Any = dataset.app_config.color_scheme
    if scheme and scheme.fields:
        gone = RunFields.of(base).all()
        scheme.fields = [entry for entry in scheme.fields if entry["path"] not in gone]
    dataset.save()
