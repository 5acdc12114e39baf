"""An open_clip model opened up: built, filled with weights, checked, and walked block by block.

Only `in_proj_weight`, `in_proj_bias` and `out_proj` of an attention layer are read, never
its forward: the argument order and the batch axis of that forward differ between open_clip releases.
"""

from __future__ import annotations

import difflib
import zlib
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from argus_fiftyone.encoders.clip.backend import PLAIN, Arithmetic
from argus_fiftyone.encoders.clip.names import SHORT_NAMES
from argus_fiftyone.encoders.entries import EncoderUnavailable

_WORKING = "towers that work are " + ", ".join(r.name.partition(":")[0] for r in SHORT_NAMES.values())


def tower_config(model: str) -> dict[str, Any]:
    """open_clip's description of a model, refused unless its towers are of the kind Argus can read.

    Raises:
        EncoderUnavailable: for an unknown model, or one without plain image and text transformers.
    """
    import open_clip

    config = _config_of(model)
    if config is None:
        near = difflib.get_close_matches(model, open_clip.list_models(), 3) or ["ViT-B-16-quickgelu"]
        raise EncoderUnavailable(f"open_clip knows no model {model!r}; did you mean {', '.join(near)}?")
    obstacle = _obstacle(config)
    if obstacle:
        raise EncoderUnavailable(f"{model} {obstacle}, which Argus does not read; {_WORKING}")
    return config


def _config_of(model: str) -> dict[str, Any] | None:
    import open_clip

    if model in open_clip.list_models():
        return open_clip.get_model_config(model)
    plain = model.removesuffix("-quickgelu")
    if plain not in open_clip.list_models():
        return None
    # Older releases have fewer "-quickgelu" names; the suffix says all there is to know.
    return {**(open_clip.get_model_config(plain) or {}), "quick_gelu": True}


def _obstacle(config: dict[str, Any]) -> str:
    vision, text = config["vision_cfg"], config["text_cfg"]
    if vision.get("timm_model_name"):
        return f"has the timm image tower {vision['timm_model_name']}"
    if isinstance(vision.get("layers"), (list, tuple)):
        return "has a ResNet image tower"
    if "multimodal_cfg" in config:
        return "is a captioner (CoCa)"
    if vision.get("attentional_pool"):
        return "pools its image tokens by attention"
    if vision.get("pool_type", "tok") not in ("tok", "avg"):
        return f"pools its image tokens by {vision['pool_type']!r}"
    if text.get("hf_model_name"):
        return f"has the Hugging Face text tower {text['hf_model_name']}"
    if text.get("hf_tokenizer_name"):
        return f"needs the Hugging Face tokenizer {text['hf_tokenizer_name']}"
    return ""


def build_model(config: dict[str, Any]) -> nn.Module:
    """The model of a description, in eval mode, float32, on the CPU, untrained."""
    import open_clip

    config = dict(config)
    custom_text = config.pop("custom_text", False)
    with torch.random.fork_rng(devices=[]):  # open_clip's own initialisation draws from the user's seed
        model = (open_clip.CustomTextCLIP if custom_text else open_clip.CLIP)(**config)
    return model.eval().requires_grad_(False)


def fill_at_random(model: nn.Module, seed: int = 0) -> None:
    """Give every parameter a value that depends on its name, its shape and the seed only.

    Not open_clip's own initialisation: that depends on the release and on the order of construction.
    """
    for name, parameter in model.named_parameters():
        if parameter.ndim == 0:
            continue  # the logit scale
        random = np.random.default_rng([seed, zlib.crc32(name.encode())])
        values = random.standard_normal(tuple(parameter.shape), dtype=np.float32)
        is_gain = parameter.ndim == 1 and name.endswith(("weight", "gamma"))
        spread = 0.1 if is_gain else parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.1
        parameter.copy_(torch.from_numpy(values * np.float32(spread) + np.float32(is_gain)))


