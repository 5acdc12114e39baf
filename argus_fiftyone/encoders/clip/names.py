"""What a user may write for a CLIP encoder, and which ones Argus recommends. Text only, no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CHECKPOINT_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")

RANDOM_NOTE = "random weights: figures mean nothing"


@dataclass(frozen=True)
class ClipName:
    """A CLIP encoder's name, taken apart.

    Attributes:
        model: an open_clip model name such as "ViT-B-16-quickgelu".
        weights: a pretrained tag, the path of a checkpoint, or "random".
        kind: which of the three `weights` is.
    """

    model: str
    weights: str
    kind: Literal["tag", "path", "random"]

    def __str__(self) -> str:
        return f"clip:{self.model}:{self.weights}"


@dataclass(frozen=True)
class Recommendation:
    """A CLIP model worth offering.

    Attributes:
        name: MODEL:TAG, as open_clip lists it.
        hub: the Hugging Face repository that holds the weights.
        megabytes: size of the download, the number of parameters times four bytes.
        sentence: when to take it.
    """

    name: str
    hub: str
    megabytes: int
    sentence: str


# Best first for a laptop: `auto` takes the first one present.
SHORT_NAMES: dict[str, Recommendation] = {
    "clip": Recommendation(
        "ViT-B-16-quickgelu:openai",
        "timm/vit_base_patch16_clip_224.openai",
        598,
        "The default CLIP tower: 16 px cells, quick enough for a laptop.",
    ),
    "clip-laion": Recommendation(
        "ViT-B-16:laion2b_s34b_b88k",
        "laion/CLIP-ViT-B-16-laion2B-s34B-b88K",
        598,
        "The default tower's shape with weights trained on the open LAION-2B captions.",
    ),
    "clip-large": Recommendation(
        "ViT-L-14-336-quickgelu:openai",
        "timm/vit_large_patch14_clip_336.openai",
        1712,
        "Cells of 14 px and a better grasp of words, for a GPU or for patience.",
    ),
    "clip-fast": Recommendation(
        "ViT-B-32-quickgelu:openai",
        "timm/vit_base_patch32_clip_224.openai",
        605,
        "About four times faster, but cells of 32 px: only for changes that are large in the picture.",
    ),
}


def parse_clip_name(name: str) -> ClipName:
    """Take a CLIP encoder's name apart.

    Args:
        name: "clip:MODEL:TAG", "clip:MODEL:PATH", "clip:MODEL:random" or a short name.

    Raises:
        ValueError: if the name has none of these forms.

    >>> parse_clip_name("clip:ViT-B/16:openai")
    ClipName(model='ViT-B-16', weights='openai', kind='tag')
    >>> parse_clip_name("clip").model
    'ViT-B-16-quickgelu'
    """
    if name in SHORT_NAMES:
        name = f"clip:{SHORT_NAMES[name].name}"
    family, _, rest = name.partition(":")
    model, _, weights = rest.partition(":")
    if family != "clip" or not model or not weights:
        raise ValueError(
            f"{name!r} is no CLIP encoder: write clip:MODEL:TAG, clip:MODEL:PATH, clip:MODEL:random "
            f"or one of {', '.join(SHORT_NAMES)}; for example clip:ViT-B-16-quickgelu:openai"
        )
    return ClipName(model.replace("/", "-"), weights, _kind_of(weights))


def _kind_of(weights: str) -> Literal["tag", "path", "random"]:
    if weights == "random":
        return "random"
    # A tag never holds a separator, so a mistyped path is reported as a missing file, not as an unknown tag.
    looks_like_path = weights.endswith(CHECKPOINT_SUFFIXES) or re.search(r"[/\\~]", weights)
    return "path" if looks_like_path or Path(weights).is_file() else "tag"
