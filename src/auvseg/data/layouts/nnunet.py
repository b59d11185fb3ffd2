"""nnU-Net v2 raw: `imagesTr/CASE_0000.nii.gz`, `labelsTr/CASE.nii.gz`, `dataset.json`.

With several channels, regions, the ignore label, and the explicit `dataset` key. nnU-Net's document on its data set
format is the source. Cases are listed with the files that they should have, or have under a name that is nearly right;
what is wrong is for `check` to say.
"""

import codecs
import os
from collections import Counter
from pathlib import Path
from typing import Any

from auvseg.data.case import Case, Dataset, Subset
from auvseg.data.findings import Kind, Problem
from auvseg.data.layouts.description import Remarks, channels, load_json, path_below, take
from auvseg.data.layouts.modality import modality_of_channels
from auvseg.data.layouts.naming import clean_id, ending_of, has_ending, near_folder, some_of, visible_files
from auvseg.data.layouts.nnunet_labels import read_labels
from auvseg.data.layouts.nnunet_names import arrange
from auvseg.data.reading import is_supported
from auvseg.errors import DatasetError

NAME = "nnU-Net v2 raw"
_DESCRIPTION = "dataset.json"
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


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
    remarks = Remarks()
    if source.read_bytes().startswith(_MARKS):
        remarks.refused("it begins with a byte order mark", "save it as UTF-8 without one")
    # nnU-Net itself still takes the older name for the channels.
    older = "modality" in content and "channel_names" not in content
    names = channels(content, "modality" if older else "channel_names", source.name)
    classes, ignore_value = read_labels(content, source.name, remarks)
    cases = _cases(path, content, len(names), remarks)
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
        notes=(*remarks.notes, *([note] if note else [])),
        findings=remarks.all_findings(),
    )


def _cases(path: Path, content: dict[str, Any], channel_count: int, remarks: Remarks) -> list[Case]:
    ending = None
    if "dataset" in content:
        cases = _listed(take(content, "dataset", dict, _DESCRIPTION), path, remarks)
    else:
        ending = _ending(path, take(content, "file_ending", str, _DESCRIPTION))
        cases = _found(path, "Tr", "training", ending, channel_count, remarks)
    if not cases:
        raise DatasetError(_why_empty(path, content))
    declared = content.get("numTraining")
    if isinstance(declared, int) and declared != len(cases):
        remarks.refused(
            f"it says numTraining {declared}, there are {len(cases)} cases", f'write "numTraining": {len(cases)}'
        )
    ending = content.get("file_ending") if ending is None else ending
    if (path / "labelsTs").is_dir() and isinstance(ending, str) and ending:
        cases += _found(path, "Ts", "test", ending, channel_count, remarks)
    elif (path / "imagesTs").is_dir() and (count := len(visible_files(path / "imagesTs", []))):
        remarks.notes.append(f"the {count} test images in imagesTs have no labelsTs: not listed")
    return cases


def _ending(path: Path, declared: str) -> str:
    """The declared ending, where files have it.

    Raises:
        DatasetError: it is none, or no image and no label has it and others have another.
    """
    # An empty ending would match every file and cut nothing off.
    if not declared:
        raise DatasetError(f"{_DESCRIPTION}: 'file_ending' is empty; it is something like .nii.gz")
    folders = [folder for folder in (path / "imagesTr", path / "labelsTr") if folder.is_dir()]
    files = [file for folder in folders for file in visible_files(folder, [])]
    others = Counter(ending_of(file.name) for file in files if is_supported(file))
    if declared.startswith(".") and (not others or any(has_ending(file.name, declared) for file in files)):
        return declared
    if not others:
        raise DatasetError(f"{_DESCRIPTION}: 'file_ending' must begin with a dot, as in .nii.gz; it is {declared!r}")
    usual, times = others.most_common(1)[0]
    raise DatasetError(
        f"{_DESCRIPTION}: 'file_ending' is {declared!r}, and {times} of {others.total()} images and labels end in "
        f'{usual!r}: write "file_ending": "{usual}"'
    )


def _why_empty(path: Path, content: dict[str, Any]) -> str:
    if (path / "dataset_fingerprint.json").is_file() or (path / "nnUNetPlans.json").is_file():
        return f"{path.name}: is nnU-Net's preprocessed folder; name the data set's folder in nnUNet_raw"
    if "dataset" in content:
        return f"{_DESCRIPTION}: 'dataset' lists no case"
    near = [(name, near_folder(path / name)) for name in ("imagesTr", "labelsTr") if not (path / name).is_dir()]
    renamed = "; ".join(f"rename {there} to {name}" for name, there in near if there)
    none = f"{path.name}: no file in imagesTr or labelsTr ends in {content.get('file_ending')!r}"
    return f"{none}; {renamed}" if renamed else none


def _listed(listed: dict[str, Any], root: Path, remarks: Remarks) -> list[Case]:
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
                images=tuple(_expanded(image, root, f"{where}: images", remarks) for image in images),
                label=None if label is None else _expanded(label, root, f"{where}: label", remarks),
            )
        )
    return cases


def _expanded(name: object, root: Path, where: str, remarks: Remarks) -> Path:
    # As nnU-Net does: $nnUNet_raw/... in the description, and relative paths start at the data set's folder.
    return path_below(root, os.path.expandvars(name) if isinstance(name, str) else name, where, remarks)


def _found(root: Path, suffix: str, subset: Subset, ending: str, channel_count: int, remarks: Remarks) -> list[Case]:
    folders = root / f"images{suffix}", root / f"labels{suffix}"
    images, labels = (visible_files(folder, remarks.notes) if folder.is_dir() else [] for folder in folders)
    names = folders[0].name, folders[1].name
    found, findings = arrange(images, labels, ending, names, remarks.notes)
    remarks.findings += findings
    surplus = {
        clean_id(name): file.name
        for name, case in found.items()
        for channel, file in case.images.items()
        if channel >= channel_count
    }
    if surplus:
        message = (
            f"{len(surplus)} of {len(found)} cases have more channels than the {channel_count} that {_DESCRIPTION} "
            f"declares, and nnU-Net takes them all: {some_of(sorted(surplus.values()))}"
        )
        advice = "declare the channel under channel_names, or take its files out of the folder"
        remarks.findings.append(Problem(Kind.CHANNEL_MISMATCH, message, advice).of_cases("", surplus))
    # A single file may hold every channel, as of a colour picture; where any case has several files, all need them.
    one_file = channel_count > 1 and all(case.images.keys() <= {0} for case in found.values())
    return [
        Case(
            case_id=clean_id(name),
            images=tuple(
                case.images.get(channel, folders[0] / f"{name}_{channel:04d}{ending}")
                for channel in range(1 if one_file else channel_count)
            ),
            label=case.label or folders[1] / f"{name}{ending}",
            subset=subset,
        )
        for name, case in sorted(found.items())
    ]
