"""The same proofs on a tower of real size; its weights are random."""

import pytest
import torch
from tiny_clip import dense_of, scene

from argus_fiftyone.encoders.clip.checks import CAST_COSINE, cast_cosine
from argus_fiftyone.encoders.clip.encoder import ClipEncoder
from argus_fiftyone.encoders.clip.loading import load_clip

pytestmark = pytest.mark.clip_towers

PROMPTS = ["a", "a scratch", "a very long description of a plate with five screws, one of which is missing"]


@pytest.fixture(scope="module")
def vit_b_32() -> ClipEncoder:
    return load_clip("clip:ViT-B-32-quickgelu:random", "cpu", precision="fp32")


@torch.inference_mode()
def test_a_real_vit_b_32_gives_what_open_clip_gives(vit_b_32: ClipEncoder):
    pixels = vit_b_32._pixels([scene(224, 224)])
    theirs = torch.nn.functional.normalize(vit_b_32.model.visual(pixels), dim=-1)
    assert (vit_b_32.encode_images([scene(224, 224)])[0].image - theirs[0]).abs().max() < 1e-6
    text = vit_b_32.model.encode_text(vit_b_32._tokenizer(PROMPTS), normalize=True)
    assert (vit_b_32.encode_text(PROMPTS) - text).abs().max() < 1e-6


def test_a_real_vit_b_32_takes_448_px(vit_b_32: ClipEncoder):
    features = vit_b_32.encode_images([scene(448, 448)])[0]
    assert dense_of(features).shape == (14, 14, 512)
    assert [tuple(level.shape) for level in features.levels] == [(14, 14, 768)] * 2
    assert dense_of(features).isfinite().all()


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_cast_weights_keep_the_features_of_a_real_tower(vit_b_32: ClipEncoder, precision: str):
    cast = vit_b_32.cast(precision, torch.device("cpu"))
    assert cast.dtype == {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    assert cast_cosine(vit_b_32, cast) >= CAST_COSINE
    assert vit_b_32.dtype == torch.float32
    assert dense_of(cast.encode_images([scene(224, 224)])[0]).dtype == torch.float32
