"""Many pairs: reading, aligning, encoding and answering overlap; one outcome each, in order.

Some threads decode and align, others encode and weigh, one puts the queries. What is on its
way has a bound, so memory does not grow with the number of pairs, and one bad pair never
sinks the rest.

On a CPU every core encodes a pair of its own, with one torch thread. That is quicker than all
cores on one pair, which wait for each other at every layer, and it gives the same bits
wherever it runs: sums over several threads are rounded as they happen to be shared out.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

import torch

from argus_fiftyone.encoders import Encoder, ImageFeatures
from argus_fiftyone.engine.answers import Comparison, answer
from argus_fiftyone.engine.cache import (
    CachedEncoder,
    FeatureCache,
    evidence_entry,
    evidence_of,
    pair_key,
)
from argus_fiftyone.engine.features import Evidence, weigh
from argus_fiftyone.engine.workers import one_core_threads
from argus_fiftyone.io.pair_list import Pair
from argus_fiftyone.registration.registered_pair import RegisteredPair, prepare_files
from argus_fiftyone.settings import Settings
from argus_fiftyone.text.query import Query, parse_query

MOST_READERS = 4
"""Threads that decode and align; more only take cores from a CPU encoder."""

MOST_LANES = 16
"""Pairs in encoders at the same time, on a CPU; each holds some 0.3 GB of activations."""

CUDA_BATCH = 8
"""Pairs per encoder call on a GPU. On a CPU it is one: the same bits whatever comes beside it."""


@dataclass(frozen=True)
class Outcome:
    """What became of one pair.

    Attributes:
        pair: the pair as it was asked for.
        comparisons: one per query, in order; empty when the pair failed.
        error: why it failed; "" when it ran.
    """

    pair: Pair
    comparisons: list[Comparison] = field(default_factory=list)
    error: str = ""


def compare_pairs(
    pairs: Iterable[Pair],
    encoder: Encoder,
    settings: Settings,
    queries: Sequence[str | Query] | None = None,
    *,
    batch: int | None = None,
    lanes: int | None = None,
    readers: int | None = None,
    cache: FeatureCache | None = None,
) -> Generator[Outcome, None, None]:
    """Compare pairs; outcomes come in the order of the pairs, as soon as they are there.

    Args:
        queries: asked of every pair instead of the pair's own query.
        batch: pairs per encoder call, taken from those that are ready and of one size; None
            leaves it to the device. Above 1, sums may be rounded differently in the last bit.
        lanes: encoder calls at the same time; None: on a CPU as many as torch may use threads.
        readers: threads that decode and align.
        cache: where features and evidence are looked up and kept; None takes the folder that
            ARGUS_CACHE names, if it names one.
    """
    cache = cache or FeatureCache.from_environment()
    remembering = CachedEncoder(encoder, cache)
    on_cpu = remembering.device.type == "cpu"
    batch = batch or (CUDA_BATCH if remembering.device.type == "cuda" else 1)
    lanes = lanes or (min(MOST_LANES, torch.get_num_threads()) if on_cpu else 1)
    readers = readers or min(MOST_READERS, os.cpu_count() or 1)
    reading = ThreadPoolExecutor(readers, "argus-read")
    encoding, answering = one_core_threads(lanes, "argus-encode"), one_core_threads(1, "argus-answer")
    asked = [query if isinstance(query, Query) else parse_query(query) for query in queries or ()]
    work = _Work(remembering, settings, asked, batch, answering, cache)
    try:
        answering.submit(remembering.read_queries, asked)
        yield from _stream(iter(pairs), work, lanes, readers, (reading, encoding))
    finally:
        for pool in (reading, encoding, answering):
            pool.shutdown(wait=True, cancel_futures=True)


@dataclass(eq=False)
class _Slot:
    """One pair on its way.

    Attributes:
        prepared: its pictures, or its evidence where the cache has it.
        key: under which its evidence is kept; None without a cache.
        submitted: whether the encoding thread was told of it.
        taken: whether it has gone to an encoder.
    """

    pair: Pair
    prepared: Future[RegisteredPair | Evidence] = field(default_factory=Future)
    outcome: Future[Outcome] = field(default_factory=Future)
    key: str | None = None
    submitted: bool = False
    taken: bool = False


def _stream(
    pairs: Iterator[Pair],
    work: _Work,
    lanes: int,
    readers: int,
    pools: tuple[ThreadPoolExecutor, ThreadPoolExecutor],
) -> Iterator[Outcome]:
    """Outcomes in order; at most two batches per lane, and what the readers hold, are on their way."""
    (reading, encoding), window = pools, deque[_Slot]()
    ahead, begun = readers + 2 * (lanes + 1) * work.batch, (lanes + 1) * work.batch
    while True:
        for pair in islice(pairs, ahead - len(window)):
            window.append(_Slot(pair))
            window[-1].prepared = reading.submit(work.prepare, window[-1])
        if not window:
            return
        for slot in islice(window, begun):
            if not slot.submitted:
                slot.submitted = True
                encoding.submit(work.encode_from, slot, tuple(window))
        yield window[0].outcome.result()
        window.popleft()


@dataclass
class _Work:
    """The stages of one run, each called in threads of its own."""

    encoder: CachedEncoder
    settings: Settings
    queries: list[Query]
    batch: int
    answering: ThreadPoolExecutor
    cache: FeatureCache | None
    choosing: threading.Lock = field(default_factory=threading.Lock)

    def prepare(self, slot: _Slot) -> RegisteredPair | Evidence:
        """Read and align a pair, or take its evidence from the cache."""
        pair, resolution = slot.pair, self.settings.resolution
        if self.cache:
            slot.key = pair_key(self.encoder.evidence_identity, pair.before, pair.after, resolution)
            known = self.cache.get(slot.key) if slot.key else None
            if known:
                return evidence_of(known, self.encoder.device)
        return prepare_files(pair.before, pair.after, self.encoder.cell, resolution)

    def encode_from(self, first: _Slot, window: tuple[_Slot, ...]) -> None:
        """Encode a slot, together with others that are ready and of its size."""
        shape = _shape(first)  # waits for the reader, so it comes before the lock
        with self.choosing:
            if first.taken:
                return
            free = (slot for slot in window if shape and slot is not first and not slot.taken)
            others = (slot for slot in free if slot.prepared.done() and _shape(slot) == shape)
            slots = [first, *islice(others, self.batch - 1)]
            for slot in slots:
                slot.taken = True
        self.encode(slots)

    def encode(self, slots: list[_Slot]) -> None:
        """Encode slots of one size together, and hand each on to the answering thread."""
        try:
            ready = [slot.prepared.result() for slot in slots]
            pictures = [
                picture for one in ready if isinstance(one, RegisteredPair) for picture in one.pictures
            ]
            features = iter(self.encoder.encode_images(pictures) if pictures else [])
        except Exception as error:  # whatever is wrong with one pair must not sink the others
            if len(slots) == 1:
                slots[0].outcome.set_result(failure(slots[0].pair, error))
                return
            for slot in slots:
                self.encode([slot])
            return
        for slot, one in zip(slots, ready, strict=True):
            seen = (next(features), next(features)) if isinstance(one, RegisteredPair) else ()
            self.weigh(slot, one, *seen)

    def weigh(self, slot: _Slot, ready: RegisteredPair | Evidence, *seen: ImageFeatures) -> None:
        """Turn features into evidence, keep it, and hand it on to the answering thread."""
        try:
            if isinstance(ready, RegisteredPair):
                before, after = seen
                evidence = weigh(ready, before, after, self.encoder)
                if self.cache and slot.key:
                    self.cache.put(slot.key, *evidence_entry(evidence))
            else:
                evidence = ready
        except Exception as error:  # as above
            slot.outcome.set_result(failure(slot.pair, error))
        else:
            self.answering.submit(self.answer, slot, evidence)

    def answer(self, slot: _Slot, evidence: Evidence) -> None:
        """Turn evidence into the outcome; in one thread, so that each prompt is read once."""
        try:
            asked = self.queries or [slot.pair.query]
            slot.outcome.set_result(Outcome(slot.pair, answer(evidence, asked, self.encoder, self.settings)))
        except Exception as error:  # as above
            slot.outcome.set_result(failure(slot.pair, error))


def _shape(slot: _Slot) -> tuple[int, ...] | None:
    """The size at which a pair is to be encoded; None if it is not."""
    ready = None if slot.prepared.exception() else slot.prepared.result()
    return ready.after.shape if isinstance(ready, RegisteredPair) else None


def failure(pair: Pair, error: BaseException) -> Outcome:
    """The outcome of a pair that could not be compared."""
    return Outcome(pair, error=" ".join(str(error).split()) or type(error).__name__)
