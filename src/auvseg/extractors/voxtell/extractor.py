"""VoxTell, a model for CT, MRI and PET volumes with free-text prompts.

Rokuss et al., VoxTell: Free-Text Promptable Universal 3D Medical Image Segmentation, CVPR 2026. The network is that of
its authors' package `voxtell`; its weights are not distributed with auvseg. A language model with four billion
parameters embeds the text. It is not loaded here: the authors publish the embeddings of many prompts, in which a class
is looked up by name. Missing ones can be made with their package and put into such a file.

Preprocessing is theirs: images turned to the head, the front and the right (z, y, x), not resampled, cut to what is not
0, standardised; windows of 192 voxels that overlap by half, Gaussian weights. Each prompt is a question of its own.
"""

import hashlib
import os
import pydoc
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from auvseg.data.case import ClassDef, Modality
from auvseg.data.formats.integrity import require_file
from auvseg.data.formats.npz import read_members
from auvseg.errors import ReadError, UsageError, WeightsError
from auvseg.extractors.classes import Match, match_names
from auvseg.extractors.module.description import standardised
from auvseg.extractors.segvol.words import spoken
from auvseg.extractors.volumes.model import Options, VolumeModel
from auvseg.extractors.volumes.sliding_window import Windows
from auvseg.extractors.volumes.volumewise import Preprocessing, nonzero
from auvseg.nnunet.model import load_checkpoint, read_model_json, require_known_classes

NAME = "voxtell"

VARIABLE = "VOXTELL_MODEL"
"""Where the authors' package looks for the model's folder, too."""

BANK = "text_embeddings.npz"
_MAX_BANK = 1 << 30
PREPROCESSING = Preprocessing(spacing_mm=None, intensity=standardised, axcodes="SAR", crop=nonzero)

_HEADS = {
    "decoder_layer": 4,
    "text_embedding_dim": 2560,
    "num_maskformer_stages": 5,
    "num_heads": 32,
    "query_dim": 2048,
    "project_to_decoder_hidden_dim": 2048,
    "deep_supervision": False,
}
"""What the authors' predictor gives the network beside the plans."""


class VoxTell(VolumeModel):
    """The frozen model behind the extractor contract (`auvseg.extractors.base`).

    Args:
        model: its folder, with `plans.json` and `fold_0/checkpoint_final.pth`, and `text_embeddings.npz` in it or where
            the authors publish it beside; None takes `$VOXTELL_MODEL`.
        folds: must be None: there is one.
        checkpoint: file name of the checkpoint.
        mirroring: must be False.
        options: `auvseg.extractors.volumes.model.Options`.

    Raises:
        UsageError: the package or a file is missing or unusable, or an option has no meaning here.
        WeightsError: the vectors of the prompts are missing or damaged.
    """

    name = NAME
    modalities: frozenset[Modality] = frozenset({"ct", "mri"})

    def __init__(
        self,
        *,
        model: Path | None = None,
        folds: str | None = None,
        checkpoint: str = "checkpoint_final.pth",
        mirroring: bool = False,
        **options: Any,
    ) -> None:
        chosen = Options(**options)
        chosen.check(NAME)
        if folds is not None or mirroring:
            raise UsageError(f"--folds and --mirroring have no meaning for the extractor {NAME}; omit them")
        folder = _folder(model)
        content, sha256 = load_checkpoint(folder / "fold_0" / checkpoint)
        network, window = build_network(folder, read_model_json(folder, "plans.json"))
        try:
            network.load_state_dict(content["network_weights"])
        except RuntimeError as problem:
            lines = str(problem).splitlines()
            raise UsageError(f"{folder}: its checkpoint is not of its plans' network: {lines[-1].strip()}") from None
        bank = _bank(folder)
        self._vectors = read_bank(bank)
        self._bank_sha256 = hashlib.sha256(bank.read_bytes()).hexdigest()
        outputs = {name: (place,) for place, name in enumerate(self._vectors)}
        super().__init__(network, self._predict, outputs, PREPROCESSING, Windows(window, overlap=0.5), sha256, chosen)

    @property
    def own_classes(self) -> tuple[ClassDef, ...]:
        """The prompts whose vectors are there."""
        return tuple(ClassDef(number, name, (number,)) for number, name in enumerate(self._known, start=1))

    def settings(self) -> dict[str, str | int | float | bool | None]:
        """What changes the maps."""
        return {**super().settings(), "text_embeddings_sha256": self._bank_sha256}

    def match(self, classes: Sequence[ClassDef]) -> Match:
        """The prompts for the classes: as the class map says, else the name itself, else one of the same meaning."""
        said = {one.name: (spoken(one.name),) for one in classes if spoken(one.name) in self._vectors}
        return match_names(classes, self._known, {**said, **(self._class_map or {})})

    def _predict(self, windows: Float[Tensor, "B 1 x y z"], outputs: tuple[int, ...]) -> Float[Tensor, "B C x y z"]:
        vectors = torch.stack([self._vectors[self._known[output]] for output in outputs]).to(windows.device)
        found: Tensor = self._network(windows, vectors.expand(len(windows), -1, -1))
        return found


