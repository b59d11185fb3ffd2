"""Medical Segmentation Decathlon: a folder whose dataset.json lists `training` pairs, `modality` and `labels`."""

from pathlib import Path
from typing import Any

from auvseg.data.case import Case, ClassDef, Dataset
from auvseg.data.layouts.entries import ids_from_paths, load_json, modality_of, take
from auvseg.errors import DatasetError

NAME = "decathlon"


def recognises(path: Path) -> bool:
    """A folder whose dataset.json has `training` and `modality`."""
    description = path / "dataset.json"
    if not description.is_file():
        return False
    content = load_json(description)
    return "training" in content and "modality" in content


def read(path: Path) -> Dataset:
    """Read the description and list the training cases; test images without a label are not listed.

    Raises:
        DatasetError: a key is missing or of the wrong type, or there are no cases.
    """
    source = path / "dataset.json"
    content = load_json(source)
    entries = take(content, "training", list, source)
    if not entries:
        raise DatasetError(f"{source.name}: 'training' lists no case")
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in ("image", "label")):
            raise DatasetError(f"{source.name}: training entry {number} must name an 'image' and a 'label'")
    images = [path / entry["image"] for entry in entries]
    cases = [
        Case(case_id=name, images=(image,), label=path / entry["label"])
        for name, image, entry in zip(ids_from_paths(images), images, entries, strict=True)
    ]
    channels = _by_number(take(content, "modality", dict, source), "modality", source)
    modality, note = modality_of(channels)
    names = _numbered(take(content, "labels", dict, source), "labels", source)
    return Dataset(
        name=str(content.get("name") or path.name),
        root=path,
        layout=NAME,
        source=source,
        cases=tuple(sorted(cases, key=lambda case: case.case_id)),
        classes=tuple(ClassDef(value, name, (value,)) for value, name in names if value != 0),
        channel_names=channels,
        modality=modality,
        notes=(note,) if note else (),
    )


def _by_number(values: dict[str, Any], key: str, source: Path) -> tuple[str, ...]:
    return tuple(name for _, name in _numbered(values, key, source))


def _numbered(values: dict[str, Any], key: str, source: Path) -> list[tuple[int, str]]:
    try:
        return sorted((int(number), str(name)) for number, name in values.items())
    except ValueError:
        raise DatasetError(f"{source.name}: the keys of {key!r} must be numbers, not {list(values)}") from None
