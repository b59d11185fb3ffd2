"""A network's metrics, and their reader for CSV files."""

import math
import warnings
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from auvseg.errors import UsageError, did_you_mean
from auvseg.files.safe_csv import unguarded_texts

LOWER_IS_BETTER = ("hd95_mm",)
"""Columns of `auvseg evaluate` in which lower is better."""


@dataclass(frozen=True)
class MetricRow:
    """One metric value.

    Attributes:
        case: id of the case.
        class_id: number of the class if known; None otherwise, and for a value of the whole case.
        class_name: name of the class, or its number as text; empty for a value of the whole case.
        value: the value; NaN if missing.
        reason: why the value is missing, if the file says so.
    """

    case: str
    class_id: int | None
    class_name: str
    value: float
    reason: str = ""


@dataclass(frozen=True)
class Metrics:
    """Metrics of a network.

    Attributes:
        metric: name of the metric, such as `dice`.
        per_class: False if every value is of a whole case.
        rows: one row per case and class, or per case.
        failed: reasons of the cases without any value, by case.
        files: names of the source files.
        notes: what a reader should know, one sentence each.
    """

    metric: str
    per_class: bool
    rows: tuple[MetricRow, ...]
    files: tuple[str, ...]
    failed: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def check_unique(rows: Iterable[MetricRow], where: str) -> None:
    """Check that a file has no two values for one case and class.

    Raises:
        UsageError: names the case that has a class twice.
    """
    times = Counter((row.case, row.class_id, row.class_name) for row in rows)
    for (case, class_id, name), count in times.items():
        if count > 1:
            what = f" and class {name or class_id!r}" if name or class_id is not None else ""
            raise UsageError(f"{where}: case {case!r}{what} occurs {count} times; keep one row of each")


_HEADING = 1
"""Lines before the first row, so that messages number lines as an editor does."""


def read_csv_metrics(path: Path, column: str) -> Metrics:
    """Read a CSV file.

    Args:
        path: the file; UTF-8, separated by commas.
        column: name of the column; case is ignored if that is unambiguous.

    Raises:
        UsageError: the file cannot be read, lacks a column, contains something that is not a number, or a row twice.
    """
    table = _read(path)
    columns = {wanted: _find(table, wanted) for wanted in ("case", "class", "class_id", "status", "reason", column)}
    for wanted in ("case", column):
        if columns[wanted] is None:
            known = did_you_mean(wanted, map(str, table.columns))
            advice = "name another with --column" if wanted == column else "a column 'case' must hold the case ids"
            raise UsageError(f"{path.name}: has no column {wanted!r}: {advice}; {known}")
    per_class = columns["class"] is not None or columns["class_id"] is not None
    rows, failed = [], {}
    for line, record in enumerate(table.to_dict("records"), start=_HEADING + 1):
        cells = {wanted: "" if name is None else str(record[name]).strip() for wanted, name in columns.items()}
        if cells["status"] == "failed":
            failed[cells["case"]] = cells["reason"] or "failed"
        else:
            rows.append(_row(cells, column, per_class, f"{path.name}, line {line}"))
    check_unique(rows, path.name)
    return Metrics(column, per_class, tuple(rows), (path.name,), failed)


def _read(path: Path) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # a row longer than the heading would lose cells
            table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False)
            return unguarded_texts(table)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, pd.errors.ParserWarning) as error:
        raise UsageError(f"{path.name}: not a CSV file ({str(error).splitlines()[0]})") from None


def _find(table: pd.DataFrame, wanted: str) -> str | None:
    """Return the column with a name, or the only one that differs just in case and spaces."""
    if wanted in table.columns:
        return wanted
    alike = [str(name) for name in table.columns if str(name).strip().casefold() == wanted.casefold()]
    return alike[0] if len(alike) == 1 else None


def _row(cells: Mapping[str, str], column: str, per_class: bool, where: str) -> MetricRow:
    if not cells["case"]:
        raise UsageError(f"{where}: names no case")
    class_id = _class_id(cells["class_id"], where)
    if per_class and class_id is None and not cells["class"]:
        raise UsageError(f"{where}: names no class; remove the row, or the column for numbers of whole cases")
    return MetricRow(cells["case"], class_id, cells["class"], _number(cells[column], column, where), cells["reason"])


def _class_id(text: str, where: str) -> int | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if number != number or number != int(number):
        raise UsageError(f"{where}: class_id is {text!r}, not a whole number; names belong into the column 'class'")
    return int(number)


def _number(text: str, column: Hashable, where: str) -> float:
    if text.casefold() in ("", "nan", "na", "none", "null"):
        return math.nan
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"{where}: {column} is {text!r}, not a number; leave it empty where there is none") from None
    return value if math.isfinite(value) else math.nan
