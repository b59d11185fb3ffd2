"""A log in the folder of a run: what was run, with which options, what was said, what failed and why, how long it took.

`auvseg.log` is appended to by every command that works on the folder, resumed ones and the shards of a run among them:
every entry is written in one piece, with its time and its process. It is for the people who own the folder; no report
and no table reads it.
"""

import json
import logging
import platform
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from auvseg._version import __version__
from auvseg.cli.console import LOGGER, as_plain
from auvseg.cli.options_file import Options

FILE_NAME = "auvseg.log"


class RunLog(logging.Handler):
    """Keeps what is said until there is a folder to write it into; without one nothing is written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(_Entry())
        self._waiting: list[bytes] = []
        self._marker: Path | None = None

    def write_into(self, folder: Path, marker: str) -> None:
        """Write from now on into a folder.

        Args:
            folder: of the run.
            marker: the file that makes it auvseg's; until it is there, and so in a folder that is another's, nothing is
                written.
        """
        self._marker = folder / marker
        self._write()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one entry, or keep it until there is a folder."""
        self._waiting.append(self.format(record).encode("utf-8", "backslashreplace") + b"\n")
        self._write()

    def begin(self, command: str, arguments: Sequence[str], values: Mapping[str, Any], options: Options | None) -> None:
        """Say what is run."""
        self._tell(
            logging.INFO, f"auvseg {__version__}, Python {platform.python_version()}: {command} {shlex.join(arguments)}"
        )
        if options is not None:
            self._tell(logging.INFO, f"options of {options.path}: {json.dumps(as_plain(options.content))}")
        self._tell(logging.INFO, f"all options: {json.dumps(as_plain(values), sort_keys=True)}")

    def end(self, how: str, elapsed_s: float, *, failed: bool = False) -> None:
        """Say how it ended."""
        self._tell(logging.ERROR if failed else logging.INFO, f"{how} after {elapsed_s:.1f} s")

    def _tell(self, level: int, message: str) -> None:
        """An entry that is for the file alone."""
        self.handle(logging.LogRecord(LOGGER.name, level, __file__, 0, message, None, None))

    def _write(self) -> None:
        if self._marker is None or not self._waiting or not self._marker.exists():
            return
        # A run whose log cannot be written is as good as any; its records say themselves where they cannot be.
        with suppress(OSError), (self._marker.parent / FILE_NAME).open("ab", buffering=0) as stream:
            for entry in self._waiting:
                stream.write(entry)
        self._waiting.clear()


class _Entry(logging.Formatter):
    """Time, process, level, message; what follows the first line is indented, so that every entry can be told apart."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")
        text = super().format(record).replace("\n", "\n    ")
        return f"{at} [{record.process}] {record.levelname.lower()}: {text}"


@contextmanager
def running(log: RunLog) -> Iterator[RunLog]:
    """Let a log hear what is said, as long as the `with` block."""
    LOGGER.addHandler(log)
    try:
        yield log
    finally:
        LOGGER.removeHandler(log)
        log.close()


def keep_log(folder: Path, marker: str) -> None:
    """Keep the log of the command that is running in a folder; see `RunLog.write_into`."""
    for handler in LOGGER.handlers:
        if isinstance(handler, RunLog):
            handler.write_into(folder, marker)
