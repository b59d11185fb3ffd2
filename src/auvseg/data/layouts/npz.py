"""A folder of MedSAM `.npz` files with `imgs` and `gts`: each file is image and label of one case.

Only the archives' tables of contents are read.
"""

import zipfile
from pathlib import Path

from auvseg.data.case import Case, Dataset
from auvseg.data.layouts.naming import clean_id, visible_files

NAME = "MedSAM npz"


def recognises(path: Path) -> bool:
    """Recognise a folder with an `.npz` that holds `imgs`, or with only damaged `.npz` files, which `check` reports."""
    files = _files(path, []) if path.is_dir() else []
    if any("imgs" in (_arrays(file) or ()) for file in files):
        return True
    return bool(files) and all(_arrays(file) is None for file in files)


def read(path: Path) -> Dataset:
    """List the files; one without `gts` is a case without a label."""
    notes: list[str] = []
    cases = []
    for file in _files(path, notes):
        names = _arrays(file)
        unlabelled = names is not None and "imgs" in names and "gts" not in names
        cases.append(Case(case_id=clean_id(file.stem), images=(file,), label=None if unlabelled else file))
    without = sum(case.label is None for case in cases)
    if without:
        notes.append(f"{without} files hold no gts: these cases have no label")
    return Dataset(
        name=path.resolve().name,
        root=path,
        layout=NAME,
        source=None,
        cases=tuple(sorted(cases, key=lambda case: case.case_id)),
        modality="windowed",
        notes=tuple(notes),
    )


def _files(folder: Path, notes: list[str]) -> list[Path]:
    return [file for file in visible_files(folder, notes) if file.name.lower().endswith(".npz")]


def _arrays(path: Path) -> frozenset[str] | None:
    """Return the names of the arrays in the archive; None if it is not an archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            return frozenset(name.removesuffix(".npy") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return None
