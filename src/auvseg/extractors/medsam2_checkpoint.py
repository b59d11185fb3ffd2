"""MedSAM2's checkpoint files, loaded without running anything that they may contain.

    {"model": state dict}    .pt, as upstream publishes them
    state dict               .safetensors, with the same names

Upstream publishes several, for CT lesions, liver lesions in MRI and others, and users train their own. So a file is
known by what it holds: every parameter of the network, under upstream's name and in its shape. Its sha256 says which it
was.
"""

import hashlib
import pickle
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from auvseg.errors import WeightsError

_BLOCK = 1 << 20


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], str]:
    """The parameters by upstream's names, on the CPU, and the sha256 of the very bytes that they were read from.

    Raises:
        WeightsError: the file cannot be read, is damaged, or holds no parameters in one of the two layouts.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while block := file.read(_BLOCK):
                digest.update(block)
            # The very handle that was hashed: a file put in its place meanwhile is not the one that is loaded.
            file.seek(0)
            content = _read(file, path)
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be read ({error.strerror}); --model is MedSAM2's checkpoint file, such as MedSAM2_latest.pt"
        ) from None
    if not isinstance(content, dict) or not content or not all(isinstance(one, Tensor) for one in content.values()):
        raise WeightsError(f"{path} holds no state dict as MedSAM2's files do; take the file MedSAM2_latest.pt")
    return content, digest.hexdigest()


def _read(file: BinaryIO, path: Path) -> Any:
    """The state dict, or whatever is in its place."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        if path.suffix == ".safetensors":
            return load(file.read())
        content = torch.load(file, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, TypeError, LookupError):
        raise WeightsError(f"{path} is damaged, or holds more than plain weights; it was not loaded") from None
    return content.get("model") if isinstance(content, dict) else None
