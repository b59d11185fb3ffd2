"""One JSON file a case: what was read, with what, and what came out.

A record depends on its case, the configuration and the versions alone: not on other cases, on their order, on the
number of shards or on an interruption. What varies from run to run (seconds) is kept out of it, in `timings/`.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Float32

from auvseg.data.case import Subset
from auvseg.errors import RunError
from auvseg.files import atomic
from auvseg.files.schema import Int, Number, convert, decode
from auvseg.files.text import read_json

RECORD_VERSION = 3
"""Raised whenever a record's meaning changes; records of another version are computed anew."""

_SEAL = "record_sha256"
"""Beside the seconds of a case, what its record must be."""

Status = Literal["ok", "absent", "failed"]


@dataclass(frozen=True)
class ClassScore:
    """One class of one case.

    Attributes:
        class_id: the class; 0 for the whole image.
        name: what the data set calls it.
        status: `ok`; `absent` where the case does not hold the class; `failed` with its reason.
        reason: why it has no numbers; empty for `ok`.
        planes_scored: planes that went through the network.
        planes_total: planes that hold the class.
        measures: value by measure; None where a measure is not defined.
        embedding: the extractor's pooled features (`packed`), for the measures that compare cases; None without any.
    """

    class_id: Int
    name: str
    status: Status
    reason: str
    planes_scored: Int
    planes_total: Int
    measures: Mapping[str, Number | None]
    embedding: str | None


@dataclass(frozen=True)
class CaseInputs:
    """Sha256 of the files that a case was scored from; None where there was none or it could not be read."""

    image_sha256: str | None
    label_sha256: str | None


@dataclass(frozen=True)
class Record:
    """Everything that is kept of one case.

    Attributes:
        case_id: the case.
        subset: training, validation or test.
        attributes: further columns of the data set (site, scanner ...).
        inputs: hashes of the files.
        setup: configuration, extractor settings, weights and versions, as plain values.
        setup_sha256: fingerprint of `setup`.
        status: `ok`, or `failed` with its reason; a case without any labelled class is `absent`.
        reason: why the case has no numbers.
        warnings: what a reader should know of this case.
        shape: planes, rows, columns in the canonical orientation; empty where the case was not read.
        spacing_mm: along the same axes.
        classes: one entry a class of the data set.
    """

    case_id: str
    subset: Subset
    attributes: Mapping[str, str]
    inputs: CaseInputs
    setup: Mapping[str, Any]
    setup_sha256: str
    status: Status
    reason: str
    warnings: tuple[str, ...]
    shape: tuple[Int, ...]
    spacing_mm: tuple[Number, ...]
    classes: tuple[ClassScore, ...]

    def to_bytes(self) -> bytes:
        """The record as JSON with sorted keys: equal records are equal bytes."""
        values = {"record_version": RECORD_VERSION, **asdict(self)}
        return (json.dumps(values, sort_keys=True, indent=1, allow_nan=False) + "\n").encode()


@dataclass(frozen=True)
class CaseFacts:
    """What a record says of its case beside the numbers; see `Record` for the attributes."""

    case_id: str
    status: Status
    reason: str
    warnings: tuple[str, ...]
    inputs: CaseInputs


@dataclass(frozen=True)
class _Version:
    record_version: int


@dataclass(frozen=True)
class _Config:
    measures: list[str]


@dataclass(frozen=True)
class Setup:
    """What every setup has, among much else."""

    config: _Config


AboutCase: TypeAlias = Record | CaseFacts
"""Whatever says how a case ended and which files it has."""


def packed(features: Iterable[float]) -> str | None:
    """Features as text, base64 of little-endian float32: a sixth of the memory of a tuple of numbers.

    None where a feature is not finite.
    """
    values = np.array(list(features), dtype="<f4")
    return base64.b64encode(values.tobytes()).decode("ascii") if np.isfinite(values).all() else None


def unpacked(text: str) -> Float32[np.ndarray, "F"]:
    """The features that `packed` made a text of."""
    return np.frombuffer(base64.b64decode(text), dtype="<f4").astype(np.float32)


