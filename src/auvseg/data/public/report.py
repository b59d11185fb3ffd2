"""What a conversion did, as rows: every case and every mend, warning and failure; `conversion.csv` and a summary."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from auvseg.files.safe_csv import rows_as_csv

REPORT_NAME = "conversion.csv"

Event = Literal["converted", "failed", "left out", "mended", "overlap", "known bad", "warning"]
"""`converted`, `failed` and `left out` say how a case ended; the others what else there is to know of it."""

_COLUMNS = ("case", "subset", "event", "detail", "files")


@dataclass(frozen=True)
class Row:
    """One line of the report.

    Attributes:
        case: the case id.
        subset: training, validation or test.
        event: what kind of line it is.
        detail: what was done, or why not, in a sentence.
        files: the source files, from the source's folder.
    """

    case: str
    subset: str
    event: Event
    detail: str
    files: str


@dataclass(frozen=True)
class Conversion:
    """How a conversion ended.

    Attributes:
        folder: the converted data set.
        rows: the report, the cases in order.
        kept: cases that an earlier run had converted and that are as they were; among the converted.
        notes: what a person should know of the whole data set, one sentence each.
    """

    folder: Path
    rows: tuple[Row, ...]
    kept: int
    notes: tuple[str, ...]

    def of(self, *events: Event) -> tuple[Row, ...]:
        """The rows of some kinds, in order."""
        return tuple(row for row in self.rows if row.event in events)


def as_csv(rows: Sequence[Row]) -> str:
    """The report as CSV; the same rows give the same text."""
    return rows_as_csv([_COLUMNS, *([_safe(getattr(row, column)) for column in _COLUMNS] for row in rows)])


def _safe(text: str) -> str:
    """One line of text that can be written as UTF-8."""
    return " ".join(text.encode("utf-8", "backslashreplace").decode("utf-8").split())


def files_in_words(files: Sequence[Path], root: Path) -> str:
    """File names from the source's folder; many of one folder and kind as a pattern with their number."""
    names = [path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name for path in files]
    if len(names) <= 2:
        return "; ".join(names)
    folder = Path(names[1]).parent.as_posix()
    return f"{names[0]}; {folder}/* ({len(names) - 1} files)"
