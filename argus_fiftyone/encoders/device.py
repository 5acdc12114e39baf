"""Which device computes, what its processor can do, and how arrays get there."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import torch

from argus_fiftyone.encoders.entries import AUTO

CPUINFO = Path("/proc/cpuinfo")
AMD = ("AuthenticAMD", "HygonGenuine")


def best_device(wanted: str = AUTO) -> torch.device:
    """The device of that name; for "auto" CUDA where there is one, then Apple's MPS, then the CPU."""
    if wanted != AUTO:
        return torch.device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def to_device(array: np.ndarray, device: torch.device) -> torch.Tensor:
    """The array as a tensor on the device, which may share memory with it on a CPU.

    To a GPU it goes from pinned memory on a stream of its own, so that neither the caller nor
    what the GPU computes just now waits for the copy. What is computed next on the current
    stream waits, on the GPU, until the copy is there.
    """
    tensor = torch.from_numpy(array)
    if device.type != "cuda":
        return tensor.to(device)
    computing, copying = torch.cuda.current_stream(device), torch.cuda.Stream(device)
    with torch.cuda.stream(copying):
        copied = tensor.pin_memory().to(device, non_blocking=True)
    computing.wait_stream(copying)
    copied.record_stream(computing)  # or its memory could be given away while still in use
    return copied


def has_fast_bf16(device: torch.device) -> bool:
    """Whether bfloat16 arithmetic is in the hardware, not emulated."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and bool(_flags() & {"avx512_bf16", "amx_bf16", "bf16"})


def is_x86() -> bool:
    """Whether this is a processor of Intel's kind, by whatever maker."""
    return platform.machine().lower() in ("x86_64", "amd64")


def is_made_by_amd() -> bool:
    """Whether it says so; False where the system tells nothing."""
    return any(name in _told() or name in platform.processor() for name in AMD)


def _flags() -> set[str]:
    """What it says it can do; empty where the system has no /proc/cpuinfo."""
    lines = _told().splitlines()
    return {flag for line in lines if line.startswith(("flags", "Features")) for flag in line.split()}


def _told() -> str:
    return CPUINFO.read_text(errors="replace") if CPUINFO.is_file() else ""
