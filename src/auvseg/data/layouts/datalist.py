"""MONAI datalist: a JSON file with lists `training`, `validation`, `test` of image/label entries.

Paths are relative to `dataroot` where the file has one, else to the file's folder. Further keys of an entry (fold, site
...) become the case's attributes.
"""

from pathlib import Path
from typing import Any

from auvseg.data.case import Case, ClassDef, Dataset, Subset
from auvseg.data.layouts.entries import clean_id, ids_from_paths, load_json, modality_of
from auvseg.errors import DatasetError

NAME = "MONAI datalist"
_SUBSETS: dict[str, Subset] = {
    "training": "training",
    "train": "training",
    "validation": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
}
_ID_KEYS = ("case_id", "id", "case", "subject", "patient_id")


def recognises(path: Path) -> bool:
    """A .json file with a list of training entries."""
    return path.suffix.lower() == ".json" and path.is_file() and any(key in load_json(path) for key in _SUBSETS)


def read(path: Path) -> Dataset:
    """List the cases of every subset.

    Raises:
        DatasetError: a list is none, an entry has no image, or there are no cases.
    """
    content = load_json(path)
    root = path.parent / str(content.get("dataroot", ""))
    entries: list[tuple[Subset, dict[str, Any], tuple[Path, ...]]] = []
    for key, subset in _SUBSETS.items():
        listed = content.get(key, [])
        if not isinstance(listed, list):
            raise DatasetError(f"{path.name}: {key!r} must be a list of entries, not a {type(listed).__name__}")
        for number, entry in enumerate(listed):
            where = f"{path.name}: {key} entry {number}"
            entry = {"image": entry} if isinstance(entry, str) else entry
            entries.append((subset, entry, _images(entry, root, where)))
    if not entries:
        raise DatasetError(f"{path.name}: lists no case under {', '.join(_SUBSETS)}")
    ids = ids_from_paths([images[0] for _, _, images in entries])
    cases = [
        _case(entry, subset, images, name, root) for (subset, entry, images), name in zip(entries, ids, strict=True)
    ]
    modality, note = modality_of(_modality_names(content))
    return Dataset(
        name=str(content.get("name") or path.stem),
        root=root,
        layout=NAME,
        source=path,
        cases=tuple(sorted(cases, key=lambda case: case.case_id)),
        classes=_classes(content, path),
        modality=modality,
        notes=(note,) if note else (),
    )


def _images(entry: object, root: Path, where: str) -> tuple[Path, ...]:
    image = entry.get("image") if isinstance(entry, dict) else None
    names = [name for name in (image if isinstance(image, list) else [image]) if isinstance(name, str) and name]
    if not names or (isinstance(image, list) and len(names) < len(image)):
        raise DatasetError(f"{where}: must name an 'image'")
    return tuple(root / name for name in names)


def _case(entry: dict[str, Any], subset: Subset, images: tuple[Path, ...], name: str, root: Path) -> Case:
    own = next((entry[key] for key in _ID_KEYS if isinstance(entry.get(key), str | int)), None)
    label = entry.get("label")
    return Case(
        case_id=name if own is None else clean_id(str(own)),
        images=images,
        label=root / label if isinstance(label, str) and label else None,
        subset=subset,
        attributes={
            str(key): str(value)
            for key, value in entry.items()
            if key not in ("image", "label", *_ID_KEYS) and isinstance(value, str | int | float | bool)
        },
    )


def _modality_names(content: dict[str, Any]) -> list[str]:
    stated = content.get("modality")
    if isinstance(stated, str):
        return [stated]
    return [str(value) for value in stated.values()] if isinstance(stated, dict) else []


def _classes(content: dict[str, Any], path: Path) -> tuple[ClassDef, ...] | None:
    """Classes where the file names them as decathlon files do; a datalist need not."""
    labels = content.get("labels")
    if not isinstance(labels, dict):
        return None
    try:
        pairs = sorted((int(number), str(name)) for number, name in labels.items())
    except ValueError:
        raise DatasetError(f"{path.name}: the keys of 'labels' must be numbers, not {list(labels)}") from None
    return tuple(ClassDef(value, name, (value,)) for value, name in pairs if value != 0) or None