_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)\.", re.IGNORECASE)
"""What Windows takes for a device, whatever follows the dot."""


def file_name(case_id: str) -> str:
    """A file name for any case id: readable where the id allows it, unique in any case.

    The id's hash keeps apart what a case-insensitive file system or the replaced characters would make equal.
    """
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", case_id)[:80].strip("._-") or "case"
    if _DEVICE.match(readable):
        readable = f"case_{readable}"
    return f"{readable}-{hashlib.sha256(case_id.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}.json"


def record_path(run_folder: Path, case_id: str) -> Path:
    """Where the record of a case lives."""
    return run_folder / "records" / file_name(case_id)


def write_record(run_folder: Path, record: Record, costs: Mapping[str, float | None]) -> None:
    """Write the timings and the record's sha256, then the record; a record that exists is always whole.

    Args:
        run_folder: of the scores.
        record: of the case.
        costs: seconds, and bytes of memory; None where nobody counted.
    """
    content = record.to_bytes()
    rounded = {name: None if value is None else round(value, 4) for name, value in costs.items()}
    timings = {"case_id": record.case_id, **rounded}
    seal = {_SEAL: hashlib.sha256(content).hexdigest()}
    atomic.write_text(_timings_path(run_folder, record.case_id), json.dumps(timings | seal, sort_keys=True) + "\n")
    atomic.write_bytes(record_path(run_folder, record.case_id), content)


def is_as_written(run_folder: Path, case_id: str) -> bool:
    """Whether a record's bytes are those that were written: a flipped bit can leave valid JSON and another number.

    True where nothing says what was written.
    """
    try:
        written = read_json(_timings_path(run_folder, case_id))[_SEAL]
        return hashlib.sha256(record_path(run_folder, case_id).read_bytes()).hexdigest() == written
    except (OSError, ValueError, KeyError, TypeError):
        return True


def read_record(path: Path) -> Record | None:
    """The record in a file; None where there is none that can be used, so that it is made anew.

    It may be missing, damaged, of another version, or under the name of another case.
    """
    try:
        content = path.read_bytes()
        if decode(content, _Version).record_version != RECORD_VERSION:
            return None
        record = decode(content, Record)
        convert(record.setup, Setup)
        for score in record.classes:
            unpacked(score.embedding or "")
    except (OSError, ValueError):
        return None
    return record if file_name(record.case_id) == path.name else None


def each_record(run_folder: Path) -> Iterator[Record]:
    """Every record of a run, one at a time, in the order of their file names.

    Raises:
        RunError: the folder holds no run, or a run without any record; or one that is damaged or of another version,
            without which a table would lack a case.
    """
    folder = run_folder / "records"
    if not folder.is_dir():
        raise RunError(f"{run_folder}: no scores here; make them with: auvseg score DATASET -o {run_folder}")
    paths = sorted(folder.glob("*.json"))
    for path in paths:
        record = read_record(path)
        if record is None:
            raise RunError(f"{run_folder}: {_why_unusable(path)}")
        yield record
    if not paths:
        raise RunError(f"{run_folder}: no case has been scored yet; run the same `auvseg score` command again")


def read_records(run_folder: Path) -> list[Record]:
    """Every record of a run, by case id.

    Raises:
        RunError: as `each_record`.
    """
    return sorted(each_record(run_folder), key=lambda record: record.case_id)


def _timings_path(run_folder: Path, case_id: str) -> Path:
    return run_folder / "timings" / file_name(case_id)


def _why_unusable(path: Path) -> str:
    """What is wrong with a record that cannot be used, and what to do."""
    try:
        version = decode(path.read_bytes(), _Version).record_version
    except (OSError, ValueError):
        version = RECORD_VERSION
    if version != RECORD_VERSION:
        advice = "score into a new folder, or use the auvseg that made them"
        return f"its records are of version {version}, this auvseg reads {RECORD_VERSION}; {advice}"
    return f"the record {path.name} is damaged; give the same command again that made it, which makes it anew"
