"""The generator of synthetic pairs behind the `mini` head, and its wordings."""

from __future__ import annotations

import importlib
import pkgutil

import cv2
import numpy as np
import pytest
import torch

import training
from argus_fiftyone.encoders.mini.matched import EVIDENCE, FOLDED
from training import batches, boards, captions, features, vocabulary
from training.board_faults import FAULTS
from training.marks import MARKS, broken_in_two
from training.pairs import Assets, make_pair, scanned_board
from training.prototypes import KINDS, Prototypes
from training.prototypes import SURFACES as SHOWN_SURFACES
from training.scene import APPEARED, DISAPPEARED, SIDE
from training.surfaces import SURFACES
from training.wordings import Bank


@pytest.fixture(scope="module")
def assets() -> Assets:
    rng = np.random.default_rng(0)
    picture = rng.random((400, 400, 3), np.float32)
    cut_out = rng.random((128, 128, 4), np.float32)
    return Assets({"wall": picture, "grass": picture}, [picture], {"red apple": cut_out, "teapot": cut_out})


@pytest.mark.parametrize("name", sorted(module.name for module in pkgutil.iter_modules(training.__path__)))
def test_every_module_of_the_training_can_be_imported(name):
    # That the names they read of each other and of the package exist, pyright tells.
    importlib.import_module(f"training.{name}")


def test_a_seed_always_gives_the_same_pair(assets):
    first, second = make_pair(7, assets), make_pair(7, assets)
    assert np.array_equal(first.before, second.before)
    assert np.array_equal(first.after, second.after)
    assert first.changes
    for one, other in zip(first.changes, second.changes, strict=True):
        assert np.array_equal(one.mask, other.mask)
        assert (one.kind, one.surface, one.part) == (other.kind, other.surface, other.part)
        assert one.direction == other.direction


@pytest.mark.slow
def test_pairs_of_many_seeds_are_pictures_with_known_kinds_and_surfaces(assets):
    parts = {*vocabulary.PART_WORDS, *assets.objects, ""}
    for seed in range(30):
        pair = make_pair(seed, assets)
        assert pair.before.shape == pair.after.shape == (SIDE, SIDE, 3)
        assert pair.before.dtype == pair.after.dtype == np.uint8
        for change in pair.changes:
            assert change.kind in {*vocabulary.KIND_WORDS, "part"}
            assert change.surface in {*vocabulary.SURFACE_WORDS, "scene"}
            assert change.part in parts
            assert change.mask.shape == (SIDE, SIDE)


@pytest.mark.slow
def test_some_pairs_show_no_change_and_some_show_several(assets):
    counts = {len(make_pair(seed, assets).changes) for seed in range(30)}
    assert 0 in counts
    assert max(counts) >= 2


@pytest.mark.parametrize("kind", sorted(MARKS))
def test_every_mark_changes_its_mask_more_than_the_rest(kind):
    made = SURFACES["biscuit"](np.random.default_rng(1), np.random.default_rng(2))
    mark = MARKS[kind](made, np.random.default_rng(3))
    moved = np.abs(mark.laid_on(made.picture) - made.picture).mean(axis=2)
    assert mark.mask.any()
    assert moved[mark.mask].mean() > 4 * moved[~mark.mask].mean()


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_every_board_fault_alters_the_copper_in_one_small_place(fault):
    rng = np.random.default_rng(5)
    made = boards.board(rng)
    changed = made.copper != FAULTS[fault](made, rng)
    assert 0 < changed.sum() < 4000


TOPOLOGY = {
    "spur": (0, 0),
    "notch": (0, 0),
    "open": (1, 0),
    "short": (-1, 0),
    "spurious copper": (1, 0),
    "pinhole": (0, 1),
}
"""How many more pieces of copper there are, and how many more holes and gaps; a short may close off a gap."""


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_board_fault_does_to_nets_and_holes_what_its_name_says(fault):
    def pieces(copper: np.ndarray) -> np.ndarray:
        gaps = cv2.connectedComponents(1 - copper, connectivity=4)[0]
        return np.array([cv2.connectedComponents(copper)[0], gaps])

    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        made = boards.board(rng)
        if made.segments:
            found.append(pieces(FAULTS[fault](made, rng)) - pieces(made.copper))
    wanted = np.array(TOPOLOGY[fault])
    counts = 1 if fault in ("open", "short") else 2
    as_named = [(one[:counts] == wanted[:counts]).all() for one in found]
    assert np.mean(as_named) >= 0.7, np.mean(as_named)


def test_cells_of_a_pair_number_its_changes(assets):
    pair = next(p for p in (make_pair(seed, assets) for seed in range(30)) if len(p.changes) == 1)
    assert set(np.unique(features.cells_of(pair))) <= {0, 1, features.IGNORED}


def test_held_out_wordings_occur_in_no_training_phrase():
    trained = {phrase.text for phrase in captions.phrase_bank([], held_out=False)}
    held_out = {phrase.text for phrase in captions.phrase_bank([], held_out=True)}
    assert len(trained) > 5000
    assert not trained & held_out


def test_wordings_of_held_out_kinds_are_not_trained():
    for phrase in captions.phrase_bank([], held_out=False):
        assert len(phrase.kinds) > 1 or not phrase.kinds & set(vocabulary.HELD_OUT_KINDS)


