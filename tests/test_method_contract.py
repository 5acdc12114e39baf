"""What every method owes the engine, whichever it is and whatever it sees.

A method that is added to `methods/registry.py` is tested here without a line more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
import pytest
import torch
from fake_towers import FakeTowers, draw_textured
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pair_batches import ImagePair, batch_of, evidence_of, maps_of
from tiny_clip import register

from argus_fiftyone.encoders.clip.loading import load_clip
from argus_fiftyone.encoders.none import NoEncoder
from argus_fiftyone.encoders.protocol import Encoder
from argus_fiftyone.engine.calibration import curve_of
from argus_fiftyone.engine.compare import Walk, compare_images
from argus_fiftyone.methods.constants import constants
from argus_fiftyone.methods.protocol import Evidence, Method
from argus_fiftyone.methods.registry import built_in, list_methods, load_method, needs_encoder
from argus_fiftyone.settings import Settings

TEXTS = ("", "a new spot", "a missing screw", "a crack")
SPOTTED = draw_textured(3, 96)
EXCHANGED = SPOTTED[1], SPOTTED[0]
HIDDEN = np.zeros(SPOTTED[0].shape[:2], bool)
HIDDEN[:, 48:] = True
"""The left part is out of view."""
NOTHING = 1e-3
"""What rounding may leave of nothing, as a share of the evidence that counts half."""
SYMMETRY = {"argus": 0.01}
"""By how much of the strongest evidence the exchanged maps may differ; 1e-5 for all others. `argus`
matches light and looks for scenes in the after image's terms."""


@dataclass
class Case:
    """A method with the encoder that it reads from."""

    method: Method
    encoder: Encoder

    def evidence(
        self, *pairs: ImagePair, texts: tuple[str, ...] = TEXTS, in_view: np.ndarray | None = None
    ) -> Evidence:
        return evidence_of(self.method, pairs, self.encoder, texts, in_view)

    def maps(
        self, *pairs: ImagePair, texts: tuple[str, ...] = TEXTS, in_view: np.ndarray | None = None
    ) -> torch.Tensor:
        """[pairs, queries, sides, rows, cols]."""
        return maps_of(self.evidence(*pairs, texts=texts, in_view=in_view), len(texts))

    @property
    def nothing(self) -> float:
        return NOTHING * curve_of(self.method, self.encoder.family if self.encoder else "").half


def cases() -> Iterator:
    for name in built_in():
        if not needs_encoder(name):
            yield pytest.param((name, None), id=name)
            continue
        yield pytest.param((name, "fake_towers"), id=f"{name}, fake towers")
        yield pytest.param((name, "clip"), id=f"{name}, clip")
        yield pytest.param((name, "mini"), id=f"{name}, mini", marks=pytest.mark.offline_towers)


@pytest.fixture(scope="module")
def fake_towers() -> Encoder:
    return FakeTowers()


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Encoder:
    """A small CLIP tower that does not know that its weights are random, or it would understand no words."""
    encoder = load_clip(register(tmp_path_factory.mktemp("clip"), "argus-contract"), "cpu", precision="fp32")
    encoder.note = ""
    return encoder


@pytest.fixture(scope="module", params=cases())
def case(request) -> Case:
    name, kind = request.param
    encoder = request.getfixturevalue(kind) if kind else NoEncoder()
    return Case(load_method(name, encoder), encoder)


@pytest.fixture
def comparing(case: Case) -> Case:
    if case.method.needs.references == "none":
        pytest.skip("it compares with nothing")
    return case


def test_an_identical_pair_shows_nothing(comparing: Case):
    image = SPOTTED[1]
    assert comparing.maps((image, image)).max() <= comparing.nothing


def test_a_spot_is_found_where_it_is(case: Case):
    found = case.maps(SPOTTED, texts=("",)).amax(dim=2)[0, 0]
    if case.method.needs.references == "none" or len(found) < 6:
        pytest.skip("it compares with nothing, or its cells are larger than the spot")
    different = np.abs(SPOTTED[1].astype(float) - SPOTTED[0]).mean(axis=2) > 20
    spot = cv2.resize(different.astype(np.float32), found.T.shape, interpolation=cv2.INTER_AREA)
    at = np.unravel_index(int(found.argmax()), found.shape)
    assert cv2.dilate(spot, np.ones((3, 3)))[at] > 0
    assert found.max() > case.nothing


