"""What FiftyOne's plugin loader registers; the entry file at the repository's root calls this."""

from __future__ import annotations

from typing import Any

from argus_fiftyone.plugin.operators.computing import ComputeChangeHeatmaps
from argus_fiftyone.plugin.operators.evaluating import (
    CompareChangeRuns,
    EvaluateChangeHeatmaps,
    FilterByChangeScore,
    ThresholdChangeHeatmaps,
)
from argus_fiftyone.plugin.operators.importing import ImportPairs
from argus_fiftyone.plugin.operators.learning import CalibrateFromReviews, RefineQuery
from argus_fiftyone.plugin.operators.reporting import ExportReport
from argus_fiftyone.plugin.operators.reviewing import ReviewChange
from argus_fiftyone.plugin.operators.run_importing import ImportChangeRun
from argus_fiftyone.plugin.operators.runs import (
    DeleteChangeRun,
    GetChangeRunInfo,
    LoadChangeRunView,
    RenameChangeRun,
)
from argus_fiftyone.plugin.panels import register as register_panels

OPERATORS = (
    ImportPairs,
    ImportChangeRun,
    ComputeChangeHeatmaps,
    ThresholdChangeHeatmaps,
    EvaluateChangeHeatmaps,
    CompareChangeRuns,
    FilterByChangeScore,
    GetChangeRunInfo,
    LoadChangeRunView,
    RenameChangeRun,
    DeleteChangeRun,
    ReviewChange,
    CalibrateFromReviews,
    RefineQuery,
    ExportReport,
)


def register(plugin: Any) -> None:
    """Register every operator and panel with the loader's context."""
    for operator in OPERATORS:
        plugin.register(operator)
    register_panels(plugin)
