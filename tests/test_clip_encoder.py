"""The CLIP encoder: shapes, unit length, batches, prompts, and the golden file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_clip import GOLDEN, PROMPTS, dense_of, golden_features, register, scene

from argus_fiftyone.encoders import device as processor
from argus_fiftyone.encoders.clip import checks as clip_checks
from argus_fiftyone.encoders.clip.encoder import ClipEncoder
from argus_fiftyone.encoders.clip.loading import load_clip
from argus_fiftyone.encoders.clip.names import RANDOM_NOTE
from argus_fiftyone.encoders.device import has_fast_bf16
from argus_fiftyone.encoders.protocol import Encoder, ImageFeatures
from argus_fiftyone.methods.protocol import QueryBatch
from argus_fiftyone.text.query import Query, parse_query

pytestmark = pytest.mark.clip_towers


@pytest.fixture(scope="module")
def tiny_name(tmp_path_factory: pytest.TempPathFactory) -> str:
    return register(tmp_path_factory.mktemp("configs"), "argus-tiny")


@pytest.fixture(scope="module")
def tiny(tiny_name: str) -> ClipEncoder:
    return load_clip(tiny_name, "cpu", precision="fp32")


def all_cells(features: ImageFeatures) -> list[torch.Tensor]:
    return [*features.levels, dense_of(features), features.image]


def test_it_is_an_encoder_that_says_its_weights_are_random(tiny: ClipEncoder):
    assert isinstance(tiny, Encoder)
    assert tiny.note == RANDOM_NOTE
    assert (tiny.name, tiny.cell) == ("clip:argus-tiny:random", 8)


def test_features_equal_the_golden_file(tmp_path: Path):
    assert GOLDEN.is_file(), f"{GOLDEN} is missing; restore it, do not write it anew to make this pass"
    golden, features = np.load(GOLDEN), golden_features(tmp_path)
    assert set(golden.files) == set(features)
    for name in golden.files:
        np.testing.assert_allclose(features[name], golden[name], atol=2e-5, rtol=0, err_msg=name)


def test_a_picture_need_not_be_square(tiny: ClipEncoder):
    features = tiny.encode_images([scene(24, 72)])[0]
    assert dense_of(features).shape == (3, 9, 24)
    assert [tuple(level.shape) for level in features.levels] == [(3, 9, 32)] * 2
    assert features.image.shape == (24,)


def test_every_cell_has_unit_length_and_is_an_ordinary_float32_tensor(tiny: ClipEncoder):
    for cells in all_cells(tiny.encode_images([scene(48, 40)])[0]):
        assert torch.allclose(cells.norm(dim=-1), torch.tensor(1.0), atol=1e-5)
        assert cells.dtype == torch.float32
        assert not cells.is_inference()
        assert cells.untyped_storage().nbytes() == cells.numel() * 4


def test_features_do_not_depend_on_the_other_pictures_of_the_batch(tiny: ClipEncoder):
    pictures = [scene(48, 40, seed) for seed in range(5)]
    together = tiny.encode_images(pictures)
    for picture, features in zip(pictures, together, strict=True):
        alone = tiny.encode_images([picture])[0]
        for a, b in zip(all_cells(alone), all_cells(features), strict=True):
            assert (a - b).abs().max() < 1e-6


def test_different_pictures_have_different_features(tiny: ClipEncoder):
    first, second = tiny.encode_images([scene(48, 40, 1), scene(48, 40, 2)])
    assert (dense_of(first) - dense_of(second)).abs().max() > 1e-2
    assert (first.image - second.image).abs().max() > 1e-2


def test_moving_a_thing_by_one_patch_moves_its_features_by_one_cell(tiny: ClipEncoder):
    def change_at(row: int, col: int) -> list[tuple[int, int]]:
        empty = np.full((64, 64, 3), 90, np.uint8)
        marked = empty.copy()
        marked[8 * row : 8 * row + 8, 8 * col : 8 * col + 8] = (250, 30, 10)
        before, after = tiny.encode_images([empty, marked])
        maps = [
            1 - (a * b).sum(-1) for a, b in zip(all_cells(before)[:-1], all_cells(after)[:-1], strict=True)
        ]
        return [divmod(int(m.argmax()), 8) for m in maps]

    assert change_at(2, 3)[:2] == [(2, 3)] * 2
    assert change_at(2, 4)[:2] == [(2, 4)] * 2
    assert change_at(5, 4)[:2] == [(5, 4)] * 2


def test_the_four_attentions_are_finite_and_differ(tiny_name: str):
    maps = {}
    for attention in ("kk", "vv", "qq", "v"):
        encoder = load_clip(tiny_name, "cpu", precision="fp32", attention=attention)
        features = encoder.encode_images([scene(48, 40)])[0]
        assert dense_of(features).isfinite().all()
        maps[attention] = features
    for one in maps:
        for other in maps:
            gap = (dense_of(maps[one]) - dense_of(maps[other])).abs().max()
            assert gap > 1e-3 or one == other
        assert torch.equal(maps[one].image, maps["kk"].image) or one == "qq"
        assert (maps[one].image - maps["kk"].image).abs().max() < 1e-6


def test_the_prior_can_be_left_out(tiny_name: str, tiny: ClipEncoder):
    without = load_clip(tiny_name, "cpu", precision="fp32", sigma=0)
    one, other = (dense_of(e.encode_images([scene(48, 40)])[0]) for e in (tiny, without))
    assert (one - other).abs().max() > 1e-4
    assert tiny.fingerprint != without.fingerprint


def test_random_weights_are_the_same_every_time_and_leave_the_global_seed_alone(tiny_name: str):
    state = torch.random.get_rng_state()
    first, second = (load_clip(tiny_name, "cpu", precision="fp32") for _ in range(2))
    a, b = (dense_of(e.encode_images([scene(32, 32)])[0]) for e in (first, second))
    assert torch.equal(a, b)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        ([np.zeros((8, 8, 3))], "uint8"),
        ([np.zeros((8, 8), np.uint8)], "uint8"),
        ([np.zeros((8, 8, 4), np.uint8)], "uint8"),
        ([scene(8, 8), scene(8, 16)], "one size"),
        ([scene(8, 20)], "multiples of 8 px, got 8×20"),
        ([np.zeros((0, 8, 3), np.uint8)], "multiples of 8 px"),
    ],
)
def test_pictures_it_cannot_encode_are_refused(tiny: ClipEncoder, pictures: list[np.ndarray], message: str):
    with pytest.raises(ValueError, match=message):
        tiny.encode_images(pictures)


def test_nothing_in_gives_nothing_out(tiny: ClipEncoder):
    assert tiny.encode_images([]) == []
    assert tiny.encode_text([]).shape == (0, 24)


def test_prompts_come_back_in_order_as_unit_vectors(tiny: ClipEncoder):
    prompts = [*PROMPTS, *PROMPTS[::-1]]
    vectors = tiny.encode_text(prompts)
    assert torch.allclose(vectors.norm(dim=-1), torch.ones(6), atol=1e-5)
    assert torch.equal(vectors[:3], vectors[3:].flip(0))
    assert (tiny.encode_text([PROMPTS[1]])[0] - vectors[1]).abs().max() < 1e-6


def test_many_prompts_in_batches_equal_each_alone(tiny_name: str, tiny: ClipEncoder):
    prompts = [f"{word} " * count for word in ("screw", "crack", "stain") for count in range(1, 31)]
    together = load_clip(tiny_name, "cpu", precision="fp32").encode_text(prompts)
    alone = torch.cat([tiny.encode_text([prompt]) for prompt in prompts])
    assert (together - alone).abs().max() < 1e-6


def test_a_prompt_is_encoded_once(tiny_name: str, monkeypatch: pytest.MonkeyPatch):
    encoder = load_clip(tiny_name, "cpu", precision="fp32")
    encoder.encode_text(["a dent", "a scratch"])
    monkeypatch.setattr(encoder, "_embed", lambda prompts: pytest.fail(f"encoded again: {prompts}"))
    encoder.encode_text(["a scratch", "a dent", "a dent"])


def test_a_prompt_longer_than_the_context_is_cut_not_refused(tiny: ClipEncoder):
    assert tiny.encode_text(["screw " * 200]).isfinite().all()


def test_auto_takes_bf16_only_where_the_processor_has_it(tiny_name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(clip_checks, "has_fast_bf16", lambda device: True)
    monkeypatch.setattr(clip_checks, "cast_cosine", lambda exact, cast: 0.9999)
    assert load_clip(tiny_name, "cpu").precision == "bf16"
    monkeypatch.setattr(clip_checks, "has_fast_bf16", lambda device: False)
    assert load_clip(tiny_name, "cpu").precision == "fp32"


def test_auto_stays_in_fp32_where_bf16_would_change_features(tiny_name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(clip_checks, "has_fast_bf16", lambda device: True)
    monkeypatch.setattr(clip_checks, "cast_cosine", lambda exact, cast: 0.9994)
    assert load_clip(tiny_name, "cpu").precision == "fp32"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16 amx_bf16\n", True),
        ("Features\t: fp asimd bf16\n", True),
        ("flags\t\t: fpu avx2 avx512f\n", False),
        ("model name\t: bf16 machine\n", False),
    ],
)
def test_bf16_is_read_off_the_processors_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: bool
):
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    assert has_fast_bf16(torch.device("cpu")) == expected


def test_a_processor_that_says_nothing_gets_fp32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "absent")
    assert not has_fast_bf16(torch.device("cpu"))


@pytest.mark.parametrize(
    ("option", "message"),
    [({"attention": "kv"}, "kk, vv, qq, v"), ({"precision": "int8"}, "fp32, bf16"), ({"sigma": -1}, "sigma")],
)
def test_unknown_options_are_refused(tiny_name: str, option: dict, message: str):
    with pytest.raises(ValueError, match=message):
        load_clip(tiny_name, "cpu", **option)


def test_only_the_last_few_grids_are_remembered(tiny: ClipEncoder):
    for cols in range(1, 9):
        tiny.encode_images([scene(8, 8 * cols)])
    assert len(tiny._grids) <= 4


def test_queries_put_together_find_what_each_finds_alone(tiny: ClipEncoder):
    (features,) = tiny.encode_images([scene(32, 48)])
    weighed = replace(parse_query("a dent in the plate"), log_weights={"blur": 4.0, "a dent": -2.0})
    queries = [parse_query("a missing screw"), parse_query("a crack in the road or a chip"), weighed]

    def posterior(*asked: Query) -> torch.Tensor:
        batch = QueryBatch(asked, torch.ones(len(asked)), tiny.encode_text, tiny.temperature)
        return batch.posterior(dense_of(features).flatten(0, 1)[None])[0]

    together = posterior(*queries)
    for found, query in zip(together, queries, strict=True):
        torch.testing.assert_close(found, posterior(query)[0], atol=1e-6, rtol=0)
    plain = posterior(replace(weighed, log_weights={}))[0]
    assert not torch.allclose(together[2], plain, atol=1e-3)
