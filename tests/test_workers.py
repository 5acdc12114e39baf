"""Pieces of work on cores of their own: in order, one torch thread each, and nothing left behind."""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace

import pytest
import torch

from argus_fiftyone.encoders.pieces import Once, done_by, independent
from argus_fiftyone.engine import workers
from argus_fiftyone.engine.workers import (
    free_cores,
    in_pieces,
    keep_freed_memory,
    one_core,
    one_core_threads,
    side_by_side,
)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def where() -> tuple[int, str]:
    return torch.get_num_threads(), threading.current_thread().name


@pytest.mark.usefixtures("two_threads")
def test_works_run_at_once_each_with_one_torch_thread():
    meeting = threading.Barrier(2, timeout=60)
    found = side_by_side([lambda n=n: (meeting.wait(), n, *where())[1:] for n in range(2)])
    assert [(number, threads) for number, threads, _ in found] == [(0, 1), (1, 1)]
    assert where() == (2, threading.main_thread().name)


class Slow:
    """Its property waits until that of another object is being computed too."""

    meeting = threading.Barrier(2, timeout=60)

    def __init__(self) -> None:
        self.asked = 0

    @Once
    def answer(self) -> int:
        """To everything."""
        self.asked += 1
        self.meeting.wait()
        return 42


@pytest.mark.usefixtures("two_threads")
def test_two_cores_compute_the_same_property_of_two_objects_at_once():
    both = Slow(), Slow()
    assert side_by_side([lambda slow=slow: slow.answer for slow in both]) == [42, 42]
    assert [slow.answer for slow in both] == [42, 42]
    assert [slow.asked for slow in both] == [1, 1]


@pytest.mark.usefixtures("two_threads")
def test_a_thread_with_one_core_does_all_itself():
    with one_core_threads(1, "lane") as lane:
        found = lane.submit(side_by_side, [where, where]).result()
    assert [threads for threads, _ in found] == [1, 1]
    assert all(name.startswith("lane") for _, name in found)


@pytest.mark.usefixtures("two_threads")
def test_small_work_keeps_to_one_core_and_gives_the_others_back():
    with one_core():
        assert where()[0] == 1
    assert torch.get_num_threads() == 2
    with pytest.raises(ValueError, match="no such level"), one_core():
        raise ValueError("no such level")
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_independent_works_run_in_turn_until_someone_offers_to_share_them():
    assert independent([where, where]) == [where(), where()]
    handed: list[int] = []

    def in_reverse(works):
        handed.append(len(works))
        return [work() for work in reversed(works)][::-1]

    with done_by(in_reverse):
        assert independent([lambda: 1, lambda: 2]) == [1, 2]
        assert independent([lambda: 3]) == [3]
    assert independent([lambda: 4, lambda: 5]) == [4, 5]
    assert handed == [2]


@pytest.mark.usefixtures("two_threads")
def test_within_a_work_in_pieces_idle_cores_take_what_is_independent():
    meeting = threading.Barrier(2, timeout=60)

    def large() -> list[tuple[int, str]]:
        return independent([lambda: (meeting.wait(), *where())[1:]] * 2)

    pieces = in_pieces(large)
    assert [threads for threads, _ in pieces] == [1, 1]
    assert len({name for _, name in pieces}) == 2
    assert independent([where, where]) == [where(), where()], "afterwards in turn again"


@pytest.mark.usefixtures("two_threads")
def test_an_error_in_one_work_reaches_the_caller():
    def fail() -> None:
        raise ValueError("no such level")

    with pytest.raises(ValueError, match="no such level"):
        side_by_side([where, fail])


@pytest.mark.usefixtures("two_threads")
def test_an_idle_core_takes_part_in_what_another_works_on():
    meeting = threading.Barrier(2, timeout=60)

    def large() -> list[tuple[int, str]]:
        return side_by_side([lambda: (meeting.wait(), *where())[1:]] * 2)

    (pieces, quick) = side_by_side([large, where])
    assert [threads for threads, _ in pieces] == [1, 1]
    assert len({name for _, name in pieces}) == 2
    assert quick[0] == 1


@pytest.mark.usefixtures("two_threads")
def test_an_error_in_a_piece_of_a_work_reaches_the_caller():
    def fail() -> None:
        raise ValueError("no such level")

    with pytest.raises(ValueError, match="no such level"):
        side_by_side([lambda: side_by_side([where, fail]), where])


@pytest.mark.usefixtures("two_threads")
def test_works_within_works_come_back_in_order():
    def count(start: int, depth: int) -> list[int]:
        if not depth:
            return [start]
        half = 2 ** (depth - 1)
        parts = side_by_side([lambda: count(start, depth - 1), lambda: count(start + half, depth - 1)])
        return [number for part in parts for number in part]

    assert count(0, 6) == list(range(64))


@pytest.mark.usefixtures("two_threads")
def test_free_cores_are_those_that_works_would_run_on():
    assert free_cores() == 2
    assert side_by_side([free_cores, free_cores]) == [2, 2]
    with one_core_threads(1, "lane") as lane:
        assert lane.submit(free_cores).result() == 1


@pytest.mark.usefixtures("two_threads")
def test_of_work_in_pieces_an_idle_core_takes_its_part():
    meeting = threading.Barrier(2, timeout=60)
    assert in_pieces(lambda: len(side_by_side([meeting.wait] * 2))) == 2
    with one_core_threads(1, "lane") as lane:
        assert lane.submit(in_pieces, where).result()[1].startswith("lane")


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is told, and other systems have none")
def test_the_c_library_takes_every_wish_about_freed_memory(monkeypatch: pytest.MonkeyPatch):
    library, answers = workers.ctypes.CDLL(None), []
    if not hasattr(library, "mallopt"):
        pytest.skip("this C library has no mallopt")
    heard = SimpleNamespace(mallopt=lambda *wish: answers.append(library.mallopt(*wish)))
    monkeypatch.setattr(workers.ctypes, "CDLL", lambda _: heard)
    keep_freed_memory()
    assert answers == [1, 1, 1]


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(workers.ctypes, "CDLL", lambda _: SimpleNamespace())
    keep_freed_memory()
