"""The trained head of `mini`: reads a pair once, answers many queries, knows which way."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_fiftyone.encoders.mini.head import TEXT_SIZE, WEIGHTS, MiniHead
from argus_fiftyone.encoders.mini.matched import CHANNELS, MatchedPair, plain
from argus_fiftyone.methods.common.soft_alignment import match
from training.judging import combine
from training.reading import both_ways, one_way


@pytest.fixture(scope="module")
def head() -> MiniHead:
    return MiniHead.load()


def maps(seed: int, rows: int = 32, cols: int = 24) -> list[torch.Tensor]:
    """Made-up raw maps of strides 4, 8, 16 and 32 of a picture of 4·rows × 4·cols pixels."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(c, rows >> n, cols >> n, generator=generator) for n, c in enumerate(CHANNELS)]


def matched(*pairs: tuple[list[torch.Tensor], list[torch.Tensor]]) -> MatchedPair:
    """Pairs of one size, stacked."""
    before, after = (
        [torch.stack(level) for level in zip(*side, strict=True)] for side in zip(*pairs, strict=True)
    )
    return match(before, after)


def test_a_description_has_unit_embeddings_on_the_stride_8_grid(head):
    went, came = head.describe(matched((maps(1), maps(2)), (maps(3), maps(4))))
    for told in (went, came):
        assert told.shape == (2, 16, 12, head.dim)
        torch.testing.assert_close(told.norm(dim=-1), torch.ones(2, 16, 12))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_swapping_before_and_after_exchanges_what_went_and_what_came(head, seed):
    forth = matched((maps(seed), maps(seed + 1)))
    for pair, swapped in zip(head.describe(forth), reversed(head.describe(forth.swapped())), strict=True):
        torch.testing.assert_close(pair, swapped, atol=1e-5, rtol=1e-4)
    for pair, swapped in zip(
        head.describe(forth), reversed(head.describe(matched((maps(seed + 1), maps(seed))))), strict=True
    ):
        torch.testing.assert_close(pair, swapped, atol=1e-4, rtol=1e-3)


def test_pairs_stacked_are_described_as_each_alone(head):
    pairs = [(maps(1), maps(2)), (maps(3), maps(4)), (maps(5), maps(5))]
    together = head.describe(matched(*pairs))
    for number, pair in enumerate(pairs):
        for some, alone in zip(together, head.describe(matched(pair)), strict=True):
            torch.testing.assert_close(some[number], alone[0], atol=1e-5, rtol=1e-4)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_training_reads_both_orders_alike(head, seed):
    pair = matched((maps(seed), maps(seed + 1)))
    with torch.no_grad():
        embedding, changed, ways = both_ways(head, pair)
        other, changed_back, ways_back = both_ways(head, pair.swapped())
        torch.testing.assert_close(one_way(head, pair)[0], embedding)
    torch.testing.assert_close(changed, changed_back, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ways[:, [1, 0, 2]], ways_back, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(embedding, other, atol=1e-2)


def test_two_equal_images_leave_no_evidence_and_no_change(head):
    same = matched((maps(3), maps(3)))
    assert same.evidence.abs().max() < 1e-5
    with torch.no_grad():
        assert both_ways(head, same)[1].sigmoid().max() < 0.5


def test_where_neither_head_nor_eye_sees_a_change_nothing_is_said(head):
    same, other = maps(3, 96, 96), maps(3, 96, 96)
    patches = [(slice(None), slice(36 >> n, 60 >> n), slice(36 >> n, 60 >> n)) for n in range(4)]
    for stage, noise, patch in zip(other, maps(9, 96, 96), patches, strict=True):
        stage[patch] = 2 * noise[patch]
    pair = matched((same, other))
    silence = head.describe(pair)[1][0] @ torch.nn.functional.normalize(head.nothing, dim=0)
    assert silence[20:28, 20:28].max() < 0.9, "there the images differ"
    with torch.no_grad():
        quiet = both_ways(head, pair)[1][0].sigmoid() < 0.02
    quiet[8:40, 8:40] = False
    assert quiet.any()
    assert silence[quiet].min() > 0.97


def test_a_difference_is_plain_only_as_the_picture_goes():
    flat = torch.full((1, 20, 20), 0.3)
    assert not plain(flat).any()
    flat[0, 10, 10] = 0.4
    found = plain(flat)[0]
    assert found[10, 10] == 1
    assert not found[:5].any()
    torch.testing.assert_close(plain(100 * flat)[0], found, atol=1e-4, rtol=1e-3)


def test_a_shift_by_one_cell_is_matched_away_inside_the_picture():
    before = [*maps(4, 64, 64)[:3], torch.ones(CHANNELS[3], 8, 8)]
    after = [
        torch.roll(stage, steps, (1, 2))
        for stage, steps in zip(before, ((2, 2), (1, 1), (0, 0), (0, 0)), strict=True)
    ]
    evidence = matched((before, after)).evidence
    assert evidence[..., 4:-4, 4:-4].max() < 1e-4


def test_each_query_is_answered_as_if_it_were_asked_alone(head):
    came = head.describe(matched((maps(5), maps(6))))[1][0]
    queries = head.embed_queries(torch.randn(7, TEXT_SIZE, generator=torch.Generator().manual_seed(0)))
    together = head.match_cells(came, queries)
    assert together.shape == (7, 16, 12)
    assert together.min() >= 0
    assert together.max() <= 1
    torch.testing.assert_close(together[3], head.match_cells(came, queries[3:4])[0])


def test_training_wordings_are_understood_and_random_vectors_are_not(head):
    assert head.understood(head.known[:50]).min() > 0.5
    noise = torch.nn.functional.normalize(
        torch.randn(50, TEXT_SIZE, generator=torch.Generator().manual_seed(1)), dim=1
    )
    assert head.understood(noise).max() < 0.1


def test_combining_hands_over_to_conse_as_understanding_falls():
    head_says, conse_says = torch.full((1, 2, 2), 0.9), torch.full((1, 2, 2), 0.2)
    answers = [combine(head_says, conse_says, torch.tensor([u])).mean().item() for u in (0.0, 0.5, 1.0)]
    assert answers == sorted(answers)
    assert answers[0] == pytest.approx(0.2)
    assert answers[2] == pytest.approx(0.9)


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors"):
        MiniHead.load(file=tmp_path / "none.safetensors")


def test_the_weights_stay_small():
    assert WEIGHTS.stat().st_size < 4_000_000
