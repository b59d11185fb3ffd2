"""The file of a class map: a person's word for which class of a model a class of the data set is."""

import csv
from pathlib import Path

from auvseg.errors import UsageError
from auvseg.files.text import parse_json


def read_class_map(path: Path) -> dict[str, tuple[str, ...]]:
    """The model's class names by the data set's, from a file.

    Args:
        path: `.json`, an object: a name by a name, or a list of names where the class is several of the model's; or
            `.csv`, a row a pair, with or without the header `class,model`.

    Raises:
        UsageError: the file cannot be read, or is neither.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(
            f"{path}: cannot be read ({type(problem).__name__}); --class-map is a JSON or CSV file"
        ) from None
    pairs = _json_pairs(path, text) if path.suffix.lower() == ".json" else _csv_pairs(path, text)
    if not pairs:
        raise UsageError(f"{path}: names no class; give the data set's name and the model's name of each")
    found: dict[str, tuple[str, ...]] = {}
    for own, its in pairs:
        found[own] = (*found.get(own, ()), its)
    return found


def _json_pairs(path: Path, text: str) -> list[tuple[str, str]]:
    try:
        content = parse_json(text)
    except ValueError as problem:
        raise UsageError(f"{path}: is no JSON ({problem})") from None
    pairs = []
    for own, its in content.items() if isinstance(content, dict) else [("", None)]:
        names = [its] if isinstance(its, str) else its
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise UsageError(f'{path}: must be an object of names, such as {{"tumour": "hepatic tumor"}}')
        pairs += [(own, name) for name in names]
    return pairs


def _csv_pairs(path: Path, text: str) -> list[tuple[str, str]]:
    rows = [
        [cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if any(cell.strip() for cell in row)
    ]
    for number, row in enumerate(rows, start=1):
        if len(row) != 2 or not all(row):
            raise UsageError(f"{path}: row {number} has not two names; write the data set's name, the model's name")
    if rows and [cell.casefold() for cell in rows[0]] == ["class", "model"]:
        rows = rows[1:]
    return [(own, its) for own, its in rows]
