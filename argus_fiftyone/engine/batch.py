"""Many pairs: reading, registering, encoding and scoring overlap; one result each, in order.

Some threads decode and register, others encode and observe, one puts the queries. What is on its
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
from dataclasses import dataclass, field, replace
from itertools import islice

import torch

from argus_fiftyone.encoders.protocol import Encoder
from argus_fiftyone.engine.cache import FeatureCache
from argus_fiftyone.engine.compare import Walk
from argus_fiftyone.engine.observation import Observation, PairStore
from argus_fiftyone.engine.result import PairResult
from argus_fiftyone.engine.workers import one_core_threads
from argus_fiftyone.io.pair_list import Pair
from argus_fiftyone.methods.protocol import Method
from argus_fiftyone.methods.registry import load_method
from argus_fiftyone.registration.registered_pair import RegisteredPair
from argus_fiftyone.settings import Settings
from argus_fiftyone.text.query import Query, parse_query

MOST_READERS = 4
"""Threads that decode and register; more only take cores from a CPU encoder."""

MOST_LANES = 16
"""Pairs in encoders at the same time, on a CPU; each holds some 0.3 GB of activations."""

CUDA_BATCH = 8
"""Pairs per encoder call on a GPU. On a CPU it is one: the same bits whatever comes beside it."""


def compare_pairs(
    pairs: Iterable[Pair],
    encoder: Encoder,
    settings: Settings,
    queries: Sequence[str | Query] | None = None,
    *,
    method: Method | None = None,
    fit_on: Iterable[Pair] | None = None,
    batch: int | None = None,
    lanes: int | None = None,
    readers: int | None = None,
    cache: FeatureCache | None = None,
) -> Generator[PairResult, None, None]:
    """Compare pairs; results come in the order of the pairs, as soon as they are there.

    Args:
        encoder: `none` for a method that needs none.
        queries: asked of every pair instead of the pair's own query.
        method: None loads the one that the settings name.
        fit_on: the pairs of the whole run, for a method that learns from them; None: those to compare.
        batch: pairs per encoder call, taken from those that are ready and of one size; None
            leaves it to the device. Above 1, sums may be rounded differently in the last bit.
        lanes: encoder calls at the same time; None: on a CPU as many as torch may use threads.
        readers: threads that decode and register.
        cache: where features and observations are looked up and kept; None takes the folder that
            ARGUS_CACHE names, if it names one.
    """
    cache = cache or FeatureCache.from_environment()
    walk = Walk(method or load_method(settings.method, encoder), settings, cache)
    if walk.method.needs.fit != "none":
        pairs = list(pairs)
        walk.fit((pair.before, pair.after) for pair in (pairs if fit_on is None else fit_on))
    batch = batch or (CUDA_BATCH if encoder.device.type == "cuda" else 1)
    lanes = lanes or (min(MOST_LANES, torch.get_num_threads()) if encoder.device.type == "cpu" else 1)
    readers = readers or min(MOST_READERS, os.cpu_count() or 1)
    reading = ThreadPoolExecutor(readers, "argus-read")
    encoding, scoring = one_core_threads(lanes, "argus-encode"), one_core_threads(1, "argus-score")
    asked = [query if isinstance(query, Query) else parse_query(query) for query in queries or ()]
    store = PairStore(cache, walk.identity, encoder.device, settings.resolution) if cache else None
    work = _Work(walk, asked, batch, scoring, store)
    try:
        scoring.submit(walk.queries, asked)  # all words at once, while the first pair is read
        yield from _stream(iter(pairs), work, lanes, readers, (reading, encoding))
    finally:
        for pool in (reading, encoding, scoring):
            pool.shutdown(wait=True, cancel_futures=True)


@dataclass(eq=False)
class _Slot:
    """One pair on its way.

    Attributes:
        ready: its registered images, or its observation where the cache has it.
        key: under which its observation is kept; None without a cache.
        submitted: whether an encoding thread was told of it.
        taken: whether it has gone to an encoder.
    """

    pair: Pair
    ready: Future[RegisteredPair | Observation] = field(default_factory=Future)
    result: Future[PairResult] = field(default_factory=Future)
    key: str | None = None
    submitted: bool = False
    taken: bool = False

    def fail(self, error: BaseException) -> None:
        """Whatever is wrong with one pair must not sink the others."""
        self.result.set_result(PairResult.failed(self.pair, error))


def _stream(
    pairs: Iterator[Pair],
    work: _Work,
    lanes: int,
    readers: int,
    pools: tuple[ThreadPoolExecutor, ThreadPoolExecutor],
) -> Iterator[PairResult]:
    """Results in order; at most two batches per lane, and what the readers hold, are on their way."""
    (reading, encoding), window = pools, deque[_Slot]()
    ahead, begun = readers + 2 * (lanes + 1) * work.batch, (lanes + 1) * work.batch
    while True:
        for pair in islice(pairs, ahead - len(window)):
            window.append(_Slot(pair))
            window[-1].ready = reading.submit(work.prepare, window[-1])
        if not window:
            return
        for slot in islice(window, begun):
            if not slot.submitted:
                slot.submitted = True
                encoding.submit(work.encode_from, slot, tuple(window))
        yield window[0].result.result()
        window.popleft()


@dataclass
class _Work:
    """The stages of one run, each called in threads of its own."""

    walk: Walk
    queries: list[Query]
    batch: int
    scoring: ThreadPoolExecutor
    store: PairStore | None
    choosing: threading.Lock = field(default_factory=threading.Lock)

    def prepare(self, slot: _Slot) -> RegisteredPair | Observation:
        """Read and register a pair, or take its observation from the cache."""
        if self.store:
            slot.key = self.store.key(slot.pair)
            if known := self.store.get(slot.key):
                return known
        return self.walk.register(slot.pair.before, slot.pair.after)

    def encode_from(self, first: _Slot, window: tuple[_Slot, ...]) -> None:
        """Encode a slot, together with others that are ready and of its size."""
        shape = _shape(first)  # waits for the reader, so it comes before the lock
        with self.choosing:
            if first.taken:
                return
            free = (slot for slot in window if shape and slot is not first and not slot.taken)
            others = (slot for slot in free if slot.ready.done() and _shape(slot) == shape)
            slots = [first, *islice(others, self.batch - 1)]
            for slot in slots:
                slot.taken = True
        self.observe(slots)

    def observe(self, slots: list[_Slot]) -> None:
        """Observe slots of one size together, keep what was observed, and hand each on to be scored."""
        try:
            found = self._observed([slot.ready.result() for slot in slots])
        except Exception as error:  # one by one it will be known whose it is
            if len(slots) == 1:
                slots[0].fail(error)
                return
            for slot in slots:
                self.observe([slot])
            return
        for slot, observed in zip(slots, found, strict=True):
            if self.store and slot.key and slot.ready.result() is not observed:
                self.store.put(slot.key, observed)
            self.scoring.submit(self.score, slot, observed)

    def score(self, slot: _Slot, observed: Observation) -> None:
        """Turn an observation into the result; in one thread, so that each prompt is read once."""
        try:
            found = self.walk.compare(observed, self.queries or [slot.pair.query])
            shown = [replace(comparison, after=slot.pair.after) for comparison in found]
            slot.result.set_result(PairResult(slot.pair, shown))
        except Exception as error:  # as above
            slot.fail(error)

    def _observed(self, ready: Sequence[RegisteredPair | Observation]) -> Sequence[Observation]:
        registered = [one for one in ready if isinstance(one, RegisteredPair)]
        if len(registered) == len(ready):
            return self.walk.observe(registered)
        return [one if isinstance(one, Observation) else self.walk.observe([one])[0] for one in ready]


def _shape(slot: _Slot) -> tuple[int, ...] | None:
    """The size at which a pair is to be encoded; None if it is not."""
    ready = None if slot.ready.exception() else slot.ready.result()
    return ready.after.shape if isinstance(ready, RegisteredPair) else None
