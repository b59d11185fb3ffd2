"""nnU-Net v2 raw: `imagesTr/CASE_0000.nii.gz`, `labelsTr/CASE.nii.gz`, `dataset.json`.

With several channels, regions, the ignore label, and the explicit `dataset` key. nnU-Net's document on its data set
format is the source.
"""

import os
import re
from pathlib import Path
from typing import Any

from auvseg.data.case import Case, ClassDef, Dataset, Subset
from auvseg.data.layouts.entries import clean_id, is_hidden, load_json, modality_of, take
from auvseg.errors import DatasetError

NAME = "nnU-Net v2 raw"
_CHANNEL = re.compile(r"_(\d{4})$")


def recognises(path: Path) -> bool:
    """A folder whose dataset.json has `channel_names`."""
    description = path / "dataset.json"
    return description.is_file() and "channel_names" in load_json(description)


def read(path: Path) -> Dataset:
    """Read the description and list the cases.

    Raises:
        DatasetError: a key is missing or of the wrong type, or there are no cases.
    """
    source = path / "dataset.json"
    content = load_json(source)
    channels = _channel_names(content, source)
    classes, ignore_value = _labels(take(content, "labels", dict, source), source)
    notes: list[str] = []
    if "dataset" in content:
        cases = _listed_cases(take(content, "dataset", dict, source), path, source)
    else:
        ending = take(content, "file_ending", str, source)
        cases = _found_cases(path, "Tr", "training", ending, len(channels), notes)
        if (path / "labelsTs").is_dir():
            cases += _found_cases(path, "Ts", "test", ending, len(channels), notes)
    if not cases:
        raise DatasetError(f"{path.name}: no case in imagesTr with the ending {content.get('file_ending')!r}")
    declared = content.get("numTraining")
    training = sum(case.subset == "training" for case in cases)
    if isinstance(declared, int) and declared != training:
        notes.append(f"dataset.json says numTraining {declared}, there are {training}")
    modality, note = modality_of(channels)
    return Dataset(
        name=path.name,
        root=path,
        layout=NAME,
        source=source,
        cases=tuple(sorted(cases, key=lambda case: case.case_id)),
        classes=classes,
        ignore_value=ignore_value,
        channel_names=channels,
        modality=modality,
        notes=(*notes, *([note] if note else [])),
    )


def _channel_names(content: dict[str, Any], source: Path) -> tuple[str, ...]:
    names = take(content, "channel_names", dict, source)
    try:
        ordered = sorted(names.items(), key=lambda item: int(item[0]))
    except ValueError:
        raise DatasetError(f"{source.name}: the keys of 'channel_names' must be 0, 1, ..., not {list(names)}") from None
    if not ordered:
        raise DatasetError(f"{source.name}: 'channel_names' names no channel")
    return tuple(str(name) for _, name in ordered)


def _labels(labels: dict[str, Any], source: Path) -> tuple[tuple[ClassDef, ...], int | None]:
    ignore_value = None
    found: list[tuple[str, tuple[int, ...]]] = []
    has_regions = any(isinstance(value, list) and len(value) > 1 for value in labels.values())
    for name, value in labels.items():
        values = tuple(_whole_number(item, name, source) for item in (value if isinstance(value, list) else [value]))
        if not values:
            raise DatasetError(f"{source.name}: the label {name!r} has no value")
        if name == "ignore":
            ignore_value = values[0]
        elif values != (0,):
            found.append((str(name), values))
    if not found:
        raise DatasetError(f"{source.name}: 'labels' names no foreground class")
    if not has_regions and len({values for _, values in found}) < len(found):
        raise DatasetError(f"{source.name}: two labels have the same value")
    classes = [
        ClassDef(position if has_regions else values[0], name, values)
        for position, (name, values) in enumerate(found, start=1)
    ]
    return tuple(classes), ignore_value


def _whole_number(value: Any, name: str, source: Path) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise DatasetError(f"{source.name}: the label {name!r} must have a whole number, not {value!r}")
    return value


def _listed_cases(listed: dict[str, Any], root: Path, source: Path) -> list[Case]:
    cases = []
    for name, entry in listed.items():
        where = Path(f"{source.name}: dataset: {name}")
        if not isinstance(entry, dict):
            raise DatasetError(f"{where}: must be an object with 'images' and 'label'")
        images = take(entry, "images", list, where)
        if not images or not all(isinstance(image, str) for image in images):
            raise DatasetError(f"{where}: 'images' must list file names")
        label = entry.get("label")
        cases.append(
            Case(
                case_id=clean_id(name),
                images=tuple(_resolved(image, root) for image in images),
                label=_resolved(label, root) if isinstance(label, str) else None,
            )
        )
    return cases


def _resolved(name: str, root: Path) -> Path:
    return root / os.path.expandvars(name)


def _found_cases(root: Path, suffix: str, subset: Subset, ending: str, channels: int, notes: list[str]) -> list[Case]:
    names = set()
    for path in _files(root / f"images{suffix}", ending, notes):
        without_ending = path.name[: -len(ending)]
        names.add(_CHANNEL.sub("", without_ending))
    # A label without an image is a case whose image is missing: reading it says so.
    names |= {path.name[: -len(ending)] for path in _files(root / f"labels{suffix}", ending, notes)}
    cases = []
    for name in sorted(names):
        label = root / f"labels{suffix}" / f"{name}{ending}"
        cases.append(
            Case(
                case_id=clean_id(name),
                images=tuple(root / f"images{suffix}" / f"{name}_{n:04d}{ending}" for n in range(channels)),
                label=label,
                subset=subset,
            )
        )
    return cases


def _files(folder: Path, ending: str, notes: list[str]) -> list[Path]:
    if not folder.is_dir():
        return []
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    visible = [path for path in files if not is_hidden(path)]
    if len(visible) < len(files):
        notes.append(f"{len(files) - len(visible)} hidden files in {folder.name} ignored")
    other = [path for path in visible if not path.name.endswith(ending)]
    if other:
        notes.append(f"{len(other)} files in {folder.name} do not end in {ending}, such as {other[0].name}: ignored")
    return [path for path in visible if path.name.endswith(ending)]
