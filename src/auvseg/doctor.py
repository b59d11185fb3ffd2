"""What is installed here, and whether it is enough: one finding a thing, with advice where something is missing."""

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from auvseg._version import __version__
from auvseg.weights import models as catalogue
from auvseg.weights.cache import advice as advice_on_weights
from auvseg.weights.cache import difference
from auvseg.weights.cache import examine as examine_weights

_OPTIONAL = {
    "nnunetv2": "pip install 'nnunetv2>=2.8,<3' to train with nnU-Net",
    "transformers": "pip install 'auvseg[medsam2]' to score with MedSAM2",
}
_PACKAGES = ("torch", "numpy", "nibabel", "SimpleITK", "pandas", "pyarrow", "scipy")
_ACCELERATORS = ("/dev/nvidiactl", "/dev/nvmap", "/dev/kfd", "/dev/dxg")
"""One of them is there on Linux wherever PyTorch could find a GPU: NVIDIA's driver, Jetson's, AMD's, that of WSL."""

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
        _bytecode(),
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
    for name in _PACKAGES:
        try:
            yield Finding(name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(name, "problem", "missing", f"{Path(sys.executable).name} -m pip install {name}")


def _bytecode() -> Finding:
    """Whether Python finds its modules compiled, or compiles all that a command imports each time it starts."""
    sources = (spec.origin for name in ("auvseg", *_PACKAGES) if (spec := importlib.util.find_spec(name)))
    compiled = {
        Path(one): Path(importlib.util.cache_from_source(one)) for one in sources if one and one.endswith(".py")
    }
    never = {source for source, place in compiled.items() if not place.exists() and not _can_be_written(place)}
    if not never:
        return Finding("bytecode", "ok", "compiled" if all(map(Path.exists, compiled.values())) else "at first use")
    why = "PYTHONDONTWRITEBYTECODE is set" if sys.dont_write_bytecode else "its folder cannot be written"
    folders = " ".join(sorted({str(source.parent.parent) for source in never}))
    return Finding(
        "bytecode",
        "optional",
        f"none, and {why}: every command compiles what it imports before it begins",
        f"{Path(sys.executable).name} -m compileall -q -j 0 {folders}",
    )


def _can_be_written(place: Path) -> bool:
    folder = next(one for one in place.parents if one.exists())
    return not sys.dont_write_bytecode and os.access(folder, os.W_OK)


def _processor() -> Finding:
    threads = os.environ.get("OMP_NUM_THREADS")
    said = f"OMP_NUM_THREADS is {threads}" if threads else "as many threads as PyTorch chooses"
    return Finding("processor", "ok", f"{os.cpu_count()} cores, {said}")


def _gpu() -> Finding:
    # Importing PyTorch takes longer than all else here; where there is no driver it could only say so.
    if sys.platform == "darwin" or (sys.platform == "linux" and not any(Path(one).exists() for one in _ACCELERATORS)):
        names: list[str] = []
    else:
        try:
            import torch
        except (ImportError, OSError) as error:
            return Finding("CUDA", "problem", f"PyTorch cannot be imported ({error})", "install torch again")
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    if names:
        return Finding("CUDA", "ok", ", ".join(names))
    return Finding("CUDA", "optional", "no device", "LiteMedSAM runs on the processor; larger models want a GPU")


def _weights() -> Finding:
    """Those that a package brought."""
    model = catalogue.find_model("lite-medsam")
    held = examine_weights(model)
    if held.sound:
        return Finding(f"{model.title} weights", "ok", f"sha256 {held.found[:12]} matches")
    found = difference(held) if held.condition == "differs" else held.condition
    return Finding(f"{model.title} weights", "problem", found, advice_on_weights(model))


def cached_weights() -> Iterator[Finding]:
    """What `auvseg weights pull` brought, hashed again."""
    for model in catalogue.MODELS:
        if model.package is not None:
            continue
        held = examine_weights(model)
        if held.condition == "missing":
            continue
        what = f"{model.title} weights"
        if held.sound:
            yield Finding(what, "ok", f"{model.name}: {held.condition}")
        else:
            advice = difference(held) if held.condition == "differs" else f"delete it and {advice_on_weights(model)}"
            yield Finding(what, "problem", f"{model.name}: {held.condition}", advice)


def _optional() -> Iterator[Finding]:
    for name, advice in _OPTIONAL.items():
        if importlib.util.find_spec(name) is None:
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
