"""Load checkpoint files of foundation models without executing anything in them.

    state dict               .pt, .pth, .bin, or .safetensors
    {KEY: state dict, ...}   .pt, .pth, .bin, where upstream saved more than the parameters

Upstreams publish several files, and users train their own. So a file is accepted by its content: every parameter of the
network, with upstream's name and shape. Its SHA-256 identifies it in the record.
"""

import hashlib
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor, nn

from auvseg.errors import WeightsError
from auvseg.weights.cache import weights_file

_BLOCK = 1 << 20
_PARALLEL = "module."
"""What DataParallel writes before every name."""


@dataclass(frozen=True)
class Published:
    """Published format of a model's parameters.

    Attributes:
        title: what they call the model.
        file_name: of their own file, as an example.
        keys: under which of these a `.pt` file holds the state dict.
        bare: whether a `.pt` file may also be the state dict itself.
    """

    title: str
    file_name: str
    keys: tuple[str, ...] = ()
    bare: bool = True


def checkpoint_path(model: Path | None, name: str) -> Path:
    """Return the file that a user names, else the one that `auvseg weights pull` put into the cache.

    Args:
        model: the file; None: that of the cache.
        name: of the weights in auvseg's catalogue.

    Raises:
        WeightsError: the cache has none, or another one than the published; says which command to run.
    """
    return weights_file(name) if model is None else Path(model)


def load_checkpoint(path: Path, published: Published) -> tuple[dict[str, Tensor], str]:
    """Load the parameters by upstream's names, on the CPU, with the SHA-256 of the bytes that were read.

    Raises:
        WeightsError: the file cannot be read, is damaged, or holds no parameters in the published layout.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while block := file.read(_BLOCK):
                digest.update(block)
            # Use the handle that was hashed, in case the file is replaced meanwhile.
            file.seek(0)
            content = _state_dict(_read(file, path), path, published)
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be read ({error.strerror}); --model is {published.title}'s checkpoint file, such as "
            f"{published.file_name}"
        ) from None
    if not isinstance(content, dict) or not content or not all(isinstance(one, Tensor) for one in content.values()):
        raise WeightsError(
            f"{path} holds no state dict as {published.title}'s files do; take the file {published.file_name}"
        )
    return {str(name).removeprefix(_PARALLEL): one for name, one in content.items()}, digest.hexdigest()


def fill(network: nn.Module, state: Mapping[str, Tensor], path: Path, title: str) -> None:
    """Load parameters into a network; names and shapes must match exactly.

    Raises:
        WeightsError: the file lacks a parameter, has one more, or one of another shape; names the first of each.
    """
    wanted = network.state_dict()
    both = wanted.keys() & state.keys()
    wrong = [
        (sorted(wanted.keys() - state.keys()), "lacks {}"),
        (sorted(state.keys() - wanted.keys()), "holds {}, which the network does not have"),
        (sorted(name for name in both if wanted[name].shape != state[name].shape), "has another shape of {}"),
    ]
    for names, words in wrong:
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise WeightsError(f"{path} is not a checkpoint of {title}: {words.format(names[0] + more)}")
    network.load_state_dict(dict(state), strict=True)


def _state_dict(content: Any, path: Path, published: Published) -> Any:
    """The state dict, or whatever is in its place."""
    if path.suffix == ".safetensors" or not isinstance(content, dict):
        return content
    held = next((content[key] for key in published.keys if key in content), None)
    return content if held is None and published.bare else held


def _read(file: BinaryIO, path: Path) -> Any:
    """What the file holds."""
    try:
        if path.suffix == ".safetensors":
            return _safetensors(file, path)
        return torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, TypeError, LookupError):
        raise WeightsError(f"{path} is damaged, or holds more than plain weights; it was not loaded") from None


def _safetensors(file: BinaryIO, path: Path) -> dict[str, Tensor]:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load
    except ImportError:
        raise WeightsError(f"{path} needs safetensors, which is not installed; pip install safetensors") from None
    try:
        return load(file.read())
    except SafetensorError:
        raise WeightsError(f"{path} is damaged, or holds more than plain weights; it was not loaded") from None
