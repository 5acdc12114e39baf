"""Makes frozen features look as if other pictures had shown the same change.

A head trained on drawn scenes reads their look. So, for training alone: channel statistics
are mixed between pairs (MixStyle, Zhou et al., arXiv 2104.02008; ours mixes both pictures of a
pair alike, and scales what is gone or come along with them), both pictures' own maps are
withheld from some pairs, so that the change has to be read from what is gone and come, and
noise is added.
"""

from __future__ import annotations

import torch
from torch import Tensor

from argus_fiftyone.encoders.mini.head import MiniHead
from argus_fiftyone.encoders.mini.matched import FOLDED, MatchedPair

MIXED = 0.5
WITHHELD = 0.3
NOISE = 0.1
"""In deviations of the channel."""
CONCENTRATION = 0.3


def perturbed(head: MiniHead, seen: MatchedPair) -> MatchedPair:
    """`seen` [n pairs] with other statistics; its evidence stays as it is."""
    count = seen.evidence.shape[0]
    other, own = torch.randperm(count), _own_share(count)
    shown = (torch.rand(count, 1, 1, 1) >= WITHHELD).float()
    means, scales = (
        [part[:, None, None] for part in buffer.split(FOLDED)]
        for buffer in (head.channel_mean, head.channel_scale)
    )
    before, after, gone, come = ([], [], [], [])
    for level, (old, new) in enumerate(zip(seen.before, seen.after, strict=True)):
        centre, spread = _statistics((torch.cat([old, new], dim=3) - means[level]) / scales[level])
        aim, width = (own * x + (1 - own) * x[other] for x in (centre, spread))
        for side, whole in ((before, old), (after, new)):
            mixed = ((whole - means[level]) / scales[level] - centre) / spread * width + aim
            side.append(means[level] + scales[level] * shown * _noisy(mixed))
        if 1 <= level <= len(seen.gone):
            stretch = scales[level] * (width / spread).clamp(0.3, 3)
            gone.append(stretch * _noisy(seen.gone[level - 1] / scales[level]))
            come.append(stretch * _noisy(seen.come[level - 1] / scales[level]))
    return MatchedPair(before, after, gone, come, seen.evidence)


def _own_share(count: int) -> Tensor:
    """How much of its own statistics each pair keeps: 1 for those not mixed."""
    drawn = torch.distributions.Beta(CONCENTRATION, CONCENTRATION).sample((count, 1, 1, 1))
    mixed = torch.rand(count, 1, 1, 1) < MIXED
    return torch.where(mixed, drawn, torch.ones_like(drawn))


def _statistics(maps: Tensor) -> tuple[Tensor, Tensor]:
    return maps.mean(dim=(2, 3), keepdim=True), maps.std(dim=(2, 3), keepdim=True) + 0.01


def _noisy(maps: Tensor) -> Tensor:
    return maps + NOISE * torch.randn_like(maps)
