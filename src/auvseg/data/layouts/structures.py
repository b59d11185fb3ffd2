"""Class numbers for labels that name their structures (DICOM SEG and RTSTRUCT): the same name is the same class.

Numbers must hold for the whole data set, so they are given here, before any label is read: names in alphabetical order
from 1, or those that the data set's description declares. Nothing is guessed about names that look alike.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from auvseg.data.case import Case, ClassDef, Dataset
from auvseg.data.formats.dicom.instance import Instance, read_instance, structures_of
from auvseg.data.formats.dicom.series import files_of
from auvseg.data.layouts.naming import some_of
from auvseg.data.reading import is_dicom_source
from auvseg.errors import ReadError

ATTRIBUTE = "structures"
"""The column, or key, that says which structures of a label are used: `GTV; Lung = Lung_L; Lung = Lung_R`."""

_NO_STRUCTURES = frozenset({"EXTERNAL", "SUPPORT", "FIXATION", "MARKER", "ISOCENTER", "REGISTRATION", "CONTROL"})
"""Types of an RTSTRUCT that are the patient's outline or equipment, and are used only where they are named."""


@dataclass
class _Found:
    """What the labels of all cases hold.

    Attributes:
        classes: class name by the structure's name in the file, by case.
        left_out: names that were left out for their type.
        missing: cases whose row names a structure that its label does not hold.
    """

    classes: dict[str, dict[str, str]] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)


def number_structures(dataset: Dataset) -> Dataset:
    """Give every structure that a DICOM label names a class; a data set without such labels stays as it is.

    A case whose label was drawn on another series than its image gets that as its problem. A label that cannot be
    parsed gets no values; reading it says why.
    """
    named = [
        case for case in dataset.cases if case.label is not None and not case.problem and is_dicom_source(case.label)
    ]
    if not named:
        return dataset
    found = _Found()
    for case in named:
        _look(case, found)
    used = {name for classes in found.classes.values() for name in classes.values()}
    classes = dataset.classes or tuple(
        ClassDef(number, name, (number,))
        for number, name in enumerate(sorted(used, key=lambda name: (name.casefold(), name)), start=1)
    )
    values = {one.name: one.values[0] for one in classes}
    cases = [_with_values(case, found.classes.get(case.case_id, {}), values) for case in dataset.cases]
    undeclared = sorted(used - values.keys())
    notes = [*_notes(found, used & values.keys())]
    if undeclared:
        notes.append(f"{len(undeclared)} structures are not among the declared classes: {some_of(undeclared)} ignored")
    return replace(dataset, cases=tuple(cases), classes=classes, notes=(*dataset.notes, *notes))


def _look(case: Case, found: _Found) -> None:
    assert case.label is not None
    try:
        held = structures_of(case.label)
    except Exception:  # noqa: BLE001 - a damaged label is a row when it is read
        return
    wanted = [part.strip() for part in case.attributes.get(ATTRIBUTE, "").split(";") if part.strip()]
    names = {name for name, _ in held if name}
    if wanted:
        chosen, absent = _chosen(wanted, names)
        found.missing += [case.case_id] if absent else []
    else:
        found.left_out |= {name for name, kind in held if name and kind in _NO_STRUCTURES}
        chosen = {name: name for name, kind in held if name and kind not in _NO_STRUCTURES}
    found.classes[case.case_id] = chosen


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


def _with_values(case: Case, classes: Mapping[str, str], values: Mapping[str, int]) -> Case:
    numbered = {name: values[class_name] for name, class_name in classes.items() if class_name in values}
    if not numbered:
        return case
    return replace(case, label_values=numbered, problem=_other_series(case) or case.problem)


def _other_series(case: Case) -> str:
    """What to say where the label was drawn on another series, in another space, than the image; empty if not."""
    assert case.label is not None
    try:
        image, label = _instance(files_of(case.images[0])[0]), _instance(case.label)
    except (ReadError, OSError):
        return ""
    if not is_dicom_source(case.images[0]) or image is None or label is None or image.series in label.refers_to:
        return ""
    spaces = {image.frame_of_reference, label.frame_of_reference} - {""}
    return "its label was drawn on another series, in another frame of reference" if len(spaces) > 1 else ""


def _instance(path: Path) -> Instance | None:
    try:
        return read_instance(path)
    except Exception:  # noqa: BLE001 - a damaged file is a row when it is read
        return None


def _notes(found: _Found, used: Iterable[str]) -> Iterable[str]:
    by_likeness: dict[str, list[str]] = defaultdict(list)
    for name in sorted(used):
        by_likeness[re.sub(r"[\s_\-.]+", "", name).casefold()].append(name)
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
