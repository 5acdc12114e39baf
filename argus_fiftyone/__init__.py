"""Argus: what changed between two images, but only the change you asked about.

Nothing heavy is loaded until a name is used:

    import argus_fiftyone as argus
    found = argus.compare("before.jpg", "after.jpg", "a missing screw")
    found.score, found.direction, found.regions
    found.save("result")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from argus_fiftyone.encoders.entries import EncoderUnavailable
    from argus_fiftyone.encoders.registry import list_encoders, load_encoder
    from argus_fiftyone.engine.regions import Region
    from argus_fiftyone.engine.result import Comparison, PairResult
    from argus_fiftyone.io.errors import ArgusError
    from argus_fiftyone.io.images import ImageError
    from argus_fiftyone.io.pair_list import Pair, PairListError
    from argus_fiftyone.methods.registry import MethodUnavailable, list_methods, load_method
    from argus_fiftyone.runs.api import Run, compare, compare_pairs, evaluate, run
    from argus_fiftyone.runs.folder import RunFolderError
    from argus_fiftyone.settings import Settings

_PLACES = {
    "encoders.entries": ("EncoderUnavailable",),
    "encoders.registry": ("list_encoders", "load_encoder"),
    "engine.regions": ("Region",),
    "engine.result": ("Comparison", "PairResult"),
    "io.errors": ("ArgusError",),
    "io.images": ("ImageError",),
    "io.pair_list": ("Pair", "PairListError"),
    "methods.registry": ("MethodUnavailable", "list_methods", "load_method"),
    "runs.api": ("Run", "compare", "compare_pairs", "evaluate", "run"),
    "runs.folder": ("RunFolderError",),
    "settings": ("Settings",),
}
_HOME = {name: module for module, names in _PLACES.items() for name in names}

__all__ = [
    "ArgusError",
    "Comparison",
    "EncoderUnavailable",
    "ImageError",
    "MethodUnavailable",
    "Pair",
    "PairListError",
    "PairResult",
    "Region",
    "Run",
    "RunFolderError",
    "Settings",
    "compare",
    "compare_pairs",
    "evaluate",
    "list_encoders",
    "list_methods",
    "load_encoder",
    "load_method",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
