"""A look at a few pairs before a run: nothing is written, and the time it took is known."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from argus_fiftyone.engine.overlay import overlay
from argus_fiftyone.io.images import read_image, resize
from argus_fiftyone.plugin.dataset.computing import Compare, Progress, compare_pairs, load_encoder
from argus_fiftyone.plugin.dataset.fields import Dataset, Samples
from argus_fiftyone.plugin.dataset.runs import list_runs, run_record
from argus_fiftyone.plugin.dataset.slices import pairs_in
from argus_fiftyone.settings import Settings

COUNT = 3
THUMBNAIL = 360


@dataclass(frozen=True)
class PreviewedPair:
    """One pair of a preview: what was found in words, and before | after | heatmap as one picture."""

    told: str
    strip: np.ndarray


@dataclass
class Preview:
    """A preview on its way; complete when the steps are through.

    Attributes:
        pairs: those compared so far.
        seconds: per pair, without loading the encoder.
    """

    pairs: list[PreviewedPair] = field(default_factory=list)
    seconds: float = 0.0


def preview_heatmaps(
    samples: Samples,
    preview: Preview,
    queries: Sequence[str] | None = None,
    settings: Settings | None = None,
    encoder: Any = None,
    compare_with: Compare | None = None,
) -> Iterator[Progress]:
    """Compare three pairs spread over a collection, without writing anything.

    Args:
        preview: receives the pictures and the time per pair.
        queries, settings, encoder, compare_with: as for `compute_heatmaps`.
    """
    settings = settings or Settings()
    found = pairs_in(samples).samples
    chosen = [found[i] for i in np.unique(np.linspace(0, len(found) - 1, COUNT).astype(int))] if found else []
    yield Progress(0, len(chosen), note=f"loading the encoder {settings.encoder}")
    encoder = encoder or load_encoder(settings)
    started = time.monotonic()
    outcomes = (compare_with or compare_pairs)(
        [sample.pair for sample in chosen], encoder, settings, queries or None
    )
    for done, outcome in enumerate(outcomes, start=1):
        preview.pairs.extend(_previewed(outcome, settings))
        preview.seconds = (time.monotonic() - started) / done
        yield Progress(done, len(chosen), note=f"{done} of {len(chosen)} pairs previewed")


def _previewed(outcome: Any, settings: Settings) -> list[PreviewedPair]:
    if outcome.error:
        return [PreviewedPair(f"{outcome.pair.id}: {outcome.error}", np.full((40, 120, 3), 128, np.uint8))]
    before, after = (read_image(path, THUMBNAIL) for path in (outcome.pair.before, outcome.pair.after))
    return [_strip(outcome.pair.id, before, after, each, settings) for each in outcome.comparisons]


def _strip(name: str, before: np.ndarray, after: np.ndarray, found: Any, settings: Settings) -> PreviewedPair:
    shown = overlay(after, resize(found.heatmap, after.shape[:2]), [], settings.threshold)
    strip = np.concatenate([resize(before, after.shape[:2]), after, shown], axis=1)
    flagged = "flagged" if found.score >= settings.threshold else "quiet"
    told = f"{name} · {found.query or 'any change'} · score {found.score:.2f}, {flagged} · {found.alignment}"
    return PreviewedPair(told, strip)


def seconds_per_pair(dataset: Dataset, settings: Settings) -> float | None:
    """What a pair took in the newest run of the same method, encoder and resolution; None without one."""
    for key in reversed(list_runs(dataset)):
        record = run_record(dataset, key)
        known = Settings.from_record(record["settings"])
        same = all(
            getattr(known, name) == getattr(settings, name) for name in ("method", "encoder", "resolution")
        )
        if same and record["pairs"]:
            return float(record["seconds"]) / record["pairs"]
    return None


def in_words(seconds: float) -> str:
    """A time for people: "about 40 s", "about 12 min", "about 3.5 h"."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"
