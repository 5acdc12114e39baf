"""`text_only`: where the after image shows what the words name, without looking at the before image."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from argus_fiftyone.encoders.protocol import Encoder
from argus_fiftyone.methods.protocol import Evidence, Needs, PairBatch, QueryBatch, Tensors

MOST = 0.9999
"""Keeps odds finite."""


class TextOnly:
    """The odds that a cell shows what is named rather than the background: p / (1 − p).

    Odds of 1 mean that both are as likely. There is no direction, since nothing is compared. Where
    there are no words, or none the encoder understands (support 0), nothing is named
    and the evidence is 0 everywhere: what remains of a comparison without a reference and without words.
    """

    name = "text_only"
    paper = (
        "The zero-shot text score of WinCLIP (CVPR 2023) for cells instead of windows; ours takes the "
        "query's own words and contrasts instead of lists of normal and anomalous states."
    )
    version = 1
    needs = Needs(frozenset({"dense"}), text=True, references="none")

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    def fit(self, images: Iterable[PairBatch]) -> Tensors:
        """Nothing is learned."""
        return {}

    def observe(self, pairs: PairBatch, fitted: Tensors) -> Tensors:
        """The after image's text-aligned cells: [pairs, rows, cols, dim]."""
        assert pairs.dense is not None
        return {"cells": pairs.dense.unit_after.unflatten(1, pairs.dense.grid)}

    def score(self, observed: Tensors, queries: QueryBatch) -> Evidence:
        """The odds of each query."""
        cells = observed["cells"]
        named = queries.posterior(cells.flatten(1, 2)).unflatten(2, cells.shape[1:3]).clamp(max=MOST)
        told = (queries.support > 0).to(named.device)[:, None, None]
        return Evidence(torch.where(told, named / (1 - named), 0))
