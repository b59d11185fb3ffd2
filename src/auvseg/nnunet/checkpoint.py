"""nnU-Net's checkpoints, loaded without running anything that they may contain.

nnU-Net itself unpickles them whole. Here plain data, tensors and NumPy's numbers are let in, and nothing else.
"""

import hashlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from auvseg.errors import UsageError

_multiarray = (np._core if hasattr(np, "_core") else np.core).multiarray
_NUMPY: list[Any] = [
    _multiarray.scalar,
    _multiarray._reconstruct,
    np.ndarray,
    np.dtype,
    *(type(np.dtype(name)) for name in ("float64", "float32", "float16", "int64", "int32", "bool")),
]
"""What nnU-Net logs."""


def load_checkpoint(path: Path) -> tuple[dict[str, Any], str]:
    """A checkpoint of nnU-Net, on the CPU, and the sha256 of the very bytes that it was read from.

    Raises:
        UsageError: the file cannot be read, is damaged, or holds more than weights, numbers and plain data.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
            # The very handle that was hashed: a file put in its place meanwhile is not the one that is loaded.
            file.seek(0)
            with torch.serialization.safe_globals(_NUMPY):
                content = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, TypeError, LookupError) as error:
        lines = [line for line in str(error).splitlines() if "GLOBAL" in line] or str(error).splitlines() or [""]
        why = lines[0].strip()
        raise UsageError(f"{path} is no checkpoint of nnU-Net, or is damaged; it was not loaded: {why}") from None
    if not isinstance(content, dict) or not {"network_weights", "trainer_name", "init_args"} <= content.keys():
        raise UsageError(f"{path} is no checkpoint of nnU-Net v2: it names no trainer or holds no weights")
    return content, digest.hexdigest()
