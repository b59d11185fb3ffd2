"""Weights of foundation models: known by their sha256, and loaded without running anything that a file may contain.

Every weights file is named together with the sha256 of its authors' release. A file that does not match is not loaded.
Nothing here downloads anything.
"""

import hashlib
import pickle
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from auvseg.errors import WeightsError

_CHUNK_BYTES = 1 << 20


def verify_sha256(path: Path, expected: str) -> None:
    """Check that a weights file is the published one.

    Args:
        path: the file.
        expected: sha256 of the published file, 64 hexadecimal digits.

    Raises:
        WeightsError: the file is missing, cannot be read, or is another one.
    """
    with _open(path) as file:
        _check(file, path, expected)


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
    with _open(path) as file:
        _check(file, path, sha256)
        # The very handle that was hashed: a file put in its place meanwhile is not the one that is loaded.
        file.seek(0)
        try:
            state = torch.load(file, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
            raise WeightsError(f"{path}: holds more than plain weights, or is damaged; it was not loaded") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path}: holds no flat dictionary of tensors; it is not a state dict")
    return dict(state)


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise WeightsError(f"{path}: there is no weights file here; install it again") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}); check what it is and who may read it") from None


def _check(file: BinaryIO, path: Path, expected: str) -> None:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
    if digest.hexdigest() != expected.lower():
        raise WeightsError(
            f"{path}: its sha256 is {digest.hexdigest()}, but the published file's is {expected}; install it again"
        )