def fill_from_checkpoint(model: nn.Module, tensors: dict[str, torch.Tensor], source: str) -> None:
    """Load a checkpoint's tensors, every parameter exactly once.

    Raises:
        EncoderUnavailable: if names or shapes do not fit the model.
    """
    expected = model.state_dict()
    found = {_name_for(key, expected): value for key, value in tensors.items()}
    found = {key: value for key, value in found.items() if key in expected or key not in _LEFTOVERS}
    missing, surplus = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    if "logit_scale" in found:  # saved as a scalar or as a vector of one
        found["logit_scale"] = found["logit_scale"].reshape(expected["logit_scale"].shape)
    misfits = [k for k in expected if k in found and found[k].shape != expected[k].shape]
    if missing or surplus or misfits:
        raise EncoderUnavailable(
            f"{source} does not fit this model: {_first('missing', missing)}, "
            f"{_first('not expected', surplus)}, {_first('of another shape', misfits)}; "
            "is MODEL the one it was trained as?"
        )
    model.load_state_dict(found)


QUICK_GELU = 1.702
"""OpenAI's approximation of GELU: x · sigmoid(1.702 x)."""


@torch.no_grad()
def fold_quick_gelu(model: nn.Module) -> None:
    """Have a tower with OpenAI's activation compute the same in one pass instead of three.

    x · sigmoid(c x) = silu(c x) / c: c goes into the weights before the activation, 1 / c into those
    after it. Of ViT-B/16 in bf16 the three passes are a tenth of the time.
    """
    from open_clip.transformer import QuickGELU

    for part in list(model.modules()):
        if isinstance(getattr(part, "gelu", None), QuickGELU):
            mlp: Any = part
            mlp.c_fc.weight *= QUICK_GELU
            mlp.c_fc.bias *= QUICK_GELU
            mlp.c_proj.weight /= QUICK_GELU
            mlp.gelu = nn.SiLU(inplace=True)


_LEFTOVERS = frozenset({"input_resolution", "context_length", "vocab_size", "attn_mask", "logit_bias"})
"""Entries some releases saved that are no weights of these towers."""


def _name_for(key: str, expected: dict[str, torch.Tensor]) -> str:
    """The model's name for a parameter; text towers are saved with and without a "text." in front."""
    return next((k for k in (key, f"text.{key}", key.removeprefix("text.")) if k in expected), key)


def _first(what: str, names: list[str]) -> str:
    return f"{len(names)} {what}" + (f" (e.g. {names[0]})" if names else "")


def heads_of(attn: nn.Module, projected: torch.Tensor) -> torch.Tensor:
    """[pictures, tokens, dim] → [pictures, heads, tokens, dim per head]."""
    heads: Any = attn.num_heads
    return projected.unflatten(-1, (heads, -1)).transpose(1, 2)


def project(attn: Any, tokens: torch.Tensor, which: str, by: Arithmetic = PLAIN) -> list[torch.Tensor]:
    """Queries, keys and values of tokens, as `which` ("qkv", "kv", "q") asks, split into heads."""
    dim, first = tokens.shape[-1], "qkv".index(which[0])
    rows = slice(first * dim, (first + len(which)) * dim)
    bias = None if attn.in_proj_bias is None else attn.in_proj_bias[rows]
    projected = by.linear(tokens, attn.in_proj_weight[rows], bias)
    return [heads_of(attn, part) for part in projected.chunk(len(which), dim=-1)]


def leave_heads(attn: Any, gathered: torch.Tensor, by: Arithmetic = PLAIN) -> torch.Tensor:
    """[pictures, heads, tokens, dim per head] → [pictures, tokens, dim], through the output projection."""
    out = attn.out_proj
    return by.linear(gathered.transpose(1, 2).flatten(2), out.weight, out.bias)


def finish_block(
    block: Any, tokens: torch.Tensor, attended: torch.Tensor, by: Arithmetic = PLAIN
) -> torch.Tensor:
    """Both residual additions of a pre-norm block, layer scale included."""
    tokens = tokens + block.ls_1(attended)
    return tokens + block.ls_2(_feed_forward(block.mlp, block.ln_2(tokens), by))


