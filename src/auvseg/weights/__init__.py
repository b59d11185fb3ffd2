"""Weights of foundation models: catalogue, cache and download.

Every file has a published sha256, or the sha256 recorded at its first use. A file that does not match is not loaded,
and loading never executes anything in a file.

The names are imported when first used, so that a table of models needs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auvseg.weights.cache import weights_file
    from auvseg.weights.integrity import verify_sha256
    from auvseg.weights.loading import load_state_dict
    from auvseg.weights.models import MODELS, Model, find_model
    from auvseg.weights.pull import pull

_HOME = {
    "MODELS": "auvseg.weights.models",
    "Model": "auvseg.weights.models",
    "find_model": "auvseg.weights.models",
    "load_state_dict": "auvseg.weights.loading",
    "pull": "auvseg.weights.pull",
    "verify_sha256": "auvseg.weights.integrity",
    "weights_file": "auvseg.weights.cache",
}

__all__ = ["MODELS", "Model", "find_model", "load_state_dict", "pull", "verify_sha256", "weights_file"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
