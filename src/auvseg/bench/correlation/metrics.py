"""What a network reached, a number a case and class, whoever wrote it down: the one form that the readers produce."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from auvseg.errors import UsageError

LOWER_IS_BETTER = ("hd95_mm",)
"""Columns of `auvseg evaluate` of which the lower number is the better one."""


@dataclass(frozen=True)
class MetricRow:
    """One number.

    Attributes:
        case: the case.
        class_id: the class's number where it is known; None otherwise, and for a number of the whole case.
        class_name: the class's name; its number as text where it has no other, empty for a number of the whole case.
        value: the number; NaN where there is none.
        reason: why there is none, as far as the file says it.
    """

    case: str
    class_id: int | None
    class_name: str
    value: float
    reason: str = ""


@dataclass(frozen=True)
class Metrics:
    """Everything that was read.

    Attributes:
        metric: name of the number, as `dice`.
        per_class: False where every number is of a whole case.
        rows: one a case and class, or one a case.
        failed: by case that has no number at all, the reason.
        files: names of the files that it comes from.
        notes: what a reader should know, one sentence each.
    """

    metric: str
    per_class: bool
    rows: tuple[MetricRow, ...]
    files: tuple[str, ...]
    failed: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def check_unique(rows: Iterable[MetricRow], where: str) -> None:
    """Refuse two numbers of one case and class in one file.

    Raises:
        UsageError: a case has a class twice; it is named.
    """
    times = Counter((row.case, row.class_id, row.class_name) for row in rows)
    for (case, class_id, name), count in times.items():
        if count > 1:
            what = f" and class {name or class_id!r}" if name or class_id is not None else ""
            raise UsageError(f"{where}: case {case!r}{what} stands there {count} times; keep one row of each")
