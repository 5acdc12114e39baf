"""CLIP towers of open_clip as an `Encoder`: any picture size, text-aligned features per patch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from argus_fiftyone.encoders.clip.backend import quickest
from argus_fiftyone.encoders.clip.dense import dense_attention, interpolate_positions, neighbourhood_prior
from argus_fiftyone.encoders.clip.names import RANDOM_NOTE, ClipName
from argus_fiftyone.encoders.clip.tiles import LARGEST_WHOLE, tiled_forward
from argus_fiftyone.encoders.clip.tower import (
    can_truncate,
    embed_patches,
    forward_block,
    forward_text,
    last_block_pooled,
    leave_heads,
    project,
)
from argus_fiftyone.encoders.device import to_device
from argus_fiftyone.encoders.protocol import FeatureKind, ImageFeatures

OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)
OPENAI_STD = (0.26862954, 0.26130258, 0.27577711)

SIGMA = 5.0
"""Width of the neighbourhood prior in patches, as in NACLIP."""

TEMPERATURE = 40.0
"""Below CLIP's learned 100, which is meant for whole pictures: single cells are noisier."""

PROMPTS_PER_BATCH = 32
REMEMBERED_PROMPTS = 20_000
REMEMBERED_GRIDS = 4
LARGEST_REMEMBERED_GRID = 4096
"""Cells; the prior holds the square of it, here 64 MB in float32."""


