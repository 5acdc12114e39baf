"""How pictures reach the encoder's device. No GPU is needed: its calls are written down instead."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import torch

from argus_fiftyone.encoders.device import to_device


def test_on_a_processor_nothing_is_copied():
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    there = to_device(array, torch.device("cpu"))
    array[0, 0] = 99
    assert there[0, 0] == 99


def test_an_accelerator_without_streams_gets_a_plain_copy():
    assert to_device(np.zeros((2, 3), np.uint8), torch.device("meta")).device.type == "meta"


class Written:
    """Takes any call, and writes down which and in which order."""

    def __init__(self, told: list[str], name: str = "tensor") -> None:
        self.told, self.name = told, name

    def pin_memory(self) -> Written:
        self.told.append("pinned")
        return self

    def to(self, device: torch.device, non_blocking: bool = False) -> Written:
        self.told.append(f"copied to {device}{' without waiting' if non_blocking else ''}")
        return self

    def wait_stream(self, other: Written) -> None:
        self.told.append(f"{self.name} waits for {other.name}")

    def record_stream(self, stream: Written) -> None:
        self.told.append(f"kept for {stream.name}")


def test_to_a_gpu_pictures_go_from_pinned_memory_beside_what_it_computes(monkeypatch):
    told: list[str] = []

    @contextmanager
    def on(stream: Written):
        told.append(f"on {stream.name}")
        yield
        told.append(f"off {stream.name}")

    monkeypatch.setattr(torch, "from_numpy", lambda _: Written(told))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: Written(told, "computing"))
    monkeypatch.setattr(torch.cuda, "Stream", lambda _: Written(told, "copying"))
    monkeypatch.setattr(torch.cuda, "stream", on)
    to_device(np.zeros((1, 2, 2, 3), np.uint8), torch.device("cuda:0"))
    assert told == [
        "on copying",
        "pinned",
        "copied to cuda:0 without waiting",
        "off copying",
        "computing waits for copying",
        "kept for computing",
    ]
