"""Arrays on their way to the device that encodes."""

from __future__ import annotations

import numpy as np
import torch


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