def test_exchanging_the_images_exchanges_the_maps(comparing: Case):
    forth, back = comparing.maps(SPOTTED), comparing.maps(EXCHANGED).flip(2)
    allowed = SYMMETRY.get(comparing.method.name, 1e-5) * float(forth.max())
    # A direction asked for is asked for in both orders, so open queries are what can be exchanged.
    torch.testing.assert_close(forth[:, 0], back[:, 0], atol=allowed, rtol=0)
    if comparing.method.name not in SYMMETRY:
        torch.testing.assert_close(forth, back, atol=allowed, rtol=0)


def test_what_is_out_of_view_shows_nothing(comparing: Case):
    found = comparing.maps(SPOTTED, in_view=HIDDEN)
    seen = batch_of([SPOTTED], comparing.method.needs, comparing.encoder, HIDDEN).valid_on(
        (found.shape[3], found.shape[4])
    )
    assert seen.any()
    assert not found.where(~seen[:, None, None], 0).any()
    assert not comparing.maps(SPOTTED, in_view=np.zeros_like(HIDDEN)).any()


def test_a_pair_alone_is_the_same_pair_in_a_batch(case: Case):
    pairs = [draw_textured(number, 96) for number in range(3)]
    together = case.maps(*pairs)
    for pair, expected in zip(pairs, together, strict=True):
        torch.testing.assert_close(case.maps(pair)[0], expected, atol=1e-5, rtol=1e-4)


def test_queries_asked_together_are_answered_as_each_alone(case: Case):
    together = case.maps(SPOTTED)
    for number, text in enumerate(TEXTS):
        alone = case.maps(SPOTTED, texts=(text,))[:, 0]
        torch.testing.assert_close(alone, together[:, number], atol=1e-5, rtol=1e-4)


def test_maps_have_the_shapes_that_were_promised(case: Case):
    found = case.evidence(SPOTTED, EXCHANGED)
    batch = batch_of([SPOTTED, EXCHANGED], case.method.needs, case.encoder)
    observed = case.method.observe(batch, {})
    assert all(len(tensor) == 2 for tensor in observed.values())
    for side in (found.appeared, found.disappeared):
        if side is not None:
            assert side.ndim == 4
            assert len(side) == 2
            assert side.shape[1] in (1, len(TEXTS))
    assert found.disappeared is None or found.disappeared.shape == found.appeared.shape


def test_a_method_without_words_says_the_same_to_every_query(case: Case):
    if case.method.needs.text:
        pytest.skip("it reads words")
    assert case.evidence(SPOTTED).appeared.shape[1] == 1


PLAIN = {"black": 0, "white": 255, "grey": 100}
NOISE = np.random.default_rng(0).integers(0, 256, SPOTTED[0].shape, np.uint8)
IMAGES = {name: np.full_like(NOISE, value) for name, value in PLAIN.items()} | {"noise": NOISE}


def test_plain_and_noisy_images_give_finite_evidence(case: Case):
    found = case.maps(*product(IMAGES.values(), IMAGES.values()), texts=("", "a crack"))
    assert found.isfinite().all()
    assert found.min() >= 0


tiny = arrays(np.uint8, (6, 8, 3))


@settings(max_examples=5)
@given(tiny, tiny, st.booleans())
def test_any_images_give_finite_evidence(case: Case, before: np.ndarray, after: np.ndarray, blocks: bool):
    drawn = cv2.INTER_NEAREST if blocks else cv2.INTER_LINEAR
    # No image is all 13, which the fake towers fear.
    large = [cv2.resize(np.maximum(image, 14), (128, 96), interpolation=drawn) for image in (before, after)]
    found = case.maps((large[0], large[1]), texts=("", "a crack"))
    assert found.isfinite().all()
    assert found.min() >= 0


def test_the_engine_walks_with_it(case: Case):
    walk = Walk(case.method, Settings(resolution=128))
    open_one, worded = compare_images(*SPOTTED, ["", "a new spot"], walk)
    assert open_one.method == case.method.name
    assert open_one.heatmap.shape == SPOTTED[1].shape[:2]
    assert 0 <= worded.score <= 1
    assert (worded.query_support > 0) == case.method.needs.text
    assert open_one.query_support == 0


def test_every_method_says_what_it_is():
    entries = {entry.name: entry for entry in list_methods()}
    assert list(entries)[: len(built_in())] == list(built_in())
    for name in built_in():
        assert not entries[name].problem
        assert len(entries[name].paper) > 40
        assert constants(name, "").get("curve"), f"{name} has no curve in constants.json"
