"""Setups in the words of the command line: what two of them differ in, what of it matters, how to ask for one again."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auvseg.measures.catalogue import MEASURES
from auvseg.scoring.config import ModelFile, ModelFolder, ScoreConfig, all_measures

OPTIONS: dict[str, str] = {
    "modality": "--modality",
    "extractor": "--extractor",
    "prompt": "--prompt",
    "input": "--input",
    "window_hu": "--window",
    "channel": "--channel",
    "box_margin": "--box-margin",
    "max_slices": "--max-slices",
    "precision": "--precision",
    "measures": "--measures",
    "scale.unfold": "--unfold",
    "scale.energy": "--energy",
    "scale.centre": "--centre",
    "scale.on": "--scale-on",
    "class_map": "--class-map",
}
"""The option that chooses a value, by its place in a configuration."""

_OF_EXTRACTOR = {
    "weights_sha256": "--model",
    "folds": "--folds",
    "checkpoint": "--checkpoint",
    "mirroring": "--mirroring",
    "arithmetic": "--device",
}
"""By its place in what an extractor says of itself, where an option of another name chooses it."""

_OF_SETUP = {f"config.{place}": option for place, option in OPTIONS.items()} | {
    f"extractor.{place}": option for place, option in (OPTIONS | _OF_EXTRACTOR).items()
}
"""By its place in a setup of `run_setup`."""

VERSION = "auvseg"
"""Where the version stands in a setup."""

_DIGITS = 8
"""Of a sha256 that is shown."""

_MAX_WIDTH = 40
"""Characters of a value that is shown."""


@dataclass(frozen=True)
class Difference:
    """One value in which two setups differ.

    Attributes:
        name: the option that chooses it; where there is none, what it is called.
        known: what it was.
        asked: what it is to be now.
    """

    name: str
    known: Any
    asked: Any


def in_words(differences: Sequence[Difference], link: str = " (now {})") -> str:
    """What differs, as `--max-slices 8 (now 4), no --centre (now --centre)`.

    Args:
        differences: at least one.
        link: what stands between the two values, and around the second.
    """
    pairs = [(one.name, _in_words(one.name, one.known), _in_words(one.name, one.asked)) for one in differences]
    return ", ".join(known + link.format(asked.removeprefix(f"{name} ")) for name, known, asked in pairs)


def differing(known: Mapping[str, Any], asked: Mapping[str, Any], options: Mapping[str, str]) -> tuple[Difference, ...]:
    """Every value in which two nested mappings differ, in the order of their places.

    Args:
        known: what was.
        asked: what is asked for now.
        options: the option that chooses a value, by its place, keys with dots between them. A value without one is
            called by its place; two of one option count once.
    """
    before, now = _flat(known), _flat(asked)
    found: dict[str, Difference] = {}
    for place in sorted(before.keys() | now.keys()):
        name = options.get(place, place.replace("_", " "))
        if before.get(place) != now.get(place) and name not in found:
            found[name] = Difference(name, before.get(place), now.get(place))
    return tuple(found.values())


def setups_differing(known: Mapping[str, Any], asked: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Everything in which two setups of `run_setup` differ.

    What another extractor says of itself is not compared, nor are the measures where both have all of their extractor.
    """
    if known["config"].get("extractor") != asked["config"].get("extractor"):
        known, asked = ({**setup, "extractor": {}} for setup in (known, asked))
    found = differing(known, asked, _OF_SETUP)
    if all(_has_all_measures(setup["config"]) for setup in (known, asked)):
        return tuple(one for one in found if one.name != OPTIONS["measures"])
    return found


def _has_all_measures(config: Mapping[str, Any]) -> bool:
    return "measures" in config and tuple(config["measures"]) == all_measures(config.get("extractor", ""))


def extractors_differing(known: Mapping[str, Any], asked: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Everything in which the settings of two extractors differ."""
    return differing({"extractor": known}, {"extractor": asked}, _OF_SETUP)


def refusal(folder: str, differences: Sequence[Difference], go_on: Sequence[str]) -> str:
    """Why a folder is not gone on with, the command that does, and how to start anew."""
    words = f"{folder} was made with {in_words(differences)}"
    if any(one.name == VERSION for one in differences):
        return f"{words}; use that version, or start anew in another folder, with -o"
    again = f"go on with: {shlex.join(go_on)}; or " if go_on else ""
    return f"{words}; {again}start anew in another folder, with -o"


def what_matters(setup: Mapping[str, Any], measures: Collection[str]) -> dict[str, Any]:
    """The part of a setup that some measures depend on.

    Args:
        setup: of `run_setup`.
        measures: of the catalogue; what is not in it, such as a column of the data set's own, depends on nothing.
    """
    needed = [MEASURES[name] for name in measures if name in MEASURES]
    config = {name: value for name, value in setup["config"].items() if name != "measures"}
    kept = dict(setup, config=config)
    if "S" not in measures:
        config.pop("scale", None)
    if not any(one.needs_map for one in needed):
        kept["extractor"] = {}
        # With the whole image for a prompt there is no structure, and no label to measure.
        config["prompt"] = "none" if config.get("prompt") == "none" else "label"
        for name in ("extractor", "box_margin", "precision", "class_map"):
            config.pop(name, None)
    if not any(one.needs_scored_planes for one in needed):
        config.pop("max_slices", None)
    if not any(one.needs_image for one in needed):
        for name in ("modality", "input", "window_hu", "channel"):
            config.pop(name, None)
    return kept if needed else {"config": {}, "extractor": {}}


def as_options(config: ScoreConfig) -> list[str]:
    """The words of a command line that ask for a configuration; what is the default is left out.

    The classes of a class map stand in a file whose name nobody noted: `FILE` stands for it.
    """
    default = ScoreConfig(modality=config.modality, extractor=config.extractor, measures=all_measures(config.extractor))
    before, now = _flat(default.as_dict()), _flat(config.as_dict())
    words = ["--modality", config.modality]
    if config.extractor != ScoreConfig.extractor:
        words += ["--extractor", config.extractor]
    words += _options_of_model(config.model)
    for place, option in OPTIONS.items():
        value = now.get(place)
        if value == before.get(place):
            continue
        if option == "--class-map":
            words += [option, "FILE"]
        else:
            words += [option] if value is True else [option, *_values(option, value)]
    return words


def _options_of_model(model: ModelFolder | ModelFile | None) -> list[str]:
    if model is None:
        return []
    words = ["--model", str(model.path)]
    if isinstance(model, ModelFolder):
        words += [] if model.folds is None else ["--folds", model.folds]
        words += [] if model.checkpoint == ModelFolder.checkpoint else ["--checkpoint", model.checkpoint]
        words += ["--mirroring"] if model.mirroring else []
    return words


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values by their places; None where there is nothing, as where it is not mentioned."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def _in_words(name: str, value: Any) -> str:
    if value is None or value is False or value == []:
        return f"no {name}"
    if value is True:
        return name
    if name == _OF_EXTRACTOR["weights_sha256"]:
        return f"{name} of sha256 {value[:_DIGITS]}"
    text = " ".join(_values(name, value))
    return f"{name} {text}" if len(text) <= _MAX_WIDTH else f"{name} {text[:_MAX_WIDTH]}…"


def _values(option: str, value: Any) -> list[str]:
    """A value as words of a command line."""
    if not isinstance(value, list | tuple):
        return [f"{value:g}" if isinstance(value, float) else str(value)]
    parts = [one[0] if isinstance(one, list | tuple) else one for one in value]
    texts = [f"{one:g}" if isinstance(one, float) else str(one) for one in parts]
    return texts if option == "--window" else [",".join(texts)]
