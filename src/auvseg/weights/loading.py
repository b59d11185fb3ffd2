"""Load a network's parameters from a file with a known sha256, without executing anything in it."""

import pickle
from pathlib import Path

import torch
from torch import Tensor

from auvseg.errors import WeightsError
from auvseg.weights.integrity import open_weights, require_sha256


def load_state_dict(path: Path, sha256: str) -> dict[str, Tensor]:
    """Load the parameters of a network from a file that is known to be the published one.

    Args:
        path: a file written by `torch.save` that holds one flat dictionary of tensors.
        sha256: sha256 of the published file, 64 hexadecimal digits.

    Returns:
        The parameters by name, on the CPU.

    Raises:
        WeightsError: the file is missing, cannot be read, is another one, or holds anything but tensors.
    """
    with open_weights(path) as file:
        require_sha256(file, path, sha256)
        # Use the handle that was hashed, in case the file is replaced meanwhile.
        file.seek(0)
        try:
            state = torch.load(file, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
            raise WeightsError(f"{path}: holds more than plain weights, or is damaged; it was not loaded") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path}: holds no flat dictionary of tensors; it is not a state dict")
    return dict(state)