def test_missing_is_true_only_of_what_disappeared():
    missing = next(p for p in captions.phrase_bank([], held_out=False) if p.text == "missing screw")
    assert missing.fits("part", "assembly", DISAPPEARED, "screw")
    assert not missing.fits("part", "assembly", APPEARED, "screw")
    assert not missing.fits("part", "assembly", DISAPPEARED, "washer")


def test_phrases_kept_out_are_in_no_bank():
    for held_out in (False, True):
        assert not captions.KEPT_OUT & {phrase.text for phrase in captions.phrase_bank([], held_out)}


@pytest.mark.parametrize("surface", ["biscuit", "plastic"])
def test_a_thing_broken_in_two_shows_its_ground_in_the_gap(surface):
    seen = []
    for seed in range(20):
        whole = SURFACES[surface](np.random.default_rng(seed), np.random.default_rng(seed + 1))
        if whole.ground is None:
            continue
        broken, gap = broken_in_two(whole, np.random.default_rng(seed))
        assert gap.any()
        assert not (gap & ~whole.region).any()
        assert broken.picture.min() >= 0
        assert broken.picture.max() <= 1
        bare = gap & ~broken.region
        # In the shadow of the pieces, which keeps the colour.
        hues = [p[bare].mean(axis=0) / p[bare].mean() for p in (broken.picture, whole.ground, whole.picture)]
        seen.append([np.abs(hues[0] - hue).mean() for hue in hues[1:]])
    to_ground, to_thing = np.mean(seen, axis=0)
    assert to_ground < to_thing / 2


def test_a_scanned_board_is_black_and_white_and_knows_no_light(assets):
    before, after, _ = scanned_board(np.random.default_rng(3), assets)
    for picture in (before, after):
        assert np.ptp(picture, axis=2).max() < 0.01
        middling = (picture > 0.25) & (picture < 0.75)
        assert middling.mean() < 0.1


def test_near_misses_are_of_the_kind_and_do_not_fit():
    bank = captions.phrase_bank([], held_out=False)
    truths = batches.Truths(Bank(bank, torch.zeros(len(bank), 384)))
    crack = ("crack", "road", APPEARED, "")
    near = [bank[number] for number in truths.near_misses(crack)]
    assert any(phrase.surfaces == {"tile"} for phrase in near)
    for phrase in near:
        assert "crack" in phrase.kinds
        assert not phrase.fits(*crack)


def test_kindred_wordings_name_another_kind_on_the_same_surface():
    bank = captions.phrase_bank([], held_out=False)
    crack, stain = ("crack", "road", APPEARED, ""), ("stain", "road", APPEARED, "")
    elsewhere = ("dent", "metal", APPEARED, "")
    truths = batches.Truths(Bank(bank, torch.zeros(len(bank), 384)), [crack, stain, elsewhere])
    found = [bank[number] for number in truths.kindred(crack, 40, np.random.default_rng(0))]
    assert len(found) == 40
    for phrase in found:
        assert phrase.fits(*stain)
        assert not phrase.fits(*crack)
    assert truths.kindred(elsewhere, 40, np.random.default_rng(0)) == []


def test_a_batch_says_of_every_cell_which_kind_it_shows_and_on_which_surface():
    rng = np.random.default_rng(0)
    changes = [("crack", "road", APPEARED, ""), ("part", "assembly", DISAPPEARED, "screw")]
    cells = np.zeros((1, features.GRID, features.GRID), np.uint8)
    cells[0, :, ::4], cells[0, :, 2::4] = 1, 2
    sizes = {"before": FOLDED, "after": FOLDED, "gone": FOLDED[1:3], "come": FOLDED[1:3]}
    side = features.GRID
    maps = {
        f"{role}{n}": rng.random((1, size, side, side), np.float32)
        for role, channels in sizes.items()
        for n, size in enumerate(channels)
    }
    shard = features.Shard({**maps, "evidence": np.ones((1, 2 * EVIDENCE, side, side))}, cells, [changes])
    bank = captions.phrase_bank([], held_out=False)
    truths = batches.Truths(Bank(bank, torch.zeros(len(bank), 384)), changes)
    batch = batches.collate(shard, [0], truths, rng)
    shown = batch.cells[batch.picked]
    assert set(shown.tolist()) == {1, 2}
    for change, (kind, surface, *_) in enumerate(changes, start=1):
        assert (batch.kinds[shown == change] == KINDS[kind]).all()
        assert (batch.surfaces[shown == change] == SHOWN_SURFACES[surface]).all()


def test_prototypes_learn_which_kind_a_cell_shows():
    torch.manual_seed(0)
    cells = torch.nn.functional.normalize(torch.randn(60, 16), dim=1)
    prototypes = Prototypes(16, "abcdefghijkl")
    kinds = torch.arange(60) % 3 + 4
    cells += torch.nn.functional.one_hot(kinds, 16)
    optimizer = torch.optim.Adam(prototypes.parameters(), lr=0.05)
    before = float(prototypes(cells, kinds).detach())
    for _ in range(40):
        optimizer.zero_grad()
        prototypes(cells, kinds).backward()
        optimizer.step()
    assert float(prototypes(cells, kinds).detach()) < before / 4
    assert float(prototypes(cells[:0], kinds[:0]).detach()) == 0
