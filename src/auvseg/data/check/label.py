"""Check one label file: unexpected values, no foreground or background, a type that is too narrow.

Its grid is checked in `check_case`.
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
"""More values than any data set has classes: if no classes are declared, such a label is an image."""

_SPATIAL = 3
_SURROUNDS = 0.5
"""A value with a larger share of the border than this surrounds everything else."""

_WHITE = (255, 65535)
"""The largest value of pictures, also a usual value for unlabelled voxels."""


@dataclass(frozen=True)
class LabelRules:
    """What the data set declares about labels.

    Attributes:
        declared: every allowed value, background and ignore included; None if the data set declares none.
        ignore_value: value for unlabelled voxels, or None.
    """

    declared: frozenset[int] | None
    ignore_value: int | None


@dataclass(frozen=True)
class LabelFacts:
    """Facts about a label's voxels, from one pass.

    Attributes:
        not_finite: number of voxels that are NaN or infinite.
        not_whole: number of voxels with finite values that are not whole numbers.
        example: one of those values.
        rounded: number of voxels with values close enough to whole numbers to be rounded.
        rounded_example: one of those values.
        foreground: number of voxels that are not 0.
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
    """Collect facts in one pass over the voxels."""
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
    """Report all problems of one label file by itself."""
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
        # Otherwise the rounded values would be reported as classes.
        return
    if facts.rounded:
        where = f"{100 * facts.rounded / raw.array.size:.2g} % of the voxels"
        what = f"values such as {facts.rounded_example:.10g} in {where} are rounded"
        yield Problem(Kind.ROUNDED_LABEL, f"{what}; nnU-Net truncates them instead")
    yield from _value_problems(raw, facts, rules)
    yield from _type_problems(np.dtype(raw.header.dtype), raw.array.dtype, facts.values, rules)


def _type_problems(
    stored: np.dtype[Any], read: np.dtype[Any], values: frozenset[int], rules: LabelRules
) -> Iterator[Problem]:
    """Report a type on disk that cannot hold the declared values, or cannot distinguish the label's values."""
    if stored.kind == "f":
        limit, largest = exact_below(stored), max(values, key=abs)
        if abs(largest) >= limit:
            what = f"it holds {largest}, but {stored} cannot distinguish whole numbers from {limit} on"
            yield Problem(Kind.INDISTINCT_LABEL, what)
    # With a scale factor, values are not limited by the type.
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
        strange, why = frozenset(filter(_is_no_class_number, values)), "not class numbers"
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
        rest = "background" if rules.ignore_value not in values else "background or ignored"
        yield Problem(Kind.EMPTY_LABEL, f"the label is all {rest}")


def _is_no_class_number(value: int) -> bool:
    return not 0 <= value <= np.iinfo(np.int32).max


def _named(values: Iterable[int]) -> str:
    ordered = sorted(values)
    more = f" and {len(ordered) - _MAX_VALUES_NAMED} more" if len(ordered) > _MAX_VALUES_NAMED else ""
    return ", ".join(map(str, ordered[:_MAX_VALUES_NAMED])) + more


def _wrapped(raw: RawArray, strange: Iterable[int], rules: LabelRules) -> str:
    """Say if negative values come from an unsigned type, such as 255 read as -1; else empty."""
    dtype = np.dtype(raw.header.dtype)
    if dtype.kind != "i":
        return ""
    meant = {value: value + (1 << 8 * dtype.itemsize) for value in sorted(strange) if value < 0}
    likely = {255, rules.ignore_value, *(rules.declared or ())}
    found = [f"{value} may be {other}" for value, other in meant.items() if other in likely]
    return f"; stored as {dtype}, {found[0]} of an unsigned type" if found else ""


def _undeclared_problems(array: NDArray[Any], values: frozenset[int]) -> Iterator[Problem]:
    """Report values that are possible class numbers but hardly meant as such."""
    rest = sorted(values - {0, max(values)})
    if max(values) in _WHITE and len(values) <= _MAX_VALUES_NAMED and max(values) - 1 not in values:
        counted = rest == list(range(1, len(rest) + 1)) and rest
        what = "a value for unlabelled voxels?" if counted else "the grey levels of a picture, not class numbers?"
        yield Problem(Kind.GREY_LEVELS, f"the label holds {_named(values)}: {what}")
    if len(values) >= MIN_VALUES and (rough := roughness(array)) > ROUGH:
        message = f"{len(values)} different values, and {100 * rough:.0f} % of neighbouring voxels differ"
        yield Problem(Kind.LABEL_IS_IMAGE, f"{message}, as in an image")


def _background_problem(array: NDArray[Any], facts: LabelFacts, rules: LabelRules) -> Problem | None:
    """Report a label's odd background: missing, or another value than 0."""
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
    """Return the most frequent value on the outer faces and its share of them; axes of length 1 have no faces.

    If all axes have length 1, the whole label is its border.
    """
    faces = [array.take(end, axis) for axis, length in enumerate(array.shape) if length > 1 for end in (0, -1)]
    values, counts = np.unique(np.concatenate([face.ravel() for face in faces] or [array.ravel()]), return_counts=True)
    return round(values[counts.argmax()].item()), float(counts.max() / counts.sum())
