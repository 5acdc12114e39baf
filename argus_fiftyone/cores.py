"""Work on cores of its own, one torch thread each.

Torch's own threads share out every operation and wait for each other after it; where another
program takes a core for a moment, all of them wait, and that costs more than they gain. Whole
pieces of work on a core each wait once, and are rounded as on any other number of cores.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch


def side_by_side(works: Sequence[Callable[[], Any]], on_cpu: bool = True) -> list[Any]:
    """What each work gives, in order: at once as far as torch may use threads here, else in turn.

    A thread that torch gives one core, as those of a run over many pairs, does all itself.
    Works that need torch's inference mode have to enter it, since it holds for one thread.

    Args:
        on_cpu: whether the works compute on a CPU; a GPU takes them in turn.
    """
    cores = min(len(works), torch.get_num_threads()) if on_cpu else 1
    if cores < 2:
        return [work() for work in works]
    with one_core_threads(cores, "argus-core") as pool:
        return [begun.result() for begun in [pool.submit(work) for work in works]]


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
