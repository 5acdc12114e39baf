"""Which weights are found on the disk, and what is said where there are none."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tiny_clip import dense_of, register, scene

from argus_fiftyone.encoders.checkpoints import read_checkpoint
from argus_fiftyone.encoders.clip.listing import list_entries
from argus_fiftyone.encoders.clip.loading import find_weights, load_clip
from argus_fiftyone.encoders.clip.tower import (
    build_model,
    fill_at_random,
    fill_from_checkpoint,
    tower_config,
)
from argus_fiftyone.encoders.entries import EncoderUnavailable

OPENAI_B16 = ("ViT-B-16-quickgelu", "openai")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache and home folder, and no network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return tmp_path / "hub"


def put_into(hub: Path, repository: str, file: str) -> Path:
    """A file where the hub's client would have cached it."""
    folder = hub / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0123")
    path = folder / "snapshots" / "0123" / file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    return path


def tiny_weights(folder: Path) -> tuple[str, dict[str, torch.Tensor]]:
    register(folder, "argus-saved")
    return "clip:argus-saved", random_tensors("argus-saved")


def random_tensors(model: str) -> dict[str, torch.Tensor]:
    """What open_clip would save of the tower that `clip:MODEL:random` names."""
    built = build_model(tower_config(model))
    fill_at_random(built)
    return {name: tensor.contiguous() for name, tensor in built.state_dict().items()}


def test_weights_that_are_nowhere_are_not_found(hub: Path):
    assert find_weights(*OPENAI_B16) is None


def test_weights_in_the_hub_cache_are_found(hub: Path):
    path = put_into(hub, "timm/vit_base_patch16_clip_224.openai", "open_clip_model.safetensors")
    assert find_weights(*OPENAI_B16) == path


def test_weights_of_a_tag_outside_the_recommendations_are_found(hub: Path):
    path = put_into(hub, "laion/CLIP-ViT-L-14-laion2B-s32B-b82K", "open_clip_pytorch_model.bin")
    assert find_weights("ViT-L-14", "laion2b_s32b_b82k") == path


def test_openais_own_archives_do_not_count_as_found(hub: Path):
    folder = hub.parent / ".cache" / "clip"
    folder.mkdir(parents=True)
    (folder / "ViT-B-16.pt").write_bytes(b"")
    assert find_weights(*OPENAI_B16) is None


def test_the_list_tells_what_is_here_and_what_would_be_fetched(hub: Path):
    put_into(hub, "timm/vit_base_patch32_clip_224.openai", "open_clip_model.safetensors")
    entries = {entry.name: entry for entry in list_entries()}
    assert entries["clip-fast"].ready
    assert not entries["clip"].ready
    assert entries["clip"].missing == "weights ViT-B-16-quickgelu:openai not on this disk"


def test_missing_weights_give_one_sentence_with_the_ways_out(hub: Path):
    with pytest.raises(EncoderUnavailable) as caught:
        load_clip("clip")
    message = str(caught.value)
    assert "about 598 MB" in message
    assert "timm/vit_base_patch16_clip_224.openai" in message
    assert "clip:ViT-B-16-quickgelu:/path/to/open_clip_model.safetensors" in message
    assert "encoder mini" in message
    assert "\n" not in message
    assert "cannot be reached" in message


def test_a_firewall_that_refuses_connections_is_noticed_at_once(hub: Path, monkeypatch: pytest.MonkeyPatch):
    import urllib.error
    import urllib.request

    import huggingface_hub
    from huggingface_hub import constants

    def refuse(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError(ConnectionRefusedError("refused"))

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *_, **__: pytest.fail("asked the client"))
    with pytest.raises(EncoderUnavailable, match="the Hugging Face hub cannot be reached"):
        load_clip("clip")


def test_an_error_of_the_hub_becomes_one_sentence(hub: Path, monkeypatch: pytest.MonkeyPatch):
    import huggingface_hub

    from argus_fiftyone.encoders import checkpoints as weights

    def fail(*_: Any, **__: Any) -> None:
        raise PermissionError("403")

    monkeypatch.setattr(weights, "_hub_answers", lambda: True)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    with pytest.raises(EncoderUnavailable, match="answered PermissionError"):
        load_clip("clip")


@pytest.mark.clip_towers
def test_a_tag_in_the_cache_brings_its_own_mean_std_and_activation(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import open_clip

    register(tmp_path, "argus-saved", quick_gelu=False)
    _, tensors = tiny_weights(tmp_path)
    register(tmp_path, "argus-saved", quick_gelu=False)
    save_file(tensors, put_into(hub, "argus/tiny", "open_clip_model.safetensors"))
    entry = {"hf_hub": "argus/tiny/", "mean": (0.5,) * 3, "std": (0.25,) * 3, "quick_gelu": True}
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda *_: entry)
    encoder = load_clip("clip:argus-saved:made_up", "cpu", precision="fp32")
    assert encoder._pixels([scene(8, 8) * 0 + 255]).unique().item() == pytest.approx(2.0)
    activation = encoder.model.visual.transformer.resblocks[0].mlp.gelu
    assert isinstance(activation, torch.nn.SiLU), "QuickGELU, folded into the weights"
    assert encoder.note == ""


