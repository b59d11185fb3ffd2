"""Class numbers for labels that name their structures (DICOM, 3D Slicer): the same name is the same class.

Numbers must hold for the whole data set, so they are given here, before any label is read: those that the data set's
description declares; else, where the files give values to their names, the value that a name has most often; else names
in alphabetical order from 1. Nothing is guessed about names that look alike.
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
"""The column, or key, that says which structures of a label are used: `GTV; Lung = Lung_L; Lung = Lung_R`."""

_MAX_SAID = 5
_MAX_VALUE = 2**31 - 1
_NO_STRUCTURES = frozenset({"EXTERNAL", "SUPPORT", "FIXATION", "MARKER", "ISOCENTER", "REGISTRATION", "CONTROL"})
"""Types of an RTSTRUCT that are the patient's outline or equipment, and are used only where they are named."""


_NAMED_BY_SLICER = re.compile(r"segment[ _]?\d*", re.IGNORECASE)
"""What a segment is called that nobody named."""


class _Used(NamedTuple):
    """A structure of a label that is used.

    Attributes:
        class_name: what it is called in the data set.
        own: the value that its file gives it; None where that means nothing, as in DICOM, or a table names the class.
    """

    class_name: str
    own: int | None


@dataclass
class _Found:
    """What the labels of all cases hold; cases go by their place in the data set.

    Attributes:
        named: the cases whose label names its structures, also where it cannot be parsed.
        used: the structures that are used, by their name in the file, by case.
        left_out: names that were left out for their type.
        missing: ids of cases whose row names a structure that its label does not hold.
    """

    named: set[int] = field(default_factory=set)
    used: dict[int, dict[str, _Used]] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)

    @property
    def structures(self) -> list[_Used]:
        """Those of all cases."""
        return [one for used in self.used.values() for one in used.values()]


class _Classes:
    """The classes of a data set, by name and by value."""

    def __init__(self, dataset: Dataset, classes: Sequence[ClassDef]) -> None:
        ignore = {} if dataset.ignore_value is None else {"ignore": dataset.ignore_value}
        self.by_name = ignore | {one.name: one.values[0] for one in classes}
        # Of a region's values, nobody says what each of them is.
        single = {one.values[0]: one.name for one in classes if len(one.values) == 1}
        self._called = {value: name for name, value in ignore.items()} | single
        self._values = {value for one in classes for value in one.values} | set(ignore.values())

    def value_of(self, structure: _Used) -> int | None:
        """The label value of a structure: by its name, or else by its own value if nothing speaks against that.

        Raises:
            DatasetError: the data set calls the value otherwise.
        """
        number = self.by_name.get(structure.class_name)
        if number is not None or structure.own not in self._values:
            return number
        called = self._called.get(structure.own)
        nameless = _NAMED_BY_SLICER.fullmatch(structure.class_name)
        if called is None or nameless or _likeness(called) == _likeness(structure.class_name):
            return structure.own
        raise DatasetError(
            f"{structure.own} is {structure.class_name!r} in its label, and {called!r} in the data set's description"
        )


def number_structures(dataset: Dataset) -> Dataset:
    """Give every structure that a label names a class; a data set without such labels stays as it is.

    A case of which that cannot be done gets the reason as its problem. A label that cannot be parsed gets no values;
    reading it says why.
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
    except Exception:  # noqa: BLE001 - a damaged label is a row when it is read
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
    """Name, type and own value of every structure of a label; numbers of DICOM are the order of drawing alone.

    Raises:
        Exception: whatever the readers raise on a damaged file.
    """
    if is_dicom_source(label):
        return [(name, kind, None) for name, kind in structures_of(label)]
    return [(segment.name, "", segment.value) for segment in segments_of(label)]


def _numbered(structures: Iterable[_Used]) -> tuple[ClassDef, ...]:
    """A class for every name: of the values that files give it the most frequent that is free, else the next."""
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
    """The cases, of which those whose labels name nothing are taken by value, where values say the same everywhere."""
    plain = [place for place, case in enumerate(cases) if place not in found.named and _has_label(case)]
    if not plain:
        return cases
    if all(one.own == numbers.by_name[one.class_name] for one in found.structures):
        said = ", ".join(f"{value} {name}" for name, value in list(numbers.by_name.items())[:_MAX_SAID])
        ids = some_of([cases[place].case_id for place in plain])
        notes.append(f"{len(plain)} labels name no structures ({ids}): their values are taken as in the others, {said}")
        return cases
    problem = "its label names no structures, those of other cases do, and their values do not say which is which"
    return [
        replace(case, problem=problem, problem_kind=Kind.UNNAMED_LABEL) if place in plain else case
        for place, case in enumerate(cases)
    ]


def _has_label(case: Case) -> bool:
    return case.label is not None and not case.problem and case.label.is_file()


def _chosen(wanted: Iterable[str], names: set[str]) -> tuple[dict[str, str], list[str]]:
    """Class name by the structure's name in the file, and what the file does not hold."""
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
    """What to say where the label's positions are not those of the image's space; empty where they may be."""
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
        return "its label refers to this series, but states another frame of reference than its image"
    return "its label was drawn on another series, in another frame of reference"


def _instance(path: Path) -> Instance | None:
    try:
        return read_instance(path)
    except Exception:  # noqa: BLE001 - a damaged file is a row when it is read
        return None


def _likeness(name: str) -> str:
    """What names have in common that differ in capitals, spaces or dashes only."""
    return re.sub(r"[\s_\-.]+", "", name).casefold()


def _notes(found: _Found, used: Iterable[str]) -> Iterable[str]:
    by_likeness: dict[str, list[str]] = defaultdict(list)
    for name in sorted(used):
        by_likeness[_likeness(name)].append(name)
    alike = [" and ".join(map(repr, names)) for names in by_likeness.values() if len(names) > 1]
    if alike:
        yield (
            f"names that differ only in capitals, spaces or dashes are different classes: {some_of(alike)}; to make "
            f"them one, write CLASS = NAME in the column {ATTRIBUTE} of a table"
        )
    if found.left_out:
        names = sorted(found.left_out)
        yield (
            f"{len(names)} structures are outlines of the patient or equipment: {some_of(names)} left out; to use "
            f"them, name them in the column {ATTRIBUTE} of a table"
        )
    if found.missing:
        cases = sorted(found.missing)
        yield f"{len(cases)} cases lack a structure that their {ATTRIBUTE} name: {some_of(cases)}"
