"""Argus against anomalib's WinCLIP, on the same tower and at the same resolution.

    python -m benchmarks.winclip [--smoke | --quick]

Both hold the same random weights of ViT-B-16-plus-240 (WinCLIP knows no other tower) and see
pictures of 240 × 240 px, in one process, from 1-megapixel square JPEG to a map on disk. WinCLIP
takes the before picture as its one normal reference and scores the after picture, which is
how it would be used on pairs; its prompts are encoded beforehand. Random weights are built in
place of the download. The script makes an environment for anomalib (see `rivals`).

WinCLIP masks tokens and sends each window through the transformer, length first. With a
release of open_clip whose transformer takes the batch first, windows would attend to each
other and come out alike without an error; so it is printed how far they differ.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from argus_fiftyone.encoders.clip.encoder import ClipEncoder
from argus_fiftyone.io.pair_list import Pair
from argus_fiftyone.runs.folder import run_pairs
from argus_fiftyone.settings import Settings
from benchmarks import rivals
from benchmarks.measuring import (
    QUERIES,
    alternating,
    by_amount,
    describe_machine,
    load_tower,
    precisions,
    repeated,
    tell_ratio,
    write_pairs,
)

TOWER = "ViT-B-16-plus-240"
SIDE = 240
ALIKE = 0.99999
"""Cosine from which two windows count as the same."""


def main() -> int:
    if not rivals.inside():
        return rivals.run_inside("benchmarks.winclip")
    rounds, few, many = by_amount(smoke=(1, 1, 1), quick=(1, 2, 12), full=(3, 3, 24))
    print(f"{describe_machine()}\n{rivals.versions()}")
    encoders = {precision: load_tower(precision, f"clip:{TOWER}:random") for precision in precisions()}
    model = build_winclip(encoders["fp32"])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        side = by_amount(smoke=256, quick=1024, full=1024)
        pictures = write_pairs(folder / "pictures", 3, (side, side))
        if not windows_differ(model, pictures[0].after):
            return 1
        works: dict[str, Callable[[], object]] = {
            "winclip": lambda: [winclip_map(model, p, folder) for p in pictures[:few]]
        }
        for precision, encoder in encoders.items():
            works[f"argus {precision}"] = lambda e=encoder: argus_maps(repeated(pictures, many), e, folder)
            argus_maps(pictures[:1], encoder, folder)
        found = alternating(works, rounds)
    each = {name: found[name][0] / (few if name == "winclip" else many) for name in found}
    for name, time in each.items():
        print(f"{name:12} {time:7.3f} s per pair ± {found[name][1]:.0%}")
    for precision in encoders:
        tell_ratio(f"× anomalib's WinCLIP, {precision}", each["winclip"] / each[f"argus {precision}"], "≥ 10")
    return 0


def build_winclip(encoder: ClipEncoder) -> Any:
    """WinCLIP on the encoder's weights, prompts for one class encoded."""
    import open_clip

    original = open_clip.create_model_and_transforms

    def without_download(name: str, pretrained: str | None = None, **options: Any) -> Any:
        assert name == TOWER, f"WinCLIP asks for {name}, not {TOWER}: compare on its tower"
        return original(name, pretrained=None, **options)

    open_clip.create_model_and_transforms = without_download
    try:
        from anomalib.models.image.winclip.torch_model import (  # pyright: ignore[reportMissingImports]
            WinClipModel,
        )

        model = WinClipModel().eval()
    finally:
        open_clip.create_model_and_transforms = original
    model.clip.load_state_dict(encoder.model.state_dict())
    model.to(encoder.device)
    with torch.inference_mode():
        model.setup("screw")
    return model


@torch.inference_mode()
def windows_differ(model: Any, path: Path) -> bool:
    """Whether no two windows of a picture are alike; prints how far."""
    well = True
    for scale, windows in zip(model.scales, model.encode_image(picture(model, path))[1], strict=True):
        unit = torch.nn.functional.normalize(windows[0], dim=-1)
        cosine = (unit @ unit.T)[~torch.eye(len(unit), dtype=torch.bool)]
        low, high = float(cosine.min()), float(cosine.max())
        told = f"{len(unit)} windows of {scale} × {scale} patches, cosine of two {low:.4f} to {high:.4f}"
        print(f"{told}: {'they differ' if high < ALIKE else 'SOME ARE ALIKE, no comparison'}", flush=True)
        well &= high < ALIKE
    return well


@torch.inference_mode()
def winclip_map(model: Any, pair: Pair, folder: Path) -> None:
    """The before picture as reference, the after picture scored, the map written."""
    model.setup(reference_images=picture(model, pair.before))
    scores = model(picture(model, pair.after)).anomaly_map[0].cpu().numpy()
    with Image.open(pair.after) as image:
        levels = np.clip(65535 * cv2.resize(scores, image.size), 0, 65535).astype(np.uint16)
    cv2.imwrite(str(folder / "winclip.png"), levels)


def picture(model: Any, path: Path) -> torch.Tensor:
    """A file through open_clip's own transform, [1, 3, side, side]."""
    with Image.open(path) as image:
        return model._transform(image)[None].to(model.text_embeddings.device)


def argus_maps(pairs: list[Pair], encoder: ClipEncoder, folder: Path) -> None:
    encoder._texts.clear()
    settings = Settings(resolution=SIDE)
    assert not run_pairs(pairs, folder / "o", settings, encoder, QUERIES[:1], overwrite=True, progress=False)


if __name__ == "__main__":
    sys.exit(main())
