"""What is wrong with one label file: values that are no classes, no foreground or background, a type too narrow.

Whether it lies on the image's grid is for `check_grid`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auvseg.data.check.findings import Kind, Problem
from auvseg.data.check.image import planes
from auvseg.data.check.likeness import MIN_VALUES, ROUGH, roughness
from auvseg.data.label_values import exact_below, not_whole
from auvseg.data.reading import RawArray
from auvseg.data.volume import label_axes

_MAX_VALUES_NAMED = 8
_MAX_VALUES_OF_A_LABEL = 1000
"""More values than any data set has classes: where none are declared, such a label is an image."""

_SPATIAL = 3
_SURROUNDS = 0.5
"""A value with a larger share of the border than this is around everything else."""

_WHITE = (255, 65535)
"""The largest value of pictures, which also is a usual value for voxels that nobody labelled."""


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
        rounded: voxels of values so near to whole numbers that they are taken for them.
        rounded_example: one of those values.
        foreground: voxels that are not 0.
        values: the whole numbers that occur.
    """

    not_finite: int
    not_whole: int
    example: float
    rounded: int
    rounded_example: float
    foreground: int
    values: frozenset[int]

    @property
    def is_label(self) -> bool:
        """Whether every voxel holds a whole number."""
        return self.not_finite == 0 and self.not_whole == 0


def label_facts(array: NDArray[Any]) -> LabelFacts:
    """Look at every voxel once."""
    not_finite = fractions = rounded = foreground = 0
    example = rounded_example = float("nan")
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
            near = int(np.count_nonzero(plane != finite)) - wrong.size
            if near and not rounded:
                rounded_example = float(finite[(plane != finite) & ~not_whole(finite)][0])
            rounded += near
        foreground += int(np.count_nonzero(plane))
        values.update(int(value) for value in np.unique(plane))
    return LabelFacts(not_finite, fractions, example, rounded, rounded_example, foreground, frozenset(values))


def label_problems(raw: RawArray, facts: LabelFacts, rules: LabelRules) -> Iterator[Problem]:
    """Every problem of one label file, by itself."""
    if (axes := label_axes(raw)) is not None:
        yield Problem(Kind.TOO_MANY_AXES, *axes)
    if facts.not_finite:
        yield Problem(Kind.NAN_OR_INF, f"{facts.not_finite} label voxels are NaN or infinite")
    if facts.not_whole:
        share = 100 * facts.not_whole / raw.array.size
        soft = not facts.not_finite and raw.array.min() >= 0 and raw.array.max() <= 1
        message = f"values such as {facts.example:.4g} in {share:.2g} % of the voxels"
        yield Problem(Kind.SOFT_LABEL if soft else Kind.NON_INTEGER_LABEL, message)
    if not facts.is_label:
        # The values that were rounded would be reported as classes.
        return
    if facts.rounded:
        where = f"{100 * facts.rounded / raw.array.size:.2g} % of the voxels"
        what = f"values such as {facts.rounded_example:.10g} in {where} are rounded"
        yield Problem(Kind.ROUNDED_LABEL, f"{what}; nnU-Net cuts off what follows the point")
    yield from _value_problems(raw, facts, rules)
    yield from _type_problems(np.dtype(raw.header.dtype), raw.array.dtype, facts.values, rules)


def _type_problems(
    stored: np.dtype[Any], read: np.dtype[Any], values: frozenset[int], rules: LabelRules
) -> Iterator[Problem]:
    """A type on disk that cannot hold what the data set declares, or cannot tell apart what the label holds."""
    if stored.kind == "f":
        limit, largest = exact_below(stored), max(values, key=abs)
        if abs(largest) >= limit:
            what = f"it holds {largest}, and {stored} does not tell whole numbers from {limit} on apart"
            yield Problem(Kind.INDISTINCT_LABEL, what)
    # A scaled file holds other values than its type.
    elif (
        stored.kind in "iu"
        and stored == read
        and rules.declared is not None
        and max(rules.declared) > np.iinfo(stored).max
    ):
        message = f"{stored} holds values up to {np.iinfo(stored).max}, the data set declares {max(rules.declared)}"
        yield Problem(Kind.LABEL_OVERFLOW, message)


