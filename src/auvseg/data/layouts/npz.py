"""A folder of MedSAM `.npz` files, each with `imgs` and `gts`: one file is image and label of a case."""

from pathlib import Path

from auvseg.data.case import Case, Dataset
from auvseg.data.layouts.entries import clean_id, is_hidden

NAME = "MedSAM npz"


def recognises(path: Path) -> bool:
    """A folder with `.npz` files in it."""
    return path.is_dir() and any(not is_hidden(file) for file in path.glob("*.npz"))


def read(path: Path) -> Dataset:
    """List the files; what they hold is found when they are read."""
    files = sorted(file for file in path.glob("*.npz") if not is_hidden(file))
    cases = [Case(case_id=clean_id(file.stem), images=(file,), label=file) for file in files]
    return Dataset(name=path.name, root=path, layout=NAME, source=None, cases=tuple(cases), modality="windowed")
