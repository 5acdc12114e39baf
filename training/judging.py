"""Answers of the head, of ConSE and of both to queries about one real pair."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from argus_fiftyone.encoders.mini.head import MiniHead
from argus_fiftyone.text import query
from training.evidence import PairReader, Row

WAYS = ("visual", "conse", "head", "both")
FLOOR = 0.25


@dataclass
class Reading:
    """One pair, read once. coarsest: stride-32 maps of before and after. came: what the head
    says of each cell, [rows, cols, dim]. visual: [rows, cols], evidence of change before any words."""

    coarsest: tuple[Tensor, Tensor]
    came: Tensor
    visual: Tensor


class Judge:
    """Reads pairs and answers texts; vectors of texts are kept."""

    def __init__(self, head: MiniHead, cache: Path):
        self.head, self.reader = head, PairReader(cache)
        self._readings: dict[str, Reading] = {}
        self._vectors: dict[tuple[bool, str], Tensor] = {}

    @torch.inference_mode()
    def read(self, row: Row) -> Reading:
        if row["after"] not in self._readings:
            seen = self.reader.seen(row)
            coarsest = (seen.before[3].clone(), seen.after[3].clone())
            self._readings[row["after"]] = Reading(coarsest, self.head.describe(seen)[1][0], seen.visual()[0])
        return self._readings[row["after"]]

    @torch.inference_mode()
    def matches(self, reading: Reading, texts: list[str]) -> dict[str, Tensor]:
        """How well each text names what is seen, [texts, rows, cols] in [0, 1], per way."""
        head = self.head.match_cells(reading.came, self.head.embed_queries(self.embedded(texts)))
        conse = torch.stack([self._conse(reading, query.parse_query(text)) for text in texts])
        both = combine(head, conse, self.understood(texts))
        return {"visual": torch.ones_like(head), "conse": conse, "head": head, "both": both}

    @torch.inference_mode()
    def understood(self, texts: list[str]) -> Tensor:
        return self.head.understood(self.embedded(texts))

    def embedded(self, texts: list[str], centred: bool = False) -> Tensor:
        """MiniLM vectors: as they are for the head, centred on class names for ConSE."""
        encoder = self.reader.encoder
        missing = [text for text in dict.fromkeys(texts) if (centred, text) not in self._vectors]
        if missing:
            made = encoder.encode_text(missing) if centred else encoder.embed(missing)
            self._vectors.update({(centred, text): v.clone() for text, v in zip(missing, made, strict=True)})
        return torch.stack([self._vectors[centred, text] for text in texts])

    def _conse(self, reading: Reading, asked: query.Query) -> Tensor:
        """The stronger of both pictures' posteriors; 1 where nothing in particular is asked."""
        if asked.is_open:
            return torch.ones_like(reading.visual)
        positive = functional.normalize(self.embedded(list(asked.positive), True).mean(dim=0), dim=0)
        negative = self.embedded(list(asked.negative), True)
        found = torch.maximum(*self.reader.conse(reading.coarsest, positive[None], negative))
        size = list(reading.visual.shape)
        return functional.interpolate(found[None], size=size, mode="bilinear", align_corners=False)[0, 0]


def heatmap(visual: Tensor, match: Tensor) -> Tensor:
    """Words gate what the eye found, above a floor."""
    return visual * (FLOOR + (1 - FLOOR) * match)


def combine(head: Tensor, conse: Tensor, understood: Tensor) -> Tensor:
    """Both readings of the words, each as far as it can be trusted.

    Args:
        head: [n, rows, cols] from `MiniHead.match_cells`. conse: the same shape, a posterior.
        understood: [n] from `MiniHead.understood`.

    Returns:
        [n, rows, cols] in [0, 1]: the head where it understood, ConSE where it did not.
    """
    trust = understood[:, None, None]
    return head**trust * conse ** (1 - trust)
