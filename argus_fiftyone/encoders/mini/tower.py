"""EfficientNet-Lite2 as `mini` runs it: read from the published file, normalisation folded into convolutions.

Written out here because it is short, and because importing a library of a thousand towers
takes longer than loading this one and comparing a pair.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDED = {1: 2, 4: 2, 7: 2, 15: 2}
"""Blocks that halve their maps; all others keep them."""
SEEN = (3, 6, 14, 20)
"""The blocks whose outputs have stride 4, 8, 16 and 32."""
EPSILON = 1e-3


class MiniTower(nn.Module):
    """Maps of stride 4, 8, 16 and 32 of a batch of pictures, and class probabilities per cell.

    Source:
        EfficientNet (Tan and Le, ICML 2019) without squeeze-and-excitation and with ReLU6, as
        published as EfficientNet-Lite2. Batch normalisation is a fixed scale and offset
        here, and both are multiplied into the convolution before it.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.stem = _folded(tensors, "_conv_stem", "_bn0", 2)
        self.blocks = nn.ModuleList(
            Block(tensors, f"_blocks.{number}.", STRIDED.get(number, 1)) for number in range(SEEN[-1] + 1)
        )
        self.head = _folded(tensors, "_conv_head", "_bn1")
        classes, features = tensors["_fc.weight"].shape
        self.classifier = nn.Linear(features, classes)
        self.classifier.load_state_dict({name: tensors[f"_fc.{name}"] for name in ("weight", "bias")})
        self.eval().requires_grad_(False)

    @classmethod
    def load(cls, file: Path) -> MiniTower:
        """The tower of a checkpoint as efficientnet-pytorch names its tensors.

        Raises:
            KeyError: if the file holds another network.
        """
        return cls(torch.load(file, map_location="cpu", weights_only=True)).to(
            memory_format=torch.channels_last
        )

    def forward(self, batch: Tensor) -> list[Tensor]:
        """[batch, 3, height, width] as (level − 127) / 128 → raw block outputs, stride 4 first."""
        x = _clipped(_apart(self.stem, batch.contiguous(memory_format=torch.channels_last)))
        maps = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in SEEN:
                maps.append(x)
        return maps

    def classes(self, last: Tensor) -> Tensor:
        """The stride-32 map → logits of the 1000 ImageNet classes per cell, [batch, rows, cols, 1000]."""
        return self.classifier(self.summed_up(last))

    def summed_up(self, last: Tensor) -> Tensor:
        """What the classifier, a linear layer, reads of each cell: [batch, rows, cols, 1280]."""
        return _clipped(self.head(last)).permute(0, 2, 3, 1)


class Block(nn.Module):
    """Widen (but for the first block), look around each channel, narrow; added to what came if it fits."""

    def __init__(self, tensors: Mapping[str, Tensor], name: str, stride: int) -> None:
        super().__init__()
        widens = f"{name}_expand_conv.weight" in tensors
        self.widen = _folded(tensors, f"{name}_expand_conv", f"{name}_bn0") if widens else None
        self.around = _folded(tensors, f"{name}_depthwise_conv", f"{name}_bn1", stride)
        self.narrow = _folded(tensors, f"{name}_project_conv", f"{name}_bn2")
        enters = (self.widen or self.around).in_channels
        self.adds = stride == 1 and enters == self.narrow.out_channels

    def forward(self, x: Tensor) -> Tensor:
        """[batch, channels, rows, cols] → the same with this block's channels and stride."""
        wide = x if self.widen is None else _clipped(self.widen(x))
        out = self.narrow(_clipped(_apart(self.around, wide)))
        return out + x if self.adds else out


def _clipped(x: Tensor) -> Tensor:
    return functional.relu6(x, inplace=True)


def _apart(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """A convolution padded as TensorFlow does: a halving one has the odd pixel at the end."""
    if layer.stride[0] == 2:
        total = layer.kernel_size[0] - 2
        x = functional.pad(x, (total // 2, total - total // 2) * 2)
    return layer(x)


def _folded(tensors: Mapping[str, Tensor], convolution: str, norm: str, stride: int = 1) -> nn.Conv2d:
    """The convolution and the normalisation after it as one convolution with an offset."""
    kernel = tensors[f"{convolution}.weight"]
    weight, bias, mean, variance = (
        tensors[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
    )
    gain = weight / (variance + EPSILON).sqrt()
    out, per_group, side, _ = kernel.shape
    # Only the layers that look around each channel for itself take one channel per group.
    groups = out if per_group == 1 else 1
    layer = nn.Conv2d(per_group * groups, out, side, stride, side // 2 if stride == 1 else 0, groups=groups)
    layer.load_state_dict({"weight": kernel * gain[:, None, None, None], "bias": bias - mean * gain})
    return layer
