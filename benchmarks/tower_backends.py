"""What runs the image tower of `mini` quickest on a CPU, and how far it is from the tower as written.

    python -m benchmarks.tower_backends [--smoke | --quick]

ONNX Runtime and OpenVINO are measured where they are installed (`pip install onnx onnxruntime
openvino`); Argus needs neither. One thread; both pictures of a pair at full and at half size;
least processor time of several rounds taken in turn. The cosine is the smallest over all cells
of all levels, against the tower as written.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from argus_fiftyone.encoders.mini import weights as mini_weights
from argus_fiftyone.encoders.mini.fused import fused
from argus_fiftyone.encoders.mini.tower import MiniTower
from benchmarks.measuring import by_amount, describe_machine

Maps = Callable[[Tensor], list[Tensor]]


@torch.inference_mode()
def main() -> None:
    torch.set_num_threads(1)
    height, width = by_amount(smoke=(64, 96), quick=(480, 640), full=(480, 640))
    rounds = by_amount(smoke=1, quick=5, full=20)
    print(describe_machine())
    tower = MiniTower.load(mini_weights.checked(mini_weights.IMAGE_TOWER))
    random = torch.Generator().manual_seed(0)
    pictures = [torch.rand(1, 3, height, width, generator=random) * 2 - 1 for _ in range(2)]
    inputs = [*pictures, *(functional.avg_pool2d(picture, 2) for picture in pictures)]
    exact = [tower(x) for x in inputs]
    contenders: dict[str, Maps] = {"as written": tower, "fused (Argus)": fused(tower)}
    with tempfile.TemporaryDirectory() as folder:
        contenders |= others(tower, inputs[0], Path(folder))
        costs: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(rounds + 1):  # the first is the warm-up
            for name, run in contenders.items():
                costs[name].append(processor_time(run, inputs))
        for name, run in contenders.items():
            print(f"{name:16} {1000 * min(costs[name]):4.0f} ms, cosine {worst(run, inputs, exact):.6f}")


def others(tower: MiniTower, example: Tensor, folder: Path) -> dict[str, Maps]:
    """The tower in other libraries, as far as they are installed."""
    found: dict[str, Maps] = {}
    for add in (add_onnxruntime, add_openvino):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of exporters about themselves
                add(found, tower, example, folder)
        except ImportError as error:
            print(f"not measured: {error}")
    return found


def add_onnxruntime(found: dict[str, Maps], tower: MiniTower, example: Tensor, folder: Path) -> None:
    import onnxruntime  # pyright: ignore[reportMissingImports]

    names, file = ["x", "a", "b", "c", "d"], str(folder / "tower.onnx")
    axes = {name: {0: "n", 2: f"rows_{name}", 3: f"cols_{name}"} for name in names}
    torch.onnx.export(
        tower,
        (example,),
        file,
        dynamo=False,
        input_names=names[:1],
        output_names=names[1:],
        dynamic_axes=axes,
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    found["ONNX Runtime"] = lambda x: [torch.from_numpy(m) for m in session.run(None, {"x": x.numpy()})]


def add_openvino(found: dict[str, Maps], tower: MiniTower, example: Tensor, _: Path) -> None:
    import openvino  # pyright: ignore[reportMissingImports]

    model = openvino.convert_model(tower, example_input=example, input=[-1, 3, -1, -1])
    for precision in ("f32", "bf16"):
        settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
        request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()

        def run(x: Tensor, request=request) -> list[Tensor]:
            request.infer([x.numpy()], share_inputs=True)
            return [torch.from_numpy(request.get_output_tensor(n).data.copy()) for n in range(4)]

        found[f"OpenVINO {precision}"] = run


def processor_time(run: Maps, inputs: list[Tensor]) -> float:
    started = time.process_time()
    for x in inputs:
        run(x)
    return time.process_time() - started


def worst(run: Maps, inputs: list[Tensor], exact: list[list[Tensor]]) -> float:
    """The smallest cosine of any cell of any level."""
    pairs = [
        pair for x, theirs in zip(inputs, exact, strict=True) for pair in zip(run(x), theirs, strict=True)
    ]
    return min(float(functional.cosine_similarity(ours, theirs, dim=1).min()) for ours, theirs in pairs)


if __name__ == "__main__":
    main()
