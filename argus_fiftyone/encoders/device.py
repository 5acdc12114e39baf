"""What the processor at hand is and can do."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

CPUINFO = Path("/proc/cpuinfo")
AMD = ("AuthenticAMD", "HygonGenuine")


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
