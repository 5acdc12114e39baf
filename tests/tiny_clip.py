"""Small open_clip models for the tests, and what the golden file holds.

`python tests/tiny_clip.py` writes the golden file anew; do so only when features are meant to change.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from argus_fiftyone.encoders.protocol import ImageFeatures

GOLDEN = Path(__file__).parent / "golden" / "clip_tiny.npz"
PROMPTS = ["a scratch", "a photo of a metal plate without any screw", "new"]

TINY: dict[str, Any] = {
    "embed_dim": 24,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 4, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2},
}


def register(folder: Path, name: str, vision: dict[str, Any] | None = None, **changes: Any) -> str:
    """Make a variant of the tiny model known to open_clip; returns its random encoder's name."""
    import open_clip

    config = {**TINY, **changes, "vision_cfg": {**TINY["vision_cfg"], **(vision or {})}}
    file = folder / f"{name}.json"
    file.write_text(json.dumps(config))
    open_clip.add_model_config(file)
    return f"clip:{name}:random"


def scene(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A picture of smooth shading with a few blocks, uint8 [height, width, 3]."""
    random = np.random.default_rng(seed)
    picture = np.linspace(40, 200, width)[None, :, None] + np.zeros((height, width, 3))
    for _ in range(4):
        top, left = int(random.integers(height // 2)), int(random.integers(width // 2))
        picture[top : top + height // 3, left : left + width // 4] = random.integers(0, 255, 3)
    return picture.astype(np.uint8)


def dense_of(features: ImageFeatures) -> torch.Tensor:
    """The cells that text can be held against, which a CLIP encoder always gives."""
    assert features.dense is not None
    return features.dense


def golden_features(folder: Path) -> dict[str, np.ndarray]:
    """Features of a fixed picture and fixed prompts under every attention variant."""
    from argus_fiftyone.encoders.clip.loading import load_clip

    name, found = register(folder, "argus-golden"), {}
    for attention in ("kk", "vv", "qq", "v"):
        encoder = load_clip(name, "cpu", attention=attention, precision="fp32", sigma=2.0)
        features = encoder.encode_images([scene(48, 64)])[0]
        found[f"dense_{attention}"] = dense_of(features).numpy()
    found |= {f"level_{i}": level.numpy() for i, level in enumerate(features.levels)}
    return found | {"image": features.image.numpy(), "text": encoder.encode_text(PROMPTS).numpy()}


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        np.savez_compressed(GOLDEN, **golden_features(Path(scratch)))  # type: ignore[arg-type]
    print(f"wrote {GOLDEN}")
