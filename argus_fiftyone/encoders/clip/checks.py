"""What every CLIP encoder is asked on loading: are its parts known, is our walk right, may it be cast?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from argus_fiftyone.encoders.device import has_fast_bf16
from argus_fiftyone.encoders.entries import EncoderUnavailable
from argus_fiftyone.encoders.protocol import ImageFeatures

if TYPE_CHECKING:
    from argus_fiftyone.encoders.clip.encoder import ClipEncoder

PRECISIONS = ("fp32", "bf16", "fp16", "auto")

WALK_TOLERANCE = 1e-4
"""Largest difference of a unit vector's entries: far above rounding, far below a missed layer."""

CAST_COSINE = 0.9995
"""A cast is used by itself only if every cell of the probe keeps this cosine to float32."""

PROBE_PROMPTS = ("a photo of a metal plate", "a scratch", "there is a missing screw in the upper left corner")


def check_parts(model: Any) -> None:
    """Refuse towers with parts that `clip_tower` does not read.

    Raises:
        EncoderUnavailable: naming the part.
    """
    height, width = model.visual.patch_size
    if height != width:
        raise EncoderUnavailable(f"this tower has patches of {height}×{width} px; Argus needs square ones")
    text = getattr(model, "text", model)
    for block in [*model.visual.transformer.resblocks, *text.transformer.resblocks]:
        lacking = [part for part in NEEDED if not hasattr(block.attn, part)]
        extra = [part for owner in (block, block.attn) for part in EXTRA if _is_there(owner, part)]
        if lacking or extra:
            raise EncoderUnavailable(
                f"this tower's attention {type(block.attn).__name__} has "
                + (f"no {lacking[0]}" if lacking else f"a {extra[0]}")
                + ", which Argus cannot read; use a plain ViT such as ViT-B-16-quickgelu"
            )


NEEDED = ("in_proj_weight", "in_proj_bias", "out_proj", "num_heads")
EXTRA = ("ln_q", "ln_k", "ln_inner", "ln_attn", "ln_1_kv", "logit_scale", "head_scale")


def _is_there(owner: nn.Module, part: str) -> bool:
    found = getattr(owner, part, None)
    return found is not None and not isinstance(found, nn.Identity)


@torch.inference_mode()
def check_walk(encoder: ClipEncoder) -> None:
    """Compare our walk through both towers with the model's own forward at its native size.

    Raises:
        EncoderUnavailable: if they differ, i.e. the towers hold a part this file does not know.
    """
    ours, probe = encoder.encode_images([_native_probe(encoder)])[0], _native_probe(encoder)
    theirs = encoder.model.visual(encoder._pixels([probe]))
    theirs = theirs[0] if isinstance(theirs, tuple) else theirs  # (pooled, tokens) with output_tokens
    text = encoder.model.encode_text(encoder._tokenizer(list(PROBE_PROMPTS)).to(encoder.device))
    gaps = (_gap(ours.image, theirs[0]), _gap(encoder.encode_text(PROBE_PROMPTS), text))
    if not max(gaps) <= WALK_TOLERANCE:
        raise EncoderUnavailable(
            f"{encoder.name}: reading the towers block by block does not give what the model itself gives "
            f"(image differs by {gaps[0]:.1e}, text by {gaps[1]:.1e}); this release of open_clip builds "
            "them in a way Argus does not know, so use a plain ViT such as ViT-B-16-quickgelu"
        )


def _gap(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - functional.normalize(theirs.float(), dim=-1)).abs().max())


def pick_precision(encoder: ClipEncoder, precision: str, device: torch.device) -> ClipEncoder:
    """The encoder on its device, cast as asked.

    Args:
        encoder: in float32 on the CPU.
        precision: "fp32", "bf16", "fp16", or "auto": bf16 if the processor has it and the cast
            keeps every cell of a probe picture within `CAST_COSINE`, else fp32.

    Raises:
        ValueError: for another precision.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    if precision != "auto":
        return _moved(encoder, precision, device)
    if has_fast_bf16(device):
        cast = encoder.cast("bf16", device)
        if cast_cosine(encoder, cast) >= CAST_COSINE:
            return cast
    return _moved(encoder, "fp32", device)


def _moved(encoder: ClipEncoder, precision: str, device: torch.device) -> ClipEncoder:
    stays = precision == "fp32" and device.type == "cpu"
    return encoder if stays else encoder.cast(precision, device)


def cast_cosine(exact: ClipEncoder, cast: ClipEncoder) -> float:
    """The smallest cosine between features of the two, over all cells of a probe and some prompts."""
    probe = _native_probe(exact)
    pairs = zip(_all_vectors(exact, probe), _all_vectors(cast, probe), strict=True)
    return min(float((a * b.to(a.device)).sum(dim=-1).min()) for a, b in pairs)


def _all_vectors(encoder: ClipEncoder, picture: np.ndarray) -> list[torch.Tensor]:
    features: ImageFeatures = encoder.encode_images([picture])[0]
    assert features.dense is not None
    return [*features.levels, features.dense, features.image, encoder.encode_text(PROBE_PROMPTS)]


def _native_probe(encoder: ClipEncoder) -> np.ndarray:
    rows, cols = encoder.model.visual.grid_size
    return probe_picture(rows * encoder.cell, cols * encoder.cell)


def probe_picture(height: int, width: int) -> np.ndarray:
    """A scene with shading, edges, flat areas and grain: uint8 [height, width, 3], always the same."""
    y, x = np.mgrid[0:height, 0:width]
    scene = np.stack([x * 160 / width, y * 160 / height, 120 + 0 * x], axis=-1)
    scene[height // 4 : height // 2, width // 3 : width // 2] = (220, 40, 30)
    scene[(y - height * 0.7) ** 2 + (x - width * 0.7) ** 2 < (height / 8) ** 2] = (20, 30, 200)
    grain = np.random.default_rng(0).normal(0, 6, scene.shape)
    return np.clip(scene + grain, 0, 255).astype(np.uint8)
