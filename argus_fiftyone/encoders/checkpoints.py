"""Checkpoints on disk: found without the network, fetched only when asked, read without unpickling."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argus_fiftyone.encoders.clip.names import SHORT_NAMES
from argus_fiftyone.encoders.entries import EncoderUnavailable

if TYPE_CHECKING:
    import torch

HUB_FILES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)
"""The names open_clip gives weights in a Hugging Face repository, safe format first."""

HUB_PATIENCE = 5.0
"""Seconds to wait for the hub's first answer; a firewall that drops packets must not look like a hang."""


def find_weights(model: str, tag: str) -> Path | None:
    """Where the weights of MODEL:TAG lie on this disk, or None. Never touches the network.

    Looks into the Hugging Face cache and into open_clip's own download folder.
    """
    from huggingface_hub import try_to_load_from_cache

    for repository, file in _hub_files(model, tag):
        cached = try_to_load_from_cache(repository, file)
        if isinstance(cached, str):
            return Path(cached)
    if any(known.name == f"{model}:{tag}" for known in SHORT_NAMES.values()):
        return None  # asking open_clip below would cost the seconds its import takes
    url = pretrained_entry(model, tag).get("url", "")
    # OpenAI's own files are TorchScript archives, which `read_checkpoint` refuses.
    downloaded = Path("~/.cache/clip").expanduser() / url.rpartition("/")[2]
    return downloaded if url and "openaipublic" not in url and downloaded.is_file() else None


def download_weights(model: str, tag: str) -> Path:
    """Fetch the weights of MODEL:TAG from the Hugging Face hub, or say in one sentence why not.

    Raises:
        EncoderUnavailable: if the hub cannot be reached or does not hold them.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    reason = "this release of open_clip knows no Hugging Face repository for them"
    for repository, file in _hub_files(model, tag):
        if not _hub_answers():
            reason = "the Hugging Face hub cannot be reached"
            break
        try:
            return Path(hf_hub_download(repository, file, etag_timeout=HUB_PATIENCE))
        except LocalEntryNotFoundError:
            reason = "the Hugging Face hub cannot be reached"
            break
        except EntryNotFoundError:
            reason = f"{repository} holds none of the expected files"
        except Exception as error:  # the hub's client raises its HTTP library's errors, which vary by release
            reason = f"the Hugging Face hub answered {type(error).__name__}"
            break
    raise EncoderUnavailable(missing_weights_message(model, tag, f"could not be downloaded: {reason}"))


def _hub_answers() -> bool:
    """Whether anything answers at the hub's address, asked once and briefly.

    The hub's own client retries for half a minute and reports each attempt, which behind a
    firewall only delays the one sentence the user needs.
    """
    import ssl
    import urllib.error
    import urllib.request

    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    question = urllib.request.Request(constants.ENDPOINT, method="HEAD")
    try:
        urllib.request.urlopen(question, timeout=HUB_PATIENCE).close()
    except urllib.error.HTTPError:
        return True  # an answer, if an unfriendly one: the client will say more
    except urllib.error.URLError as error:
        # The client may know certificates that Python does not.
        return isinstance(error.reason, ssl.SSLError)
    except OSError:
        return False
    return True


def missing_weights_message(model: str, tag: str, what_happened: str) -> str:
    """Why the weights of MODEL:TAG cannot be used, and the ways out."""
    repository, file = next(_hub_files(model, tag), ("of your choice", HUB_FILES[0]))
    known = next((r for r in SHORT_NAMES.values() if r.name == f"{model}:{tag}"), None)
    size = f" (about {known.megabytes} MB)" if known else ""
    return (
        f"the weights of clip:{model}:{tag}{size} {what_happened}; either fetch {file} from the Hugging Face "
        f"repository {repository} on a machine that can, copy it here and write "
        f"clip:{model}:/path/to/{Path(file).name}, or use the encoder mini, which needs no network"
    )


def pretrained_entry(model: str, tag: str) -> dict[str, Any]:
    """What open_clip records about MODEL:TAG (url, hub, mean, std, quick_gelu); {} for an unknown tag."""
    import open_clip

    entry = dict(open_clip.get_pretrained_cfg(model, tag) or {})
    if not entry and tag == "openai":  # older releases list OpenAI's weights under the plain name alone
        entry = dict(open_clip.get_pretrained_cfg(model.removesuffix("-quickgelu"), tag) or {})
    # They also leave unsaid that these were trained with quick GELU.
    return {**entry, "quick_gelu": entry.get("quick_gelu", tag == "openai")} if entry else {}


def _hub_files(model: str, tag: str) -> Iterator[tuple[str, str]]:
    """Repository and file names under which MODEL:TAG may be found, best first."""
    # Our own table first: open_clip 2.x lists OpenAI's weights only as TorchScript.
    repository = next((r.hub for r in SHORT_NAMES.values() if r.name == f"{model}:{tag}"), "")
    file = ""
    if not repository:
        repository, _, file = (pretrained_entry(model, tag).get("hf_hub") or "").rpartition("/")
    if not repository:
        return
    named = [str(Path(file).with_suffix(".safetensors")), file] if file else HUB_FILES
    yield from ((repository, name) for name in dict.fromkeys(named))


def read_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors or torch file, on the CPU, by parameter name.

    A file that would have to be unpickled is refused, since unpickling can run any code.

    Raises:
        EncoderUnavailable: if the file is missing, damaged, or needs unpickling.
    """
    if not path.is_file():
        raise EncoderUnavailable(f"{path}: no such checkpoint file; expected a .safetensors or a torch file")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if _is_torchscript(path):
        raise EncoderUnavailable(
            f"{path} is a TorchScript archive, a program rather than plain weights "
            "(OpenAI's original files are); take the .safetensors file of the same model instead"
        )
    return _tensors_in(_read_torch(path), path)


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        message = f"{path} is no readable safetensors file ({error}); copy it again"
        raise EncoderUnavailable(message) from error


def _is_torchscript(path: Path) -> bool:
    # Older torch runs such an archive even when asked for weights only, so look before loading.
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.rpartition("/")[2] == "constants.pkl" for name in archive.namelist())


def _read_torch(path: Path) -> Any:
    import pickle

    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise EncoderUnavailable(
            f"{path} is damaged or holds more than plain tensors; reading it would mean unpickling, which "
            "can run any code, so Argus refuses: save its state_dict with safetensors.torch.save_file "
            "and use that file"
        ) from error


def _tensors_in(checkpoint: Any, path: Path) -> dict[str, torch.Tensor]:
    """The state dict inside a torch file, which may be wrapped together with an optimiser's state."""
    import torch

    state = checkpoint.get("state_dict", checkpoint) if isinstance(checkpoint, dict) else None
    tensors = {str(k): v for k, v in (state or {}).items() if isinstance(v, torch.Tensor)}
    if not tensors:
        raise EncoderUnavailable(f"{path} holds no state dict; expected parameter names with tensors")
    return {key.removeprefix("module."): value for key, value in tensors.items()}