def read_bank(path: Path) -> dict[str, Float32[Tensor, "F"]]:
    """The vectors of prompts by their words, in lower case.

    Args:
        path: an `.npz` with `labels`, N texts, and `embeddings`, (N, F) numbers.

    Raises:
        WeightsError: the file cannot be read or holds something else.
    """
    try:
        require_file(path)
        content = read_members(path, _MAX_BANK)
        labels, vectors = content["labels"], content["embeddings"]
    except (ReadError, KeyError) as problem:
        raise WeightsError(
            f"{path} is damaged, or holds no labels and embeddings as VoxTell's {BANK} does ({problem})"
        ) from None
    if labels.ndim != 1 or vectors.ndim != 2 or len(labels) != len(vectors) or not len(labels):
        raise WeightsError(f"{path} holds {len(labels)} labels and embeddings of shape {vectors.shape}")
    numbers = torch.from_numpy(vectors.astype(np.float32))
    return {str(label).lower(): one for label, one in zip(labels, numbers, strict=True)}


def _folder(model: Path | None) -> Path:
    if find_spec("voxtell") is None:
        raise UsageError(
            "the extractor voxtell needs its authors' package, which is not installed; pip install 'auvseg[voxtell]'"
        )
    named = model or os.environ.get(VARIABLE)
    if named is None:
        raise UsageError(
            f"the extractor voxtell needs --model, or {VARIABLE}: the folder voxtell_v1.1 of "
            "huggingface.co/mrokuss/VoxTell"
        )
    return Path(named)


def _bank(folder: Path) -> Path:
    """In the folder, or where a copy of the authors' repository has it."""
    beside = folder.parent / "embeddings" / folder.name / BANK
    found = next((path for path in (folder / BANK, beside) if path.is_file()), None)
    if found is None:
        raise WeightsError(
            f"{folder} has no {BANK}; put embeddings/{folder.name}/{BANK} of huggingface.co/mrokuss/VoxTell there"
        )
    return found


def build_network(folder: Path, plans: Mapping[str, Any]) -> tuple[nn.Module, tuple[int, int, int]]:
    """The network of a model folder's plans, and the window that it sees.

    Raises:
        UsageError: the authors' package cannot be imported; the plans name layers of unknown packages, or no network of
            VoxTell.
    """
    try:
        build = import_module("voxtell.model.voxtell_model").VoxTellModel
    except ImportError as problem:
        raise UsageError(f"the package voxtell cannot be used ({problem}); pip install 'auvseg[voxtell]'") from None
    try:
        configuration = plans["configurations"]["3d_fullres"]
        architecture = configuration["architecture"]
        arguments = dict(architecture["arch_kwargs"])
        named = [key for key in architecture["_kw_requires_import"] if arguments[key] is not None]
        require_known_classes(folder, [arguments[key] for key in named])
        arguments |= {key: pydoc.locate(arguments[key]) for key in named}
        x, y, z = (int(side) for side in configuration["patch_size"])
        return build(input_channels=1, **arguments, **_HEADS), (x, y, z)
    except (LookupError, TypeError, ValueError, AttributeError, AssertionError) as problem:
        lines = str(problem).splitlines() or [type(problem).__name__]
        raise UsageError(f"{folder}: its network cannot be built from its plans: {lines[0]}") from None
