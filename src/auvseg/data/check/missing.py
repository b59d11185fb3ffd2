"""Find missing files, reported once per folder, with the name under which they exist, if any."""

from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from auvseg.data.case import Case, Dataset
from auvseg.data.check.findings import Finding, Kind, Problem
from auvseg.data.formats.reasons import Reason
from auvseg.data.layouts.dataset_json import is_there
from auvseg.data.layouts.naming import clean_id, folded, near_folder, some_of, stem

_FEW = 3
"""Up to this many missing files of a folder are reported one by one."""
_CHANNEL = "_0000"
_ADVICE = "use the names of the existing files, or rename them"

_Part = Literal["image", "label"]


class _Missing(NamedTuple):
    case_id: str
    path: Path
    near: str


def missing_files(dataset: Dataset) -> tuple[list[Finding], frozenset[Path]]:
    """Look for every file that the data set names; no file is opened.

    Returns:
        One finding per missing file, or one per folder with counts if many files are missing or exist under other
        names; and the missing files themselves.
    """
    named: Counter[tuple[Path, _Part]] = Counter()
    missing: dict[tuple[Path, _Part], list[_Missing]] = defaultdict(list)
    near = _Near(dataset.root)
    for case, part, path in _files(dataset):
        named[path.parent, part] += 1
        if not is_there(path):
            missing[path.parent, part].append(_Missing(case.case_id, path, near.of(path)))
    findings: list[Finding] = []
    for (folder, part), files in sorted(missing.items()):
        if len(files) > _FEW or (len(files) > 1 and all(file.near for file in files)):
            findings.append(_all_of(folder, part, files, named[folder, part]))
        else:
            findings += map(_one_of, files)
    return findings, frozenset(file.path for files in missing.values() for file in files)


def _files(dataset: Dataset) -> list[tuple[Case, _Part, Path]]:
    files: list[tuple[Case, _Part, Path]] = []
    for case in dataset.cases:
        files += ((case, "image", path) for path in case.images)
        # One file may hold both.
        if case.label is not None and case.label not in case.images:
            files.append((case, "label", case.label))
    return files


def _one_of(file: _Missing) -> Finding:
    what, advice = Reason.MISSING.in_words()
    if file.near:
        what, advice = f"{what}; {clean_id(file.near)} exists", _advice(file.near)
    return Problem(Kind.MISSING_FILE, what, advice).at(file.case_id, file.path.name)


def _all_of(folder: Path, part: _Part, files: list[_Missing], named: int) -> Finding:
    name, there = clean_id(folder.name), f"{named - len(files)} of {named} {part}s"
    names = sorted(file.path.name for file in files)
    near = sorted((file.path.name, file.near) for file in files if file.near)
    advice = Kind.MISSING_FILE.advice
    if is_there(folder):
        message = f"{there} in {name} exist; missing: {some_of(names)}"
    else:
        message = f"{name} is missing: {there} exist"
        advice = f"restore {name}, or remove the cases"
        if not near and (other := clean_id(near_folder(folder))):
            message, advice = f"{message}; the folder {other} is", f"rename {other} to {name}"
    if near and "/" in near[0][1]:
        message = f"{there} are where the description says"
    if near:
        count = f", and {len(near) - 1} more likewise" if len(near) > 1 else ""
        message = f"{message}; for {clean_id(near[0][0])} there is {clean_id(near[0][1])}{count}"
        advice = _advice(near[0][1])
    return Problem(Kind.MISSING_FILE, message, advice).of_cases("", (file.case_id for file in files))


def _advice(near: str) -> str:
    """Say what to do if a file exists under another name, or elsewhere below the data set's folder."""
    return f"write the path as it is here: {clean_id(near)}" if "/" in near else _ADVICE


class _Near:
    """Finds the name under which a missing file may exist."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._names = cache(_names_in)

    def of(self, path: Path) -> str:
        """Return a name beside the missing one, or a path below the data set's folder; empty if there is none."""
        by_name, by_stem = self._names(path.parent)
        own = stem(path.name)
        candidates = [
            by_name.get(folded(path.name), []),
            by_stem.get(folded(own), []),
            by_stem.get(folded(own + _CHANNEL), []),
            by_stem.get(folded(own.removesuffix(_CHANNEL)), []),
        ]
        return next((names[0] for names in candidates if len(names) == 1), "") or self._tail(path)

    def _tail(self, path: Path) -> str:
        """Return the longest tail of a path, perhaps of another machine, that exists below the data set's folder."""
        parts = Path(str(path).replace("\\", "/")).parts
        for start in range(1, len(parts)):
            tail = Path(*parts[start:])
            if self._root.joinpath(tail) != path and is_there(self._root / tail):
                return tail.as_posix()
        return ""


def _names_in(folder: Path) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Index the files of a folder by name and by name without ending, ignoring case and Unicode composition."""
    by_name: dict[str, list[str]] = defaultdict(list)
    by_stem: dict[str, list[str]] = defaultdict(list)
    try:
        names = sorted(one.name for one in folder.iterdir() if one.is_file())
    except OSError:
        names = []
    for name in names:
        by_name[folded(name)].append(name)
        by_stem[folded(stem(name))].append(name)
    return by_name, by_stem
