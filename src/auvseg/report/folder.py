"""Write the report's folder and clean up after an earlier report.

OUTPUT/report.json       marks the folder as a report that may be overwritten
OUTPUT/cases/000000.js   one case each, loaded on demand; a script, because browsers load no other files from disk
OUTPUT/thumbs/0.js       a hundred thumbnails each
OUTPUT/index.html        the cohort; written last, so that it never refers to a missing file
"""

import contextlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from auvseg._version import __version__
from auvseg.errors import RunError
from auvseg.files import atomic
from auvseg.files.owned_folder import is_ours
from auvseg.files.text import read_json

MARKER = "report.json"

_OURS = {"cases": re.compile(r"\d{6,}\.js"), "thumbs": re.compile(r"\d+\.js")}


class ReportFolder:
    """A new or empty folder, or an earlier report.

    Args:
        path: path of the folder.

    Raises:
        RunError: the folder contains something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._written: set[Path] = set()
        foreign = "contains something other than a report; choose a new folder with -o"
        if is_ours(path, MARKER, foreign) and not _is_report(path / MARKER):
            raise RunError(f"{path} {foreign}")

    @property
    def index(self) -> Path:
        """The page to open."""
        return self.path / "index.html"

    def begin(self) -> None:
        """Mark the folder as a report before anything else, so that an interrupted report can be made again."""
        atomic.write_text(self.path / MARKER, json.dumps({"auvseg": __version__, "report_version": 1}) + "\n")

    def write_case(self, name: str, payload: str) -> None:
        """Write the file of one case; `payload` is JSON."""
        self._write(Path("cases", f"{name}.js"), f'auvseg.receive("{name}",{payload});\n')

    def write_thumbnails(self, chunks: Sequence[str]) -> None:
        """Write the thumbnails; every chunk is JSON."""
        for number, chunk in enumerate(chunks):
            self._write(Path("thumbs", f"{number}.js"), f"auvseg.thumbs({number},{chunk});\n")

    def finish(self, page: str) -> None:
        """Write the page, then delete files of an earlier report that this one does not have.

        Otherwise a report with pseudonyms could be passed on with case files of one without.
        """
        atomic.write_text(self.index, page)
        for name, pattern in _OURS.items():
            folder = self.path / name
            if folder.is_dir() and not folder.is_symlink():
                for path in folder.iterdir():
                    if pattern.fullmatch(path.name) and path not in self._written:
                        path.unlink()
                with contextlib.suppress(OSError):  # something of the user's is in it
                    folder.rmdir()
        atomic.clear_left_overs(self.path)

    def _write(self, relative: Path, text: str) -> None:
        # Not synced one by one: for ten thousand files that would take longer than everything else, and the page that
        # refers to them is written last.
        path = self.path / relative
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self._written.add(path)


def _is_report(marker: Path) -> bool:
    try:
        content = read_json(marker)
        return "auvseg" in content and "report_version" in content
    except (OSError, ValueError, TypeError):
        return False
