"""One pair through the walk that `argus compare`, `argus run` and the App share."""

from __future__ import annotations

from collections.abc import Sequence

from argus_fiftyone.encoders.protocol import Encoder
from argus_fiftyone.engine.cache import FeatureCache
from argus_fiftyone.engine.compare import Picture, Walk, compare_images
from argus_fiftyone.engine.observation import PairStore
from argus_fiftyone.engine.result import Comparison
from argus_fiftyone.methods.registry import load_method
from argus_fiftyone.settings import Settings
from argus_fiftyone.text.query import Query


def walk_of(encoder: Encoder, settings: Settings) -> Walk:
    return Walk(load_method(settings.method, encoder), settings)


def store_of(walk: Walk, cache: FeatureCache) -> PairStore:
    return PairStore(cache, walk.identity, walk.encoder.device, walk.settings.resolution)


def compared(
    before: Picture, after: Picture, queries: Sequence[str | Query], encoder: Encoder, settings: Settings
) -> list[Comparison]:
    return compare_images(before, after, queries, walk_of(encoder, settings))
