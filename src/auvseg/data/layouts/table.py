"""A CSV or TSV table with a row a case: columns for image and label, and whatever else the user keeps there."""

import csv
from pathlib import Path

from auvseg.data.case import Case, Dataset, Subset
from auvseg.data.layouts.entries import clean_id, ids_from_paths, modality_of
from auvseg.errors import DatasetError

NAME = "table of images and labels"
_ENDINGS = (".csv", ".tsv")
_SYNONYMS = {
    "image": ("image", "img", "images", "image_path", "image_file", "scan", "volume"),
    "label": ("label", "labels", "label_path", "mask", "mask_path", "seg", "segmentation", "annotation"),
    "id": ("case_id", "id", "case", "subject", "patient", "patient_id"),
    "subset": ("subset", "split", "set", "partition"),
    "modality": ("modality",),
}
_SUBSETS: dict[str, Subset] = {
    "": "training",
    "train": "training",
    "training": "training",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


def recognises(path: Path) -> bool:
    """A .csv or .tsv file."""
    return path.suffix.lower() in _ENDINGS and path.is_file()


def read(path: Path) -> Dataset:
    """Read the rows; paths are relative to the table's folder.

    Columns `image` (or `image_0`, `image_1` ... for channels) and `label`, `id`, `subset` and `modality` are known by
    their usual names, in any case of letters; the others become attributes.

    Raises:
        DatasetError: the table has no image column, an unknown subset, or no rows.
    """
    header, rows = _rows(path)
    columns = {role: _find(header, names) for role, names in _SYNONYMS.items()}
    image_columns = sorted(
        name for name in header if name.lower().startswith(("image_", "channel_")) and name[-1].isdigit()
    )
    if columns["image"] is not None:
        image_columns = [columns["image"]]
    if not image_columns:
        raise DatasetError(f"{path.name}: no column is called image; it has {', '.join(header)}")
    images = [_paths(row, image_columns, path.parent, f"{path.name} line {n}") for n, row in enumerate(rows, start=2)]
    if not rows:
        raise DatasetError(f"{path.name}: the table has a header and no rows")
    roles = {name for name in (*columns.values(), *image_columns) if name is not None}
    ids = ids_from_paths([files[0] for files in images])
    cases = []
    for number, (row, files, name) in enumerate(zip(rows, images, ids, strict=True), start=2):
        own = row.get(columns["id"] or "", "").strip()
        label = row.get(columns["label"] or "", "").strip()
        cases.append(
            Case(
                case_id=clean_id(own) or name,
                images=files,
                label=path.parent / label if label else None,
                subset=_subset(row.get(columns["subset"] or "", ""), f"{path.name} line {number}"),
                attributes={key: value for key, value in row.items() if key not in roles},
            )
        )
    modality, note = modality_of(sorted({row[columns["modality"]] for row in rows}) if columns["modality"] else [])
    return Dataset(
        name=path.stem,
        root=path.parent,
        layout=NAME,
        source=path,
        cases=tuple(sorted(cases, key=lambda case: case.case_id)),
        channel_names=tuple(image_columns) if len(image_columns) > 1 else (),
        modality=modality,
        notes=(note,) if note else (),
    )


def _rows(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path.name}: cannot be read as UTF-8 text ({error})") from None
    first = text.split("\n", 1)[0]
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ";" if first.count(";") > first.count(",") else ","
    try:
        lines = [line for line in csv.reader(text.splitlines(), delimiter=delimiter, strict=True) if any(line)]
    except csv.Error as error:
        raise DatasetError(f"{path.name}: is not a valid table ({error})") from None
    if not lines:
        raise DatasetError(f"{path.name}: the table is empty")
    header = [name.strip() for name in lines[0]]
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise DatasetError(f"{path.name} line {number}: has {len(line)} cells, the header {len(header)}")
        rows.append(dict(zip(header, line, strict=True)))
    return header, rows


def _find(header: list[str], names: tuple[str, ...]) -> str | None:
    by_lower = {name.lower(): name for name in reversed(header)}
    return next((by_lower[name] for name in names if name in by_lower), None)


def _paths(row: dict[str, str], columns: list[str], folder: Path, where: str) -> tuple[Path, ...]:
    names = [row[column].strip() for column in columns]
    if not all(names):
        raise DatasetError(f"{where}: names no image")
    return tuple(folder / name for name in names)


def _subset(word: str, where: str) -> Subset:
    subset = _SUBSETS.get(word.strip().lower())
    if subset is None:
        raise DatasetError(f"{where}: the subset {word!r} is none of training, validation, test")
    return subset
