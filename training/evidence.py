"""Reads real pairs for the language tests: frozen features once, kept in a folder."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from argus_fiftyone.encoders.mini import encoder as mini
from argus_fiftyone.encoders.mini.matched import MatchedPair
from argus_fiftyone.io.images import read_image, resize
from argus_fiftyone.io.masks import read_mask
from argus_fiftyone.methods.common.soft_alignment import match
from training.features import MAPS

LONGEST = 640
DEFECT_SOURCES = ("bsdata_wear", "fgcd", "deeppcb", "magnetic_tile", "aws_cookies", "crackforest")
Row = dict[str, str]


def rows_of(pairs_csv: Path, sources: tuple[str, ...] = (), label: str = "change") -> list[Row]:
    """Rows of pairs.csv with absolute paths, of some sources (all if none are named)."""
    with pairs_csv.open(newline="") as handle:
        rows = [
            row
            for row in csv.DictReader(handle)
            if row["label"] == label and (not sources or row["source"] in sources)
        ]
    for row in rows:
        row.update({part: str(pairs_csv.parent / row[part]) for part in ("before", "after", "mask")})
    return rows


class PairReader:
    """The frozen half of the work: pictures → `MatchedPair`, read from `cache` where it lies there."""

    def __init__(self, cache: Path):
        self.cache = cache
        self.encoder = mini.MiniEncoder("cpu")

    @torch.inference_mode()
    def seen(self, row: Row) -> MatchedPair:
        if not row["id"]:  # made for this test alone: not worth keeping
            return self._read(row)
        file = self.cache / f"{Path(row['after']).parent.parent.name}_{row['id'].replace('/', '_')}.npz"
        if not file.exists():
            self.cache.mkdir(parents=True, exist_ok=True)
            self._write(file, self._read(row))
        with np.load(file) as stored:
            maps = {name: torch.from_numpy(stored[name]).float() for name in (*MAPS, "evidence")}
        grouped = {
            role: [maps[n] for n in MAPS if n.startswith(role)]
            for role in ("before", "after", "gone", "come")
        }
        return MatchedPair(**grouped, evidence=maps["evidence"])

    def _read(self, row: Row) -> MatchedPair:
        after = read_image(row["after"])
        scale = LONGEST / max(after.shape[:2])
        size = tuple(max(round(side * scale / 32), 1) * 32 for side in after.shape[:2])
        both = [resize(p, (size[0], size[1])) for p in (read_image(row["before"]), after)]
        stages = self.encoder.stages(both)
        return match([stage[:1] for stage in stages], [stage[1:] for stage in stages])

    @staticmethod
    def _write(file: Path, seen: MatchedPair) -> None:
        flat = zip(MAPS, [*seen.before, *seen.after, *seen.gone, *seen.come], strict=True)
        arrays = {name: array.half().numpy() for name, array in (*flat, ("evidence", seen.evidence))}
        np.savez(file, **arrays)  # type: ignore[arg-type]

    @torch.inference_mode()
    def conse(
        self, coarsest: tuple[Tensor, Tensor], prompts: Tensor, others: Tensor
    ) -> tuple[Tensor, Tensor]:
        """ConSE posteriors of before and after, [queries, rows, cols] each: τ = 40 against `others`."""
        told = []
        for stage in coarsest:
            cells = functional.normalize(
                self.encoder.class_names.mix(self.encoder.tower.classes(stage))[0], dim=-1
            )
            positive, negative = (
                torch.einsum("rcd,nd->nrc", cells, prompts),
                torch.einsum("rcd,nd->nrc", cells, others),
            )
            told.append(torch.sigmoid(40 * (positive - negative.amax(dim=0))))
        return told[0], told[1]


def mask_cells(row: Row, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(changed, surely unchanged) cells, bool; cells near a mask are neither."""
    mask = torch.from_numpy(read_mask(row["mask"]).astype(np.float32))[None, None]
    share = functional.adaptive_max_pool2d(mask, size)[0, 0]
    near = functional.max_pool2d(share[None, None], 5, 1, 2)[0, 0]
    return (share > 0).numpy(), (near == 0).numpy()