class ClipEncoder:
    """Dense features of an open_clip model; see `Encoder` for the protocol.

    Two `levels`, the residual stream after one half and three quarters of the blocks,
    and `dense` cells from a last block without residual and feed-forward part:

        y = proj(ln_post(out_proj(softmax(k kᵀ/√d + ω) v))),  f = y/‖y‖

    with ω the neighbourhood prior. Tensors are float32 on the encoder's device.

    Attributes:
        precision: "fp32", "bf16" or "fp16", as the weights are held.
        fingerprint: changes whenever features would; meant for cache keys.

    Source:
        Hajimiri et al., "Pay Attention to Your Neighbours" (NACLIP), WACV 2025.
    """

    def __init__(
        self,
        parsed: ClipName,
        model: Any,
        tokenizer: Callable[..., torch.Tensor],
        entry: dict[str, Any],
        attention: str = "kk",
        sigma: float = SIGMA,
    ) -> None:
        self.name, self.family = str(parsed), "clip"
        self.note = RANDOM_NOTE if parsed.kind == "random" else ""
        self.cell: int = model.visual.patch_size[0]
        self.temperature = TEMPERATURE
        self.one_by_one = False
        self.attention, self.sigma, self.precision = attention, sigma, "fp32"
        self.model, self._tokenizer = model, tokenizer
        self._mean = torch.tensor(entry.get("mean") or OPENAI_MEAN).view(1, 3, 1, 1)
        self._std = torch.tensor(entry.get("std") or OPENAI_STD).view(1, 3, 1, 1)
        # Kept in float32: interpolating rounded positions would round twice.
        self._positions = model.visual.positional_embedding.detach().clone()
        self._grids: dict[tuple[int, int], tuple[torch.Tensor, torch.Tensor]] = {}
        self._texts: dict[str, torch.Tensor] = {}
        self._choose_arithmetic()

    def _choose_arithmetic(self) -> None:
        self._by = quickest(self.device, self.dtype)
        # Prompts are read once: what a layout saves is not worth keeping it.
        self._text_by = quickest(self.device, self.dtype, keeps=False)

    @property
    def fingerprint(self) -> str:
        """See `Encoder.fingerprint`."""
        return f"{self.name} {self.precision} {self.attention} sigma={self.sigma:g}"

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.visual.proj.device

    @property
    def dtype(self) -> torch.dtype:
        """How the weights are held."""
        return self.model.visual.proj.dtype

    def cast(self, precision: str, device: torch.device) -> ClipEncoder:
        """A copy of this encoder with its weights cast and moved; this one stays as it is."""
        other = copy.copy(self)
        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
        other.model = copy.deepcopy(self.model).to(device=device, dtype=dtype)
        other.precision, other._grids, other._texts = precision, {}, {}
        other._choose_arithmetic()
        return other

    def encode_images(
        self, images: Sequence[np.ndarray], kinds: frozenset[FeatureKind] = frozenset({"levels", "dense"})
    ) -> list[ImageFeatures]:
        """See `Encoder.encode_images`; all kinds come from one forward."""
        if not len(images):
            return []
        self._check(images)
        pixels = self._pixels(images)
        large = max(pixels.shape[2:]) > LARGEST_WHOLE
        levels, dense, pooled = (
            tiled_forward(pixels, self.cell, self._forward) if large else self._forward(pixels)
        )
        # Clones made outside inference mode: ordinary tensors that do not keep the whole batch alive.
        return [
            ImageFeatures(tuple(v[i].clone() for v in levels), dense[i].clone(), pooled[i].clone())
            for i in range(len(images))
        ]

    def encode_text(self, prompts: Sequence[str]) -> torch.Tensor:
        """See `Encoder.encode_text`. Each string is encoded once in the encoder's life."""
        new = [p for p in dict.fromkeys(prompts) if p not in self._texts]
        if len(self._texts) + len(new) > REMEMBERED_PROMPTS:
            self._texts, new = {}, list(dict.fromkeys(prompts))
        new.sort(key=len)  # prompts of like length share a batch, so little is spent on padding
        for start in range(0, len(new), PROMPTS_PER_BATCH):
            batch = new[start : start + PROMPTS_PER_BATCH]
            self._texts.update(zip(batch, self._embed(batch).clone(), strict=True))
        if not prompts:
            return torch.zeros(0, self.model.visual.proj.shape[1], device=self.device)
        return torch.stack([self._texts[p] for p in prompts])

    def text_support(self, texts: Sequence[str]) -> list[float]:
        """1 for any words: CLIP read hundreds of millions of captions. 0 for none, and for random weights."""
        return [0.0 if self.note or not text.strip() else 1.0 for text in texts]

    def _check(self, images: Sequence[np.ndarray]) -> None:
        first = images[0].shape
        for image in images:
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
                raise ValueError(
                    f"pictures must be uint8 [height, width, 3], got {image.dtype} {image.shape}"
                )
            if image.shape != first:
                raise ValueError(f"pictures of one batch need one size, got {first} and {image.shape}")
        if first[0] % self.cell or first[1] % self.cell or not first[0] or not first[1]:
            raise ValueError(
                f"{self.name}: picture sides must be multiples of {self.cell} px, got {first[0]}×{first[1]}"
            )

    def _pixels(self, images: Sequence[np.ndarray]) -> torch.Tensor:
        batch = to_device(np.stack(images), self.device).permute(0, 3, 1, 2)
        normalised = (batch.float() / 255 - self._mean.to(self.device)) / self._std.to(self.device)
        return normalised.to(self.dtype)

    @torch.inference_mode()
    def _forward(self, pixels: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor, torch.Tensor]:
        """Normalised pixels → levels, dense cells and image vectors, unit length, float32."""
        tower = self.model.visual
        grid = (pixels.shape[2] // self.cell, pixels.shape[3] // self.cell)
        positions, prior = self._for_grid(grid)
        blocks = list(tower.transformer.resblocks)
        x, levels = embed_patches(tower, pixels, positions), []
        for done, block in enumerate(blocks[:-1], start=1):
            x = forward_block(block, x, by=self._by)
            if done in {len(blocks) // 2, 3 * len(blocks) // 4}:
                levels.append(_cells(x[:, 1:], grid))
        attn = blocks[-1].attn
        which = "qkv" if self.attention == "qq" else "kv"
        *queries, keys, values = project(attn, blocks[-1].ln_1(x), which, self._by)
        gathered = dense_attention(
            queries[0] if queries else keys, keys, values, self.attention, prior, self._by
        )
        aligned = tower.ln_post(leave_heads(attn, gathered, self._by)) @ tower.proj
        pooled = last_block_pooled(tower, x, keys, values, self._by)
        return levels, _cells(aligned, grid), functional.normalize(pooled.float(), dim=-1)

    def _for_grid(self, grid: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions and neighbourhood prior of a patch grid, remembered for the last few grids."""
        if known := self._grids.get(grid):
            return known
        native = tuple(self.model.visual.grid_size)
        positions = interpolate_positions(self._positions, native, grid).to(self.device, self.dtype)
        prior = neighbourhood_prior(grid, self.sigma).to(self.device, self.dtype)
        if grid[0] * grid[1] <= LARGEST_REMEMBERED_GRID:
            # Exchanged as a whole, since several threads may encode.
            kept = list(self._grids.items())[1 - REMEMBERED_GRIDS :]
            self._grids = dict([*kept, (grid, (positions, prior))])
        return positions, prior

    @torch.inference_mode()
    def _embed(self, prompts: list[str]) -> torch.Tensor:
        tokens = self._tokenizer(prompts).to(self.device)
        short = can_truncate(self.model)
        text = getattr(self.model, "text", self.model)
        vectors = forward_text(text, tokens, self._text_by) if short else self.model.encode_text(tokens)
        return functional.normalize(vectors.float(), dim=-1)


def _cells(tokens: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
    """[images, rows · cols, dim] → [images, rows, cols, dim], each cell of unit length, float32."""
    return functional.normalize(tokens.float(), dim=-1).unflatten(1, grid)
