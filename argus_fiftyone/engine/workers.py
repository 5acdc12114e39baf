"""Work on cores of its own, one torch thread each.

Torch's own threads share out every operation and wait for each other after it; where another
program takes a core for a moment, all of them wait, and that costs more than they gain. Whole
pieces of work on a core each wait once, and are rounded as on any other number of cores.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch

from argus_fiftyone.encoders.pieces import done_by

T = TypeVar("T")

MOST_CORES = 4
"""No pair falls into more pieces than these can use."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""glibc's numbers of what `mallopt` sets."""
LARGE = 32 << 20
"""Bytes; the largest block that glibc can be taught to keep."""
KEPT = 256 << 20
"""Bytes that may lie free at the end of a heap."""
HEAPS = 2
"""Heaps that all threads share: more hold more memory, and those of threads cannot grow beyond 64 MB."""


def free_cores() -> int:
    """How many works `side_by_side` would run at once here."""
    crew = getattr(_here, "crew", None)
    return crew.count if crew else min(MOST_CORES, torch.get_num_threads())


def side_by_side(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each work gives, in order: at once as far as torch may use threads here, else in turn.

    A thread that torch gives one core, as those of a run over many pairs, does all itself.
    A work may call this again, or `independent`: whichever core is idle then takes part.
    Works that need torch's inference mode have to enter it, since it holds for one thread.
    """
    if len(works) < 2 or free_cores() < 2:
        return [work() for work in works]
    return _shared(works)


def in_pieces(work: Callable[[], T]) -> T:
    """What the work gives, on one core; of what it calls independent, idle cores take their part."""
    return work() if free_cores() < 2 else _shared([work])[0]


def _shared(works: Sequence[Callable[[], Any]]) -> list[Any]:
    tasks, crew = [_Task(work) for work in works], getattr(_here, "crew", None)
    if crew:
        crew.offer(tasks)
        crew.see_to(tasks)
    else:
        _with_crew(tasks, free_cores())
    return [task.outcome.result() for task in tasks]


@dataclass(eq=False)
class _Task:
    work: Callable[[], Any]
    outcome: Future[Any] = field(default_factory=Future)

    def run(self) -> None:
        try:
            self.outcome.set_result(self.work())
        except BaseException as error:  # belongs to whoever asked for the work
            self.outcome.set_exception(error)


class _Crew:
    """Threads that share their tasks: who waits for a task in other hands takes another meanwhile."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._open: deque[_Task] = deque()
        self._news = threading.Condition()

    def offer(self, tasks: Sequence[_Task]) -> None:
        """To be taken before what is open: they are pieces of a task that another may be waiting for."""
        with self._news:
            self._open.extendleft(reversed(tasks))
            self._news.notify_all()

    def join(self, tasks: Sequence[_Task]) -> None:
        """Makes the calling thread one of the crew until these tasks are done."""
        _here.crew = self
        with done_by(side_by_side):
            self.see_to(tasks)

    def see_to(self, tasks: Sequence[_Task]) -> None:
        """Returns when these tasks are done, by this thread or another."""
        for task in tasks:
            while not task.outcome.done():
                self._help(task)

    def _help(self, wanted: _Task) -> None:
        """Run one task, the wanted one if nobody has it; wait where there is none."""
        with self._news:
            if wanted in self._open:
                self._open.remove(wanted)
                mine = wanted
            elif self._open:
                mine = self._open.popleft()
            else:
                if not wanted.outcome.done():
                    self._news.wait()
                return
        mine.run()
        with self._news:
            self._news.notify_all()


_here = threading.local()
"""Which crew the thread is of."""


def _with_crew(tasks: Sequence[_Task], count: int) -> None:
    crew = _Crew(count)
    crew.offer(tasks)
    with one_core_threads(count, "argus-core") as pool:
        for _ in range(count):
            pool.submit(crew.join, tasks)


def keep_freed_memory() -> None:
    """Have the C library keep what one pair frees for the next.

    glibc gives large blocks back at once, and the emptied heaps of threads too, so that their pages
    are fetched and filled with zeros anew for each pair: with CLIP towers a tenth of the time. No
    harm where the C library is another one.

    Source:
        mallopt(3).
    """
    if sys.platform == "linux":
        tell = getattr(ctypes.CDLL(None), "mallopt", lambda *_: None)
        for option, value in ((M_MMAP_THRESHOLD, LARGE), (M_TRIM_THRESHOLD, KEPT), (M_ARENA_MAX, HEAPS)):
            tell(option, value)


@contextmanager
def one_core() -> Iterator[None]:
    """Torch operations of this thread use one core, as suits those too small to be shared out."""
    before = torch.get_num_threads()
    if before > 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if before > 1:
            torch.set_num_threads(before)


def one_core_threads(count: int, name: str) -> ThreadPoolExecutor:
    """Threads whose torch operations use one core each.

    torch keeps the number of threads per calling thread, and a default for threads to come,
    which is put back here. A thread takes the default when it first asks, so it has to ask
    before it is told, or it would forget.
    """
    before, all_there = torch.get_num_threads(), threading.Barrier(count)

    def settle(_: int) -> None:
        torch.get_num_threads()
        torch.set_num_threads(1)
        all_there.wait()

    pool = ThreadPoolExecutor(count, name)
    list(pool.map(settle, range(count)))
    torch.set_num_threads(before)
    return pool
