"""The two operations that a CLIP tower spends its time on, as the processor at hand computes them fastest.

`Plain` is torch as it comes. On a CPU that hands linear layers in float32 to MKL, which does not use the
wide registers of other makers' processors, and lays out weights in bfloat16 anew at every call;
oneDNN, which torch carries, does neither. The same goes for the products within attention,
so on such processors each head is computed by itself. Figures: `python -m benchmarks.clip_backends`.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from argus_fiftyone.encoders.device import is_made_by_amd, is_x86

TYPICAL_ROWS = 1024
"""Rows of a call that weights are laid out for; any other number gives the same figures."""
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}
"""Largest difference from torch's own linear layer as a share of its largest value; only rounding passes."""
NOT_BENT = ("none", [], "")


class Arithmetic(Protocol):
    """How linear layers and attention are computed."""

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None, bend: nn.Module | None = None) -> Tensor:
        """x [..., in] · weightᵀ [in, out] + bias, then the activation: [..., out]."""
        """`functional.linear`, and an activation after it."""
        ...

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor, prior: Tensor | None = None) -> Tensor:
        """Attention with an additive prior: [batch, heads, tokens, dim]."""
        """softmax(q kᵀ/√d + prior) v.

        Args:
            queries, keys, values: [pictures, heads, tokens, dim per head].
            prior: [query tokens, key tokens]; None: 0.
        """
        ...


class Plain:
    """Torch as it comes."""

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None, bend: nn.Module | None = None) -> Tensor:
        """x [..., in] · weightᵀ + bias, then the activation: [..., out]."""
        found = functional.linear(x, weight, bias)
        return bend(found) if bend else found

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor, prior: Tensor | None = None) -> Tensor:
        """Attention with an additive prior: [batch, heads, tokens, dim]."""
        return functional.scaled_dot_product_attention(queries, keys, values, attn_mask=prior)


PLAIN = Plain()


class OneDnn(Plain):
    """Linear layers by oneDNN, and attention as torch has it or head by head.

    Args:
        keeps: whether weights are kept as they are laid out, beside the model's own: as many bytes again.
        by_heads: whether each head is computed by itself.

    Raises:
        AttributeError, RuntimeError, TypeError: by any operation, where this torch has none of the name.
    """

    def __init__(self, keeps: bool = True, by_heads: bool = False) -> None:
        self._keeps, self._by_heads = keeps, by_heads
        self._laid_out: dict[tuple[int, torch.Size], Tensor] = {}

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None, bend: nn.Module | None = None) -> Tensor:
        """x [..., in] · weightᵀ + bias, then the activation: [..., out]."""
        bent = _in_its_words(bend)
        found = torch.ops.mkldnn._linear_pointwise(x, self._layout(weight), bias, *bent)
        return bend(found) if bend and bent == NOT_BENT else found

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor, prior: Tensor | None = None) -> Tensor:
        """Attention with an additive prior: [batch, heads, tokens, dim]."""
        return (_by_heads if self._by_heads else PLAIN.attend)(queries, keys, values, prior)

    def _layout(self, weight: Tensor) -> Tensor:
        if not self._keeps:
            return weight
        key = (weight.data_ptr(), weight.shape)  # a model's weights stay where they are
        if key not in self._laid_out:
            self._laid_out[key] = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), TYPICAL_ROWS)
        return self._laid_out[key]


def _in_its_words(bend: nn.Module | None) -> tuple[str, list[float], str]:
    """oneDNN's words for an activation; `NOT_BENT` for one that it does not compute."""
    if isinstance(bend, nn.SiLU):
        return ("swish", [], "")
    if isinstance(bend, nn.GELU) and bend.approximate == "none":
        return ("gelu", [], "none")
    return NOT_BENT


def _by_heads(queries: Tensor, keys: Tensor, values: Tensor, prior: Tensor | None = None) -> Tensor:
    """Attention as it is written, one head of one picture at a time: what it weighs stays in the cache."""
    product = torch.ops.mkldnn._linear_pointwise
    scaled, out = queries * queries.shape[-1] ** -0.5, torch.empty_like(queries)
    for picture in range(len(queries)):
        for head in range(queries.shape[1]):
            here = picture, head
            weights = product(scaled[here], keys[here].contiguous(), None, *NOT_BENT)
            weights = (weights if prior is None else weights.add_(prior)).softmax(dim=-1)
            out[here] = product(weights, values[here].T.contiguous(), None, *NOT_BENT)
    return out


def quickest(device: torch.device, dtype: torch.dtype, keeps: bool = True) -> Arithmetic:
    """What suits a device and a precision, after a probe. Decided by what they are and never by a clock, so
    that the same machine always gives the same bits."""
    if device.type != "cpu" or dtype not in TOLERANCE or not is_x86():
        return PLAIN
    return OneDnn(keeps, by_heads=is_made_by_amd()) if _is_right(dtype) else PLAIN


@torch.inference_mode()
def _is_right(dtype: torch.dtype) -> bool:
    """Whether both operations give what torch's own give. They are torch's for compiled models, and it
    promises to no one to keep their names; hence the probe, and `PLAIN` wherever anything is amiss."""
    drawn = torch.randn(3, 1, 2, 64, 64, generator=torch.Generator().manual_seed(0)).to(dtype)
    queries, keys, values = drawn
    x, weight, offset = drawn[:, 0, 0]

    def made(by: Arithmetic) -> list[Tensor]:
        bends = (None, nn.SiLU(), nn.GELU())
        return [
            by.attend(queries, keys, values),
            *(by.linear(x, weight, offset[0], bend) for bend in bends),
        ]

    try:
        pairs = zip(made(OneDnn(by_heads=True)), made(PLAIN), strict=True)
    except (AttributeError, RuntimeError, TypeError):
        return False
    return all(
        bool((ours.float() - theirs.float()).abs().max() <= TOLERANCE[dtype] * theirs.abs().max())
        for ours, theirs in pairs
    )
