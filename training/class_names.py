"""The vectors of the 1000 ImageNet class names that `mini` carries: `python -m training.class_names`.

They are the same on every machine, and reading them is seconds quicker than making them.
"""

from __future__ import annotations

import torch
from safetensors.torch import save_file
from timm.data.imagenet_info import ImageNetInfo
from torch.nn import functional

from argus_fiftyone.encoders.mini import weights as mini_weights
from argus_fiftyone.encoders.mini.class_names import WEIGHTS
from argus_fiftyone.encoders.mini.text import MiniText


def class_vectors(text: MiniText) -> torch.Tensor:
    """float32 [1000, 384], unit length, in the order of the classes.

    Half the mean of a class's synonyms, half its definition in WordNet. The synonyms of a
    class in one line, as ImageNet lists them, name it less well: see docs/mini.md.
    """
    classes = ImageNetInfo()
    synonyms = [name.split(", ") for name in classes.label_descriptions()]
    named = text.encode([word for words in synonyms for word in words])
    means = [part.mean(dim=0) for part in named.split([len(words) for words in synonyms])]
    defined = text.encode(list(classes.label_descriptions(detailed=True)))
    return functional.normalize(functional.normalize(torch.stack(means), dim=-1) + defined, dim=-1)


def main() -> None:
    vectors = class_vectors(MiniText(mini_weights.checked(mini_weights.TEXT_TOWER))).half()
    save_file({"vectors": vectors.contiguous()}, str(WEIGHTS))
    print(f"{WEIGHTS.name}: {tuple(vectors.shape)}")


if __name__ == "__main__":
    main()