def _feed_forward(mlp: Any, tokens: torch.Tensor, by: Arithmetic) -> torch.Tensor:
    """Two linear layers with an activation between them; a part of another make does it itself."""
    parts = [name for name, part in mlp.named_children() if not isinstance(part, nn.Identity)]
    if parts != ["c_fc", "gelu", "c_proj"]:
        return mlp(tokens)
    widened = by.linear(tokens, mlp.c_fc.weight, mlp.c_fc.bias, mlp.gelu)
    return by.linear(widened, mlp.c_proj.weight, mlp.c_proj.bias)


def forward_block(
    block: Any, tokens: torch.Tensor, causal: bool = False, by: Arithmetic = PLAIN
) -> torch.Tensor:
    """One transformer block as trained: [batch, tokens, dim] → the same shape."""
    queries, keys, values = project(block.attn, block.ln_1(tokens), "qkv", by)
    if causal:
        gathered = functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
    else:
        gathered = by.attend(queries, keys, values)
    return finish_block(block, tokens, leave_heads(block.attn, gathered, by), by)


def embed_patches(visual: Any, pixels: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Normalised pixels [pictures, 3, height, width] → tokens [pictures, 1 + patches, dim], CLS first."""
    patches = visual.conv1(pixels).flatten(2).transpose(1, 2)
    cls = visual.class_embedding.to(patches.dtype).expand(len(patches), 1, -1)
    return visual.ln_pre(torch.cat([cls, patches], dim=1) + positions)


def last_block_pooled(
    visual: Any,
    tokens: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    by: Arithmetic = PLAIN,
) -> torch.Tensor:
    """The picture vector as trained [pictures, dim], from the last block's input, keys and values.

    A tower that pools by CLS needs the last block for CLS alone, which saves a sixteenth of all work.
    """
    block = visual.transformer.resblocks[-1]
    asking = tokens[:, :1] if visual.pool_type == "tok" else tokens
    # One row for each picture, where a tower pools by CLS: nothing to be quick about.
    by = by if len(asking[0]) > 1 else PLAIN
    (queries,) = project(block.attn, block.ln_1(asking), "q", by)
    out = finish_block(block, asking, leave_heads(block.attn, by.attend(queries, keys, values), by), by)
    if not visual.final_ln_after_pool:
        out = visual.ln_post(out)
    pooled = out[:, 0] if visual.pool_type == "tok" else out[:, 1:].mean(dim=1)
    return (visual.ln_post(pooled) if visual.final_ln_after_pool else pooled) @ visual.proj


def forward_text(text: Any, tokens: torch.Tensor, by: Arithmetic = PLAIN) -> torch.Tensor:
    """Token numbers [prompts, length], cut after the longest end-of-text → text vectors [prompts, dim].

    Exact under the causal mask: no kept token ever looked at a later one.
    """
    ends = tokens.argmax(dim=-1)  # end-of-text has the highest number in CLIP's vocabulary
    tokens = tokens[:, : int(ends.max()) + 1]
    x = text.token_embedding(tokens) + text.positional_embedding[: tokens.shape[1]]
    for block in text.transformer.resblocks:
        x = forward_block(block, x, causal=True, by=by)
    x = text.ln_final(x[torch.arange(len(x), device=x.device), ends])
    if text.text_projection is None:
        return x
    linear = isinstance(text.text_projection, nn.Linear)
    return text.text_projection(x) if linear else x @ text.text_projection


def can_truncate(model: Any) -> bool:
    """Whether `forward_text` is exact for this model: causal mask, pooled at the end-of-text, no CLS."""
    text = getattr(model, "text", model)
    pool = getattr(model, "text_pool_type", None) or getattr(text, "pool_type", "argmax")
    return text.attn_mask is not None and pool == "argmax" and getattr(text, "cls_emb", None) is None
