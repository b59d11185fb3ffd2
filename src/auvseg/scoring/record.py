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

from auvseg import atomic
from auvseg.errors import RunError

RECORD_VERSION = 2
"""Raised whenever a record's meaning changes; records of another version are computed anew."""

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

    class_id: int
    name: str
    status: Status
    reason: str
    planes_scored: int
    planes_total: int
    measures: Mapping[str, float | None]
    embedding: str | None = None


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
    subset: str
    attributes: Mapping[str, str]
    inputs: CaseInputs
    setup: Mapping[str, Any]
    setup_sha256: str
    status: Status
    reason: str
    warnings: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    spacing_mm: tuple[float, ...] = ()
    classes: tuple[ClassScore, ...] = ()

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


def file_name(case_id: str) -> str:
    """A file name for any case id: readable where the id allows it, unique in any case.

    The id's hash keeps apart what a case-insensitive file system or the replaced characters would make equal.
    """
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", case_id)[:80].strip("._-") or "case"
    return f"{readable}-{hashlib.sha256(case_id.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}.json"


def record_path(run_folder: Path, case_id: str) -> Path:
    """Where the record of a case lives."""
    return run_folder / "records" / file_name(case_id)


def write_record(run_folder: Path, record: Record, seconds: Mapping[str, float]) -> None:
    """Write the timings, then the record; a record that exists is always whole."""
    timings = {"case_id": record.case_id, **{name: round(value, 4) for name, value in seconds.items()}}
    target = run_folder / "timings" / file_name(record.case_id)
    atomic.write_text(target, json.dumps(timings, sort_keys=True) + "\n")
    atomic.write_bytes(record_path(run_folder, record.case_id), record.to_bytes())


def read_record(path: Path) -> Record | None:
    """The record in a file; None where the file is missing, damaged or of another version, so that it is made anew."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.pop("record_version") != RECORD_VERSION:
            return None
        values["inputs"] = CaseInputs(**values["inputs"])
        values["classes"] = tuple(ClassScore(**entry) for entry in values["classes"])
        for name in ("warnings", "shape", "spacing_mm"):
            values[name] = tuple(values[name])
        return Record(**values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def each_record(run_folder: Path) -> Iterator[Record]:
    """Every usable record of a run, one at a time, in the order of their file names.

    Raises:
        RunError: the folder holds no run, or a run without any record.
    """
    folder = run_folder / "records"
    if not folder.is_dir():
        raise RunError(f"{run_folder}: no scores here; make them with: auvseg score DATASET -o {run_folder}")
    usable = 0
    for path in sorted(folder.glob("*.json")):
        record = read_record(path)
        if record is not None:
            usable += 1
            yield record
    if not usable:
        raise RunError(f"{run_folder}: no case has been scored yet; run the same `auvseg score` command again")


def read_records(run_folder: Path) -> list[Record]:
    """Every usable record of a run, by case id.

    Raises:
        RunError: the folder holds no run, or a run without any record.
    """
    return sorted(each_record(run_folder), key=lambda record: record.case_id)
