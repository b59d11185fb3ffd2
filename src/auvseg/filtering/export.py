"""Shared by all exports: their result, and the check that a selection belongs to a data set."""

from dataclasses import dataclass
from pathlib import Path

from auvseg.cohort.selection import Selection
from auvseg.data.case import Dataset
from auvseg.errors import DatasetError, UsageError
from auvseg.files.text import parse_json, what_is_wrong
from auvseg.filtering.manifest import WrittenFile

_SHOWN = 5


@dataclass(frozen=True)
class Export:
    """What an export wrote, or with `dry_run` would have written.

    Attributes:
        files: files in the order of writing.
        warnings: what a person should know, one sentence each.
    """

    files: tuple[WrittenFile, ...]
    warnings: tuple[str, ...] = ()


def check_belongs(selection: Selection, dataset: Dataset) -> list[str]:
    """Return warnings about training cases that are missing from the selection.

    Raises:
        UsageError: the selection removes cases that the data set does not have; the scores belong to another data set.
    """
    training = {case.case_id for case in dataset.cases if case.subset == "training"}
    foreign = [case for case in selection.removed if case not in training]
    if foreign:
        raise UsageError(
            f"the selection removes {some_of(foreign)}, but {dataset.name} has no such training cases; "
            "the scores belong to another data set"
        )
    unjudged = sorted(training - set(selection.kept) - set(selection.removed))
    if unjudged:
        return [f"{len(unjudged)} training cases are not in the scores table and are kept: {some_of(unjudged)}"]
    return []


def some_of(names: list[str]) -> str:
    """Format the first few names and the number of the others."""
    shown = ", ".join(repr(name) for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


def read_json(path: Path) -> object:
    """Read a JSON file of the user.

    Raises:
        DatasetError: it cannot be read, or is not JSON.
    """
    try:
        return parse_json(path.read_bytes())
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise DatasetError(f"{path} is not a JSON file ({what_is_wrong(error)})") from None
