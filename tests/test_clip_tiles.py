"""Tiles: every place is seen, no seam shows, and small pictures are seen whole as before."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_clip import dense_of, register, scene
from torch.nn import functional

from argus_fiftyone.encoders.clip import encoder as clip_encoder
from argus_fiftyone.encoders.clip import tiles as clip_tiles
from argus_fiftyone.encoders.clip.encoder import ClipEncoder
from argus_fiftyone.encoders.clip.loading import load_clip
from argus_fiftyone.encoders.clip.tiles import tile_starts, tiled_forward

pytestmark = pytest.mark.clip_towers


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> ClipEncoder:
    return load_clip(
        register(tmp_path_factory.mktemp("configs"), "argus-tiny-tiles"), "cpu", precision="fp32"
    )


@given(cells=st.integers(1, 200), tile_cells=st.integers(2, 40), cell=st.sampled_from([8, 14, 16, 32]))
def test_tiles_lie_on_the_patch_grid_and_cover_every_place_twice_but_at_the_border(cells, tile_cells, cell):
    length, tile = cells * cell, min(cells, tile_cells) * cell

    starts = tile_starts(length, tile, cell)

    assert starts[0] == 0
    assert starts[-1] == length - tile
    assert all(start % cell == 0 for start in starts)
    steps = [after - before for before, after in pairwise(starts)]
    assert all(0 < step <= tile // 2 + cell for step in steps)


def local_colours(pixels: torch.Tensor) -> clip_tiles.Walked:
    """A tower that looks at single patches only, so that tiles must give what the whole gives."""
    cells = functional.avg_pool2d(pixels, 8).permute(0, 2, 3, 1) + torch.tensor([0.5, 0.7, 0.9])
    unit = functional.normalize(cells, dim=-1)
    return [unit, unit], unit, functional.normalize(unit.mean(dim=(1, 2)), dim=-1)


def test_blending_tiles_of_a_local_tower_gives_what_the_whole_gives():
    pixels = torch.rand(2, 3, 480, 704, generator=torch.Generator().manual_seed(0))

    levels, aligned, _ = tiled_forward(pixels, 8, local_colours)

    near = levels[0][..., :3] * 2**0.5
    torch.testing.assert_close(near, local_colours(pixels)[0][0], atol=1e-5, rtol=0)
    assert aligned.shape == (2, 60, 88, 3)
    assert torch.allclose(levels[1].norm(dim=-1), torch.tensor(1.0), atol=1e-5)


def seams(tiny: ClipEncoder) -> float:
    """How much larger the step to the next cell is where a tile begins than one cell before and after."""
    pictures = [scene(224, 896, seed) for seed in range(3)]
    cells = torch.cat([features.levels[0] for features in tiny.encode_images(pictures)])
    step = (cells[:, 1:] - cells[:, :-1]).norm(dim=-1).mean(dim=0)
    borders = torch.tensor([start // tiny.cell for start in tile_starts(896, 224, tiny.cell)][1:])
    return float(step[borders - 1].mean() / ((step[borders - 2] + step[borders]) / 2).mean())


def test_no_seam_shows_where_tiles_end(tiny: ClipEncoder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(clip_tiles, "TILE_SIDE", 224)
    monkeypatch.setattr(clip_encoder, "LARGEST_WHOLE", 224)
    blended = seams(tiny)
    monkeypatch.setattr(clip_tiles, "hann", lambda size: torch.ones(size))
    assert blended < 1.1
    assert seams(tiny) > 1.2  # the same without a window, which shows that the measure sees seams


def test_a_picture_up_to_the_limit_is_seen_whole(tiny: ClipEncoder, monkeypatch: pytest.MonkeyPatch):
    picture = scene(48, 64)
    whole = tiny.encode_images([picture])[0]
    monkeypatch.setattr(clip_encoder, "LARGEST_WHOLE", 64)
    assert torch.equal(dense_of(tiny.encode_images([picture])[0]), dense_of(whole))
    assert tiny.encode_images([picture])[0].levels[0].shape == whole.levels[0].shape


def test_tiles_see_what_the_whole_is_too_small_for():
    """A bright 16 px spot on a 1280 px picture: one cell in a tile, a fraction of one in the whole."""
    plain = torch.zeros(1, 3, 640, 1280)
    spot = plain.clone()
    spot[..., 320:336, 640:656] = 2

    def difference(before: torch.Tensor, after: torch.Tensor) -> float:
        return float(1 - (before * after).sum(dim=-1).min())

    tiled = [tiled_forward(pixels, 16, coarse)[1] for pixels in (plain, spot)]
    whole = [coarse(clip_tiles._at_most(pixels, 448, 16))[1] for pixels in (plain, spot)]
    assert difference(*tiled) > 2 * difference(*whole)


def coarse(pixels: torch.Tensor) -> clip_tiles.Walked:
    cells = functional.avg_pool2d(pixels, 16).permute(0, 2, 3, 1)
    unit = functional.normalize(torch.cat([cells, torch.ones_like(cells)], dim=-1), dim=-1)
    return [unit], unit, functional.normalize(unit.mean(dim=(1, 2)), dim=-1)
