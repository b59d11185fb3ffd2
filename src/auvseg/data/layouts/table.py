"""CSV or TSV table with one row per case: columns for image and label, and any others.

Columns are recognised by their usual names, ignoring case; all others become attributes of the case.
"""

import csv
import io
import re
from pathlib import Path
from typing import NamedTuple

from auvseg.data.case import Case, Dataset, Subset
from auvseg.data.layouts.dataset_json import Remarks, is_there, path_below
from auvseg.data.layouts.modality import modality_of_words
from auvseg.data.layouts.naming import stated_or_found
from auvseg.errors import DatasetError
from auvseg.files.text import decode

NAME = "table of images and labels"
_ENDINGS = (".csv", ".tsv")
_SYNONYMS = {
    "image": ("image", "img", "images", "imgs", "scan", "scans", "volume", "volumes", "input"),
    "label": (
        *("label", "labels", "mask", "masks", "seg", "segs", "segmentation", "segmentations", "annotation"),
        *("annotations", "gt", "gts", "ground_truth", "groundtruth", "labelmap", "target"),
    ),
    "id": (
        *("case_id", "id", "case", "caseid", "case_name", "identifier", "subject_id", "subject", "subjectid"),
        *("participant_id", "patient_id", "patient", "patientid"),
    ),
    "subset": ("subset", "split"),
    "modality": ("modality",),
}
_PATH_SUFFIX = re.compile(r"_?(path|paths|file|files|filename|file_name|fname)$")
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)
_SEPARATORS = ",;\t|"
_NOTHING = ("", "na", "n/a", "nan", "none", "null", "-")
"""Usual spellings of an empty cell."""
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
    """Recognise a .csv or .tsv file."""
    return path.suffix.lower() in _ENDINGS and path.is_file()


def read(path: Path) -> Dataset:
    """Read the rows; paths are relative to the table's folder.

    Raises:
        DatasetError: the file is not a table, has no image column, a row without image, an unknown subset, or no rows.
    """
    header, rows = _rows(path)
    columns = _columns(header, rows, path)
    remarks = Remarks()
    images = [_images(row, columns, path, remarks) for row in rows]
    stated = [_cell(row, columns.case_id) for row in rows]
    ids = stated_or_found(stated, [files[0] for files in images])
    cases = [
        _case(row, columns, files, name, path, remarks) for row, files, name in zip(rows, images, ids, strict=True)
    ]
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
        findings=remarks.all_findings(),
    )


def _rows(path: Path) -> tuple[list[str], list[_Row]]:
    try:
        text = decode(path.read_bytes())
    except UnicodeDecodeError:
        raise DatasetError(f"{path.name}: is not UTF-8 text; save it as CSV UTF-8") from None
    # Excel's way of declaring the separator.
    stated = _SEPARATOR_LINE.match(text)
    skipped = 1 if stated else 0
    text = text[stated.end() :] if stated else text
    separator = stated[1] if stated else _separator(text, path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        lines = [(reader.line_num + skipped, line) for line in reader if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise DatasetError(f"{path.name} line {reader.line_num + skipped}: not a valid row ({error})") from None
    if not lines:
        raise DatasetError(f"{path.name}: the table is empty")
    header = [name.strip() for name in lines[0][1]]
    # Spreadsheets leave empty columns without a name behind.
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise DatasetError(f"{path.name}: two columns are called {twice[0]!r}; rename one")
    if len(lines) == 1:
        raise DatasetError(f"{path.name}: the table has a header but no rows")
    return header, [_row(number, line, header, path.name) for number, line in lines[1:]]


def _row(number: int, line: list[str], header: list[str], where: str) -> _Row:
    """Read a row by its columns; empty cells beyond the header are ignored."""
    beyond = line[len(header) :]
    if len(line) < len(header) or any(cell.strip() for cell in beyond):
        raise DatasetError(f"{where} line {number}: has {len(line)} cells, the header {len(header)}")
    return _Row(number, dict(zip(header, line, strict=False)))


def _separator(text: str, path: Path) -> str:
    """Return the most frequent separator in the header; on a tie, that of the file's ending."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    return max(usual + _SEPARATORS, key=first.count)


def _columns(header: list[str], rows: list[_Row], path: Path) -> _Columns:
    by_word = {_word(name): name for name in reversed(header) if name}
    found = {role: [by_word[name] for name in names if name in by_word] for role, names in _SYNONYMS.items()}
    numbered = sorted((int(match[1]), name) for name in header if (match := _CHANNEL.match(_word(name))))
    image = _of_files(found["image"], rows, path)
    images = (image,) if image is not None else tuple(name for _, name in numbered)
    if not images:
        raise DatasetError(
            f"{path.name}: no column is called image (or image_0, image_1 ... for channels); it has "
            + " ".join(", ".join(header).split())
        )
    label = _of_files(found["label"], rows, path)
    case_id, subset, modality = (next(iter(found[role]), None) for role in ("id", "subset", "modality"))
    return _Columns(images, label, case_id, subset, modality)


def _of_files(names: list[str], rows: list[_Row], path: Path) -> str | None:
    """Of several possible columns, take the first that names a file; a column `label` may hold something else."""
    for name in names if len(names) > 1 else ():
        if any(is_there(path.parent / cell) for row in rows if (cell := _cell(row, name))):
            return name
    return next(iter(names), None)


def _word(column: str) -> str:
    """Normalise a column name: `Image Path`, `image_path` and `image` are the same."""
    word = re.sub(r"[\s\-.]+", "_", column.strip().lower())
    return _PATH_SUFFIX.sub("", word) or word


def _cell(row: _Row, column: str | None) -> str:
    """Return the text of a cell; empty if it is a spelling of an empty cell."""
    said = "" if column is None else row.cells[column].strip()
    return "" if said.lower() in _NOTHING else said


def _images(row: _Row, columns: _Columns, path: Path, remarks: Remarks) -> tuple[Path, ...]:
    where = f"{path.name} line {row.line}"
    cells = [(column, _cell(row, column)) for column in columns.images]
    return tuple(path_below(path.parent, cell, f"{where}: {column}", remarks) for column, cell in cells)


def _case(row: _Row, columns: _Columns, images: tuple[Path, ...], name: str, path: Path, remarks: Remarks) -> Case:
    where = f"{path.name} line {row.line}"
    label = _cell(row, columns.label)
    word = _cell(row, columns.subset)
    if word.lower() not in _SUBSETS:
        raise DatasetError(f"{where}: the {columns.subset} {word!r} is none of training, validation, test")
    known = {columns.label, columns.case_id, columns.subset, *columns.images}
    return Case(
        case_id=name,
        images=images,
        label=path_below(path.parent, label, f"{where}: {columns.label}", remarks) if label else None,
        subset=_SUBSETS[word.lower()],
        attributes={key: value for key, value in row.cells.items() if key not in known},
    )
