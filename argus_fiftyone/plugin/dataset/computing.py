"""The main job on a dataset: pairs of a view → heatmaps, regions and scores under a run key."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from argus_fiftyone.plugin.dataset.fields import Dataset, RunFields, RunKeyError, Samples, bases, check_key
from argus_fiftyone.plugin.dataset.folders import delete_folder
from argus_fiftyone.plugin.dataset.runs import list_runs, own_folder, run_record, start_run, update_run
from argus_fiftyone.plugin.dataset.slices import PairSample, after_slice, check_paired, pairs_in
from argus_fiftyone.plugin.dataset.writing import RunWriter, clear_results
from argus_fiftyone.settings import Settings

if TYPE_CHECKING:
    from argus_fiftyone.engine.result import PairResult
    from argus_fiftyone.io.pair_list import Pair
    from argus_fiftyone.text.query import Query

Compare: TypeAlias = "Callable[[Iterable[Pair], Any, Settings, Sequence[str] | None], Iterator[Any]]"


class NamedEncoder(Protocol):
    """All that is asked of an encoder here: what to call it in the record."""

    name: str
    note: str


@dataclass(frozen=True)
class Progress:
    """How far a computation is.

    Attributes:
        done, total: pairs.
        failed: pairs with an error so far.
        note: one sentence for people.
        incomplete: sentences on groups that lack a slice.
    """

    done: int
    total: int
    failed: int = 0
    note: str = ""
    incomplete: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        return self.done / self.total if self.total else 1.0


def compute_heatmaps(
    samples: Samples,
    key: str,
    queries: Sequence[str] | None = None,
    settings: Settings | None = None,
    overwrite: bool = False,
    refined: Mapping[str, Query] | None = None,
    encoder: NamedEncoder | None = None,
    compare: Compare | None = None,
) -> Generator[Progress, None, None]:
    """Compare the pairs of a dataset or view and store the results on the after slice.

    A key that exists with the same settings and queries is resumed: pairs that already
    have a score are kept, the others get regions at the threshold that the run stands at by
    now. Nothing happens before the first `next`.

    Args:
        queries: asked of every pair; None or empty asks each pair's own `query` field.
        refined: by query text, a query with what reviewers taught; see `refining.refined_queries`.
        overwrite: compute anew what the key holds; people's decisions stay.
        encoder, compare: stand-ins for `load_encoder` and `compare_pairs`.

    Raises:
        RunKeyError: if the key is no field name, is another field, or holds other settings.
        NotPairedError: if the samples are no before/after groups.
    """
    dataset = check_paired(samples)
    settings, queries = settings or Settings(), [q.strip() for q in queries or []]
    _check_free(dataset, key, queries)
    pairing = pairs_in(samples)
    incomplete = tuple(pairing.incomplete)
    yield Progress(
        0, len(pairing.samples), note=f"loading the encoder {settings.encoder}", incomplete=incomplete
    )
    loaded: NamedEncoder = encoder or load_encoder(settings)
    settings = replace(settings, encoder=loaded.name)
    refined = dict(refined or {})
    record = _open_run(samples, key, settings, queries, overwrite, loaded, sorted(refined))
    todo = _unfinished(dataset, pairing.samples, record["bases"])
    opening = _opening(len(todo), len(pairing.samples), loaded)
    yield Progress(0, len(todo), note=opening, incomplete=incomplete)
    asked: Any = [refined.get(query, query) for query in queries] or None
    settings = replace(settings, threshold=min(record["thresholds"].values()))
    outcomes = (compare or compare_pairs)(_pairs(todo, refined), loaded, settings, asked)
    found_at = settings.threshold
    with closing(_write_all(dataset, key, record, todo, outcomes, found_at)) as steps:
        for done, failed in steps:
            yield Progress(done, len(todo), failed, _standing(done, len(todo), failed), incomplete)


def _write_all(
    dataset: Dataset,
    key: str,
    record: dict[str, Any],
    todo: list[PairSample],
    outcomes: Iterator[PairResult],
    found_at: float,
) -> Generator[tuple[int, int], None, None]:
    """Write outcomes as they come; what was computed is written even when stopped."""
    thresholds = {base: float(record["thresholds"][base]) for base in record["bases"]}
    writer = RunWriter(dataset, thresholds, own_folder(dataset, key), found_at)
    started, done, failed, status = time.monotonic(), 0, 0, "interrupted"
    try:
        for sample, outcome in zip(todo, outcomes, strict=True):
            writer.add(sample, outcome)
            done, failed = done + 1, failed + bool(outcome.error)
            yield done, failed
        status = "done"
    finally:
        writer.flush()
        seconds = record["seconds"] + time.monotonic() - started
        counts = _counts(dataset, record["bases"])
        update_run(dataset, key, status=status, seconds=round(seconds, 3), **counts)


def _counts(dataset: Dataset, run_bases: Sequence[str]) -> dict[str, int]:
    """How many pairs of the dataset a run has, and how many of it failed, as they stand."""
    scored, names = after_slice(dataset), [RunFields.of(base) for base in run_bases]
    failed = scored.exists(names[0].error).count()
    for each in names:
        scored = scored.exists(each.score)
    return {"pairs": scored.count(), "failed": failed}


def _open_run(
    samples: Samples,
    key: str,
    settings: Settings,
    queries: list[str],
    overwrite: bool,
    encoder: NamedEncoder,
    refined: list[str],
) -> dict[str, Any]:
    dataset = samples._root_dataset
    existing = run_record(dataset, key) if key in list_runs(dataset) else None
    if existing and not overwrite:
        _refuse_other(key, existing, settings, {"queries": queries, "refined": refined})
        update_run(dataset, key, status="running")
        return existing
    note = f"{encoder.name} ({encoder.note})" if encoder.note else encoder.name
    record = start_run(samples, key, settings, queries, note, refined)
    if existing:
        clear_results(dataset, sorted({*existing["bases"], *record["bases"]}))
        delete_folder(dataset, Path(existing["folder"]))
    return record


def _refuse_other(key: str, existing: dict[str, Any], settings: Settings, wanted: dict[str, Any]) -> None:
    """A run goes on under what it began with; its threshold may be asked for as it began or as it stands."""
    begun = existing["settings"]
    if {*existing["thresholds"].values()} == {settings.threshold}:
        settings = replace(settings, threshold=begun["threshold"])
    wanted = {"settings": settings.as_record(), **wanted}
    differing = [name for name, value in wanted.items() if existing[name] != value]
    if differing:
        told = "; ".join(f"{name} {existing[name]}" for name in differing)
        raise RunKeyError(
            f"run {key!r} exists with other {' and '.join(differing)} ({told}): "
            "choose another key, or tick overwrite to compute it anew"
        )


def _check_free(dataset: Dataset, key: str, queries: list[str]) -> None:
    check_key(key)
    if dataset.has_run(key):
        if key not in list_runs(dataset):
            raise RunKeyError(f"{key!r} is a run of another kind on {dataset.name!r}; choose another key")
        return
    taken = [
        name
        for base in bases(key, queries)
        for name in RunFields.of(base).all()
        if dataset.has_sample_field(name)
    ]
    if taken:
        raise RunKeyError(
            f"run key {key!r} would overwrite the field {taken[0]!r} of {dataset.name!r}; choose another"
        )


def _unfinished(dataset: Dataset, samples: list[PairSample], run_bases: list[str]) -> list[PairSample]:
    """Those without a score in every base: not yet computed, or failed."""
    finished = {sample.after_id for sample in samples}
    for base in run_bases:
        score = RunFields.of(base).score
        scored = after_slice(dataset).exists(score).values("id") if dataset.has_sample_field(score) else []
        finished &= set(scored)
    return [sample for sample in samples if sample.after_id not in finished]


def _pairs(samples: list[PairSample], refined: Mapping[str, Query]) -> Iterator[Any]:
    """The pairs, with the refined query in place of its text where there is one."""
    for sample in samples:
        query = refined.get(sample.pair.query)
        yield replace(sample.pair, query=query) if query else sample.pair


def _opening(todo: int, total: int, encoder: NamedEncoder) -> str:
    kept = f", {total - todo} already done" if todo < total else ""
    return f"{todo} pairs to compare with {encoder.name}{kept}"


def _standing(done: int, total: int, failed: int) -> str:
    return f"{done} of {total} pairs compared" + (f", {failed} failed" if failed else "")


def load_encoder(settings: Settings) -> Any:
    """The encoder that the settings' method needs."""
    from argus_fiftyone.methods import registry  # brings torch: seconds, only where heatmaps are made

    return registry.encoder_for(settings)


def compare_pairs(
    pairs: Iterable[Pair], encoder: Any, settings: Settings, queries: Sequence[str] | None
) -> Iterator[PairResult]:
    """As `batch.compare_pairs`."""
    from argus_fiftyone.engine import batch  # torch: as above

    return batch.compare_pairs(pairs, encoder, settings, queries)
