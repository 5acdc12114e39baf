"""Pieces of work on cores of their own: in order, one torch thread each, and nothing left behind."""

from __future__ import annotations

import threading

import pytest
import torch

from argus_fiftyone.cores import one_core, one_core_threads, side_by_side


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


@pytest.mark.usefixtures("two_threads")
def test_a_thread_with_one_core_does_all_itself():
    with one_core_threads(1, "lane") as lane:
        found = lane.submit(side_by_side, [where, where]).result()
    assert [threads for threads, _ in found] == [1, 1]
    assert all(name.startswith("lane") for _, name in found)


@pytest.mark.usefixtures("two_threads")
def test_what_a_gpu_computes_is_asked_for_in_turn():
    assert side_by_side([where, where], on_cpu=False) == [where(), where()]


@pytest.mark.usefixtures("two_threads")
def test_small_work_keeps_to_one_core_and_gives_the_others_back():
    assert one_core()(where)()[0] == 1
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_an_error_in_one_work_reaches_the_caller():
    def fail() -> None:
        raise ValueError("no such level")

    with pytest.raises(ValueError, match="no such level"):
        side_by_side([where, fail])
