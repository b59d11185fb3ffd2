"""Which output of a trained nnU-Net belongs to which class of a data set."""

from collections.abc import Mapping, Sequence
from typing import Any

from auvseg.data.case import ClassDef
from auvseg.errors import UsageError
from auvseg.extractors.class_names import ClassNameMap, mapped


def outputs_of(labels: Mapping[str, Any], *, regions: bool) -> dict[int, ClassDef]:
    """The foreground classes of a network by the position of their output.

    Args:
        labels: `labels` of nnU-Net's `dataset.json`: a label value by name, or the values of a region.
        regions: whether the network has one sigmoid a region; else one softmax over all label values, background first.

    Returns:
        A class an output, in the order of the outputs; nnU-Net's ignore label has none.
    """
    named = {name: _values(value) for name, value in labels.items() if name != "ignore"}
    foreground = {name: values for name, values in named.items() if set(values) != {0}}
    if regions:
        return {
            position: ClassDef(position + 1, name, values) for position, (name, values) in enumerate(foreground.items())
        }
    order = sorted({value for values in named.values() for value in values})
    by_value = {value: name for name, values in foreground.items() for value in values}
    return {
        position: ClassDef(value, by_value[value], (value,))
        for position, value in enumerate(order)
        if value in by_value
    }


def match(
    classes: Sequence[ClassDef], outputs: Mapping[int, ClassDef], class_map: ClassNameMap | None = None
) -> dict[int, int]:
    """The output for every class that has one, by class id.

    That which the class map names, else that of the same name, else that of the same label values. An output whose name
    is another class's is not taken for its values: two data sets may number the same organs differently.

    Raises:
        UsageError: the class map names an output that there is not, or several for one class.
    """
    by_name = {output.name.casefold(): position for position, output in outputs.items()}
    found = _mapped(classes, outputs, class_map)
    found |= {
        c.class_id: by_name[c.name.casefold()]
        for c in classes
        if c.class_id not in found and c.name.casefold() in by_name
    }
    free = {frozenset(output.values): p for p, output in outputs.items() if p not in found.values()}
    for one in classes:
        values = frozenset(one.values)
        if one.class_id not in found and values in free:
            found[one.class_id] = free[values]
    return found


def _mapped(
    classes: Sequence[ClassDef], outputs: Mapping[int, ClassDef], class_map: ClassNameMap | None
) -> dict[int, int]:
    positions = {output.name: position for position, output in outputs.items()}
    chosen = mapped(classes, list(positions), class_map)
    several = [names for names in chosen.values() if len(names) > 1]
    if several:
        raise UsageError(f"--class-map: nnunet takes one output a class, not {' and '.join(several[0])}")
    return {class_id: positions[names[0]] for class_id, names in chosen.items()}


def _values(value: Any) -> tuple[int, ...]:
    return tuple(int(one) for one in value) if isinstance(value, list | tuple) else (int(value),)
