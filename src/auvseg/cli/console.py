"""Output of the command line: results on standard output, everything else on standard error.

Messages go through the logger `auvseg`, like those of auvseg's modules, whose details `--verbose` shows.
"""

import dataclasses
import json
import logging
import math
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from enum import Enum, IntEnum
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from auvseg.wording import counted

if TYPE_CHECKING:
    from auvseg.data.case import Dataset

_FILE_WIDTH = 1000
"""Table width without a terminal: room for every column."""

out = Console(width=None if sys.stdout.isatty() else _FILE_WIDTH)
err = Console(stderr=True)

_SECONDS_BETWEEN_LINES = 30.0
_BETWEEN_COLUMNS = 2
MIN_LAST_WIDTH, MAX_TEXT_WIDTH = 40, 24
"""Minimum width of the last text column, and width beyond which other text columns fold, in characters."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
"""Option of every command that prints a table; docs/command-line.md documents the output."""


class Step(Protocol):
    """Progress callback: `done` of `total` are finished, `what` was the last."""

    def __call__(self, done: int, total: int, what: str) -> None:
        """Update the display."""
        ...


class Verbosity(IntEnum):
    """Lowest log level that is shown."""

    verbose = logging.DEBUG
    normal = logging.INFO
    quiet = logging.ERROR


class _Screen(logging.Handler):
    """Print log messages on standard error, never parsed as markup."""

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{_PREFIXES.get(record.levelno, '')}{escape(_writable(self.format(record)))}"
        err.print(text, highlight=False, soft_wrap=True)


LOGGER = logging.getLogger("auvseg")
_PREFIXES = {logging.WARNING: "[yellow]warning:[/] ", logging.ERROR: "[bold red]error:[/] "}
_screen = _Screen(Verbosity.normal)
LOGGER.setLevel(logging.DEBUG)
LOGGER.addHandler(_screen)
# Other packages add handlers to the root logger, which would print everything twice.
LOGGER.propagate = False


@contextmanager
def verbosity(level: Verbosity) -> Iterator[None]:
    """Set the verbosity inside the `with` block."""
    _screen.setLevel(level)
    try:
        yield
    finally:
        _screen.setLevel(Verbosity.normal)


@contextmanager
def python_warnings_shown() -> Iterator[None]:
    """Print Python warnings, of auvseg and its dependencies, as one line each inside the `with` block."""

    def say_it(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: object = None,
        line: str | None = None,
    ) -> None:
        LOGGER.warning("%s: %s (%s, line %d)", category.__name__, message, PurePath(filename).name, lineno)

    with warnings.catch_warnings():
        warnings.showwarning = say_it
        yield


def say(message: str) -> None:
    """Print a message on standard error."""
    LOGGER.info("%s", message)


def say_dataset(dataset: "Dataset") -> None:
    """Print name, layout and number of cases of a data set."""
    say(f"{dataset.name}: {dataset.layout}, {counted(len(dataset.cases), 'case')}")


def say_detail(message: str, problem: BaseException | None = None) -> None:
    """Print a detail, and the traceback of a problem, with `--verbose` only."""
    LOGGER.debug("%s", message, exc_info=problem)


def say_error(message: str) -> None:
    """Print an error: what is wrong and what to do."""
    LOGGER.error("%s", message)


def say_warning(message: str) -> None:
    """Print a warning."""
    LOGGER.warning("%s", message)


def show(sentence: str) -> None:
    """Print a result on standard output, also with `--quiet`."""
    out.print(escape(_writable(sentence)), highlight=False, soft_wrap=True)


def command_line(*words: str | Path) -> str:
    """An auvseg command with shell quoting."""
    return shlex.join(["auvseg", *map(str, words)])


def show_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1, right: int = 0
) -> None:
    """Print a table on standard output.

    Args:
        title: title above the table; empty for none.
        columns: headings. The first `left` and the last `right` columns are text. The number columns between them come
            most important first; those that do not fit into the terminal are left out and named below.
        rows: cells as text.
        left: number of text columns before the numbers; long text folds.
        right: number of text columns after the numbers; the last one takes the remaining width and folds.
    """
    shown = _columns_that_fit(columns, rows, left, right)
    table = Table(title=escape(title) or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for position in shown:
        number = left <= position < len(columns) - right
        last = right and position == len(columns) - 1
        width = min(_width(columns, rows, position), MIN_LAST_WIDTH if last else MAX_TEXT_WIDTH)
        justify: Literal["left", "right"] = "right" if number else "left"
        table.add_column(escape(columns[position]), justify=justify, no_wrap=number, overflow="fold", min_width=width)
    for row in rows:
        table.add_row(*(escape(_writable(row[position])) for position in shown))
    out.print(table, highlight=False)
    left_out = [name for position, name in enumerate(columns) if position not in shown]
    if left_out:
        say(f"columns not shown: {', '.join(left_out)}")


def show_json(value: object) -> None:
    """Print a result as one JSON value on standard output.

    Args:
        value: plain values, dataclasses, tables (as lists of rows), paths and NumPy numbers, nested. NaN and infinity
            become null.
    """
    out.file.write(json.dumps(as_plain(value), indent=2, allow_nan=False) + "\n")


def as_plain(value: Any) -> Any:
    """Convert a value for JSON; see `show_json`."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, PurePath):
        return str(value)
    return _plain_container(value)


