"""A small trained head for the `mini` encoder: what changed here, in words.

It reads the frozen image tower's raw maps of both pictures and gives, per cell, an
embedding that lies near a projection of the MiniLM text that names the change there.
The pictures are read once; every further query is one small matrix product.
How it was trained and on what: docs/mini.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from argus_fiftyone.encoders.mini.matched import EVIDENCE, FOLDED, MatchedPair, plain, resized
from argus_fiftyone.encoders.pieces import independent

WEIGHTS = Path(__file__).with_name("head.safetensors")
TEXT_SIZE = 384
CREDIT = -0.5
"""Added to the changed logit before a cell is silenced, unless its difference is plain."""
SHARED = 2
"""Cells of stride 8 that share their description in each direction."""
REFERENCES = 512
"""Descriptions of synthetic changes kept as the yardstick of every query."""


class _Mixing(nn.Module):
    """A residual block: each channel looks around, then the channels of a cell confer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.around = nn.Conv2d(width, width, 5, padding=2, padding_mode="replicate", groups=width)
        self.norm = nn.GroupNorm(1, width)
        self.confer = nn.Sequential(nn.Conv2d(width, 2 * width, 1), nn.GELU(), nn.Conv2d(2 * width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        widen, bend, narrow = self.confer
        wide = bend(_across([(widen, self.norm(self.around(x)))]))
        return x + _across([(narrow, wide)])


class MiniHead(nn.Module):
    """See the module. `describe` and `match_cells` are what a method calls; `read` is what was trained."""

    channel_mean: Tensor
    channel_scale: Tensor
    text_mean: Tensor
    known: Tensor
    understanding: Tensor
    reference: Tensor
    calibration: Tensor

    def __init__(self, width: int = 96, dim: int = 64, known: int = 512, blocks: int = 2) -> None:
        super().__init__()
        self.dim = dim
        self.before = nn.ModuleList(nn.Conv2d(size, width, 1, bias=False) for size in FOLDED)
        self.after = nn.ModuleList(nn.Conv2d(size, width, 1, bias=False) for size in FOLDED)
        self.gone = nn.ModuleList(nn.Conv2d(size, width, 1, bias=False) for size in FOLDED[1:3])
        self.come = nn.ModuleList(nn.Conv2d(size, width, 1, bias=False) for size in FOLDED[1:3])
        self.evidence = nn.Conv2d(2 * EVIDENCE, width, 1)
        self.trunk = nn.Sequential(
            nn.GELU(), *(_Mixing(width) for _ in range(blocks)), nn.GroupNorm(1, width)
        )
        self.out = nn.Conv2d(width, dim + 4, 1)
        self.text = nn.Linear(TEXT_SIZE, dim)
        self.nothing = nn.Parameter(torch.randn(dim))
        self.match_scale = nn.Parameter(torch.tensor(2.3))
        self.match_bias = nn.Parameter(torch.tensor(-4.0))
        self.drop = nn.Dropout2d(0.1)
        self.register_buffer("channel_mean", torch.zeros(sum(FOLDED)))
        self.register_buffer("channel_scale", torch.ones(sum(FOLDED)))
        self.register_buffer("text_mean", torch.zeros(TEXT_SIZE))
        self.register_buffer("known", torch.zeros(known, TEXT_SIZE))
        self.register_buffer("understanding", torch.tensor([0.0, 1.0]))
        self.register_buffer("reference", torch.zeros(REFERENCES, dim))
        self.register_buffer("calibration", torch.tensor([1.0, 0.0]))

    @classmethod
    def load(cls, device: str | torch.device = "cpu", file: Path = WEIGHTS) -> MiniHead:
        """The trained head.

        Raises:
            FileNotFoundError: if the weights are not beside this module.
        """
        from safetensors.torch import load_file

        if not file.is_file():
            raise FileNotFoundError(
                f"{file}: expected the weights of the mini head; reinstall argus-fiftyone"
            )
        state = {name: tensor.float() for name, tensor in load_file(str(file)).items()}
        head = cls(
            width=state["out.weight"].shape[1],
            dim=state["text.weight"].shape[0],
            known=state["known"].shape[0],
            blocks=sum(k.endswith("around.weight") for k in state),
        )
        head.load_state_dict(state)
        return head.to(device).eval().requires_grad_(False)

    @torch.inference_mode()
    def describe(self, pairs: MatchedPair) -> tuple[Tensor, Tensor]:
        """What went, seen in the before images, and what came: [n, rows, cols, dim] each, unit length.

        Compare with `embed_queries`. Rows and cols are those of the stride-8 map. Cells of one change
        should carry one description, so each takes the mean of those around it, weighed by their
        evidence; cells that changed neither to the head nor to the untrained eye say `nothing`: the
        head misses changes that it was never shown. Swapping the images exchanges the two.
        """
        visual, standardised = pairs.visual(), self.standardised(pairs)
        read = torch.inference_mode()(self.read)  # since each thread enters it for itself
        orders = standardised, standardised.swapped()
        forth, back = independent([partial(read, order) for order in orders])
        # Whether anything changed is asked in both orders, so that it is exactly fair to both.
        changed = (forth[1] + back[1]) / 2
        went, came = independent([partial(self._told, visual, way[0], changed) for way in (back, forth)])
        return went, came

    @torch.inference_mode()
    def _told(self, visual: Tensor, embedding: Tensor, changed: Tensor) -> Tensor:
        shared = functional.normalize(_weighed_mean(embedding, visual), dim=1)
        something = torch.maximum(torch.sigmoid(changed + CREDIT), plain(visual))[:, None]
        silent = functional.normalize(self.nothing, dim=0)[:, None, None]
        told = functional.normalize(something * shared + (1 - something) * silent, dim=1)
        return told.permute(0, 2, 3, 1)

    def standardised(self, seen: MatchedPair) -> MatchedPair:
        """All maps in deviations of their channels; what was not found in the other picture has no mean."""
        means, scales = (
            [part[:, None, None] for part in buffer.split(FOLDED)]
            for buffer in (self.channel_mean, self.channel_scale)
        )
        before, after = (
            [(x - mean) / scale for x, mean, scale in zip(side, means, scales, strict=True)]
            for side in (seen.before, seen.after)
        )
        gone, come = (
            [x / scale for x, scale in zip(side, scales[1:3], strict=True)] for side in (seen.gone, seen.come)
        )
        return MatchedPair(before, after, gone, come, seen.evidence)

    def read(self, seen: MatchedPair) -> tuple[Tensor, Tensor, Tensor]:
        """Standardised pairs in one order: embeddings [n, dim, rows, cols], changed logits [n, rows, cols]
        and logits of appeared, disappeared, changed in place [n, 3, rows, cols]."""
        layers = [*self.before, *self.after, *self.gone, *self.come]
        maps = [*seen.before, *seen.after, *seen.gone, *seen.come]
        inputs = [(layer, self.drop(x)) for layer, x in zip(layers, maps, strict=True)]
        total, size = _across([(self.evidence, seen.evidence)]), seen.evidence.shape[-2:]
        for grid in dict.fromkeys(x.shape[-2:] for _, x in inputs):
            total = total + resized(_across([each for each in inputs if each[1].shape[-2:] == grid]), size)
        out = _across([(self.out, self.trunk(total))])
        return functional.normalize(out[:, : self.dim], dim=1), out[:, self.dim], out[:, self.dim + 1 :]

    def embed_queries(self, minilm: Tensor) -> Tensor:
        """MiniLM vectors [n, 384] → [n, dim], unit length."""
        return functional.normalize(self.text(minilm.float() - self.text_mean), dim=-1)

    @torch.inference_mode()
    def understood(self, minilm: Tensor) -> Tensor:
        """How near each query [n, 384] lies to wordings the head was trained on: [n] in [0, 1].

        0.5 is where held-out wordings of known changes and unrelated sentences balance.
        """
        return torch.sigmoid((self.nearness(minilm) - self.understanding[0]) * self.understanding[1])

    @torch.inference_mode()
    def nearness(self, minilm: Tensor) -> Tensor:
        """Mean cosine of each query [n, 384] to the three nearest wordings of changes: [n]."""
        cosines = functional.normalize(minilm.float(), dim=-1) @ self.known.T
        return cosines.topk(3, dim=-1).values.mean(dim=-1)

    @torch.inference_mode()
    def match_cells(self, cells: Tensor, queries: Tensor) -> Tensor:
        """How well each query (from `embed_queries`) names the change of each cell, were it changed at
        all: [n, rows, cols] in [0, 1], of embeddings [rows, cols, dim].

        A broad query lies near every change. So each is measured in deviations from its mean
        over reference changes, which lets queries be compared and one threshold serve all.
        """
        return torch.sigmoid(self.calibration[0] * self.standing(cells, queries) + self.calibration[1])

    @torch.inference_mode()
    def standing(self, cells: Tensor, queries: Tensor) -> Tensor:
        """The deviations that `match_cells` squeezes into [0, 1]: [n, rows, cols]."""
        cosines = torch.einsum("rcd,nd->nrc", cells, queries)
        usual = queries @ self.reference.T
        mean, deviation = (value[:, None, None] for value in (usual.mean(dim=1), usual.std(dim=1)))
        return (cosines - mean) / deviation.clamp(min=1e-3)


def _across(inputs: Sequence[tuple[nn.Module, Tensor]]) -> Tensor:
    """The sum of convolutions of single cells, as the one matrix product it is."""
    layers = [cast(nn.Conv2d, layer) for layer, _ in inputs]
    weight = _beside([layer.weight.flatten(1) for layer in layers])
    cells = _beside([x.permute(0, 2, 3, 1) for _, x in inputs])
    return functional.linear(cells, weight, layers[0].bias).permute(0, 3, 1, 2)


def _beside(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)


def _weighed_mean(embedding: Tensor, weights: Tensor) -> Tensor:
    weights = weights[:, None] + 1e-3
    return functional.avg_pool2d(embedding * weights, 2 * SHARED + 1, 1, SHARED)
