"""Pairs as methods see them, without registration: batches, queries, and what a method says to both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from argus_fiftyone.encoders.protocol import Encoder
from argus_fiftyone.engine.cached_encoder import CachedEncoder
from argus_fiftyone.engine.features import pair_batch
from argus_fiftyone.methods.protocol import Evidence, Level, Method, Needs, PairBatch, QueryBatch
from argus_fiftyone.registration.align import Alignment
from argus_fiftyone.registration.registered_pair import RegisteredPair
from argus_fiftyone.text.query import parse_query

ImagePair = tuple[np.ndarray, np.ndarray]
"""Before and after, uint8 [height, width, 3]."""


def batch_of(
    pairs: Sequence[ImagePair], needs: Needs, encoder: Encoder, in_view: np.ndarray | None = None
) -> PairBatch:
    """Pairs of one size that need no registration; all in view unless told otherwise."""
    shown = CachedEncoder(encoder, needs.features)
    return pair_batch([_registered(*pair, in_view) for pair in pairs], shown, needs)


def _registered(before: np.ndarray, after: np.ndarray, in_view: np.ndarray | None) -> RegisteredPair:
    seen = np.ones(before.shape[:2], bool) if in_view is None else in_view
    nowhere = Alignment(before, seen, "identity", True, 1.0, np.eye(3), "as they are")
    return RegisteredPair(nowhere, after, (after.shape[0], after.shape[1]))


def asked(texts: Sequence[str], encoder: Encoder, needs: Needs) -> QueryBatch:
    """Queries with the support that the encoder claims, none where the method reads no words."""
    queries = tuple(parse_query(text) for text in texts)
    if not encoder or not needs.text:
        return QueryBatch(queries, torch.zeros(len(queries)), _unread, 1.0)
    support = [0.0 if query.is_open else encoder.text_support([query.text])[0] for query in queries]
    return QueryBatch(queries, torch.tensor(support), encoder.encode_text, encoder.temperature)


def evidence_of(
    method: Method,
    pairs: Sequence[ImagePair],
    encoder: Encoder,
    texts: Sequence[str] = ("",),
    in_view: np.ndarray | None = None,
) -> Evidence:
    """What a method finds in pairs, for each query."""
    observed = method.observe(batch_of(pairs, method.needs, encoder, in_view), {})
    return method.score(observed, asked(texts, encoder, method.needs))


def maps_of(evidence: Evidence, queries: int) -> torch.Tensor:
    """[pairs, queries, sides, rows, cols], disappeared first; without direction the one map."""
    sides = [side for side in (evidence.disappeared, evidence.appeared) if side is not None]
    return torch.stack(sides, dim=2).expand(-1, queries, -1, -1, -1)


def dense_batch(before: torch.Tensor, after: torch.Tensor) -> PairBatch:
    """One pair of made-up cells [rows, cols, dim], all in view, as dense cells and as the only level."""
    grid = before.shape[0], before.shape[1]
    flat = [side.float().flatten(0, 1)[None] for side in (before, after)]
    level = Level(grid, flat[1], flat[0][:, None], torch.ones(1, 1, len(flat[0][0]), dtype=torch.bool))
    return PairBatch(
        grid=grid,
        levels=(level,),
        dense=level,
        image=None,
        pixels=None,
        in_view=torch.ones(1, *grid, dtype=torch.bool),
        registered=torch.ones(1, 1, dtype=torch.bool),
    )


def _unread(prompts: Sequence[str]) -> torch.Tensor:
    raise AssertionError("a method that needs no text reads none")
