"""A CSV or TSV table with a row a case: columns for image and label, and whatever else the user keeps there.

Columns are known by their usual names, in any case of letters; all others become attributes of the case.
"""

import csv
import io
import re
from pathlib import Path
from typing import NamedTuple

from auvseg.data.case import Case, Dataset, Subset
from auvseg.data.layouts.description import path_below
from auvseg.data.layouts.modality import modality_of_words
from auvseg.data.layouts.naming import stated_or_found
from auvseg.errors import DatasetError

NAME = "table of images and labels"
_ENDINGS = (".csv", ".tsv")
_SYNONYMS = {
    "image": ("image", "img", "images", "imgs", "scan", "volume"),
    "label": ("label", "labels", "mask", "masks", "seg", "segmentation", "annotation", "gt"),
    "id": ("case_id", "id", "case"),
    "subset": ("subset", "split"),
    "modality": ("modality",),
}
_PATH_SUFFIX = re.compile(r"_?(path|file|filename|file_name)$")
_CHANNEL = re.compile(r"^(?:image|img|channel)s?_?(\d+)$")
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


class _Row(NamedTuple):
    line: int
    cells: dict[str, str]


class _Columns(NamedTuple):
    images: tuple[str, ...]
    label: str | None
    case_id: str | None
    subset: str | None
    modality: str | None


def recognises(path: Path) -> bool:
    """A .csv or .tsv file."""
    return path.suffix.lower() in _ENDINGS and path.is_file()


def read(path: Path) -> Dataset:
    """Read the rows; paths are relative to the table's folder.

    Raises:
        DatasetError: the table is no table, has no image column, a row without image, an unknown subset, or no rows.
    """
    header, rows = _rows(path)
    columns = _columns(header, path.name)
    images = [_images(row, columns, path) for row in rows]
    stated = [_cell(row, columns.case_id) for row in rows]
    ids = stated_or_found(stated, [files[0] for files in images])
    cases = [_case(row, columns, files, name, path) for row, files, name in zip(rows, images, ids, strict=True)]
    modality, note = modality_of_words(_cell(row, columns.modality) for row in rows)
    notes = [note] if note else []
    if columns.label is None:
        notes.append(f"no column is called label ({', '.join(_SYNONYMS['label'])}): the cases have no labels")
    return Dataset(
        name=path.stem,
        root=path.parent,
        layout=NAME,
        source=path,
        cases=tuple(sorted(cases, key=lambda case: case.case_id)),
        channel_names=columns.images if len(columns.images) > 1 else (),
        modality=modality,
        notes=tuple(notes),
    )


def _rows(path: Path) -> tuple[list[str], list[_Row]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DatasetError(f"{path.name}: is not UTF-8 text; save it as CSV UTF-8") from None
    first = text.split("\n", 1)[0]
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        lines = [(reader.line_num, line) for line in reader if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise DatasetError(f"{path.name} line {reader.line_num}: is no valid row ({error})") from None
    if not lines:
        raise DatasetError(f"{path.name}: the table is empty")
    header = [name.strip() for name in lines[0][1]]
    # Spreadsheets leave empty columns behind, which have no name to be confused by.
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise DatasetError(f"{path.name}: two columns are called {twice[0]!r}; rename one")
    if len(lines) == 1:
        raise DatasetError(f"{path.name}: the table has a header and no rows")
    for number, line in lines[1:]:
        if len(line) != len(header):
            raise DatasetError(f"{path.name} line {number}: has {len(line)} cells, the header {len(header)}")
    return header, [_Row(number, dict(zip(header, line, strict=True))) for number, line in lines[1:]]


def _columns(header: list[str], where: str) -> _Columns:
    by_word = {_word(name): name for name in reversed(header)}
    roles = {
        role: next((by_word[name] for name in names if name in by_word), None) for role, names in _SYNONYMS.items()
    }
    numbered = sorted((int(match[1]), name) for name in header if (match := _CHANNEL.match(_word(name))))
    images = (roles["image"],) if roles["image"] is not None else tuple(name for _, name in numbered)
    if not images:
        raise DatasetError(
            f"{where}: no column is called image (or image_0, image_1 ... for channels); it has "
            + " ".join(", ".join(header).split())
        )
    return _Columns(images, roles["label"], roles["id"], roles["subset"], roles["modality"])


def _word(column: str) -> str:
    """`Image Path`, `image_path` and `image` are one word."""
    word = re.sub(r"[\s\-.]+", "_", column.strip().lower())
    return _PATH_SUFFIX.sub("", word) or word


def _cell(row: _Row, column: str | None) -> str:
    return "" if column is None else row.cells[column].strip()


def _images(row: _Row, columns: _Columns, path: Path) -> tuple[Path, ...]:
    where = f"{path.name} line {row.line}"
    return tuple(path_below(path.parent, row.cells[column], f"{where}: {column}") for column in columns.images)


def _case(row: _Row, columns: _Columns, images: tuple[Path, ...], name: str, path: Path) -> Case:
    where = f"{path.name} line {row.line}"
    label = _cell(row, columns.label)
    word = _cell(row, columns.subset)
    if word.lower() not in _SUBSETS:
        raise DatasetError(f"{where}: the {columns.subset} {word!r} is none of training, validation, test")
    known = {columns.label, columns.case_id, columns.subset, *columns.images}
    return Case(
        case_id=name,
        images=images,
        label=path_below(path.parent, label, f"{where}: {columns.label}") if label else None,
        subset=_SUBSETS[word.lower()],
        attributes={key: value for key, value in row.cells.items() if key not in known},
    )
