"""Changed places that belong together are one instance."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_fiftyone.methods.common.instances import (
    LEAST_SIDE,
    MARGIN,
    MOST_INSTANCES,
    crops,
    instances_of,
    shares,
)

SHORT = settings(max_examples=40, deadline=None)


def two_blots() -> torch.Tensor:
    distance = torch.full((24, 32), 0.1)
    distance[4:10, 4:10] = 1.0
    distance[12:20, 20:28] = 0.6
    return distance


def test_two_blots_are_two_instances():
    instances = instances_of(two_blots())
    assert instances.unique().tolist() == [0, 1]
    assert instances[4:10, 4:10].unique().numel() == 1
    assert instances[4, 4] != instances[12, 20]


def test_what_lies_between_belongs_to_the_nearest():
    instances = instances_of(two_blots())
    assert instances[0, 0] == instances[4, 4]
    assert instances[23, 31] == instances[12, 20]


def test_where_nothing_changed_all_is_one_instance():
    assert (instances_of(torch.zeros(6, 7)) == 0).all()


def test_a_coarser_grid_speaks_of_an_instance_where_it_is():
    distance = two_blots()
    instances = instances_of(distance)
    share = shares(instances, distance, (3, 4)).unflatten(1, (3, 4))
    first = share[int(instances[4, 4])]
    assert int(first.argmax()) in (0, 1, 4, 5)
    assert first[2, 3] < 0.01


def test_of_many_places_the_strongest_are_instances():
    distance = torch.zeros(40, 40)
    for number in range(16):
        row, column = 10 * (number // 4) + 2, 10 * (number % 4) + 2
        distance[row : row + 3, column : column + 3] = 1 - 0.02 * number
    instances = instances_of(distance)
    assert instances.unique().tolist() == list(range(MOST_INSTANCES))
    assert instances[3, 3] != instances[3, 13]  # both among the strongest
    assert instances[33, 33] == instances[13, 13]  # the weakest belongs to the nearest of them


@SHORT
@given(seed=st.integers(0, 10_000), rows=st.integers(2, 20), cols=st.integers(2, 20))
def test_every_cell_has_an_instance_and_every_instance_is_spoken_of_once(seed: int, rows: int, cols: int):
    distance = torch.rand(rows, cols, generator=torch.Generator().manual_seed(seed)) ** 4
    instances = instances_of(distance)
    share = shares(instances, distance, (max(1, rows // 2), max(1, cols // 2)))
    assert instances.shape == distance.shape
    assert instances.unique().tolist() == list(range(len(share)))
    assert torch.allclose(share.sum(dim=1), torch.ones(len(share)), atol=1e-4)


def grey_scene() -> tuple[np.ndarray, np.ndarray]:
    """96 × 128 pixels, empty and with a red and a green square, as `two_blots` finds them."""
    empty = np.full((96, 128, 3), 120, np.uint8)
    scene = empty.copy()
    scene[20:36, 20:36] = (200, 20, 20)
    scene[52:76, 84:108] = (20, 200, 20)
    return empty, scene


def test_an_instance_is_cut_out_on_white_and_all_but_fills_its_square():
    empty, scene = grey_scene()
    instances = instances_of(two_blots())
    red, green = crops(instances, two_blots(), scene, empty)
    for cut, colour, side in ((red, (200, 20, 20), 16), (green, (20, 200, 20), 24)):
        assert cut.shape[0] == cut.shape[1] == max(LEAST_SIDE, round(side * (1 + 2 * MARGIN)))
        middle = cut[cut.shape[0] // 2, cut.shape[1] // 2]
        assert np.abs(middle.astype(int) - colour).max() < 4
        assert (cut[0] > 240).all()
        assert (cut[:, 0] > 240).all()
        # What was there before is white too: nothing is left of the grey around.
        assert not (np.abs(cut.astype(int) - 120).max(axis=2) < 20).any()


def test_what_both_images_show_is_no_part_of_an_instance():
    _, scene = grey_scene()
    assert all((cut == 255).all() for cut in crops(instances_of(two_blots()), two_blots(), scene, scene))


def test_an_instance_at_the_edge_lies_in_the_middle_of_its_square():
    empty, scene = grey_scene()
    scene[:40, :12] = (20, 20, 200)
    distance = torch.zeros(24, 32)
    distance[:10, :3] = 1
    (cut,) = crops(instances_of(distance), distance, scene, empty)
    blue = np.flatnonzero((cut[..., 2] > 150) & (cut[..., 0] < 80)) % cut.shape[1]
    assert abs(float(blue.mean()) - (cut.shape[1] - 1) / 2) < 3


@SHORT
@given(seed=st.integers(0, 10_000), rows=st.integers(2, 12), cols=st.integers(2, 12))
def test_whatever_changed_each_instance_has_an_image(seed: int, rows: int, cols: int):
    rng = np.random.default_rng(seed)
    before, after = (rng.integers(0, 256, (8 * rows, 8 * cols, 3), np.uint8) for _ in range(2))
    distance = torch.from_numpy(rng.random((2 * rows, 2 * cols)).astype(np.float32) ** 4)
    instances = instances_of(distance)
    cut = crops(instances, distance, after, before)
    assert len(cut) == int(instances.max()) + 1
    assert all(c.dtype == np.uint8 and c.shape == (len(c), len(c), 3) and len(c) >= LEAST_SIDE for c in cut)


def test_without_distance_an_instance_is_the_whole_image_in_white():
    empty, scene = grey_scene()
    distance = torch.zeros(24, 32)
    (cut,) = crops(instances_of(distance), distance, scene, empty)
    assert (cut == 255).all()