def _value_problems(raw: RawArray, facts: LabelFacts, rules: LabelRules) -> Iterator[Problem]:
    values = facts.values
    background = _background_problem(raw.array, facts, rules)
    if rules.declared is not None:
        strange, why = values - rules.declared, "not declared"
    else:
        strange, why = frozenset(filter(_is_no_class_number, values)), "no class numbers"
    if background is not None:
        yield background
        strange -= {_at_the_border(raw.array)[0]} if background.kind is Kind.BACKGROUND_NOT_ZERO else set()
    if strange:
        yield Problem(Kind.UNEXPECTED_LABEL, f"label values {_named(strange)} are {why}{_wrapped(raw, strange, rules)}")
    elif rules.declared is None and len(values) > _MAX_VALUES_OF_A_LABEL:
        yield Problem(Kind.UNEXPECTED_LABEL, f"{len(values)} different values: it looks like an image")
    elif rules.declared is None:
        yield from _undeclared_problems(raw.array, values)
    if not values - {0, rules.ignore_value}:
        rest = "background" if rules.ignore_value not in values else "background or to be ignored"
        yield Problem(Kind.EMPTY_LABEL, f"the label is all {rest}")


def _is_no_class_number(value: int) -> bool:
    return not 0 <= value <= np.iinfo(np.int32).max


def _named(values: Iterable[int]) -> str:
    ordered = sorted(values)
    more = f" and {len(ordered) - _MAX_VALUES_NAMED} more" if len(ordered) > _MAX_VALUES_NAMED else ""
    return ", ".join(map(str, ordered[:_MAX_VALUES_NAMED])) + more


def _wrapped(raw: RawArray, strange: Iterable[int], rules: LabelRules) -> str:
    """What to add where negative values are what an unsigned type held, such as 255 read as -1."""
    dtype = np.dtype(raw.header.dtype)
    if dtype.kind != "i":
        return ""
    meant = {value: value + (1 << 8 * dtype.itemsize) for value in sorted(strange) if value < 0}
    likely = {255, rules.ignore_value, *(rules.declared or ())}
    found = [f"{value} may be {other}" for value, other in meant.items() if other in likely]
    return f"; stored as {dtype}, {found[0]} of an unsigned type" if found else ""


def _undeclared_problems(array: NDArray[Any], values: frozenset[int]) -> Iterator[Problem]:
    """Values that are class numbers and hardly meant as such."""
    rest = sorted(values - {0, max(values)})
    if max(values) in _WHITE and len(values) <= _MAX_VALUES_NAMED and max(values) - 1 not in values:
        counted = rest == list(range(1, len(rest) + 1)) and rest
        what = "a value for what is not labelled?" if counted else "the grey levels of a picture, not class numbers?"
        yield Problem(Kind.GREY_LEVELS, f"the label holds {_named(values)}: {what}")
    if len(values) >= MIN_VALUES and (rough := roughness(array)) > ROUGH:
        message = f"{len(values)} different values, and {100 * rough:.0f} % of neighbouring voxels differ"
        yield Problem(Kind.LABEL_IS_IMAGE, f"{message}, as in an image")


def _background_problem(array: NDArray[Any], facts: LabelFacts, rules: LabelRules) -> Problem | None:
    """What is odd about the background of a label: not there, or another value than 0."""
    if array.ndim > _SPATIAL or not facts.foreground:
        return None
    value, share = _at_the_border(array)
    filled = f"{value} fills {100 * share:.0f} % of the border"
    surrounds = share > _SURROUNDS and value not in (0, rules.ignore_value)
    known = rules.declared is not None and value in rules.declared
    if 0 not in facts.values:
        if len(facts.values) > 1 and surrounds and not known and value == min(facts.values):
            return Problem(Kind.BACKGROUND_NOT_ZERO, f"no voxel is 0, and {filled}: is it the background?")
        each = f"every voxel is {value}" if len(facts.values) == 1 else "every voxel belongs to a structure, none is 0"
        return None if facts.values == {rules.ignore_value} else Problem(Kind.NO_BACKGROUND, each)
    if surrounds and value < 0 and not known:
        return Problem(Kind.BACKGROUND_NOT_ZERO, f"{filled}, and 0 is a structure: is it the background?")
    if surrounds and share == 1.0:
        return Problem(Kind.NO_BACKGROUND, f"{filled}, and 0 lies inside: is the label inverted?")
    return None


def _at_the_border(array: NDArray[Any]) -> tuple[int, float]:
    """The most frequent value on the outer faces, and its share of them; of an axis of length 1 both are all there is.

    Without any other axis the label is its border.
    """
    faces = [array.take(end, axis) for axis, length in enumerate(array.shape) if length > 1 for end in (0, -1)]
    values, counts = np.unique(np.concatenate([face.ravel() for face in faces] or [array.ravel()]), return_counts=True)
    return round(values[counts.argmax()].item()), float(counts.max() / counts.sum())
