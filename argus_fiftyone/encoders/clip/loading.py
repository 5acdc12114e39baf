"""From a name such as "clip:ViT-B-16-quickgelu:openai" to a CLIP encoder that is known to be right."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from argus_fiftyone.encoders.checkpoints import (
    download_weights,
    find_weights,
    pretrained_entry,
    read_checkpoint,
)
from argus_fiftyone.encoders.clip.checks import check_parts, check_walk, pick_precision
from argus_fiftyone.encoders.clip.dense import ATTENTIONS, neighbourhood_prior
from argus_fiftyone.encoders.clip.encoder import SIGMA, ClipEncoder
from argus_fiftyone.encoders.clip.names import SHORT_NAMES, ClipName, parse_clip_name
from argus_fiftyone.encoders.clip.tower import (
    build_model,
    fill_at_random,
    fill_from_checkpoint,
    fold_quick_gelu,
    tower_config,
)
from argus_fiftyone.encoders.device import best_device
from argus_fiftyone.encoders.entries import EncoderUnavailable

__all__ = [
    "SHORT_NAMES",
    "ClipEncoder",
    "ClipName",
    "find_weights",
    "load_clip",
    "parse_clip_name",
]


def load_clip(
    name: str,
    device: str = "auto",
    *,
    attention: str = "auto",
    precision: str = "auto",
    sigma: float | None = None,
) -> ClipEncoder:
    """A CLIP encoder, ready to run.

    Args:
        name: "clip:MODEL:TAG", "clip:MODEL:PATH", "clip:MODEL:random" or a short name.
        device: a torch device, or "auto": CUDA, then MPS, then CPU.
        attention: what patches compare in the last block: "kk", "vv", "qq" or "v"; "auto" is "kk".
        precision: "fp32", "bf16", "fp16", or "auto": bf16 where the processor has it and the
            features stay within cosine 0.9995 of float32, measured on loading.
        sigma: width of the neighbourhood prior in patches; 0 leaves it out; None is 5.

    Raises:
        ValueError: if the name or an option has none of the forms above.
        EncoderUnavailable: if the weights or the tower cannot be used here.
    """
    parsed = parse_clip_name(name)
    attention = ATTENTIONS[0] if attention == "auto" else attention
    if attention not in ATTENTIONS:
        raise ValueError(f"attention must be one of {', '.join(ATTENTIONS)}, got {attention!r}")
    sigma = SIGMA if sigma is None else sigma
    neighbourhood_prior((1, 1), sigma)  # refuses a bad sigma before anything is loaded
    config = tower_config(parsed.model)
    entry = _entry_of(parsed)
    if entry.get("quick_gelu"):
        config["quick_gelu"] = True  # these weights were trained with it, whatever MODEL says
    tokenizer = _tokenizer(parsed.model)
    checkpoint = _locate(parsed)
    tensors = read_checkpoint(checkpoint) if checkpoint else None  # before the costly building: it may fail
    model = build_model(config)
    check_parts(model)
    if tensors is None:
        fill_at_random(model)
    else:
        fill_from_checkpoint(model, tensors, str(checkpoint))
    fold_quick_gelu(model)
    encoder = ClipEncoder(parsed, model, tokenizer, entry, attention, sigma)
    check_walk(encoder)
    return pick_precision(encoder, precision, best_device(device))


def _entry_of(parsed: ClipName) -> dict[str, Any]:
    """Mean, std and activation that belong to the weights; {} where nothing is recorded."""
    if parsed.kind == "path":
        beside = Path(parsed.weights).expanduser().with_name("open_clip_config.json")
        return json.loads(beside.read_text())["preprocess_cfg"] if beside.is_file() else {}
    if parsed.kind == "random":
        return {}
    entry = pretrained_entry(parsed.model, parsed.weights)
    if not entry:
        import open_clip

        tags = ", ".join(open_clip.list_pretrained_tags_by_model(parsed.model)) or "none"
        raise EncoderUnavailable(
            f"open_clip lists no weights {parsed.weights!r} for {parsed.model}; its tags are: {tags}"
        )
    return entry


def _tokenizer(model: str) -> Callable[..., torch.Tensor]:
    """CLIP's own tokenizer with the model's context length; its vocabulary comes with open_clip."""
    import open_clip

    known = model if model in open_clip.list_models() else model.removesuffix("-quickgelu")
    return open_clip.get_tokenizer(known)


def _locate(parsed: ClipName) -> Path | None:
    """The checkpoint to read, or None for random weights."""
    if parsed.kind == "random":
        return None
    if parsed.kind == "path":
        return Path(parsed.weights).expanduser()
    return find_weights(parsed.model, parsed.weights) or download_weights(parsed.model, parsed.weights)
