"""Read and write verdict files of the report: JSON, or CSV with the columns case, verdict, note and rater.

A merged review is a CSV with an additional column `judged_by`: the raters who gave a verdict on the case.

The files come from a browser and pass through people's hands, so they are untrusted and fully validated.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from auvseg.cohort.selection import Selection, with_outcome
from auvseg.errors import UsageError
from auvseg.files import atomic
from auvseg.files.safe_csv import rows_as_csv, unguarded
from auvseg.files.text import parse_json
from auvseg.wording import counted

Verdict = Literal["keep", "exclude", "fix", "unsure"]
"""`keep`: sound; `exclude`: do not train on it; `fix`: correct the label first; `unsure`."""

FORMAT = 1

_MAX_FILE = 64 << 20
_MAX_NOTE = 2000
_MAX_NAME = 200


@dataclass(frozen=True)
class Decision:
    """Decision on one case.

    Attributes:
        verdict: the verdict; None if there is only a note.
        note: free text of the rater.
        judged_by: in a merged review, names of the raters who gave a verdict; else empty.
    """

    verdict: Verdict | None
    note: str = ""
    judged_by: tuple[str, ...] = ()

    @property
    def alone(self) -> bool:
        """Whether only one rater gave a verdict, in a merged review."""
        return len(self.judged_by) == 1


@dataclass(frozen=True)
class Review:
    """Content of one verdict file.

    Attributes:
        rater: name of the rater; the file's name if none is given.
        decisions: decisions by case id.
        run: fingerprint (`auvseg.review.of_run`) of the report it was made in; empty if the file has none, as in CSV.
    """

    rater: str
    decisions: Mapping[str, Decision]
    run: str = ""

    def named(self, ids: Mapping[str, str]) -> "Review":
        """Return the review with other case ids, such as those behind pseudonyms; ids without a new one stay."""
        return replace(self, decisions={ids.get(case, case): one for case, one in self.decisions.items()})


_Row = tuple[str, str, str, str]
"""Case, verdict, note and raters, as in the file."""

_AND = " + "
"""Separator between the names of raters."""


def read_review(path: Path) -> Review:
    """Read a file that the report exported.

    Raises:
        UsageError: it cannot be read, is not a review, or a row is wrong; the message names the row.
    """
    try:
        if path.stat().st_size > _MAX_FILE:
            raise UsageError(f"{path} is too large for a review; is it another file?")
        text = path.read_bytes().decode("utf-8-sig", "surrogatepass")  # a carriage return in a note is part of it
    except OSError as problem:
        raise UsageError(f"{path} cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text; export the review again") from None
    run, rater, rows = _from_json(path, text) if text.lstrip().startswith(("{", "[")) else _from_csv(path, text)
    decisions: dict[str, Decision] = {}
    for number, (case, verdict, note, judged_by) in enumerate(rows, start=1):
        if not case:
            raise UsageError(f"{path}, decision {number}: the case is missing")
        if verdict and verdict not in get_args(Verdict):
            known = ", ".join(get_args(Verdict))
            raise UsageError(f"{path}, decision {number} ({case}): the verdict {verdict!r} is not one of {known}")
        if case in decisions:
            raise UsageError(f"{path}, decision {number}: {case} is decided twice")
        raters = tuple(one for one in judged_by.split(_AND) if one)
        decisions[case] = Decision(verdict or None, note[:_MAX_NOTE], raters)  # type: ignore[arg-type]
    return Review(rater[:_MAX_NAME] or path.stem, decisions, run)


def write_review(path: Path, review: Review) -> None:
    """Write a review as CSV for `read_review` and spreadsheets; no cell can be read as a formula."""
    rows = [
        (case, one.verdict or "", one.note, review.rater, _AND.join(one.judged_by))
        for case, one in sorted(review.decisions.items())
    ]
    text = rows_as_csv([("case", "verdict", "note", "rater", "judged_by"), *rows])
    # An id may hold a lone surrogate, since a file name need not be UTF-8.
    atomic.write_bytes(path, text.encode("utf-8", "surrogatepass"))


def _from_json(path: Path, text: str) -> tuple[str, str, list[_Row]]:
    try:
        content: Any = parse_json(text)
        if content["auvseg_review"] != FORMAT:
            raise UsageError(f"{path} is a review of another version; export it again")
        rows = [
            (_text(one["case"]), _text(one.get("verdict", "")), _text(one.get("note", "")), "")
            for one in content["verdicts"]
        ]
        return _text(content.get("run", "")), _text(content.get("rater", "")), rows
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(f"{path} is not a review exported by the report") from None


def _from_csv(path: Path, text: str) -> tuple[str, str, list[_Row]]:
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""))
        if not {"case", "verdict"} <= set(reader.fieldnames or ()):
            raise UsageError(f"{path} is not a review: a CSV file needs the columns case and verdict")
        rows = list(reader)
    except csv.Error as problem:
        raise UsageError(f"{path} is damaged: {problem}") from None
    raters = {unguarded(_cell(row, "rater")) for row in rows} - {""}
    rater = raters.pop() if len(raters) == 1 else ""
    return "", rater, [_row(row) for row in rows]


def _row(row: Mapping[str, Any]) -> _Row:
    return (
        unguarded(_cell(row, "case")),
        _cell(row, "verdict"),
        unguarded(_cell(row, "note")),
        unguarded(_cell(row, "judged_by")),
    )


def _cell(row: Mapping[str, Any], name: str) -> str:
    return _text(row.get(name) or "")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def decided(reviews: Iterable[Review]) -> set[str]:
    """Return the cases that have a verdict."""
    return {case for review in reviews for case, one in review.decisions.items() if one.verdict is not None}


_GOES = {"exclude": True, "fix": True, "keep": False}


def apply_verdicts(selection: Selection, decisions: Mapping[str, Decision]) -> Selection:
    """Apply verdicts to a selection.

    Args:
        selection: selection by a measure.
        decisions: decisions by case id, of one review or a merged one.

    Raises:
        UsageError: no verdict concerns a training case of this run, or nothing would be kept.
    """
    training = {*selection.kept, *selection.removed}
    goes = {case: _GOES[one.verdict] for case, one in decisions.items() if one.verdict in _GOES}
    known = {case: gone for case, gone in goes.items() if case in training}
    if decisions and not training & set(decisions):
        raise UsageError("the review covers none of this run's training cases; is it of another run?")
    removed = {case for case in training if known.get(case, case in selection.removed)}
    kept = tuple(case for case in sorted(training) if case not in removed)
    if not kept:
        raise UsageError("review and measure together would keep no case")
    decided = selection.decisions.copy()
    for case, gone in known.items():
        rows = decided["case"] == case
        decided.loc[rows, "suspicious"] = gone
        decided.loc[rows, "reason"] = f"reviewed: {decisions[case].verdict}"
    strange = len(set(goes) - training)
    notes = [f"decided by review: {counted(len(known), 'case')}; by {selection.rule.by}: {len(training) - len(known)}"]
    if alone := sum(decisions[case].alone for case in known):
        notes.append(f"{alone} of these {counted(len(known), 'verdict')} come from one rater only")
    doubts = [f"verdicts on cases that are not training cases of this run: {strange}"] if strange else []
    return replace(
        selection,
        kept=kept,
        removed=tuple(sorted(removed)),
        decisions=with_outcome(decided, removed),
        warnings=(*selection.warnings, *doubts),
        notes=(*selection.notes, *notes),
    )
