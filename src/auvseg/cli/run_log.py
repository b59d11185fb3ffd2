"""The log `auvseg.log` in a run folder: commands, options, messages, failures and times.

Every command that works on the folder appends to it, resumed commands and shards included. Each entry is written in one
piece, with its time and process. The log is for the owner of the folder; no report and no table reads it.
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
    """Logging handler that buffers entries until `write_into` names a folder. Without a folder nothing is written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(_Entry())
        self._waiting: list[bytes] = []
        self._marker: Path | None = None

    def write_into(self, folder: Path, marker: str) -> None:
        """Write to a folder from now on.

        Args:
            folder: the run folder.
            marker: file that marks the folder as auvseg's. Nothing is written before it exists, so that no log ends up
                in a foreign folder.
        """
        self._marker = folder / marker
        self._write()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one entry, or buffer it until there is a folder."""
        self._waiting.append(self.format(record).encode("utf-8", "backslashreplace") + b"\n")
        self._write()

    def begin(self, command: str, arguments: Sequence[str], values: Mapping[str, Any], options: Options | None) -> None:
        """Log the start of a command."""
        self._log(
            logging.INFO, f"auvseg {__version__}, Python {platform.python_version()}: {command} {shlex.join(arguments)}"
        )
        if options is not None:
            self._log(logging.INFO, f"options of {options.path}: {json.dumps(as_plain(options.content))}")
        self._log(logging.INFO, f"all options: {json.dumps(as_plain(values), sort_keys=True)}")

    def end(self, how: str, elapsed_s: float, *, failed: bool = False) -> None:
        """Log the end of a command."""
        self._log(logging.ERROR if failed else logging.INFO, f"{how} after {elapsed_s:.1f} s")

    def _log(self, level: int, message: str) -> None:
        """Add an entry to the file, but not to the screen."""
        self.handle(logging.LogRecord(LOGGER.name, level, __file__, 0, message, None, None))

    def _write(self) -> None:
        if self._marker is None or not self._waiting or not self._marker.exists():
            return
        # A run is valid without its log; problems with writing its records are reported elsewhere.
        with suppress(OSError), (self._marker.parent / FILE_NAME).open("ab", buffering=0) as stream:
            for entry in self._waiting:
                stream.write(entry)
        self._waiting.clear()


class _Entry(logging.Formatter):
    """Time, process, level and message. Further lines are indented, so that entries can be told apart."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")
        text = super().format(record).replace("\n", "\n    ")
        return f"{at} [{record.process}] {record.levelname.lower()}: {text}"


@contextmanager
def attached(log: RunLog) -> Iterator[RunLog]:
    """Attach a log to the logger inside the `with` block."""
    LOGGER.addHandler(log)
    try:
        yield log
    finally:
        LOGGER.removeHandler(log)
        log.close()


def keep_log(folder: Path, marker: str) -> None:
    """Write the log of the running command to a folder; see `RunLog.write_into`."""
    for handler in LOGGER.handlers:
        if isinstance(handler, RunLog):
            handler.write_into(folder, marker)
