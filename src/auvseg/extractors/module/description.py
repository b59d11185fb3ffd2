"""Description of the user's own network: its facts, and the reader of its JSON file."""

import hashlib
import json
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal, get_args

import msgspec
import torch
from jaxtyping import Float
from torch import Tensor, nn

from auvseg.data.case import Modality
from auvseg.errors import UsageError, WeightsError, did_you_mean
from auvseg.extractors.volumes.volumewise import Intensity, Preprocessing, windowed
from auvseg.files.schema import Float as FiniteFloat
from auvseg.files.text import read_json

Outputs = Literal["softmax", "sigmoid"]


@dataclass(frozen=True)
class ModuleFacts:
    """What auvseg must know of a network that it did not make.

    Attributes:
        classes: the network's output channel by the class's name; several where the class is their union.
        outputs: `softmax`, channels exclude each other; `sigmoid`, every channel is a question of its own.
        window: voxels along the network's axes that it sees at a time.
        overlap: share of a window that the next one covers again, in [0, 1).
        preprocessing: spacing, intensities and axes that it wants.
        channels: image channels that it wants.
        modalities: what it was trained on.
        about: plain values that become part of the record.
    """

    classes: Mapping[str, tuple[int, ...]]
    outputs: Outputs
    window: tuple[int, int, int]
    overlap: float
    preprocessing: Preprocessing
    channels: int
    modalities: frozenset[Modality]
    about: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)


def standardised(volume: Float[Tensor, "K d h w"]) -> Float[Tensor, "K d h w"]:
    """Every channel with mean 0 and deviation 1; a constant one is 0."""
    mean = volume.mean(dim=(1, 2, 3), keepdim=True)
    deviation = volume.std(dim=(1, 2, 3), keepdim=True, correction=0)
    return (volume - mean) / deviation.clamp_min(torch.finfo(volume.dtype).tiny)


def as_channels(classes: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Every class's output channels as a tuple.

    Raises:
        UsageError: no class is named, or a channel is none.
    """
    if not classes:
        raise UsageError('a network of your own needs its classes, such as {"liver": 1, "tumour": 2}')
    found = {}
    for name, its in classes.items():
        channels = (its,) if isinstance(its, int) else tuple(its)
        if not channels or any(isinstance(one, bool) or not isinstance(one, int) or one < 0 for one in channels):
            raise UsageError(
                f"class {name!r}: {its!r} is no output channel; it must be a whole number from 0, or several"
            )
        found[str(name)] = channels
    return found


_BLOCK = 1 << 20
_AXES = ({"R", "L"}, {"A", "P"}, {"S", "I"})


def open_module(description: Path) -> tuple[nn.Module, ModuleFacts, str]:
    """A network, what is known of it, and the sha256 of its file.

    Args:
        description: the JSON file; `network` is taken relative to it.

    Raises:
        UsageError: the description cannot be read, or says something that cannot be.
        WeightsError: the network's file is missing or damaged.
    """
    content = content_of(description)
    known = {"network", *_READERS}
    unknown = sorted(content.keys() - known)
    if unknown:
        raise UsageError(f"{description}: unknown key {unknown[0]!r}; {did_you_mean(unknown[0], sorted(known))}")
    lacking = [key for key in ("network", "classes", "window") if key not in content]
    if lacking:
        raise UsageError(f"{description}: lacks {lacking[0]!r}; see docs/models.md")
    read = {key: _value(description, key, content) for key in _READERS}
    facts = ModuleFacts(
        classes=read["classes"],
        outputs=read["outputs"],
        window=read["window"],
        overlap=read["overlap"],
        preprocessing=Preprocessing(read["spacing_mm"], read["intensity"], read["axcodes"]),
        channels=read["channels"],
        modalities=frozenset(read["modalities"]),
        about={"intensity": json.dumps(content.get("intensity", "standardised"), sort_keys=True)},
    )
    if not isinstance(content["network"], str):
        raise UsageError(f"{description}: network is {content['network']!r}; it must be the name of a file")
    network, sha256 = _load(description.parent / content["network"])
    return network, facts, sha256


class ExportedNetwork(nn.Module):
    """A program of `torch.export.save`, which has one mode alone, that in which it was exported."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self.program = torch.export.load(file).module()

    def train(self, mode: bool = True) -> "ExportedNetwork":
        """Nothing: an exported program can be asked for neither mode."""
        del mode
        return self

    def forward(self, windows: Tensor) -> Any:
        """What the program gives."""
        return self.program(windows)


def content_of(path: Path) -> dict[str, Any]:
    """The description of a network, as JSON holds it.

    Raises:
        UsageError: the file cannot be read, or is no JSON object.
    """
    try:
        content = read_json(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); --model is a description in JSON") from None
    except ValueError:
        raise UsageError(f"{path} is no JSON; --model is a description of the network, see docs/models.md") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path} is no JSON object; see docs/models.md")
    return content


