"""MONAI datalist: a JSON file with lists `training`, `validation`, `test` of image/label entries.

Paths are relative to `dataroot` if the file has it, else to the file's folder. Further keys of an entry (fold, site
...) become attributes of the case.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from auvseg.data.case import Case, ClassDef, Dataset, Subset
from auvseg.data.layouts.dataset_json import Remarks, as_text, channels, classes, load_json, path_below
from auvseg.data.layouts.modality import Verdict, modality_of_channels, modality_of_words
from auvseg.data.layouts.naming import stated_or_found
from auvseg.errors import DatasetError
from auvseg.files.text import writable

NAME = "MONAI datalist"
_SUBSETS: dict[str, Subset] = {
    "training": "training",
    "train": "training",
    "validation": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
}
_ID_KEYS = ("case_id", "id", "case")
_PATH_KEYS = ("image", "label")


class _Entry(NamedTuple):
    subset: Subset
    content: dict[str, Any]
    images: tuple[Path, ...]
    label: Path | None


def recognises(path: Path) -> bool:
    """Recognise a .json file with a list of cases."""
    return path.suffix.lower() == ".json" and path.is_file() and not load_json(path).keys().isdisjoint(_SUBSETS)


def read(path: Path) -> Dataset:
    """List the cases of every subset.

    Raises:
        DatasetError: a list or an entry is of the wrong type, an entry has no image, or there are no cases.
    """
    content = load_json(path)
    remarks = Remarks()
    dataroot = content.get("dataroot")
    root = path_below(path.parent, dataroot, f"{path.name}: dataroot", remarks) if dataroot else None
    entries = [
        _entry(entry, subset, root or path.parent, f"{path.name}: {key} entry {number}", remarks)
        for key, subset in _SUBSETS.items()
        for number, entry in enumerate(_list(content, key, path.name))
    ]
    if not entries:
        raise DatasetError(f"{path.name}: no cases are listed under {', '.join(_SUBSETS)}")
    ids = stated_or_found([_stated_id(entry.content) for entry in entries], [entry.images[0] for entry in entries])
    cases = [_case(entry, name) for entry, name in zip(entries, ids, strict=True)]
    names = _channel_names(content, path.name, cases)
    modality, note = _modality(content, names, entries)
    return Dataset(
        name=str(content.get("name") or path.stem),
        root=root or path.parent,
        layout=NAME,
        source=path,
        cases=tuple(sorted(cases, key=lambda case: case.case_id)),
        classes=_classes(content, path.name),
        channel_names=names,
        modality=modality,
        notes=(note,) if note else (),
        findings=remarks.all_findings(),
    )


def _list(content: dict[str, Any], key: str, where: str) -> list[Any]:
    listed = content.get(key, [])
    if not isinstance(listed, list):
        raise DatasetError(f"{where}: {key!r} must be a list of entries, not a {type(listed).__name__}")
    return listed


def _entry(entry: object, subset: Subset, root: Path, where: str, remarks: Remarks) -> _Entry:
    if isinstance(entry, str):
        entry = {"image": entry}
    if not isinstance(entry, dict):
        raise DatasetError(f"{where}: must be an object with 'image' and 'label', not {entry!r}")
    image, label = entry.get("image"), entry.get("label")
    if image is None or image == []:
        raise DatasetError(f"{where}: 'image' is missing")
    # Some converters write a label as a list of one.
    if isinstance(label, list) and len(label) == 1:
        label = label[0]
    names = image if isinstance(image, list) else [image]
    return _Entry(
        subset,
        entry,
        tuple(path_below(root, name, f"{where}: image", remarks) for name in names),
        None if label is None or label == "" else path_below(root, label, f"{where}: label", remarks),
    )


def _stated_id(entry: dict[str, Any]) -> str | None:
    stated = next((entry[key] for key in _ID_KEYS if entry.get(key) is not None), None)
    return None if stated is None else as_text(stated)


def _case(entry: _Entry, name: str) -> Case:
    others = {key: value for key, value in entry.content.items() if key not in (*_ID_KEYS, *_PATH_KEYS)}
    return Case(
        case_id=name,
        images=entry.images,
        label=entry.label,
        subset=entry.subset,
        attributes={writable(key): writable(as_text(value)) for key, value in others.items()},
    )


def _channel_names(content: dict[str, Any], where: str, cases: Sequence[Case]) -> tuple[str, ...]:
    """Take channel names from decathlon's `modality`, else number the channels if cases have several files."""
    if isinstance(content.get("modality"), dict):
        return channels(content, "modality", where)
    count = max(len(case.images) for case in cases)
    return tuple(f"channel_{number}" for number in range(count)) if count > 1 else ()


def _modality(content: dict[str, Any], names: tuple[str, ...], entries: Sequence[_Entry]) -> Verdict:
    stated = content.get("modality")
    if isinstance(stated, dict):
        return modality_of_channels(names)
    if isinstance(stated, str):
        return modality_of_words([stated])
    words = [entry.content.get("modality") for entry in entries]
    return modality_of_words([as_text(word) for word in words]) if all(words) else (None, None)


def _classes(content: dict[str, Any], where: str) -> tuple[ClassDef, ...] | None:
    """Read classes if the file names them as decathlon files do; they are optional in a datalist."""
    return classes(content, where) if isinstance(content.get("labels"), dict) else None
