"""Everything that changes a score, in one frozen object that is written whole into every record."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from auvseg.choices import InputKind, Precision
from auvseg.data.case import Dataset, Modality
from auvseg.data.layouts.modality import modality_of_channel
from auvseg.errors import UsageError, did_you_mean
from auvseg.extractors import check_name
from auvseg.extractors.families import DEFAULT_MAX_SLICES, Prompt, facts_of
from auvseg.measures.catalogue import CASE_MEASURES, MEASURES, ScaleOptions

WITHOUT_MODEL = "none"
"""The extractor that makes no maps."""

_MEANING: Mapping[Modality, str] = {
    "ct": "Hounsfield units",
    "mri": "arbitrary, each image by its percentiles",
    "windowed": "0 to 255, as they are",
}


@dataclass(frozen=True)
class ModelFolder:
    """A network that was trained on the task, for the extractor `nnunet`.

    Attributes:
        path: nnU-Net's folder, `TRAINER__PLANS__CONFIGURATION`.
        folds: numbers separated by commas, or `all` for the fold of all cases; None takes every numbered fold.
        checkpoint: file name of the checkpoints.
        mirroring: whether predictions are averaged over mirrored copies.
    """

    path: Path
    folds: str | None = None
    checkpoint: str = "checkpoint_final.pth"
    mirroring: bool = False

    def options(self) -> dict[str, Any]:
        """The keywords of `get_extractor` that say the same."""
        return {
            "model": self.path,
            "folds": self.folds,
            "checkpoint": self.checkpoint,
            "mirroring": self.mirroring,
        }


@dataclass(frozen=True)
class ModelFile:
    """The weights of a foundation model that auvseg does not bring, such as those of `medsam2`.

    Attributes:
        path: the checkpoint file.
    """

    path: Path

    def options(self) -> dict[str, Any]:
        """The keywords of `get_extractor` that say the same."""
        return {"model": self.path}


@dataclass(frozen=True)
class ScoreConfig:
    """How a data set is scored.

    Attributes:
        modality: how intensities are read; see `auvseg.data.case.Modality`.
        extractor: name of the foundation model.
        prompt: `label` draws a box a class and plane from the label; `middle` one on a class's middle plane, whose mask
            the model carries to the others; `none` looks at the whole image (label-free).
        input: `raw` (window or percentiles of the image) or `mask` (scaled by the labelled foreground's percentiles).
        window_hu: level and width of the CT window, in HU.
        channel: which image channel is scored, from 0.
        box_margin: pixels of the volume's grid added to every side of a box.
        max_slices: at most so many planes a structure, evenly spaced; None scores all of them.
        precision: arithmetic of the network; `auto` takes what was measured to be best on this kind of processor.
        scale: which variant of the semantic perception scale is computed.
        measures: names of the measures to compute; those of the cohort are made when a table is read.
        model: the trained network, for `nnunet`, or the weights, such as for `medsam2`. Where they lie is no part of
            the record; what they hold is, with the extractor's settings.
        class_map: for a model with classes of its own, its names of a class by the data set's name, where they differ:
            pairs, the model's names a tuple. What it does not name is matched by name
            (`auvseg.extractors.classes`).
    """

    modality: Modality
    extractor: str = "lite-medsam"
    prompt: Prompt = "label"
    input: InputKind = "raw"
    window_hu: tuple[float, float] = (40.0, 400.0)
    channel: int = 0
    box_margin: int = 0
    max_slices: int | None = DEFAULT_MAX_SLICES
    precision: Precision = "auto"
    scale: ScaleOptions = field(default_factory=ScaleOptions)
    measures: tuple[str, ...] = CASE_MEASURES
    model: ModelFolder | ModelFile | None = None
    class_map: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def prompted_by_label(self) -> bool:
        """Whether the model is told anything that was drawn from the label."""
        return self.prompt != "none"

    def as_dict(self) -> dict[str, Any]:
        """The configuration as plain JSON values, without `model`, and without `class_map` where there is none."""
        values = asdict(self)
        del values["model"]
        if not self.class_map:
            # Runs of the time before class maps go on.
            del values["class_map"]
        return json.loads(json.dumps(values))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], model: ModelFolder | ModelFile | None) -> "ScoreConfig":
        """The configuration that `as_dict` gave.

        Args:
            values: plain JSON values.
            model: what is not among them.

        Raises:
            KeyError, TypeError, ValueError: they are of another version.
        """
        plain = dict(values)
        window = plain.pop("window_hu")
        return cls(
            **plain
            | {
                "window_hu": (float(window[0]), float(window[1])),
                "scale": ScaleOptions(**plain["scale"]),
                "measures": tuple(plain["measures"]),
                "class_map": tuple((name, tuple(theirs)) for name, theirs in plain.get("class_map", ())),
                "model": model,
            }
        )


def all_measures(extractor: str) -> tuple[str, ...]:
    """The measures that an extractor has something for: all without a map where there is none, or no estimate of it."""
    facts = facts_of(extractor)
    if extractor == WITHOUT_MODEL:
        without = {name for name in CASE_MEASURES if MEASURES[name].needs_map}
    else:
        without = set() if facts is None or facts.predicted_iou else {"predicted_iou"}
    return tuple(name for name in CASE_MEASURES if name not in without)


def resolve_modality(dataset: Dataset, wanted: Modality | None) -> Modality:
    """The modality that the user names, else the one that the data set names.

    Raises:
        UsageError: neither says what the intensities mean.
    """
    modality = wanted or dataset.modality
    if modality is None:
        raise UsageError(
            f"{dataset.name}: nothing in the data set says whether it is CT or MRI; add --modality ct or --modality mri"
        )
    return modality


def modality_conflict(dataset: Dataset, modality: Modality, channel: int) -> str:
    """In a sentence, how the modality contradicts the data set's own word for it; empty if it does not.

    Args:
        dataset: the data set.
        modality: how its intensities are read.
        channel: the channel that is looked at.
    """
    name = dataset.channel_names[channel] if 0 <= channel < len(dataset.channel_names) else ""
    stated = modality_of_channel(name)
    own = stated or (None if name else dataset.modality)
    if own is None or own == modality:
        return ""
    called = f"calls this channel {name!r}" if stated else f"says that it is {own}"
    nnunet = "by numbers of all cases, as HU" if own == "ct" else "each image by its own mean and spread"
    return (
        f"--modality {modality}, but {dataset.name} {called}: intensities are read as {_MEANING[modality]}; nnU-Net "
        f"goes by the name and normalises {nnunet}"
    )


def check_config(config: ScoreConfig, dataset: Dataset) -> None:
    """Refuse what cannot work before any file is opened.

    Raises:
        UsageError: an unknown measure or extractor, a channel that does not exist, a window without width, no classes
            to prompt for.
    """
    unknown = [name for name in config.measures if name not in CASE_MEASURES]
    if unknown:
        hint = did_you_mean(unknown[0], CASE_MEASURES, "auvseg measures")
        raise UsageError(f"unknown measure {unknown[0]!r}; {hint}")
    if config.window_hu[1] <= 0:
        raise UsageError(f"the window's width must be positive, not {config.window_hu[1]:g} HU")
    if config.max_slices is not None and config.max_slices < 1:
        raise UsageError(f"--max-slices must be at least 1, not {config.max_slices}")
    _check_model(config)
    channels = max(len(dataset.channel_names), 1)
    if not 0 <= config.channel < channels:
        raise UsageError(f"--channel {config.channel}: {dataset.name} has channels 0 to {channels - 1}")


def _check_model(config: ScoreConfig) -> None:
    check_name(config.extractor)
    facts = facts_of(config.extractor)
    if facts is None:
        return
    if config.class_map and not facts.own_classes:
        raise UsageError(
            f"--class-map is for models with classes of their own; {config.extractor} takes the data set's; omit it"
        )
    if config.model is None:
        return
    if facts.takes == "nothing":
        raise UsageError(
            f"--model has no meaning for the extractor {config.extractor}; "
            "add --extractor nnunet, or another that takes one (docs/models.md)"
        )
    wanted = ModelFile if facts.takes == "file" else ModelFolder
    if not isinstance(config.model, wanted):
        raise UsageError(
            f"the extractor {config.extractor} takes a {wanted.__name__}, not a {type(config.model).__name__}"
        )


def fingerprint(values: Mapping[str, Any]) -> str:
    """Sha256 of plain values, independent of the order of their keys."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, allow_nan=False).encode()).hexdigest()
