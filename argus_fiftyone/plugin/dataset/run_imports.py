"""What `argus run` computed outside FiftyOne, here or on many machines → a run of the dataset."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fiftyone import ViewField as F

from argus_fiftyone.plugin.dataset.computing import Progress, compute_heatmaps
from argus_fiftyone.plugin.dataset.fields import PAIR_ID, Samples
from argus_fiftyone.plugin.dataset.slices import check_paired, facing_after
from argus_fiftyone.runs.files import RunFiles, RunFilesError
from argus_fiftyone.settings import Settings


@dataclass
class Named:
    """What the run was made with, in place of an encoder."""

    name: str
    note: str


def import_run(
    samples: Samples, folder: str | Path, key: str, overwrite: bool = False
) -> Generator[Progress, None, None]:
    """Store a run folder's maps, regions and scores under a key, as if they had been computed here.

    Pairs are found by their id in the field `pair_id`, which `import_pairs` fills from the
    same list. Pairs of the dataset that the run does not have are left alone.

    Raises:
        RunFilesError: if the folder holds no run, or none of its pairs is in the dataset.
        RunKeyError: as `compute_heatmaps`.
        NotPairedError: if the samples are no before/after groups.
    """
    dataset = check_paired(samples)
    run = RunFiles.read(folder)
    ids = set(run.rows)
    there = (
        facing_after(samples).match(F(PAIR_ID).is_in(sorted(ids)))
        if dataset.has_sample_field(PAIR_ID)
        else None
    )
    if there is None or not len(there):
        raise RunFilesError(
            f"{folder}: none of its {len(ids)} pairs is in {dataset.name!r}, where ids are looked for in the "
            f"field {PAIR_ID!r}, e.g. {min(ids, default='none')!r}; "
            "import the same list with import_pairs first"
        )

    def stored(pairs: Any, encoder: Any, settings: Settings, *_: Any) -> Iterator[Any]:
        asked = {**run.record["settings"], "threshold": settings.threshold}
        return replace(run, record={**run.record, "settings": asked}).outcomes(pairs)

    encoder = Named(run.record["encoder"], run.record.get("note", ""))
    yield from compute_heatmaps(
        there, key, run.record["queries"], run.settings, overwrite, encoder=encoder, compare=stored
    )
