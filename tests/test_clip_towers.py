"""Parity of our walk through the towers with open_clip's, over its variants."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_clip import dense_of, register, scene

from argus_fiftyone.encoders.clip.checks import check_walk
from argus_fiftyone.encoders.clip.encoder import ClipEncoder
from argus_fiftyone.encoders.clip.loading import load_clip
from argus_fiftyone.encoders.clip.tower import (
    build_model,
    can_truncate,
    fill_at_random,
    fold_quick_gelu,
    forward_text,
    tower_config,
)
from argus_fiftyone.encoders.entries import EncoderUnavailable

pytestmark = pytest.mark.clip_towers

TOWERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "gelu": {"quick_gelu": False},
    "layer-scale": {"vision": {"ls_init_value": 0.1}},
    "clipa-like": {
        "vision": {
            "no_ln_pre": True,
            "pool_type": "avg",
            "final_ln_after_pool": True,
            "pos_embed_type": "sin_cos_2d",
        }
    },
    "average": {"vision": {"pool_type": "avg"}},
    "late-norm": {"vision": {"final_ln_after_pool": True}},
    "patch-dropout": {"vision": {"patch_dropout": 0.5}},
    "tokens-out": {"vision": {"output_tokens": True}},
    "oblong": {"vision": {"image_size": [32, 48]}},
    "two-blocks": {"vision": {"layers": 2}},
    "custom-text": {"custom_text": True},
    "proj-bias": {
        "custom_text": True,
        "text_cfg": {"width": 16, "heads": 2, "layers": 1, "proj_bias": True},
    },
    "two-way-text": {
        "custom_text": True,
        "text_cfg": {"width": 16, "heads": 2, "layers": 1, "no_causal_mask": True, "pool_type": "last"},
    },
}


def load_tiny(folder: Path, tower: str, **options: Any) -> ClipEncoder:
    return load_clip(register(folder, f"argus-{tower}", **TOWERS[tower]), "cpu", precision="fp32", **options)


@pytest.mark.parametrize("tower", TOWERS)
@torch.inference_mode()
def test_the_plain_path_equals_the_model_itself(tmp_path: Path, tower: str):
    encoder = load_tiny(tmp_path, tower)
    height, width = encoder.model.visual.image_size
    pictures = [scene(height, width, seed) for seed in range(3)]
    theirs = encoder.model.visual(encoder._pixels(pictures))
    theirs = theirs[0] if isinstance(theirs, tuple) else theirs
    ours = torch.stack([f.image for f in encoder.encode_images(pictures)])
    assert (ours - theirs / theirs.norm(dim=-1, keepdim=True)).abs().max() < 1e-6


@torch.inference_mode()
def test_folding_the_quick_activation_changes_neither_tower(tmp_path: Path):
    name = register(tmp_path, "argus-quick", quick_gelu=True).split(":")[1]
    models: list[Any] = [build_model(tower_config(name)) for _ in range(2)]
    folded, original = models
    for model in models:
        fill_at_random(model)
    fold_quick_gelu(folded)
    kinds = [{type(part).__name__ for part in model.modules()} for model in models]
    assert "QuickGELU" in kinds[1] - kinds[0]
    pixels, tokens = torch.randn(2, 3, *original.visual.image_size), torch.arange(77)[None]
    for look in (lambda model: model.visual(pixels), lambda model: model.encode_text(tokens)):
        theirs = look(original)
        assert (look(folded) - theirs).abs().max() < 1e-5 * theirs.abs().max()


PROMPTS = ["a", "a scratch", "a very long description of a plate with five screws, one of which is missing"]


@pytest.mark.parametrize("tower", ["plain", "custom-text", "proj-bias"])
@torch.inference_mode()
def test_truncating_prompts_at_the_longest_end_of_text_changes_nothing(tmp_path: Path, tower: str):
    encoder = load_tiny(tmp_path, tower)
    assert can_truncate(encoder.model)
    tokens = encoder._tokenizer(PROMPTS)
    text = getattr(encoder.model, "text", encoder.model)
    assert (forward_text(text, tokens) - encoder.model.encode_text(tokens)).abs().max() < 1e-6


@torch.inference_mode()
def test_text_that_looks_both_ways_is_not_truncated(tmp_path: Path):
    encoder = load_tiny(tmp_path, "two-way-text")
    assert not can_truncate(encoder.model)
    theirs = encoder.model.encode_text(encoder._tokenizer(PROMPTS), normalize=True)
    assert (encoder.encode_text(PROMPTS) - theirs).abs().max() < 1e-6


def test_a_tower_with_an_unknown_part_is_caught_on_loading(tmp_path: Path):
    encoder = load_tiny(tmp_path, "plain")
    block = encoder.model.visual.transformer.resblocks[1]
    block.ls_1, block.attention = torch.nn.Identity(), lambda q_x, **_: 2 * q_x
    with pytest.raises(EncoderUnavailable, match="does not give what the model itself gives"):
        check_walk(encoder)


PARTS = {"qk_norm": "ln_q", "scale_attn": "ln_attn", "scaled_cosine_attn": "logit_scale"}


@pytest.mark.parametrize("option", PARTS)
def test_an_attention_with_extra_parts_is_refused(tmp_path: Path, option: str):
    skip_unless_known(option)
    name = register(tmp_path, f"argus-{option}", vision={option: True})
    with pytest.raises(EncoderUnavailable, match=f"Attention has a {PARTS[option]}, which Argus cannot read"):
        load_clip(name)


def test_open_clips_own_attention_class_is_read_like_torchs(tmp_path: Path):
    skip_unless_known("block_type")
    custom, plain = (
        load_clip(register(tmp_path, f"argus-{kind}", vision={"block_type": kind}), precision="fp32")
        for kind in ("custom", "default")
    )
    assert type(custom.model.visual.transformer.resblocks[0].attn).__name__ == "Attention"
    a, b = (dense_of(encoder.encode_images([scene(48, 32)])[0]) for encoder in (custom, plain))
    assert torch.equal(a, b)


def skip_unless_known(option: str) -> None:
    import open_clip

    if option not in open_clip.CLIPVisionCfg.__dataclass_fields__:
        pytest.skip(f"this release of open_clip has no vision option {option}")


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("RN50", "ResNet image tower"),
        ("convnext_base_w", "timm image tower convnext_base"),
        ("ViT-B-16-SigLIP", "timm image tower vit_base_patch16_siglip_224"),
        ("EVA02-B-16", "timm image tower eva02_base_patch16_clip_224"),
        ("coca_ViT-B-32", "captioner"),
        ("roberta-ViT-B-32", "Hugging Face text tower roberta-base"),
        ("ViT-L-14-CLIPA", "Hugging Face tokenizer bert-base-uncased"),
    ],
)
def test_a_tower_of_another_kind_is_refused_with_towers_that_work(model: str, reason: str):
    with pytest.raises(EncoderUnavailable, match=f"{reason}.*towers that work are ViT-B-16-quickgelu"):
        load_clip(f"clip:{model}:random")


def test_attentional_pooling_is_refused(tmp_path: Path):
    name = register(tmp_path, "argus-pooler", vision={"attentional_pool": True})
    with pytest.raises(EncoderUnavailable, match="pools its image tokens by attention"):
        load_clip(name)


def test_oblong_patches_are_refused(tmp_path: Path):
    name = register(tmp_path, "argus-oblong-patch", vision={"patch_size": [8, 4]})
    with pytest.raises(EncoderUnavailable, match="patches of 8×4 px"):
        load_clip(name)


def answer_for(model: str) -> str:
    try:
        tower_config(model)
    except EncoderUnavailable as refusal:
        return str(refusal)
    return "readable"


def test_every_model_of_open_clip_is_either_readable_or_refused_in_one_sentence():
    import open_clip

    answers = {model: answer_for(model) for model in open_clip.list_models()}
    for model in ("ViT-B-16-quickgelu", "ViT-B-32", "ViT-L-14-336", "ViT-H-14", "ViT-bigG-14"):
        assert answers[model] == "readable"
    refusals = [answer for answer in answers.values() if answer != "readable"]
    assert len(refusals) > 30
    assert all("towers that work" in refusal and "\n" not in refusal for refusal in refusals)


def test_an_unknown_model_is_answered_with_near_ones():
    with pytest.raises(EncoderUnavailable, match=r"no model 'ViT-B-61'; did you mean .*ViT-B-16"):
        load_clip("clip:ViT-B-61:openai")


def test_an_unknown_tag_is_answered_with_the_tags_there_are():
    with pytest.raises(EncoderUnavailable, match="no weights 'opanai' for ViT-B-32; its tags are: openai, "):
        load_clip("clip:ViT-B-32:opanai")
