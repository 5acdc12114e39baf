"""The tower of `mini` on a CPU: each convolution with what follows it as one operation.

What `tower.py` writes as padding, convolution, clipping and addition goes over maps of many
megabytes four times; oneDNN, which torch carries, does it in one. ONNX Runtime and OpenVINO
were measured against this and are not worth their weight (docs/mini.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from argus_fiftyone.encoders.mini.tower import SEEN, Block, MiniTower

PARTS = {1: 3}
"""Blocks whose widened maps are made in so many parts, since whole they outgrow the caches."""
TYPICAL = (640, 480)
"""Picture size for which weights are laid out; any other size gives the same figures."""
PROBE = 64
TOLERANCE = 1e-4
"""Largest difference of a map as a share of its largest value; rounding alone gives some 1e-6."""

Maps = Callable[[Tensor], list[Tensor]]


def fused(tower: MiniTower) -> Maps:
    """The tower's forward, fused where this torch can do so and a probe shows the same maps.

    The operations are torch's own for compiled models, whose names it does not promise to
    keep; hence the probe, and the tower itself wherever anything is amiss.
    """
    probe = torch.rand(1, 3, PROBE, PROBE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    try:
        quick = FusedTower(tower)
        with torch.inference_mode():
            same = all(map(_close, quick(probe), tower(probe)))
    except (AttributeError, RuntimeError, TypeError):
        return tower
    return quick if same else tower


def _close(ours: Tensor, theirs: Tensor) -> bool:
    return bool((ours - theirs).abs().max() <= TOLERANCE * theirs.abs().max())


class FusedTower:
    """`MiniTower.forward` for float32 on a CPU.

    Raises:
        AttributeError: if this torch lacks the operations; RuntimeError: if it was built without oneDNN.
    """

    def __init__(self, tower: MiniTower) -> None:
        self._stem = _Layer(tower.stem, TYPICAL, clips=True)
        self._blocks = []
        size = [side // 2 for side in TYPICAL]
        for number, block in enumerate(tower.blocks):
            assert isinstance(block, Block)
            self._blocks.append((_parts(block, size, PARTS.get(number, 1)), block.adds))
            size = [side // block.around.stride[0] for side in size]

    def __call__(self, batch: Tensor) -> list[Tensor]:
        x = self._stem(batch.contiguous(memory_format=torch.channels_last))
        maps = []
        for number, (parts, adds) in enumerate(self._blocks):
            out = x if adds else None
            for widen, around, narrow in parts:
                out = narrow(around(widen(x) if widen else x), out)
            x = out
            if number in SEEN:
                maps.append(x)
        return maps


def _parts(block: Block, size: list[int], count: int) -> list[tuple[_Layer | None, _Layer, _Layer]]:
    """The block's three layers, `count` times for a share of the widened channels each.

    The parts' outputs are added up, so only the first brings the offset.
    """
    share = block.around.in_channels // count
    smaller = [side // block.around.stride[0] for side in size]
    made = []
    for start in range(0, share * count, share):
        some = slice(start, start + share)
        widen = _Layer(block.widen, size, clips=True, out=some) if block.widen else None
        around = _Layer(block.around, size, clips=True, out=some)
        made.append((widen, around, _Layer(block.narrow, smaller, into=some, offset=start == 0)))
    return made


class _Layer:
    """A convolution, clipped to [0, 6] or added to another map; `out`, `into`: which of its channels."""

    def __init__(
        self,
        layer: nn.Conv2d,
        size: Sequence[int],
        *,
        clips: bool = False,
        out: slice = slice(None),
        into: slice = slice(None),
        offset: bool = True,
    ) -> None:
        weight, stride = layer.weight[out], layer.stride[0]
        self._offset = layer.bias[out].contiguous() if layer.bias is not None and offset else None
        self._groups = 1 if layer.groups == 1 else len(weight)
        weight = weight if self._groups > 1 else weight[:, into]
        # Equal padding on all sides and a row and column of zeros are what padding by one less above is.
        weight = functional.pad(weight, (1, 0, 1, 0)) if stride == 2 else weight
        padding = [weight.shape[-1] // 2 - (stride == 2)] * 2
        self._where = padding, [stride, stride], [1, 1], self._groups
        self._clips = ("hardtanh", [0.0, 6.0]) if clips else ("none", [])
        entering = [1, weight.shape[1] * self._groups, *size]
        self._weight = torch.ops.mkldnn._reorder_convolution_weight(
            weight.contiguous(), *self._where, entering
        )

    def __call__(self, x: Tensor, added_to: Tensor | None = None) -> Tensor:
        convolve = torch.ops.mkldnn._convolution_pointwise
        if added_to is None:
            return convolve(x, self._weight, self._offset, *self._where, *self._clips, "")
        added = ("add", 1.0, None, [], None)
        return convolve.binary(x, added_to, self._weight, self._offset, *self._where, *added)
