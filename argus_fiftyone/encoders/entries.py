"""An encoder by name, before anything heavy is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from argus_fiftyone.io.errors import ArgusError

NONE = "none"
"""The encoder of methods that need none."""
AUTO = "auto"
"""Stands for the best of what is there: an encoder, a device, a precision."""


class EncoderUnavailable(ArgusError):
    """The encoder cannot run here; the message says why and names the ways out."""


@dataclass(frozen=True)
class EncoderEntry:
    """One line of `argus encoders`.

    Attributes:
        name: what to write after `--encoder`.
        ready: whether it runs here now, without any network.
        description: one sentence.
        missing: what stands in the way; "" when ready.
    """

    name: str
    ready: bool
    description: str
    missing: str = ""
