"""Assign class numbers to labels that name their structures (DICOM, 3D Slicer): same name, same class.

Numbers must hold for the whole data set, so they are assigned before any label is read: from the data set's
description; else, if the files give values to their names, the most frequent value of a name; else in alphabetical
order from 1. Nothing is guessed about similar names.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import NamedTuple

from auvseg.data.case import Case, ClassDef, Dataset
from auvseg.data.check.findings import Kind
from auvseg.data.formats.dicom.instance import Instance, read_instance, structures_of
from auvseg.data.formats.dicom.series import files_of
from auvseg.data.formats.slicer import segments_of
from auvseg.data.layouts.naming import some_of
from auvseg.data.reading import is_dicom_source, names_structures
from auvseg.errors import DatasetError, ReadError

ATTRIBUTE = "structures"
"""The column, or key, that selects the structures of a label: `GTV; Lung = Lung_L; Lung = Lung_R`."""

_MAX_SAID = 5
_MAX_VALUE = 2**31 - 1
_NO_STRUCTURES = frozenset({"EXTERNAL", "SUPPORT", "FIXATION", "MARKER", "ISOCENTER", "REGISTRATION", "CONTROL"})
"""RTSTRUCT types that are body outlines or equipment; such structures are used only if named explicitly."""


_NAMED_BY_SLICER = re.compile(r"segment[ _]?\d*", re.IGNORECASE)
"""Default names of segments that nobody named."""


class _Used(NamedTuple):
    """A structure of a label that is used.

    Attributes:
        class_name: its class in the data set.
        own: its value in the file; None if that means nothing, as in DICOM, or a table names the class.
    """

    class_name: str
    own: int | None


@dataclass
class _Found:
    """Structures in the labels of all cases; cases are indexed by their position in the data set.

    Attributes:
        named: cases whose label names its structures, even if it cannot be parsed.
        used: structures in use, by their name in the file, per case.
        left_out: names that were left out because of their type.
        missing: ids of cases whose row names a structure that its label lacks.
    """

    named: set[int] = field(default_factory=set)
    used: dict[int, dict[str, _Used]] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)

    @property
    def structures(self) -> list[_Used]:
        """The structures of all cases."""
        return [one for used in self.used.values() for one in used.values()]


class _Classes:
    """The classes of a data set, by name and by value."""

    def __init__(self, dataset: Dataset, classes: Sequence[ClassDef]) -> None:
        ignore = {} if dataset.ignore_value is None else {"ignore": dataset.ignore_value}
        self.by_name = ignore | {one.name: one.values[0] for one in classes}
        # The single values of a region have no name.
        single = {one.values[0]: one.name for one in classes if len(one.values) == 1}
        self._called = {value: name for name, value in ignore.items()} | single
        self._values = {value for one in classes for value in one.values} | set(ignore.values())

    def value_of(self, structure: _Used) -> int | None:
        """Return the label value of a structure: by its name, else its own value if that is free.

        Raises:
            DatasetError: the data set has another name for that value.
        """
        number = self.by_name.get(structure.class_name)
        if number is not None or structure.own not in self._values:
            return number
        called = self._called.get(structure.own)
        nameless = _NAMED_BY_SLICER.fullmatch(structure.class_name)
        if called is None or nameless or _likeness(called) == _likeness(structure.class_name):
            return structure.own
        raise DatasetError(
            f"{structure.own} is {structure.class_name!r} in its label, but {called!r} in the data set's description"
        )


def number_structures(dataset: Dataset) -> Dataset:
    """Assign a class to every structure that a label names; data sets without such labels are unchanged.

    If that fails for a case, it gets the reason as its problem. A label that cannot be parsed gets no values; reading
    it gives the reason.
    """
    found = _Found()
    for place, case in enumerate(dataset.cases):
        if case.label is not None and not case.problem and names_structures(case.label):
            found.named.add(place)
            _look(place, case, found)
    if not found.named:
        return dataset
    classes = dataset.classes or _numbered(found.structures)
    numbers = _Classes(dataset, classes)
    cases = [_with_values(case, found.used.get(place, {}), numbers) for place, case in enumerate(dataset.cases)]
    notes = [*_notes(found, {one.class_name for one in found.structures} & numbers.by_name.keys())]
    if dataset.classes is None:
        cases = _with_plain_labels(cases, found, numbers, notes)
    undeclared = sorted(
        {
            structure.class_name
            for place, used in found.used.items()
            for name, structure in used.items()
            if not cases[place].problem and name not in cases[place].label_values
        }
    )
    if undeclared:
        notes.append(f"{len(undeclared)} structures are not among the declared classes: {some_of(undeclared)} ignored")
    return replace(dataset, cases=tuple(cases), classes=classes, notes=(*dataset.notes, *notes))


def _look(place: int, case: Case, found: _Found) -> None:
    assert case.label is not None
    try:
        held = _held(case.label)
    except Exception:  # noqa: BLE001 - a damaged label is reported when it is read
        return
    wanted = [part.strip() for part in case.attributes.get(ATTRIBUTE, "").split(";") if part.strip()]
    names = {name for name, *_ in held if name}
    if wanted:
        chosen, absent = _chosen(wanted, names)
        found.missing += [case.case_id] if absent else []
        used = {name: _Used(class_name, None) for name, class_name in chosen.items()}
    else:
        found.left_out |= {name for name, kind, _ in held if name and kind in _NO_STRUCTURES}
        used = {name: _Used(name, own) for name, kind, own in held if name and kind not in _NO_STRUCTURES}
    found.used[place] = used


def _held(label: Path) -> list[tuple[str, str, int | None]]:
    """Return name, type and own value of every structure of a label; DICOM numbers are only the drawing order.

    Raises:
        Exception: whatever the readers raise on a damaged file.
    """
    if is_dicom_source(label):
        return [(name, kind, None) for name, kind in structures_of(label)]
    return [(segment.name, "", segment.value) for segment in segments_of(label)]


def _numbered(structures: Iterable[_Used]) -> tuple[ClassDef, ...]:
    """Number every name: its most frequent free value in the files, else the next free number."""
    times = Counter(structures)
    numbers: dict[str, int] = {}
    for (name, own), _ in sorted(times.items(), key=lambda pair: (-pair[1], pair[0].class_name, pair[0].own or 0)):
        if own is not None and 0 < own <= _MAX_VALUE and name not in numbers and own not in numbers.values():
            numbers[name] = own
    names = sorted({one.class_name for one in times}, key=lambda name: (name.casefold(), name))
    free = (number for number in count(1) if number not in numbers.values())
    for name in names:
        if name not in numbers:
            numbers[name] = next(free)
    return tuple(
        ClassDef(number, name, (number,)) for name, number in sorted(numbers.items(), key=lambda pair: pair[1])
    )


def _with_plain_labels(cases: list[Case], found: _Found, numbers: _Classes, notes: list[str]) -> list[Case]:
    """Treat labels without names by value, if values mean the same everywhere."""
    plain = [place for place, case in enumerate(cases) if place not in found.named and _has_label(case)]
    if not plain:
        return cases
    if all(one.own == numbers.by_name[one.class_name] for one in found.structures):
        said = ", ".join(f"{value} {name}" for name, value in list(numbers.by_name.items())[:_MAX_SAID])
        ids = some_of([cases[place].case_id for place in plain])
        notes.append(f"{len(plain)} labels name no structures ({ids}): their values are read as in the others, {said}")
        return cases
    problem = "its label names no structures, unlike those of other cases, and values do not identify them"
    return [
        replace(case, problem=problem, problem_kind=Kind.UNNAMED_LABEL) if place in plain else case
        for place, case in enumerate(cases)
    ]


def _has_label(case: Case) -> bool:
    return case.label is not None and not case.problem and case.label.is_file()


def _chosen(wanted: Iterable[str], names: set[str]) -> tuple[dict[str, str], list[str]]:
    """Return class names by the structure's name in the file, and the names that the file lacks."""
    chosen: dict[str, str] = {}
    absent = []
    for part in wanted:
        class_name, _, name = (text.strip() for text in part.partition("="))
        # A name may hold an equals sign itself.
        class_name, name = (part, part) if part in names or not name else (class_name, name)
        if name in names:
            chosen[name] = class_name
        else:
            absent.append(name)
    return chosen, absent


