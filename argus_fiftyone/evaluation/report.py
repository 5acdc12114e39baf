"""Maps and scores against masks and labels, per source and as a macro average."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from argus_fiftyone.evaluation.figures import OUTCOMES, Figures, Measured, mean_of
from argus_fiftyone.evaluation.metrics import score_metrics
from argus_fiftyone.io.png import write_whole

CIRCULAR = ("whatsup", "magicbrush", "ui_screens")
"""Sources whose masks come from a pixel difference: a pixel difference would win there by construction."""


BY_SOURCE = ("pixel_ap", "pixel_auroc", "f1_max", "aupro", "map_ap", "pointing", "iou")
"""Figures of masks: their macro average is a mean over sources. Those of scores are of all pairs at once."""


NAMES_BEFORE = {
    "pixel_ap": "ap",
    "pixel_auroc": "auroc",
    "map_ap": "pair_ap",
    "pair_auroc": "score_auroc",
    "false_alarm_rate": "false_alarms",
    "recall": "found",
    "false_alarms_at_80_recall": "false_alarms_at_recall",
}
"""Names that metrics.json had in 0.1.0, which scripts read: `save` writes both. Counts of outcomes are
left out there, since "found" was the name of a share."""


class EvaluationReport(TypedDict):
    """A run against masks and labels; figures by the names of `Figures`.

    Attributes:
        threshold: in (0, 1].
        recall_cut: the score that 80 % of the changed pairs reach.
        macro: means over sources of figures of masks; figures of scores over all pairs at once.
        sources: one a source, its name under "source".
        circular: sources whose masks come from pixel differences, kept out of `macro`.
        skipped: ids of pairs that were not evaluated.
    """

    threshold: float
    recall_cut: float
    macro: dict[str, float]
    sources: list[dict[str, Any]]
    circular: list[str]
    skipped: list[str]


def build_report(measured: Mapping[str, Measured], threshold: float, skipped: list[str]) -> EvaluationReport:
    """Figures per source and as a macro average, by the names of `Figures`.

    Args:
        measured: by source. Where all are circular they make the macro average, too.
        threshold: in (0, 1].
        skipped: ids of pairs that were not evaluated.
    """
    headline = [name for name in measured if name not in CIRCULAR]
    pooled = _pooled([measured[name] for name in headline or measured])
    cut = score_metrics(np.array(pooled.scores), np.array(pooled.changed, bool)).cut
    sources = {name: part.figures(threshold, cut) for name, part in sorted(measured.items())}
    return {
        "threshold": threshold,
        "recall_cut": cut,
        "macro": _macro([sources[name] for name in headline], pooled.figures(threshold)),
        "sources": [{"source": name, **asdict(figures)} for name, figures in sources.items()],
        "circular": [name for name in measured if name in CIRCULAR],
        "skipped": skipped,
    }


def _pooled(parts: Sequence[Measured]) -> Measured:
    """The scores of several sources together."""
    pooled = Measured()
    for part in parts:
        pooled.scores += part.scores
        pooled.changed += part.changed
    return pooled


def _macro(sources: Sequence[Figures], pooled: Figures) -> dict[str, float]:
    masked = [figures for figures in sources if not math.isnan(figures.pixel_ap)]
    return asdict(pooled) | {name: mean_of([getattr(f, name) for f in masked]) for name in BY_SOURCE}


COLUMNS = {
    "pairs": "pairs",
    "pixel_ap": "AP",
    "pixel_auroc": "AUROC",
    "f1_max": "F1-max",
    "aupro": "AUPRO@.3",
    "map_ap": "AP/pair",
    "pointing": "pointing",
    "pair_auroc": "pair AUROC",
    "recall": "found",
    "false_alarm_rate": "false alarms",
    "false_alarms_at_80_recall": "FA at 80 % recall",
}


def as_table(report: EvaluationReport) -> str:
    """The report as an aligned table: sources, then the macro average, then circular sources apart."""
    circular = set(report["circular"])
    shown = [row for row in report["sources"] if row["source"] not in circular]
    pairs = sum(row["pairs"] for row in shown)
    macro = {**report["macro"], "source": "macro (non-circular)", "pairs": pairs}
    rows = [*shown, macro, *(row for row in report["sources"] if row["source"] in circular)]
    lines = [["source", *COLUMNS.values()]]
    for row in rows:
        name = f"{row['source']} (circular)" if row["source"] in circular else row["source"]
        lines.append([name, *(_cell(row[key]) for key in COLUMNS)])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = [
        "  ".join(
            c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    if report["skipped"]:
        text.append(f"not evaluated (failed or not listed): {len(report['skipped'])}")
    return "\n".join(text)


def _cell(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return "–" if math.isnan(value) else f"{value:.3f}"


def save(report: EvaluationReport, path: Path) -> Path:
    """Write the report as JSON, nan as null, figures by their names and by those of 0.1.0."""
    told = {**report, "macro": _by_both_names(report["macro"])}
    told["sources"] = [_by_both_names(source) for source in report["sources"]]
    write_whole(path, json.dumps(_without_nan(told), indent=2).encode())
    return path


def _by_both_names(figures: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in figures.items() if name not in OUTCOMES}
    return kept | {before: figures[name] for name, before in NAMES_BEFORE.items() if name in figures}


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
