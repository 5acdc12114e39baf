"""MiniLM-L6 as `mini` runs it: words to vectors, read from the published file.

Written out here because it is short, and because importing a library of language models
takes longer than all else a first result needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

LAYERS = 6
HEADS = 12
LONGEST = 256
"""Tokens of a text that are read, as its makers do."""
TOGETHER = 64
"""Texts per batch."""


class MiniText:
    """Texts to unit vectors of 384 numbers.

    Source:
        BERT (Devlin et al., NAACL 2019) in the size of MiniLM (Wang et al., NeurIPS 2020), trained
        for sentences as all-MiniLM-L6-v2: the mean over tokens, brought to unit length.
    """

    def __init__(self, folder: Path, device: str | torch.device = "cpu") -> None:
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        tensors = load_file(str(folder / "model.safetensors"))
        self._tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(LONGEST)
        self._tokenizer.enable_padding()
        self._device = torch.device(device)

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """float32 [texts, 384], unit length."""
        # Texts of one length together: padding costs as much as words do.
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        found = torch.empty(len(texts), self._tensors["embeddings.LayerNorm.weight"].shape[0])
        for start in range(0, len(order), TOGETHER):
            some = order[start : start + TOGETHER]
            found[some] = self._encode([texts[number] for number in some]).cpu()
        return found.to(self._device)

    def _encode(self, texts: Sequence[str]) -> Tensor:
        read = self._tokenizer.encode_batch(list(texts))
        tokens = torch.tensor([one.ids for one in read], device=self._device)
        present = torch.tensor([one.attention_mask for one in read], device=self._device, dtype=torch.bool)
        x = self._start(tokens)
        for number in range(LAYERS):
            x = self._layer(f"encoder.layer.{number}.", x, present)
        mean = (x * present[..., None]).sum(dim=1) / present.sum(dim=1, keepdim=True)
        return functional.normalize(mean, dim=-1)

    def _start(self, tokens: Tensor) -> Tensor:
        words, places, kinds = (
            self._tensors[f"embeddings.{kind}_embeddings.weight"]
            for kind in ("word", "position", "token_type")
        )
        return self._norm("embeddings.", words[tokens] + places[: tokens.shape[1]] + kinds[0])

    def _layer(self, name: str, x: Tensor, present: Tensor) -> Tensor:
        """Attention, then each token for itself; normalised after each."""
        query, key, value = (
            self._linear(f"{name}attention.self.{part}", x).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, present[:, None, None])
        mixed = self._linear(f"{name}attention.output.dense", mixed.transpose(1, 2).flatten(-2))
        x = self._norm(f"{name}attention.output.", x + mixed)
        wide = functional.gelu(self._linear(f"{name}intermediate.dense", x))
        return self._norm(f"{name}output.", x + self._linear(f"{name}output.dense", wide))

    def _linear(self, name: str, x: Tensor) -> Tensor:
        return functional.linear(x, self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"])

    def _norm(self, name: str, x: Tensor) -> Tensor:
        weight, bias = (self._tensors[f"{name}LayerNorm.{part}"] for part in ("weight", "bias"))
        return functional.layer_norm(x, weight.shape, weight, bias, eps=1e-12)
