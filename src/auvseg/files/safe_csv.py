"""Write CSV that spreadsheets cannot read as formulas; used for every table of auvseg.

Ids, class names and notes come from other people's data. A cell that begins like a formula gets a leading apostrophe,
which spreadsheets show or hide but never evaluate. Reading removes it: `unguarded(guarded(text)) == text` for any text.
Plain numbers are unchanged.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

# Those of OWASP's note on CSV injection; the last four are the full-width forms that Japanese spreadsheets compute.
_STARTS = "=+\\-@\t\r\n＝＋－＠"
_LIKE_FORMULA = re.compile(f"'*[{_STARTS}]")
_GUARDED = re.compile(f"'+[{_STARTS}]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def guarded(text: str) -> str:
    """Guard a cell against evaluation by spreadsheets; a text that looks guarded gets one more apostrophe."""
    return f"'{text}" if _LIKE_FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def unguarded(text: str) -> str:
    """Undo `guarded`."""
    return text[1:] if _GUARDED.match(text) else text


def rows_as_csv(rows: Iterable[Sequence[object]]) -> str:
    """Write rows, headings first, as CSV; every text is guarded."""
    cells = [[_cell(value) for value in row] for row in rows]
    content = io.StringIO()
    csv.writer(content, lineterminator="\n", quoting=_quoting(one for row in cells for one in row)).writerows(cells)
    return content.getvalue()


def table_as_csv(table: "pd.DataFrame") -> str:
    """A table without its index as CSV, floats in their shortest exact form; headings and texts guarded."""
    safe = table.set_axis(range(table.shape[1]), axis="columns")
    headings = [_cell(name) for name in table.columns]
    texts = set(headings)
    for number in _text_columns(table):
        # Most columns hold few different texts, or none to guard: each is looked at once.
        known = safe[number].unique()
        texts.update(known)
        changed = {one: cell for one in known if (cell := _cell(one)) is not one and cell != one}
        if changed:
            safe[number] = safe[number].map(lambda value, changed=changed: changed.get(value, value))
    return safe.set_axis(headings, axis="columns").to_csv(index=False, lineterminator="\n", quoting=_quoting(texts))


def unguarded_texts(table: "pd.DataFrame") -> "pd.DataFrame":
    """Undo `guarded` in every text and heading of a table that was read from CSV."""
    plain = table.set_axis(range(table.shape[1]), axis="columns")
    for number in _text_columns(table):
        plain[number] = plain[number].map(lambda value: unguarded(value) if isinstance(value, str) else value)
    return plain.set_axis([unguarded(str(name)) for name in table.columns], axis="columns")


def _text_columns(table: "pd.DataFrame") -> list[int]:
    return [number for number, dtype in enumerate(table.dtypes) if dtype.kind not in "biuf"]


def _cell(value: object) -> Any:
    return guarded(value) if isinstance(value, str) else value


def _quoting(cells: Iterable[object]) -> Literal[0, 2]:
    """Everything is quoted where a text holds a carriage return, which Python before 3.13 leaves bare: a row's end."""
    lone = any(isinstance(one, str) and "\r" in one for one in cells)
    return csv.QUOTE_NONNUMERIC if lone else csv.QUOTE_MINIMAL
