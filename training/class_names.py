"""The vectors of the 1000 ImageNet class names that `mini` carries: `python -m training.class_names`.

They are the same on every machine, and reading them is seconds quicker than making them.
"""

from __future__ import annotations

from safetensors.torch import save_file
from timm.data.imagenet_info import ImageNetInfo

from argus_fiftyone.encoders import mini_places, mini_weights
from argus_fiftyone.encoders.mini_text import MiniText


def class_names() -> list[str]:
    """The names in the order of the classes."""
    return [str(name) for name in ImageNetInfo().label_descriptions()]


def main() -> None:
    text = MiniText(mini_weights.checked(mini_weights.TEXT_TOWER))
    vectors = text.encode(class_names()).half()
    save_file({"vectors": vectors.contiguous()}, str(mini_places.CLASS_NAMES))
    print(f"{mini_places.CLASS_NAMES.name}: {tuple(vectors.shape)}")


if __name__ == "__main__":
    main()
