"""Pieces of work that do not depend on each other: mathematics says so, the engine decides who does them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Runner = Callable[[Sequence[Callable[[], Any]]], list[Any]]

_here = threading.local()
"""Who does the pieces of this thread; nobody said: the thread itself, one after the other."""


def independent(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """The result of each work, in order; they may run at the same time, so they share nothing they change.

    Works that need torch's inference mode have to enter it, since it holds for one thread.
    """
    runner: Runner | None = getattr(_here, "runner", None)
    return runner(works) if runner and len(works) > 1 else [work() for work in works]


@contextmanager
def done_by(runner: Runner) -> Iterator[None]:
    """Within, `independent` of this thread hands its works to the runner."""
    before = getattr(_here, "runner", None)
    _here.runner = runner
    try:
        yield
    finally:
        _here.runner = before


class Once(Generic[T]):
    """A property that is computed when first read, as `functools.cached_property`, without its lock.

    Before Python 3.12 all objects of a class share that lock, and threads that read the same
    property of different objects take turns. Here two who read it of one object at once both compute it.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __get__(self, of: Any, kind: type | None = None) -> T:
        value = self._compute(of)
        vars(of)[self._compute.__name__] = value  # found there before this is asked again
        return value
