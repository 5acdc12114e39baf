"""The arithmetic of dense CLIP features: positions on any grid, and a last block that stays local.

Pure tensor functions, no model classes. Tokens are [pictures, 1 + rows·cols, dim]; token 0 is CLS.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch.nn import functional

from argus_fiftyone.encoders.clip.backend import PLAIN, Arithmetic

Attention = Literal["kk", "vv", "qq", "v"]
ATTENTIONS: tuple[str, ...] = get_args(Attention)


def interpolate_positions(
    positions: torch.Tensor, native: tuple[int, int], grid: tuple[int, int]
) -> torch.Tensor:
    """Position embeddings of another patch grid; the CLS row is kept.

    Bicubic and antialiased, so that a smaller grid does not alias. The native grid comes
    back unchanged.

    Args:
        positions: [1 + native rows · native cols, dim], float32.
        native: rows and cols the model was trained with.
        grid: rows and cols wanted.

    Returns:
        [1 + rows · cols, dim], float32.

    Raises:
        ValueError: if `positions` does not hold one CLS row and the native grid.

    Source:
        Interpolated positions as in ViT (Dosovitskiy et al., ICLR 2021, section 3.2).
    """
    rows, cols = native
    if positions.shape[0] != 1 + rows * cols:
        raise ValueError(
            f"positions need 1 + {rows}·{cols} rows, got {positions.shape[0]}: has the tower a CLS token?"
        )
    if grid == native:
        return positions
    picture = positions[1:].reshape(1, rows, cols, -1).permute(0, 3, 1, 2)
    resized = functional.interpolate(picture, grid, mode="bicubic", antialias=True, align_corners=False)
    return torch.cat([positions[:1], resized.flatten(2)[0].T])


def neighbourhood_prior(grid: tuple[int, int], sigma: float) -> torch.Tensor:
    """How much each patch is drawn to its neighbours, added to attention logits before softmax.

    ω_ij = exp(−‖p_i − p_j‖² / 2σ²), with p in patches; 0 towards CLS.

    Args:
        grid: rows and cols.
        sigma: width of the neighbourhood in patches; 0 leaves the prior out.

    Returns:
        [rows · cols, 1 + rows · cols], float32, in [0, 1].

    Raises:
        ValueError: if sigma is negative.

    Source:
        Hajimiri et al., "Pay Attention to Your Neighbours" (NACLIP), WACV 2025.
    """
    if sigma < 0:
        raise ValueError(f"sigma is a width in patches and cannot be negative, got {sigma}")
    rows, cols = grid
    if sigma == 0:
        return torch.zeros(rows * cols, 1 + rows * cols)
    # The Gaussian separates into rows and cols; their Kronecker product avoids N² exponentials.
    patches = torch.kron(_closeness(rows, sigma), _closeness(cols, sigma))
    return functional.pad(patches, (1, 0))


def _closeness(length: int, sigma: float) -> torch.Tensor:
    place = torch.arange(length, dtype=torch.float32)
    return torch.exp(-((place[:, None] - place[None, :]) ** 2) / (2 * sigma**2))


def dense_attention(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    attention: str,
    prior: torch.Tensor,
    by: Arithmetic = PLAIN,
) -> torch.Tensor:
    """What each patch gathers in the last block when it looks for patches like itself.

    softmax(s sᵀ/√d + ω) v with s = keys, values or queries; "v" gathers nothing and keeps
    each patch's own value. CLS can be looked at but gets no output.

    Args:
        queries, keys, values: [pictures, heads, 1 + patches, dim per head].
        attention: "kk" (NACLIP), "vv" (AnoVL), "qq" (ClearCLIP) or "v" (MaskCLIP).
        prior: ω, [patches, 1 + patches], see `neighbourhood_prior`.
        by: how attention is computed.

    Returns:
        [pictures, heads, patches, dim per head].

    Raises:
        ValueError: if `attention` is none of the four.

    Source:
        Hajimiri et al., WACV 2025 (kk); Deng et al., AnoVL, 2023 (vv); Lan et al., ClearCLIP,
        ECCV 2024 (qq); Zhou et al., MaskCLIP, ECCV 2022 (v). Ours adds the prior to vv and qq too.
    """
    if attention == "v":
        return values[:, :, 1:]
    similar_by = {"kk": keys, "vv": values, "qq": queries}
    if attention not in similar_by:
        raise ValueError(f"attention must be one of {', '.join(ATTENTIONS)}, got {attention!r}")
    looks = similar_by[attention]
    mask = prior.to(device=values.device, dtype=values.dtype)
    return by.attend(looks[:, :, 1:], looks, values, mask)
