"""What only training asks of the head: one order of time alone, fair logits, logits of matches."""

from __future__ import annotations

from torch import Tensor

from argus_fiftyone.encoders.mini.head import MiniHead
from argus_fiftyone.encoders.mini.matched import MatchedPair

Read = tuple[Tensor, Tensor, Tensor]
"""Embeddings [n, dim, rows, cols], changed logits [n, rows, cols], direction logits [n, 3, rows, cols]."""


def one_way(head: MiniHead, pairs: MatchedPair) -> Read:
    """Pairs read from before to after only."""
    return head.read(head.standardised(pairs))


def both_ways(head: MiniHead, pairs: MatchedPair) -> Read:
    """As `one_way`, but changed and direction logits as the mean of both orders: exactly fair to both."""
    standardised = head.standardised(pairs)
    embedding, changed, ways = head.read(standardised)
    _, changed_back, ways_back = head.read(standardised.swapped())
    # The way back sees every appearance as a disappearance.
    return embedding, (changed + changed_back) / 2, (ways + ways_back[:, [1, 0, 2]]) / 2


def match_logits(head: MiniHead, cosines: Tensor) -> Tensor:
    """Logits that a cell's change has a wording, from the cosines of the two; learned with the head."""
    return head.match_scale.exp() * cosines + head.match_bias
