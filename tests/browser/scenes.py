"""Pairs that look like inspection pictures, drawn in code, and a dataset made of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import fiftyone as fo
import numpy as np

from argus_fiftyone.io.png import write_png
from argus_fiftyone.plugin.dataset.computing import compute_heatmaps
from argus_fiftyone.plugin.dataset.imports import ImportReport, import_pairs, rows_of_csv
from argus_fiftyone.settings import Settings
from tests.fakes import FakeEncoder, compare_by_pixels

HEIGHT, WIDTH = 240, 320
SCREWS = [(60, 60), (60, 180), (160, 60), (160, 180), (260, 60), (260, 180)]


@dataclass(frozen=True)
class Scene:
    """A plate with screws; what happened to it between the two pictures.

    Attributes:
        lost: positions in SCREWS that are empty afterwards.
        faded: how much of a lost screw's difference remains visible, in [0, 1].
        stain: whether a faint stain appeared that nobody asked about.
    """

    name: str
    lost: tuple[int, ...] = ()
    faded: float = 1.0
    stain: bool = False


SCENES = (
    Scene("plate-01", lost=(1,)),
    Scene("plate-02"),
    Scene("plate-03", lost=(4,), faded=0.7),
    Scene("plate-04", stain=True),
    Scene("plate-05", lost=(0, 5)),
    Scene("plate-06"),
    Scene("plate-07", lost=(2,), faded=0.25),
    Scene("plate-08"),
)


def draw(scene: Scene, after: bool) -> np.ndarray:
    """One picture of a scene, uint8 [HEIGHT, WIDTH, 3]."""
    shade = np.linspace(105, 135, WIDTH).astype(np.uint8)
    picture = np.ascontiguousarray(np.broadcast_to(shade[None, :, None], (HEIGHT, WIDTH, 3)))
    cv2.rectangle(picture, (18, 18), (WIDTH - 18, HEIGHT - 18), (88, 92, 98), 3)
    for index, centre in enumerate(SCREWS):
        strength = 1.0 - scene.faded if after and index in scene.lost else 1.0
        _screw(picture, centre, strength)
    if scene.stain and after:
        cv2.ellipse(picture, (205, 118), (26, 15), 20, 0, 360, (60, 66, 72), -1, cv2.LINE_AA)
    return picture


def _screw(picture: np.ndarray, centre: tuple[int, int], strength: float) -> None:
    drawn = picture.copy()
    cv2.circle(drawn, centre, 15, (225, 225, 218), -1, cv2.LINE_AA)
    cv2.line(drawn, (centre[0] - 9, centre[1]), (centre[0] + 9, centre[1]), (104, 104, 104), 3, cv2.LINE_AA)
    picture[:] = cv2.addWeighted(drawn, strength, picture, 1 - strength, 0)


def truth(scene: Scene) -> np.ndarray:
    """Where a screw went missing, uint8 [HEIGHT, WIDTH] of 0 and 255."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for index in scene.lost:
        cv2.circle(mask, SCREWS[index], 15, 255, -1)
    return mask


def write_list(folder: Path, scenes: tuple[Scene, ...] = SCENES) -> Path:
    """Pictures, masks and a pairs.csv of the scenes; returns the CSV."""
    lines = ["id,before,after,mask,query,label"]
    for scene in scenes:
        row = {"before": draw(scene, after=False), "after": draw(scene, after=True), "mask": truth(scene)}
        for kind, picture in row.items():
            write_png(folder / kind / f"{scene.name}.png", picture)
        label = "change" if scene.lost else "nochange"
        paths = ",".join(f"{kind}/{scene.name}.png" for kind in row)
        lines.append(f"{scene.name},{paths},a missing screw,{label}")
    listed = folder / "pairs.csv"
    listed.write_text("\n".join(lines) + "\n")
    return listed


def make_dataset(name: str, folder: Path, computed: bool = True) -> fo.Dataset:
    """A grouped dataset of the scenes, with a run "argus" by plain pixel difference if computed."""
    rows = rows_of_csv(write_list(folder))
    for _ in import_pairs(name, rows, ImportReport(len(rows.rows))):
        pass
    dataset = fo.load_dataset(name)
    if computed:
        steps = compute_heatmaps(
            dataset,
            "argus",
            settings=Settings(),
            encoder=FakeEncoder(),  # type: ignore[arg-type]
            compare=compare_by_pixels,  # type: ignore[arg-type]
        )
        for _ in steps:
            pass
    return dataset


def make_groups(name: str, folder: Path, before: str, after: str) -> fo.Dataset:
    """The scenes as somebody else's groups: slices of these names, and nothing of Argus."""
    write_list(folder)
    dataset = fo.Dataset(name, persistent=True)
    dataset.add_group_field("group", default=after)
    for scene in SCENES:
        group = fo.Group()
        for slice_name, kind in ((before, "before"), (after, "after")):
            path = folder / kind / f"{scene.name}.png"
            dataset.add_sample(fo.Sample(filepath=str(path), group=group.element(slice_name)))
    return dataset
