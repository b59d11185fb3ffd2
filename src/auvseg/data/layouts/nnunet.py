"""nnU-Net v2 raw: `imagesTr/CASE_0000.nii.gz`, `labelsTr/CASE.nii.gz`, `dataset.json`.

With several channels, regions, the ignore label, and the explicit `dataset` key. nnU-Net's document on its data set
format is the source. Cases are listed with the files that they should have; whether they exist is for `check` to say.
"""

import os
import re
from pathlib import Path
from typing import Any

from auvseg.data.case import Case, Dataset, Subset
from auvseg.data.layouts.description import channels, load_json, path_below, take
from auvseg.data.layouts.modality import modality_of_channels
from auvseg.data.layouts.naming import clean_id, some_of, visible_files
from auvseg.data.layouts.nnunet_labels import read_labels
from auvseg.errors import DatasetError

NAME = "nnU-Net v2 raw"
_DESCRIPTION = "dataset.json"
_CHANNEL = re.compile(r"_(\d{4})$")


def recognises(path: Path) -> bool:
    """A folder whose dataset.json has `channel_names` or `file_ending`, which no other layout has."""
    description = path / _DESCRIPTION
    return description.is_file() and not load_json(description).keys().isdisjoint(("channel_names", "file_ending"))


def read(path: Path) -> Dataset:
    """Read the description and list the cases: imagesTr for training, imagesTs for test where there is a labelsTs.

    Raises:
        DatasetError: a key is missing or of the wrong type, the description contradicts itself, or there are no cases.
    """
    source = path / _DESCRIPTION
    content = load_json(source)
    notes: list[str] = []
    # nnU-Net itself still takes the older name for the channels.
    older = "modality" in content and "channel_names" not in content
    names = channels(content, "modality" if older else "channel_names", source.name)
    classes, ignore_value = read_labels(content, source.name, notes)
    cases = _cases(path, content, len(names), notes)
    modality, note = modality_of_channels(names)
    return Dataset(
        name=path.resolve().name,
        root=path,
        layout=NAME,
        source=source,
        cases=tuple(sorted(cases, key=lambda case: case.case_id)),
        classes=classes,
        ignore_value=ignore_value,
        channel_names=names,
        modality=modality,
        notes=(*notes, *([note] if note else [])),
    )


def _cases(path: Path, content: dict[str, Any], channel_count: int, notes: list[str]) -> list[Case]:
    if "dataset" in content:
        cases = _listed(take(content, "dataset", dict, _DESCRIPTION), path)
    else:
        cases = _found(path, "Tr", "training", take(content, "file_ending", str, _DESCRIPTION), channel_count, notes)
    if not cases:
        raise DatasetError(_why_empty(path, content))
    declared = content.get("numTraining")
    if isinstance(declared, int) and declared != len(cases):
        notes.append(
            f"{_DESCRIPTION} says numTraining {declared}, there are {len(cases)}; nnU-Net's own check stops at that"
        )
    if (path / "labelsTs").is_dir() and isinstance(content.get("file_ending"), str):
        cases += _found(path, "Ts", "test", content["file_ending"], channel_count, notes)
    elif (path / "imagesTs").is_dir() and any((path / "imagesTs").iterdir()):
        notes.append("the test images in imagesTs have no labelsTs: not listed")
    return cases


def _why_empty(path: Path, content: dict[str, Any]) -> str:
    if (path / "dataset_fingerprint.json").is_file() or (path / "nnUNetPlans.json").is_file():
        return f"{path.name}: is nnU-Net's preprocessed folder; name the data set's folder in nnUNet_raw"
    if "dataset" in content:
        return f"{_DESCRIPTION}: 'dataset' lists no case"
    return f"{path.name}: no file in imagesTr or labelsTr ends in {content.get('file_ending')!r}"


def _listed(listed: dict[str, Any], root: Path) -> list[Case]:
    cases = []
    for name, entry in listed.items():
        where = f"{_DESCRIPTION}: dataset: {name!r}"
        if not isinstance(entry, dict):
            raise DatasetError(f"{where}: must be an object with 'images' and 'label'")
        images = take(entry, "images", list, where)
        if not images:
            raise DatasetError(f"{where}: 'images' lists no file")
        label = entry.get("label")
        cases.append(
            Case(
                case_id=clean_id(name),
                images=tuple(_expanded(image, root, f"{where}: images") for image in images),
                label=None if label is None else _expanded(label, root, f"{where}: label"),
            )
        )
    return cases


def _expanded(name: object, root: Path, where: str) -> Path:
    # As nnU-Net does: $nnUNet_raw/... in the description, and relative paths start at the data set's folder.
    return path_below(root, os.path.expandvars(name) if isinstance(name, str) else name, where)


def _found(root: Path, suffix: str, subset: Subset, ending: str, channel_count: int, notes: list[str]) -> list[Case]:
    images, labels = root / f"images{suffix}", root / f"labels{suffix}"
    # An empty ending would match every file and cut nothing off.
    if not ending:
        raise DatasetError(f"{_DESCRIPTION}: 'file_ending' is empty; it is something like .nii.gz")
    stems = [path.name[: -len(ending)] for path in _with_ending(images, ending, notes)]
    _note_channels(stems, channel_count, images.name, notes)
    # A label without an image is a case whose image is missing: reading it says so.
    names = {_CHANNEL.sub("", name) for name in stems}
    names |= {path.name[: -len(ending)] for path in _with_ending(labels, ending, notes)}
    return [
        Case(
            case_id=clean_id(name),
            images=tuple(images / f"{name}_{channel:04d}{ending}" for channel in range(channel_count)),
            label=labels / f"{name}{ending}",
            subset=subset,
        )
        for name in sorted(names)
    ]


def _note_channels(stems: list[str], channel_count: int, folder: str, notes: list[str]) -> None:
    suffixes = {name: match for name in stems if (match := _CHANNEL.search(name))}
    without = [name for name in stems if name not in suffixes]
    if without:
        notes.append(f"{len(without)} files in {folder} lack the channel suffix _0000, such as {some_of(without)}")
    beyond = [name for name, match in suffixes.items() if int(match[1]) >= channel_count]
    if beyond:
        notes.append(f"{folder} has channels that {_DESCRIPTION} does not declare: {some_of(beyond)}")


def _with_ending(folder: Path, ending: str, notes: list[str]) -> list[Path]:
    if not folder.is_dir():
        return []
    visible = visible_files(folder, notes)
    other = [path.name for path in visible if not path.name.endswith(ending)]
    if other:
        notes.append(f"{len(other)} files in {folder.name} do not end in {ending}: {some_of(other)} ignored")
    return [path for path in visible if path.name.endswith(ending)]