def _with_values(case: Case, used: Mapping[str, _Used], numbers: _Classes) -> Case:
    try:
        valued = {name: numbers.value_of(structure) for name, structure in used.items()}
    except DatasetError as error:
        return replace(case, problem=str(error), problem_kind=Kind.CONTRADICTING_NAMES)
    numbered = {name: value for name, value in valued.items() if value is not None}
    if not numbered:
        return case
    elsewhere = _other_space(case)
    if elsewhere:
        return replace(case, label_values=numbered, problem=elsewhere, problem_kind=Kind.OTHER_FRAME_OF_REFERENCE)
    return replace(case, label_values=numbered)


def _other_space(case: Case) -> str:
    """Say why the label's positions are not in the image's space; empty if they may be."""
    assert case.label is not None
    if not is_dicom_source(case.images[0]) or not is_dicom_source(case.label):
        return ""
    try:
        image, label = _instance(files_of(case.images[0])[0]), _instance(case.label)
    except (ReadError, OSError):
        return ""
    if image is None or label is None or not image.frame_of_reference or not label.frames_of_reference:
        return ""
    if image.frame_of_reference in label.frames_of_reference:
        return ""
    if image.series in label.refers_to:
        return "its label refers to this series, but has another frame of reference than the image"
    return "its label was drawn on another series, in another frame of reference"


def _instance(path: Path) -> Instance | None:
    try:
        return read_instance(path)
    except Exception:  # noqa: BLE001 - a damaged file is reported when it is read
        return None


def _likeness(name: str) -> str:
    """Normalise names that differ only in capitals, spaces or dashes."""
    return re.sub(r"[\s_\-.]+", "", name).casefold()


def _notes(found: _Found, used: Iterable[str]) -> Iterable[str]:
    by_likeness: dict[str, list[str]] = defaultdict(list)
    for name in sorted(used):
        by_likeness[_likeness(name)].append(name)
    alike = [" and ".join(map(repr, names)) for names in by_likeness.values() if len(names) > 1]
    if alike:
        yield (
            f"names that differ only in capitals, spaces or dashes are different classes: {some_of(alike)}; to merge "
            f"them, write CLASS = NAME in the column {ATTRIBUTE} of a table"
        )
    if found.left_out:
        names = sorted(found.left_out)
        yield (
            f"{len(names)} structures are body outlines or equipment: {some_of(names)} left out; to use "
            f"them, name them in the column {ATTRIBUTE} of a table"
        )
    if found.missing:
        cases = sorted(found.missing)
        yield f"{len(cases)} cases lack a structure that their {ATTRIBUTE} name: {some_of(cases)}"