def _plain_container(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: as_plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(as_plain(key)): as_plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_plain(one) for one in value]
    if hasattr(value, "iterrows"):
        # A pandas table; pandas is not imported here.
        return as_plain(value.to_dict("records"))
    if hasattr(value, "tolist"):
        return as_plain(value.tolist())
    # Missing values of pandas: NaT and NA have none of the types above.
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _writable(text: str) -> str:
    """Escape lone surrogates, which come from file names that are not UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _width(columns: Sequence[str], rows: Sequence[Sequence[str]], position: int) -> int:
    return max(len(text) for text in (columns[position], *(row[position] for row in rows)))


def _columns_that_fit(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int, right: int) -> list[int]:
    """Positions of the columns to show: all text columns, and as many number columns as fit."""
    widths = [_width(columns, rows, position) for position in range(len(columns))]
    if right:
        widths[-1] = min(widths[-1], MIN_LAST_WIDTH)
    text, numbers = range(len(columns) - right, len(columns)), list(range(left, len(columns) - right))
    while len(numbers) > 1:
        positions = [*range(left), *numbers, *text]
        if sum(widths[one] for one in positions) + _BETWEEN_COLUMNS * (len(positions) - 1) <= out.width:
            break
        numbers.pop()
    return [*range(left), *numbers, *text]


@contextmanager
def progress(what: str) -> Iterator[Step]:
    """Progress bar in a terminal; elsewhere (log files, batch systems) occasional lines."""
    if _screen.level > logging.INFO:
        yield lambda done, total, what: None
    elif err.is_terminal:
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[what]}"),
            console=err,
        ) as bar:
            task = bar.add_task(what, total=None, what="")

            def advance(done: int, total: int, what: str) -> None:
                bar.update(task, completed=done, total=total, what=escape(what[:40]))

            yield advance
    else:
        last = time.monotonic()

        def line(done: int, total: int, what: str) -> None:
            nonlocal last
            if done == total or time.monotonic() - last > _SECONDS_BETWEEN_LINES:
                last = time.monotonic()
                say(f"{done}/{total} {what}")

        yield line


@contextmanager
def transfer(what: str) -> Iterator[Callable[[int, int], None]]:
    """Progress of a download in bytes: a bar in a terminal, elsewhere occasional lines."""
    if _screen.level > logging.INFO:
        yield lambda done, total: None
    elif err.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, TimeRemainingColumn(), console=err) as bar:
            task = bar.add_task(escape(what), total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    else:
        last = time.monotonic()

        def line(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last > _SECONDS_BETWEEN_LINES:
                last = time.monotonic()
                say(f"{what}: {done / 1e6:.0f} of {total / 1e6:.0f} MB")

        yield line
