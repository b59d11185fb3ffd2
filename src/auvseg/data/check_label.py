"""What is wrong with one label file: values that are no classes, no foreground, a type too narrow for the classes.

Whether it lies on the image's grid is for `check_grid`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auvseg.data.check_image import planes
from auvseg.data.findings import Kind, Problem
from auvseg.data.label_values import not_whole
from auvseg.data.reading import RawArray

_MOST_VALUES_NAMED = 8
_MOST_VALUES_OF_A_LABEL = 1000
"""More values than any data set has classes: where none are declared, such a label is an image."""


@dataclass(frozen=True)
class LabelRules:
    """What the data set says of its labels.

    Attributes:
        declared: every value that may occur, with background and ignore; None where only the labels can tell.
        ignore_value: the value that stands for "not labelled", or None.
    """

    declared: frozenset[int] | None
    ignore_value: int | None


@dataclass(frozen=True)
class LabelFacts:
    """What one pass over the voxels tells.

    Attributes:
        not_finite: voxels that are NaN or infinite.
        not_whole: voxels of finite values that are no whole numbers.
        example: one of those values.
        foreground: voxels that are not 0.
        values: the whole numbers that occur.
    """

    not_finite: int
    not_whole: int
    example: float
    foreground: int
    values: frozenset[int]

    @property
    def is_label(self) -> bool:
        """Whether every voxel holds a whole number."""
        return self.not_finite == 0 and self.not_whole == 0


def label_facts(array: NDArray[Any]) -> LabelFacts:
    """Look at every voxel once."""
    not_finite = fractions = foreground = 0
    example = float("nan")
    values: set[int] = set()
    for plane in planes(array):
        if plane.dtype.kind == "f":
            finite = plane[np.isfinite(plane)]
            not_finite += plane.size - finite.size
            wrong = finite[not_whole(finite)]
            if wrong.size and not fractions:
                example = float(wrong[0])
            fractions += wrong.size
            plane = np.rint(finite)
        foreground += int(np.count_nonzero(plane))
        values.update(int(value) for value in np.unique(plane))
    return LabelFacts(not_finite, fractions, example, foreground, frozenset(values))


def label_problems(raw: RawArray, facts: LabelFacts, rules: LabelRules) -> Iterator[Problem]:
    """Every problem of one label file, by itself."""
    shape = raw.header.shape
    if len(shape) > 3:
        message = f"a label of {len(shape)} axes: {'×'.join(map(str, shape))}"
        yield Problem(Kind.TOO_MANY_AXES, message)
    if facts.not_finite:
        yield Problem(Kind.NAN_OR_INF, f"{facts.not_finite} label voxels are NaN or infinite")
    if facts.not_whole:
        share = 100 * facts.not_whole / raw.array.size
        yield Problem(Kind.NON_INTEGER_LABEL, f"values such as {facts.example:.4g} in {share:.2g} % of the voxels")
    if not facts.is_label:
        # The values that were rounded would be reported as classes.
        return
    yield from _value_problems(facts.values, rules)
    yield from _type_problems(np.dtype(raw.header.dtype), raw.array.dtype, facts.values, rules)


def _type_problems(
    stored: np.dtype[Any], read: np.dtype[Any], values: frozenset[int], rules: LabelRules
) -> Iterator[Problem]:
    """A type on disk that cannot hold what the data set declares, or cannot tell apart what the label holds."""
    if stored.kind == "f":
        most = 1 << np.finfo(stored).nmant + 1
        if max(map(abs, values)) > most:
            message = f"{stored} cannot tell whole numbers above {most} apart, the label holds {max(values, key=abs)}"
            yield Problem(Kind.LABEL_OVERFLOW, message)
    # A scaled file holds other values than its type.
    elif (
        stored.kind in "iu"
        and stored == read
        and rules.declared is not None
        and max(rules.declared) > np.iinfo(stored).max
    ):
        message = f"{stored} holds values up to {np.iinfo(stored).max}, the data set declares {max(rules.declared)}"
        yield Problem(Kind.LABEL_OVERFLOW, message)


def _value_problems(values: frozenset[int], rules: LabelRules) -> Iterator[Problem]:
    if rules.declared is not None:
        strange = sorted(values - rules.declared)
        why = "not declared"
    else:
        strange = sorted(value for value in values if not 0 <= value <= np.iinfo(np.int32).max)
        why = "no class numbers"
    if strange:
        shown = ", ".join(map(str, strange[:_MOST_VALUES_NAMED]))
        more = f" and {len(strange) - _MOST_VALUES_NAMED} more" if len(strange) > _MOST_VALUES_NAMED else ""
        yield Problem(Kind.UNEXPECTED_LABEL, f"label values {shown}{more} are {why}")
    elif rules.declared is None and len(values) > _MOST_VALUES_OF_A_LABEL:
        yield Problem(Kind.UNEXPECTED_LABEL, f"{len(values)} different values: it looks like an image")
    if not values - {0, rules.ignore_value}:
        rest = "background" if rules.ignore_value not in values else "background or to be ignored"
        yield Problem(Kind.EMPTY_LABEL, f"the label is all {rest}")
