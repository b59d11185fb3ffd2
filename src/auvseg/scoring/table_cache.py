"""Tables kept beside the records, so that a million of them need not be read again: `RUN/cache/`.

The records are the truth. A kept table is used only while every record is the file that it was made from, and the code
that made it is the code that asks for it; else it is as if it were not there. Deleting the folder costs time alone.

A record is the file that it was if its name, its size and its two times (of the content, of the entry) are. Times are
as fine as the file system's clock: a file that was written within `_COARSE_NS` of the look at it could be written again
at the same time, and so could one of the future, after the clock was set back. Of those the content's sha256 is kept,
and compared. The file system's own clock decides, not the machine's. A copied run has other times: its records are read
once more.
"""

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from auvseg._version import __version__
from auvseg.files import atomic

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "cache"

WORTH_KEEPING = 1000
"""Records; fewer are read in a moment."""

_COARSE_NS = 3_000_000_000
"""No file system's clock is coarser: FAT counts every other second."""

_STAMP = b"auvseg"
_PACKAGES = ("numpy", "pandas", "pyarrow")
_CODE = (
    "scoring/columns.py",
    "scoring/table.py",
    "cohort/compared.py",
    "cohort/distance.py",
    "measures/catalogue.py",
)
"""What decides what is in a table, beside the records."""


@dataclass(frozen=True)
class Stamp:
    """What the records were when a table was made of them.

    Attributes:
        records: how many.
        files: sha256 of every record's name, size and times.
        young: sha256 of the content by name, of the records whose times do not suffice.
        code: sha256 of the code and the versions that make tables.
    """

    records: int
    files: str
    young: Mapping[str, str]
    code: str

    def to_bytes(self) -> bytes:
        """As JSON."""
        return json.dumps([self.records, self.files, dict(self.young), self.code]).encode()


def stamp_of(run_folder: Path) -> Stamp | None:
    """What the records are now, to be asked before they are read; None where nothing can or need be kept."""
    try:
        if not _many(run_folder):
            return None
        now_ns = _file_system_time_ns(run_folder / FOLDER)
        files, times = recorded_files(run_folder)
        young = {name: _content(run_folder, name) for name, at_ns in times.items() if at_ns > now_ns - _COARSE_NS}
        return Stamp(len(times), files, young, code_sha256())
    except OSError:
        return None


def keep(run_folder: Path, tables: Mapping[str, "pd.DataFrame"], stamp: Stamp) -> None:
    """Keep tables that were made of the records after the stamp; where they cannot be written, nothing is kept."""
    import pyarrow as pa
    from pyarrow import parquet

    with suppress(OSError, pa.ArrowException):
        for name, table in tables.items():
            columns = pa.Table.from_pandas(table, preserve_index=False)
            columns = columns.replace_schema_metadata({**(columns.schema.metadata or {}), _STAMP: stamp.to_bytes()})
            content = io.BytesIO()
            parquet.write_table(columns, content, compression="zstd", write_page_checksum=True)
            atomic.write_bytes(cache_path(run_folder, name), content.getvalue())


def kept(run_folder: Path, names: Sequence[str]) -> "list[pd.DataFrame] | None":
    """The tables of these names, if all are kept and in step with the records and with each other; else None."""
    from pyarrow import parquet

    try:
        with ExitStack() as stack:
            opened = [stack.enter_context(cache_path(run_folder, name).open("rb")) for name in names]
            files = [parquet.ParquetFile(one, page_checksum_verification=True) for one in opened]
            stamps = {(file.schema_arrow.metadata or {}).get(_STAMP, b"") for file in files}
            if len(stamps) != 1 or not _holds(run_folder, Stamp(*json.loads(stamps.pop()))):
                return None
            return [file.read().to_pandas() for file in files]
    except Exception:  # noqa: BLE001 - a damaged footer, which no checksum covers, makes pandas raise whatever it says
        return None


def _holds(run_folder: Path, stamp: Stamp) -> bool:
    if stamp.code != code_sha256():
        return False
    files, times = recorded_files(run_folder)
    if (len(times), files) != (stamp.records, stamp.files):
        return False
    return all(_content(run_folder, name) == sha256 for name, sha256 in stamp.young.items())


def recorded_files(run_folder: Path) -> tuple[str, dict[str, int]]:
    """Sha256 of what the folder says of every record, and by name the later of its times, in ns."""
    said, times = [], {}
    with os.scandir(run_folder / "records") as entries:
        for entry in entries:
            if entry.name.endswith(".json"):
                facts = entry.stat()
                said.append(f"{entry.name}\0{facts.st_size}\0{facts.st_mtime_ns}\0{facts.st_ctime_ns}\n")
                times[entry.name] = max(facts.st_mtime_ns, facts.st_ctime_ns)
    said.sort()
    return hashlib.sha256("".join(said).encode("utf-8", "surrogateescape")).hexdigest(), times


def _many(run_folder: Path) -> bool:
    with os.scandir(run_folder / "records") as entries:
        return sum(1 for _ in islice(entries, WORTH_KEEPING)) == WORTH_KEEPING


def _file_system_time_ns(folder: Path) -> int:
    """The time that the file system gives a file that is written now; its clock need not be this machine's."""
    folder.mkdir(exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=atomic.TEMPORARY_PREFIX, dir=folder)
    try:
        os.write(descriptor, b"now")
        return os.fstat(descriptor).st_mtime_ns
    finally:
        os.close(descriptor)
        Path(name).unlink()


def _content(run_folder: Path, name: str) -> str:
    return hashlib.sha256((run_folder / "records" / name).read_bytes()).hexdigest()


def cache_path(run_folder: Path, name: str) -> Path:
    """Where a table of a run is kept."""
    return run_folder / FOLDER / f"{name}.parquet"


@cache
def code_sha256() -> str:
    """Sha256 of the code and of the versions that make a table what it is."""
    known = hashlib.sha256(json.dumps([__version__, *map(metadata.version, _PACKAGES)]).encode())
    for name in _CODE:
        known.update((resources.files("auvseg") / name).read_bytes())
    return known.hexdigest()
