"""Registered pairs → the tensors a method asks for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from argus_fiftyone.encoders.protocol import ImageFeatures
from argus_fiftyone.engine.cached_encoder import CachedEncoder
from argus_fiftyone.methods.protocol import Level, Needs, PairBatch
from argus_fiftyone.registration.registered_pair import RegisteredPair

PIXELS_PER_CELL = 4
"""Of the evidence of methods that read no features."""


def pair_batch(pairs: Sequence[RegisteredPair], encoder: CachedEncoder, needs: Needs) -> PairBatch:
    """A batch of pairs of one size, all their images encoded in one call if features are needed."""
    in_view = torch.from_numpy(np.stack([pair.alignment.in_view for pair in pairs]))
    images = [image for pair in pairs for image in pair.pictures]
    features = encoder.encode_images(images) if needs.features else []
    before, after = features[::2], features[1::2]
    levels = tuple(
        _level([f.levels[number] for f in before], [f.levels[number] for f in after], in_view)
        for number in range(len(features[0].levels) if "levels" in needs.features else 0)
    )
    dense = _level(_dense(before), _dense(after), in_view) if "dense" in needs.features else None
    size = tuple(side // PIXELS_PER_CELL for side in in_view.shape[1:])
    finest = levels[0].grid if levels else dense.grid if dense else (size[0], size[1])
    stacks = [np.stack([pair.after, pair.alignment.before]) for pair in pairs] if needs.pixels else []
    return PairBatch(
        grid=finest,
        levels=levels,
        dense=dense,
        image=_vectors(before, after) if "image" in needs.features else None,
        pixels=torch.from_numpy(np.stack(stacks)) if stacks else None,
        in_view=in_view,
        registered=torch.tensor([[pair.alignment.registered] for pair in pairs]),
    )


def _level(before: list[torch.Tensor], after: list[torch.Tensor], in_view: torch.Tensor) -> Level:
    rows, cols = after[0].shape[:2]
    seen = (
        torch.nn.functional.interpolate(in_view[:, None].float(), size=(rows, cols), mode="area")[:, 0] >= 0.5
    )
    valid = seen.flatten(1)[:, None].to(after[0].device)
    return Level((rows, cols), _stacked(after), _stacked(before)[:, None], valid)


def _stacked(maps: list[torch.Tensor]) -> torch.Tensor:
    """[pairs, cells, dim]; a view where there is one pair."""
    return maps[0].flatten(0, 1)[None] if len(maps) == 1 else torch.stack([one.flatten(0, 1) for one in maps])


def _dense(features: Sequence[ImageFeatures]) -> list[torch.Tensor]:
    return [one.dense for one in features if one.dense is not None]


def _vectors(before: Sequence[ImageFeatures], after: Sequence[ImageFeatures]) -> torch.Tensor:
    return torch.stack([torch.stack([new.image, old.image]) for old, new in zip(before, after, strict=True)])
