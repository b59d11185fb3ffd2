"""What was written for a case, one small file a case: the next run keeps what is unchanged, and knows its own files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from auvseg.data.public.report import Row
from auvseg.files import atomic
from auvseg.files.schema import Int64, convert
from auvseg.files.text import read_json

FOLDER = "conversion"


@dataclass(frozen=True)
class CaseRecord:
    """One case of the converted data set.

    Attributes:
        sources: size in bytes and time of the last change in ns, by file name below the source's folder.
        outputs: every fingerprint that a file was given, newest last, by path below the converted data set.
        rows: of the report.
        images: image files as `dataset.json` names them, but those that stay where they are: None.
        label: path of the label below the converted data set.
        axcodes: orientation of the image on disk.
    """

    sources: Mapping[str, Sequence[Int64]]
    outputs: Mapping[str, Sequence[str]]
    rows: tuple[Row, ...]
    images: tuple[str | None, ...]
    label: str
    axcodes: str
    version: int = field(default=1)


def record_path(folder: Path, case_id: str) -> Path:
    """Where the record of a case lies."""
    return folder / FOLDER / f"{case_id}.json"


def read_record(folder: Path, case_id: str) -> CaseRecord | None:
    """The record of a case; None where there is none or it is damaged, so that the case is converted again."""
    try:
        return convert(read_json(record_path(folder, case_id)), CaseRecord)
    except (OSError, ValueError):
        return None


def write_record(folder: Path, case_id: str, record: CaseRecord) -> None:
    """Write the record of a case; before its files, so that an interruption leaves none that nobody knows."""
    text = json.dumps(asdict(record), indent=1, ensure_ascii=True)
    atomic.write_text(record_path(folder, case_id), text + "\n")


def state_of(files: Sequence[Path], root: Path) -> dict[str, list[int]]:
    """Size and time of the last change of source files, by their name below the source's folder."""
    found = {}
    for path in files:
        stat = path.stat()
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
        found[name] = [stat.st_size, stat.st_mtime_ns]
    return found
