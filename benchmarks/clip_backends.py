"""What computes a CLIP image tower quickest on a CPU, and how far it is from torch as it comes.

    python -m benchmarks.clip_backends [--smoke | --quick]

ViT-B/16 with random weights at 448 px, both pictures of a pair per call, one thread; least processor time
of several calls after a warm-up. OpenVINO is measured where it is installed (`pip install openvino`);
Argus does not need it. The cosine is the smallest over all cells, against torch as it comes in
float32; made ready: what a picture of another size costs before its first call.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from argus_fiftyone.encoders.clip.backend import PLAIN, Arithmetic
from argus_fiftyone.encoders.clip.encoder import ClipEncoder
from argus_fiftyone.encoders.device import is_made_by_amd
from benchmarks.measuring import amount, by_amount, describe_machine, draw_pair, load_tower, precisions

Maps = list[Tensor]
Walk = Callable[[Tensor], Maps]
OPENVINO_NAMES = {"fp32": "f32", "bf16": "bf16"}


def main() -> None:
    torch.set_num_threads(1)
    size, rounds = by_amount(smoke=((32, 48), 1), quick=((336, 448), 3), full=((336, 448), 10))
    print(describe_machine())
    print(f"attention head by head: {'yes' if is_made_by_amd() else 'no'}")
    pair = draw_pair(0, size)
    tower = load_tower("fp32")
    exact = walk_of(tower, PLAIN)(tower._pixels(pair))
    for precision in precisions():
        encoder = load_tower(precision)
        for name, make in contenders(encoder, precision).items():
            began = time.perf_counter()
            walk, pixels = make(encoder._pixels(pair)), encoder._pixels(pair)
            found, ready = walk(pixels), time.perf_counter() - began
            times = [processor_time(walk, pixels) for _ in range(rounds)]
            likeness = min(map(least_cosine, exact, found))
            print(
                f"{precision} {name:18} {1000 * min(times):5.0f} ms, cosine {likeness:.6f}, "
                f"made ready in {ready:.1f} s",
                flush=True,
            )


def contenders(encoder: ClipEncoder, precision: str) -> dict[str, Callable[[Tensor], Walk]]:
    """By name, what makes a walk for pictures like the given ones."""
    found: dict[str, Callable[[Tensor], Walk]] = {
        "torch as it comes": lambda pixels: walk_of(encoder, PLAIN),
        "Argus": lambda pixels: walk_of(encoder, encoder._by),
    }
    if amount() != "smoke":  # compiling takes as long at any size
        found["torch.compile"] = lambda pixels: compiled(encoder)
        if importlib.util.find_spec("openvino"):
            found["OpenVINO"] = lambda pixels: in_openvino(encoder, pixels, OPENVINO_NAMES[precision])
    return found


def walk_of(encoder: ClipEncoder, by: Arithmetic, made: Callable[..., Any] = lambda walk: walk) -> Walk:
    """The tower's maps: two visual levels and the text-aligned cells; made: what else becomes of the walk."""
    whole = made(encoder._forward)

    def walk(pixels: Tensor) -> Maps:
        with arithmetic(encoder, by):
            visual, text_aligned, _ = whole(pixels)
        return [*visual, text_aligned]

    return walk


@contextmanager
def arithmetic(encoder: ClipEncoder, by: Arithmetic) -> Iterator[None]:
    usual, encoder._by = encoder._by, by
    try:
        yield
    finally:
        encoder._by = usual


def compiled(encoder: ClipEncoder) -> Walk:
    """Torch's compiler, with weights taken as constants, so that it may lay them out."""
    import torch._inductor.config as inductor

    inductor.freezing = True
    torch._dynamo.reset()
    bare = partial(
        inspect.unwrap(ClipEncoder._forward), encoder
    )  # its own inference mode is not compiled along
    return walk_of(encoder, PLAIN, lambda _: torch.inference_mode()(torch.compile(bare)))


class Traced(nn.Module):
    """A tower for pictures of one size, as converters want it."""

    def __init__(self, encoder: ClipEncoder, pixels: Tensor):
        super().__init__()
        self.encoder, self.model = encoder, encoder.model
        grid = (pixels.shape[2] // encoder.cell, pixels.shape[3] // encoder.cell)
        self.known = encoder._for_grid(grid)

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        self.encoder._for_grid = lambda grid: self.known  # type: ignore[method-assign]
        try:
            return tuple(walk_of(self.encoder, PLAIN)(pixels))
        finally:
            del self.encoder._for_grid


def in_openvino(encoder: ClipEncoder, pixels: Tensor, precision: str) -> Walk:
    """The float32 tower in OpenVINO, which casts by itself."""
    import openvino  # pyright: ignore[reportMissingImports]

    exact: Any = encoder if encoder.precision == "fp32" else load_tower("fp32")
    pixels = pixels.float()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about constants
        model = openvino.convert_model(
            Traced(exact, pixels).eval(), example_input=pixels, input=[tuple(pixels.shape)]
        )
    options = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": precision}
    run = openvino.Core().compile_model(model, "CPU", options)

    def walk(given: Tensor) -> Maps:
        return [torch.from_numpy(array.copy()) for array in run(given.float().numpy()).to_tuple()]

    return walk


def processor_time(walk: Walk, pixels: Tensor) -> float:
    began = time.process_time()
    walk(pixels)
    return time.process_time() - began


def least_cosine(exact: Tensor, found: Tensor) -> float:
    return float(functional.cosine_similarity(exact, found, dim=-1).min())


if __name__ == "__main__":
    sys.exit(main())
