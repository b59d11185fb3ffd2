"""Parse `labels` of an nnU-Net v2 `dataset.json`: plain classes, regions (lists of values) and the ignore label.

The rules are those of nnU-Net's label manager. What nnU-Net rejects at training time but auvseg can handle becomes a
finding; contradictions are errors.
"""

from typing import Any

from auvseg.data.case import ClassDef
from auvseg.data.layouts.dataset_json import Remarks, take
from auvseg.errors import DatasetError
from auvseg.files.text import writable

_Values = tuple[int, ...]


def read_labels(content: dict[str, Any], where: str, remarks: Remarks) -> tuple[tuple[ClassDef, ...], int | None]:
    """Read foreground classes and the ignore value.

    Args:
        content: the whole description.
        where: its file name, for messages.
        remarks: receives a finding for what nnU-Net would not train with.

    Raises:
        DatasetError: `labels` is missing or of the wrong type, names no foreground, or gives a value two meanings.
    """
    found = {
        writable(name): _values(name, value, where) for name, value in take(content, "labels", dict, where).items()
    }
    ignore = found.pop("ignore", None)
    if ignore is not None and len(ignore) != 1:
        raise DatasetError(f"{where}: the label 'ignore' must have one value, not {list(ignore)}")
    foreground = {name: values for name, values in found.items() if values != (0,)}
    if not foreground:
        raise DatasetError(f"{where}: 'labels' names no foreground class")
    has_regions = any(len(values) > 1 for values in foreground.values())
    _refuse_two_meanings(foreground, ignore, where)
    _note_what_nnunet_refuses(content, found, ignore, has_regions, remarks)
    classes = tuple(
        ClassDef(position if has_regions else values[0], name, values)
        for position, (name, values) in enumerate(foreground.items(), start=1)
    )
    return classes, ignore[0] if ignore else None


def _values(name: str, value: Any, where: str) -> _Values:
    listed = value if isinstance(value, list) else [value]
    if not listed:
        raise DatasetError(f"{where}: the label {name!r} has no value")
    for item in listed:
        if isinstance(item, bool) or not isinstance(item, int) or item < 0:
            raise DatasetError(
                f"{where}: the label {name!r} must have a whole number from 0, not {item!r}{_instead(name, item)}"
            )
    return tuple(listed)


def _instead(name: str, value: object) -> str:
    """Suggest a fix if name and number are swapped, as in decathlon's labels, or the number is quoted."""
    if not isinstance(value, str):
        return ""
    if value.strip().isdecimal():
        return f"; write {value.strip()} without quotes"
    return f'; write {{"{value}": {name}}}, each name before its number' if name.isdecimal() else ""


def _refuse_two_meanings(foreground: dict[str, _Values], ignore: _Values | None, where: str) -> None:
    by_values: dict[frozenset[int], str] = {}
    for name, values in foreground.items():
        other = by_values.setdefault(frozenset(values), name)
        if other != name:
            raise DatasetError(f"{where}: the labels {other!r} and {name!r} have the same value {list(values)}")
        if ignore is not None and ignore[0] in values:
            raise DatasetError(f"{where}: the value {ignore[0]} is both {name!r} and 'ignore'")
    if ignore == (0,):
        raise DatasetError(f"{where}: 'ignore' must not be 0, the background")


def _note_what_nnunet_refuses(
    content: dict[str, Any],
    labels: dict[str, _Values],
    ignore: _Values | None,
    has_regions: bool,
    remarks: Remarks,
) -> None:
    if labels.get("background") != (0,):
        remarks.refused("'labels' has no background with value 0", 'write "background": 0 under labels')
    values = sorted({value for label in labels.values() for value in label} | {0})
    if values != list(range(len(values))):
        remarks.refused(f"the label values {values} have gaps", "number the classes 1, 2, 3 ..., in the labels too")
    elif ignore is not None and ignore[0] != len(values):
        remarks.refused(
            f"the ignore label is {ignore[0]}, not the highest value", f"make it {len(values)}, in the labels too"
        )
    order = content.get("regions_class_order")
    regions = sum(label != (0,) for label in labels.values())
    if has_regions and (not isinstance(order, list) or len(order) != regions):
        remarks.refused(
            f"'regions_class_order' does not list {regions} values, one a region", "write it, large regions first"
        )