@pytest.mark.clip_towers
@pytest.mark.parametrize("file", ["tower.safetensors", "tower.pt", "wrapped.pth", "parallel.bin"])
def test_a_checkpoint_gives_the_features_it_was_saved_with(tmp_path: Path, file: str):
    name, tensors = tiny_weights(tmp_path)
    path = tmp_path / file
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    elif file == "tower.pt":
        torch.save(tensors, path)
    elif file == "wrapped.pth":
        torch.save({"epoch": 3, "state_dict": tensors}, path)
    else:
        torch.save({f"module.{k}": v for k, v in tensors.items()}, path)
    original = load_clip(f"{name}:random", "cpu", precision="fp32").encode_images([scene(32, 40)])[0]
    loaded = load_clip(f"{name}:{path}", "cpu", precision="fp32").encode_images([scene(32, 40)])[0]
    assert torch.equal(dense_of(original), dense_of(loaded))


@pytest.mark.clip_towers
def test_a_checkpoint_with_a_separate_text_tower_loads_into_either_layout(tmp_path: Path):
    _, tensors = tiny_weights(tmp_path)
    save_file(tensors, tmp_path / "plain.safetensors")
    register(tmp_path, "argus-custom-text", custom_text=True)
    encoder = load_clip(f"clip:argus-custom-text:{tmp_path / 'plain.safetensors'}", "cpu", precision="fp32")
    custom = build_model(tower_config("argus-custom-text"))
    fill_from_checkpoint(custom, tensors, "plain")
    save_file({k: v.contiguous() for k, v in custom.state_dict().items()}, tmp_path / "c.safetensors")
    back = load_clip(f"clip:argus-saved:{tmp_path / 'c.safetensors'}", "cpu", precision="fp32")
    assert torch.equal(encoder.encode_text(["a scratch"]), back.encode_text(["a scratch"]))


@pytest.mark.clip_towers
def test_the_config_beside_a_checkpoint_gives_mean_and_std(tmp_path: Path):
    name, tensors = tiny_weights(tmp_path)
    save_file(tensors, tmp_path / "open_clip_model.safetensors")
    (tmp_path / "open_clip_config.json").write_text(
        '{"preprocess_cfg": {"mean": [0, 0, 0], "std": [1, 1, 1]}}'
    )
    encoder = load_clip(f"{name}:{tmp_path / 'open_clip_model.safetensors'}", "cpu", precision="fp32")
    assert encoder._pixels([scene(8, 8) * 0 + 255]).unique().item() == pytest.approx(1.0)


class Dangerous:
    def __reduce__(self):
        return (Path("unpickled").touch, ())


def test_a_file_that_needs_unpickling_is_refused_and_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Dangerous()}, tmp_path / "evil.pt")
    (tmp_path / "evil.bin").write_bytes(pickle.dumps(Dangerous(), protocol=2))
    for file in ("evil.pt", "evil.bin"):
        with pytest.raises(EncoderUnavailable, match="unpickling, which can run any code"):
            read_checkpoint(tmp_path / file)
    assert not Path("unpickled").exists()


def test_a_torchscript_archive_is_refused(tmp_path: Path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "ViT-B-16.pt", "w") as archive:
        archive.writestr("ViT-B-16/constants.pkl", b"")
    with pytest.raises(EncoderUnavailable, match="TorchScript archive"):
        read_checkpoint(tmp_path / "ViT-B-16.pt")


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(EncoderUnavailable, match=r"nowhere\.safetensors: no such checkpoint"):
        load_clip(f"clip:ViT-B-32:{tmp_path / 'nowhere.safetensors'}")


def test_a_damaged_safetensors_file_is_named(tmp_path: Path):
    (tmp_path / "half.safetensors").write_bytes(b"\x08\x00\x00")
    with pytest.raises(EncoderUnavailable, match="no readable safetensors"):
        read_checkpoint(tmp_path / "half.safetensors")


def test_a_torch_file_without_tensors_is_refused(tmp_path: Path):
    torch.save({"epoch": 3}, tmp_path / "empty.pt")
    with pytest.raises(EncoderUnavailable, match="no state dict"):
        read_checkpoint(tmp_path / "empty.pt")


@pytest.mark.clip_towers
def test_weights_of_another_model_are_refused_with_what_does_not_fit(tmp_path: Path):
    name, tensors = tiny_weights(tmp_path)
    del tensors["visual.proj"]
    tensors["visual.head"] = torch.zeros(2)
    tensors["visual.positional_embedding"] = torch.zeros(5, 32)
    save_file(tensors, tmp_path / "other.safetensors")
    with pytest.raises(EncoderUnavailable, match="is MODEL the one it was trained as") as caught:
        load_clip(f"{name}:{tmp_path / 'other.safetensors'}")
    assert "1 missing (e.g. visual.proj)" in str(caught.value)
    assert "1 not expected (e.g. visual.head)" in str(caught.value)
    assert "1 of another shape (e.g. visual.positional_embedding)" in str(caught.value)
