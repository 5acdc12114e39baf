"""The arithmetic chosen for a processor gives what torch's own gives."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tiny_clip import dense_of, register, scene
from torch import nn

from argus_fiftyone.encoders import device as processor
from argus_fiftyone.encoders.clip import backend as clip_arithmetic
from argus_fiftyone.encoders.clip.backend import PLAIN, TOLERANCE, OneDnn, quickest
from argus_fiftyone.encoders.clip.loading import load_clip

CPU = torch.device("cpu")

LEFT_TO_TORCH = {dtype: quickest(CPU, dtype) is PLAIN for dtype in TOLERANCE}
"""By precision: a processor without AVX-512 has oneDNN's operations in float32 and not in bfloat16."""


def skipped_without_onednn(dtype: torch.dtype) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        LEFT_TO_TORCH[dtype], reason=f"this torch or processor leaves {dtype} to torch's own operations"
    )


needs_onednn = skipped_without_onednn(torch.float32)
each_dtype_with_onednn = pytest.mark.parametrize(
    "dtype", [pytest.param(dtype, marks=skipped_without_onednn(dtype), id=str(dtype)) for dtype in TOLERANCE]
)


def drawn(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def assert_like(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    assert ours.shape == theirs.shape
    gap, largest = (ours - theirs).abs().max(), theirs.abs().max()
    assert gap <= TOLERANCE[theirs.dtype] * largest


@each_dtype_with_onednn
@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("bend", [None, nn.SiLU(), nn.GELU(), nn.GELU("tanh"), nn.Tanh()])
@torch.inference_mode()
def test_linear_layers_are_those_of_torch(dtype: torch.dtype, keeps: bool, bend: nn.Module | None):
    quick = OneDnn(keeps=keeps)
    weight, bias = drawn(96, 48, dtype=dtype), drawn(96, dtype=dtype)
    for rows, offset in ((1, None), (7, bias), (300, bias)):
        x = drawn(2, rows, 48, dtype=dtype, seed=rows)
        assert_like(quick.linear(x, weight, offset, bend), PLAIN.linear(x, weight, offset, bend))


@each_dtype_with_onednn
@pytest.mark.parametrize("with_prior", [False, True])
@torch.inference_mode()
def test_attention_head_by_head_is_that_of_torch(dtype: torch.dtype, with_prior: bool):
    # As a tower holds them: the heads of a token beside each other.
    both = (drawn(2, 40, 240, dtype=dtype, seed=seed) for seed in (1, 2))
    keys, values = (tokens.unflatten(-1, (3, 80)).transpose(1, 2) for tokens in both)
    queries, prior = keys[:, :, 1:], drawn(39, 40, dtype=dtype, seed=3) if with_prior else None
    quick = OneDnn(by_heads=True)
    assert_like(quick.attend(queries, keys, values, prior), PLAIN.attend(queries, keys, values, prior))


@needs_onednn
@torch.inference_mode()
def test_a_weight_is_laid_out_once_and_each_part_of_it_by_itself():
    quick, weight = OneDnn(), drawn(96, 48)
    for _ in range(3):
        for part in (weight, weight[:32], weight[32:]):
            x = drawn(5, 48)
            assert_like(quick.linear(x, part, None), PLAIN.linear(x, part, None))
    assert len(quick._laid_out) == 3


@needs_onednn
@pytest.mark.clip_towers
@pytest.mark.parametrize("model", ["quick", "gelu"])
def test_a_tower_sees_the_same_either_way_and_after_a_cast(tmp_path: Path, model: str):
    name = register(tmp_path, f"argus-arithmetic-{model}", quick_gelu=model == "quick")
    encoder = load_clip(name, "cpu", precision="fp32")
    assert isinstance(encoder._by, OneDnn)
    (quick,) = encoder.encode_images([scene(48, 40)])
    words = encoder.encode_text(["a scratch", "a missing screw"])
    cast = encoder.cast("bf16", CPU).encode_images([scene(48, 40)])[0]
    encoder._by = encoder._text_by = PLAIN
    encoder._texts.clear()
    (plain,) = encoder.encode_images([scene(48, 40)])
    assert (dense_of(quick) - dense_of(plain)).abs().max() < 1e-5
    assert (words - encoder.encode_text(["a scratch", "a missing screw"])).abs().max() < 1e-5
    assert (dense_of(cast) * dense_of(plain)).sum(dim=-1).min() > 0.99


@pytest.mark.parametrize(
    ("device", "dtype"),
    [("cuda", torch.float32), ("cuda", torch.bfloat16), ("mps", torch.float32), ("cpu", torch.float16)],
)
def test_what_was_not_measured_is_left_to_torch(device: str, dtype: torch.dtype):
    assert quickest(torch.device(device), dtype) is PLAIN


def test_other_kinds_of_processor_are_left_to_torch(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(clip_arithmetic, "is_x86", lambda: False)
    assert quickest(CPU, torch.float32) is PLAIN


@pytest.mark.parametrize("amiss", ["no operation of the name", "other figures"])
def test_a_torch_whose_operations_are_amiss_is_left_alone(monkeypatch: pytest.MonkeyPatch, amiss: str):
    monkeypatch.setattr(clip_arithmetic, "is_x86", lambda: True)
    if amiss == "other figures":
        monkeypatch.setattr(OneDnn, "linear", lambda self, *given: 1.01 * PLAIN.linear(*given))
    else:
        monkeypatch.setattr(torch, "ops", SimpleNamespace(mkldnn=SimpleNamespace()))
    assert quickest(CPU, torch.float32) is PLAIN


@pytest.mark.parametrize(
    ("told", "expected"), [("vendor_id\t: AuthenticAMD\n", True), ("vendor_id\t: GenuineIntel\n", False)]
)
def test_the_maker_is_read_off_what_the_processor_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, expected: bool
):
    (tmp_path / "cpuinfo").write_text(told)
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(processor.platform, "processor", lambda: "")
    assert processor.is_made_by_amd() == expected
