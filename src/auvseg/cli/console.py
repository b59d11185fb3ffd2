"""How the command line talks: results on standard output, everything else on standard error.

What is said goes through the logger `auvseg`, and so do the loggers of auvseg's modules, whose details `--verbose`
shows.
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

_WIDTH_OF_A_FILE = 1000
"""Where no terminal says how wide it is: room for every column."""

out = Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE)
err = Console(stderr=True)

_SECONDS_BETWEEN_LINES = 30.0
_BETWEEN_COLUMNS = 2
_LEAST_TEXT, _MOST_TEXT = 40, 24
"""Characters that the last column of text has at least, and that another keeps before it folds."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
"""The option of every command that prints a table; its shapes are in docs/command-line.md."""


class Step(Protocol):
    """Tells a progress display that `done` of `total` are finished; `what` was the last of them."""

    def __call__(self, done: int, total: int, what: str) -> None:
        """Show the step."""
        ...


class Verbosity(IntEnum):
    """The least level that is shown."""

    verbose = logging.DEBUG
    normal = logging.INFO
    quiet = logging.ERROR


class _Screen(logging.Handler):
    """Shows on standard error what is said; messages are shown as they are, never read as markup."""

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{_BEFORE.get(record.levelno, '')}{escape(_writable(self.format(record)))}"
        err.print(text, highlight=False, soft_wrap=True)


LOGGER = logging.getLogger("auvseg")
_BEFORE = {logging.WARNING: "[yellow]warning:[/] ", logging.ERROR: "[bold red]error:[/] "}
_screen = _Screen(Verbosity.normal)
LOGGER.setLevel(logging.DEBUG)
LOGGER.addHandler(_screen)
# Other packages give the root logger handlers of their own, which would say everything twice.
LOGGER.propagate = False


@contextmanager
def verbosity(level: Verbosity) -> Iterator[None]:
    """Show more or less than usual, as long as the `with` block."""
    _screen.setLevel(level)
    try:
        yield
    finally:
        _screen.setLevel(Verbosity.normal)


@contextmanager
def warnings_said() -> Iterator[None]:
    """Say in one line what Python, and packages that auvseg stands on, warn of, as long as the `with` block."""

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
    """One line for a person, on standard error."""
    LOGGER.info("%s", message)


def say_dataset(dataset: "Dataset") -> None:
    """What a command is about to work on, in one line."""
    say(f"{dataset.name}: {dataset.layout}, {counted(len(dataset.cases), 'case')}")


def say_detail(message: str, problem: BaseException | None = None) -> None:
    """What only `--verbose` shows, with the traceback of a problem."""
    LOGGER.debug("%s", message, exc_info=problem)


def say_error(message: str) -> None:
    """One line that says what was wrong and what to do."""
    LOGGER.error("%s", message)


def say_warning(message: str) -> None:
    """One line that a person should know and need not act on."""
    LOGGER.warning("%s", message)


def show(sentence: str) -> None:
    """One line that is a result: on standard output, and shown whatever is asked for."""
    out.print(escape(_writable(sentence)), highlight=False, soft_wrap=True)


def command_line(*words: str | Path) -> str:
    """A command of auvseg as it can be typed into a shell: what needs quotes has them."""
    return shlex.join(["auvseg", *map(str, words)])


def show_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1, right: int = 0
) -> None:
    """Print a table on standard output.

    Args:
        title: above it; none if empty.
        columns: headings; the first `left` and the last `right` are text, those between are aligned as numbers, the
            most important first: those that do not fit into the terminal are left out, and named.
        rows: one string a cell.
        left: number of text columns before the numbers, which fold where they are too long.
        right: number of text columns after the numbers; the last takes the room that is left, and folds.
    """
    shown = _columns_that_fit(columns, rows, left, right)
    table = Table(title=escape(title) or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for position in shown:
        number = left <= position < len(columns) - right
        last = right and position == len(columns) - 1
        width = min(_width(columns, rows, position), _LEAST_TEXT if last else _MOST_TEXT)
        justify: Literal["left", "right"] = "right" if number else "left"
        table.add_column(escape(columns[position]), justify=justify, no_wrap=number, overflow="fold", min_width=width)
    for row in rows:
        table.add_row(*(escape(_writable(row[position])) for position in shown))
    out.print(table, highlight=False)
    left_out = [name for position, name in enumerate(columns) if position not in shown]
    if left_out:
        say(f"no room for {', '.join(left_out)}")


def show_json(value: object) -> None:
    """Print a result as one JSON value on standard output, alone.

    Args:
        value: plain values, dataclasses, tables (a list of rows), paths and NumPy's numbers, nested at will. NaN and
            infinity, which JSON does not know, become null.
    """
    out.file.write(json.dumps(as_plain(value), indent=2, allow_nan=False) + "\n")


def as_plain(value: Any) -> Any:
    """What JSON can say of a value: see `show_json`."""
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
        # A table of pandas, which is not imported for this.
        return as_plain(value.to_dict("records"))
    if hasattr(value, "tolist"):
        return as_plain(value.tolist())
    # What pandas puts where nothing is: NaT and NA are of no type above.
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _writable(text: str) -> str:
    """Text that can be written: an id may hold a lone surrogate, from a file's name that is not in UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _width(columns: Sequence[str], rows: Sequence[Sequence[str]], position: int) -> int:
    return max(len(text) for text in (columns[position], *(row[position] for row in rows)))


def _columns_that_fit(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int, right: int) -> list[int]:
    """Positions of the columns that are shown: all of the text, and of the numbers as many as there is room for."""
    widths = [_width(columns, rows, position) for position in range(len(columns))]
    if right:
        widths[-1] = min(widths[-1], _LEAST_TEXT)
    text, numbers = range(len(columns) - right, len(columns)), list(range(left, len(columns) - right))
    while len(numbers) > 1:
        positions = [*range(left), *numbers, *text]
        if sum(widths[one] for one in positions) + _BETWEEN_COLUMNS * (len(positions) - 1) <= out.width:
            break
        numbers.pop()
    return [*range(left), *numbers, *text]


@contextmanager
def progress(what: str) -> Iterator[Step]:
    """A progress bar in a terminal; elsewhere (log files, batch systems) a line now and then."""
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
    """Progress of a file in bytes: a bar in a terminal, elsewhere a line now and then."""
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
