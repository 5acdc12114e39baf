"""Methods by name: those here, those of other packages, and a class in a file of one's own."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argus_fiftyone.encoders.entries import NONE
from argus_fiftyone.io.errors import ArgusError

if TYPE_CHECKING:
    from argus_fiftyone.encoders.protocol import Encoder
    from argus_fiftyone.methods.protocol import Method
    from argus_fiftyone.settings import Settings

DEFAULT = "argus"
NOT_METHODS = ("__init__", "protocol", "registry", "constants")
"""The files of this folder that hold no method; any other holds one, named like the file."""
GROUP = "argus.methods"
"""The entry points under which other packages offer methods."""


class MethodUnavailable(ArgusError):
    """The method is unknown or cannot run here; the message says why and what to do."""


@dataclass(frozen=True)
class MethodEntry:
    """One line of `argus methods`.

    Attributes:
        name: what to write after `--method`.
        paper: its source, and how ours differs.
        needs: what it asks for, in words, e.g. "text, one reference".
        origin: "built in" or the package that brings it.
        problem: why it cannot be loaded; "" if it can.
    """

    name: str
    paper: str
    needs: str
    origin: str
    problem: str = ""


def built_in() -> dict[str, str]:
    """The methods of this folder and where their classes are, the default first: a file a method."""
    files = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in NOT_METHODS)
    files.sort(key=lambda name: name != DEFAULT)
    return {name: f"{__package__}.{name}:{name.title().replace('_', '')}" for name in files}


def method_names() -> list[str]:
    """The names of all methods, the default first; loads none of them."""
    return [*built_in(), *(point.name for point in entry_points(group=GROUP))]


def list_methods() -> list[MethodEntry]:
    """All methods that can be named here, the default first."""
    return [_entry(name, place, "built in") for name, place in built_in().items()] + [
        _entry(point.name, point.value, point.dist.name if point.dist else "an installed package")
        for point in entry_points(group=GROUP)
    ]


def load_method(name: str, encoder: Encoder) -> Method:
    """A method, built with the encoder it reads from.

    Args:
        name: as `argus methods` lists it, or "package.module:Class".
        encoder: what it reads from; `none` for a method that needs none.

    Raises:
        MethodUnavailable: if the name is unknown, the class cannot be loaded or lacks a part, or
            it does not run on the encoder.
    """
    made = method_class(name)
    if encoder.name == NONE and needs_encoder(name):
        raise MethodUnavailable(f"{name} reads an encoder's features, so it needs one: pass --encoder")
    families = made.needs.encoders
    # Before it is built, since it may ask the encoder for what only its own family has.
    if "*" not in families and encoder.family not in families:
        raise MethodUnavailable(
            f"{name} runs on encoders of the family {', '.join(families)}, not on {encoder.name}"
        )
    method = made(encoder)
    method.encoder = encoder
    return method


def encoder_for(settings: Settings) -> Encoder:
    """The encoder that settings name; `none` where their method needs none.

    Raises:
        MethodUnavailable: as `load_method`.
        EncoderUnavailable, ValueError: as `load_encoder`.
    """
    from argus_fiftyone.encoders.registry import load_encoder

    if not needs_encoder(settings.method):
        return load_encoder(NONE)
    encoder = load_encoder(
        settings.encoder, settings.device, attention=settings.attention, precision=settings.precision
    )
    load_method(settings.method, encoder)  # what does not fit together is told before anything is read
    return encoder


def needs_encoder(name: str) -> bool:
    """Whether a method reads features or text, so that an encoder has to be loaded.

    Raises:
        MethodUnavailable: as `load_method`.
    """
    needs = method_class(name).needs
    return bool(needs.features) or needs.text


def method_class(name: str) -> Any:
    """The class of that name.

    Raises:
        MethodUnavailable: as `load_method`.
    """
    places = built_in() | {point.name: point.value for point in entry_points(group=GROUP)}
    place = places.get(name, name if ":" in name else "")
    if not place:
        known = ", ".join(places)
        raise MethodUnavailable(
            f"Unknown method {name!r}. Known here: {known}, or package.module:Class for one of your own."
        )
    made = _imported(name, place)
    missing = [part for part in PARTS if not hasattr(made, part)]
    if missing:
        raise MethodUnavailable(
            f"{name} is no method: {place} has no {', '.join(missing)}; see docs/extending.md"
        )
    return made


PARTS = ("name", "paper", "version", "needs", "fit", "observe", "score")
"""The parts of a method class, by which the registry tells one from anything else."""


def _imported(name: str, place: str) -> Any:
    module, _, attribute = place.partition(":")
    # A file of one's own: the command `argus` does not look in the folder it is called from. Last,
    # so that no file there takes the place of an installed package.
    if name == place and (here := os.getcwd()) not in sys.path:
        sys.path.append(here)
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:  # whatever goes wrong in another's file, the rest stays usable
        what = f"{type(error).__name__}: {error}"
        raise MethodUnavailable(f"{name} cannot be loaded from {place} ({what})") from error


def _entry(name: str, place: str, origin: str) -> MethodEntry:
    try:
        made = method_class(name)
    except MethodUnavailable as error:
        return MethodEntry(name, "", "", origin, str(error))
    return MethodEntry(name, made.paper, needs_in_words(made.needs), origin)


def needs_in_words(needs: Any) -> str:
    """What a method asks for, for people, e.g. "levels, text, one reference"."""
    parts = [kind for kind in ("levels", "dense", "image") if kind in needs.features]
    parts += [word for word in ("text", "pixels") if getattr(needs, word)]
    parts += {"none": [], "one": ["one reference"], "several": ["several references"]}[needs.references]
    parts += {"none": [], "normals": ["normal images to fit"], "run": ["all images of the run"]}[needs.fit]
    parts += [] if "*" in needs.encoders else [f"only {', '.join(needs.encoders)}"]
    return ", ".join(parts)
