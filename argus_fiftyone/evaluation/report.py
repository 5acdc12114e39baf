"""Maps and scores against masks and labels, per source and as a macro average."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from argus_fiftyone.evaluation.metrics import (
    EvidenceHistogram,
    PairMetrics,
    score_metrics,
)
from argus_fiftyone.io.png import write_whole

CIRCULAR = ("whatsup", "magicbrush", "ui_screens")
"""Sources whose masks come from a pixel difference: a pixel difference would win there by construction."""


@dataclass(frozen=True)
class SourceReport:
    """Metrics of one source; nan where there is nothing to measure.

    Attributes:
        pairs, changed: how many pairs, and how many with a change.
        ap, auroc, f1_max, aupro: over all pixels of the source, unchanged pairs included.
        pair_ap: mean average precision of single pairs.
        pointing: share of changed pairs whose strongest pixel lies in the mask.
        score_auroc: of the scores, changed against unchanged pairs.
        false_alarms: share of unchanged pairs at or above the threshold.
        found: share of changed pairs at or above the threshold.
        false_alarms_at_recall: the same where the cut keeps 80 % of all changed pairs.
    """

    source: str
    pairs: int
    changed: int
    ap: float
    auroc: float
    f1_max: float
    aupro: float
    pair_ap: float
    pointing: float
    score_auroc: float
    false_alarms: float
    found: float
    false_alarms_at_recall: float


@dataclass
class Gathered:
    """What one pass over a source collects."""

    pixels: EvidenceHistogram
    pairs: list[PairMetrics]
    scores: list[float]
    changed: list[bool]


def build_report(gathered: dict[str, Gathered], threshold: float, skipped: list[str]) -> dict:
    headline = [name for name in gathered if name not in CIRCULAR]
    pooled = [
        np.concatenate([getattr(gathered[name], part) for name in headline or gathered])
        for part in ("scores", "changed")
    ]
    overall = score_metrics(pooled[0], pooled[1].astype(bool))
    sources = [_source_report(name, part, threshold, overall.cut) for name, part in sorted(gathered.items())]
    fields = ("ap", "auroc", "f1_max", "aupro", "pair_ap", "pointing")
    masked = [report for report in sources if report.source in headline and not math.isnan(report.ap)]
    macro: dict[str, float] = {name: _mean([getattr(report, name) for report in masked]) for name in fields}
    quiet = pooled[0][~pooled[1].astype(bool)]
    macro |= {
        "score_auroc": overall.auroc,
        "false_alarms": float((quiet >= threshold).mean()) if quiet.size else float("nan"),
        "found": float((pooled[0][pooled[1].astype(bool)] >= threshold).mean())
        if pooled[1].any()
        else float("nan"),
        "false_alarms_at_recall": overall.false_alarms,
    }
    return {
        "threshold": threshold,
        "recall_cut": overall.cut,
        "macro": macro,
        "sources": [asdict(report) for report in sources],
        "circular": [name for name in gathered if name in CIRCULAR],
        "skipped": skipped,
    }


def _source_report(name: str, part: Gathered, threshold: float, cut: float) -> SourceReport:
    scores, changed = np.array(part.scores), np.array(part.changed, bool)
    has_masks = bool(part.pairs)
    nan = float("nan")
    return SourceReport(
        source=name,
        pairs=len(scores),
        changed=int(changed.sum()),
        ap=part.pixels.average_precision() if has_masks else nan,
        auroc=part.pixels.auroc() if has_masks else nan,
        f1_max=part.pixels.f1_max() if has_masks else nan,
        aupro=part.pixels.aupro() if has_masks else nan,
        pair_ap=_mean([pair.average_precision for pair in part.pairs]),
        pointing=_mean([pair.pointing for pair in part.pairs]),
        score_auroc=score_metrics(scores, changed).auroc,
        false_alarms=_mean(scores[~changed] >= threshold),
        found=_mean(scores[changed] >= threshold),
        false_alarms_at_recall=_mean(scores[~changed] >= cut),
    )


def _mean(values) -> float:
    values = np.asarray(values, float)
    return float(np.nanmean(values)) if values.size and not np.isnan(values).all() else float("nan")


COLUMNS = {
    "pairs": "pairs",
    "ap": "AP",
    "auroc": "AUROC",
    "f1_max": "F1-max",
    "aupro": "AUPRO@.3",
    "pair_ap": "AP/pair",
    "pointing": "pointing",
    "score_auroc": "pair AUROC",
    "found": "found",
    "false_alarms": "false alarms",
    "false_alarms_at_recall": "FA at 80 % recall",
}


def as_table(report: dict) -> str:
    """The report as an aligned table: sources, then the macro average, then circular sources apart."""
    circular = set(report["circular"])
    shown = [row for row in report["sources"] if row["source"] not in circular]
    macro = {"source": "macro (non-circular)", "pairs": sum(row["pairs"] for row in shown), **report["macro"]}
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


def save(report: dict, path: Path) -> Path:
    """Write the report as JSON, nan as null."""
    write_whole(path, json.dumps(_without_nan(report), indent=2).encode())
    return path


def _without_nan(value):
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