def _load(path: Path) -> tuple[nn.Module, str]:
    exported = path.suffix == ".pt2"
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while block := file.read(_BLOCK):
                digest.update(block)
            # The very handle that was hashed: a file put in its place meanwhile is not the one that is loaded.
            file.seek(0)
            with warnings.catch_warnings():
                # That TorchScript is to be replaced is nothing that a user of auvseg could change.
                warnings.simplefilter("ignore")
                network = ExportedNetwork(file) if exported else torch.jit.load(file, map_location="cpu")
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}); it is the description's network") from None
    except Exception as problem:
        if isinstance(problem, MemoryError):
            raise
        raise WeightsError(
            f"{path} is damaged, or no such file; write it with torch.export.save (.pt2) or torch.jit.save"
        ) from None
    return network, digest.hexdigest()


def _value(path: Path, key: str, content: Mapping[str, Any]) -> Any:
    read, default, expected = _READERS[key]
    if key not in content:
        return default
    try:
        return read(content[key])
    except UsageError as problem:
        raise UsageError(f"{path}: {problem}") from None
    except (TypeError, ValueError, KeyError):
        raise UsageError(f"{path}: {key} is {json.dumps(content[key])}; it must be {expected}") from None


def _classes(value: Any) -> dict[str, tuple[int, ...]]:
    return as_channels(dict(value))


def _intensity(value: Any) -> Intensity:
    if value == "standardised":
        return standardised
    bounds = msgspec.convert(value, dict[Literal["from", "to"], FiniteFloat])
    if not bounds["from"] < bounds["to"]:
        raise ValueError
    return windowed(bounds["from"], bounds["to"])


def _axcodes(value: Any) -> str:
    if not isinstance(value, str) or len(value) != len(_AXES) or any(len(pair & set(value)) != 1 for pair in _AXES):
        raise ValueError
    return value


def _of(kind: Any) -> Callable[[Any], Any]:
    return lambda value: msgspec.convert(value, kind)


_Length = Annotated[int, msgspec.Meta(gt=0)]
_Size = Annotated[float, msgspec.Meta(gt=0, le=sys.float_info.max)]
_Some = Annotated[list[Modality], msgspec.Meta(min_length=1)]

_READERS: dict[str, tuple[Callable[[Any], Any], Any, str]] = {
    "classes": (_classes, None, "an object of output channels by class name"),
    "window": (_of(tuple[_Length, _Length, _Length]), None, "three whole numbers above 0"),
    "outputs": (_of(Outputs), "softmax", "softmax or sigmoid"),
    "spacing_mm": (_of(tuple[_Size, _Size, _Size] | None), None, "three numbers above 0, or null for the case's own"),
    "intensity": (_intensity, standardised, '"standardised", or {"from": number, "to": larger number}'),
    "axcodes": (_axcodes, "RAS", "three letters such as RAS or LPS"),
    "overlap": (_of(Annotated[float, msgspec.Meta(ge=0, lt=1)]), 0.5, "a number from 0 to below 1"),
    "channels": (_of(Annotated[int, msgspec.Meta(ge=1)]), 1, "a whole number from 1"),
    "modalities": (_of(_Some), get_args(Modality), "a list of ct, mri, windowed"),
}
"""How every key is read, what it is where it is not given, and what is expected."""
