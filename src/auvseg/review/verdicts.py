"""Verdict files, as the report exports them: JSON, or CSV with the columns case, verdict, note and rater.

A merged review is a CSV with one column more, `judged_by`: who gave a verdict on the case.

They come from a browser and pass through people's hands, so nothing in them is believed before it was looked at.
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
"""`keep`: sound; `exclude`: not to be learnt from; `fix`: the label has to be mended first; `unsure`."""

FORMAT = 1

_MAX_FILE = 64 << 20
_MAX_NOTE = 2000
_MAX_NAME = 200


@dataclass(frozen=True)
class Decision:
    """What was decided of one case.

    Attributes:
        verdict: None where there is only a note.
        note: in the rater's words.
        judged_by: of a merged review, the raters who gave a verdict, by name; else empty.
    """

    verdict: Verdict | None
    note: str = ""
    judged_by: tuple[str, ...] = ()

    @property
    def alone(self) -> bool:
        """Whether it is one rater's verdict in a review that several made."""
        return len(self.judged_by) == 1


@dataclass(frozen=True)
class Review:
    """One file.

    Attributes:
        rater: who decided; the file's name where it does not say.
        decisions: by case id.
        run: fingerprint (`auvseg.review.of_run`) of the report that it was made in; empty where the file does not
            say, as CSV files do not.
    """

    rater: str
    decisions: Mapping[str, Decision]
    run: str = ""

    def named(self, ids: Mapping[str, str]) -> "Review":
        """The same with other ids, such as the cases behind pseudonyms; what has no other id keeps its own."""
        return replace(self, decisions={ids.get(case, case): one for case, one in self.decisions.items()})


_Row = tuple[str, str, str, str]
"""Case, verdict, note and who judged, as they stand in a file."""

_AND = " + "
"""Between the names of several raters."""


def read_review(path: Path) -> Review:
    """Read a file that the report exported.

    Raises:
        UsageError: it cannot be read, is no review, or a row of it is wrong; says which.
    """
    try:
        if path.stat().st_size > _MAX_FILE:
            raise UsageError(f"{path} is larger than any review; is it another file?")
        text = path.read_bytes().decode("utf-8-sig", "surrogatepass")  # a carriage return in a note is part of it
    except OSError as problem:
        raise UsageError(f"{path} cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no text in UTF-8; export the review again") from None
    run, rater, rows = _from_json(path, text) if text.lstrip().startswith(("{", "[")) else _from_csv(path, text)
    decisions: dict[str, Decision] = {}
    for number, (case, verdict, note, judged_by) in enumerate(rows, start=1):
        if not case:
            raise UsageError(f"{path}, decision {number}: it names no case")
        if verdict and verdict not in get_args(Verdict):
            known = ", ".join(get_args(Verdict))
            raise UsageError(f"{path}, decision {number} ({case}): the verdict {verdict!r} is none of {known}")
        if case in decisions:
            raise UsageError(f"{path}, decision {number}: {case} is decided twice")
        raters = tuple(one for one in judged_by.split(_AND) if one)
        decisions[case] = Decision(verdict or None, note[:_MAX_NOTE], raters)  # type: ignore[arg-type]
    return Review(rater[:_MAX_NAME] or path.stem, decisions, run)


def write_review(path: Path, review: Review) -> None:
    """Write a review as CSV, which `read_review` and spreadsheets read; no cell of it is computed."""
    rows = [
        (case, one.verdict or "", one.note, review.rater, _AND.join(one.judged_by))
        for case, one in sorted(review.decisions.items())
    ]
    text = rows_as_csv([("case", "verdict", "note", "rater", "judged_by"), *rows])
    # A lone surrogate is no text, but an id may hold one: a file's name need not be in UTF-8.
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
        raise UsageError(f"{path} is no review that the report exported") from None


def _from_csv(path: Path, text: str) -> tuple[str, str, list[_Row]]:
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""))
        if not {"case", "verdict"} <= set(reader.fieldnames or ()):
            raise UsageError(f"{path} is no review: a CSV file needs the columns case and verdict")
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
    """Cases of which somebody has a verdict."""
    return {case for review in reviews for case, one in review.decisions.items() if one.verdict is not None}


_GOES = {"exclude": True, "fix": True, "keep": False}


def apply_verdicts(selection: Selection, decisions: Mapping[str, Decision]) -> Selection:
    """The selection after the verdicts.

    Args:
        selection: by a measure.
        decisions: by case id, of one review or a merged one.

    Raises:
        UsageError: no verdict is about a training case of this run, or nothing would be kept.
    """
    training = {*selection.kept, *selection.removed}
    goes = {case: _GOES[one.verdict] for case, one in decisions.items() if one.verdict in _GOES}
    known = {case: gone for case, gone in goes.items() if case in training}
    if decisions and not training & set(decisions):
        raise UsageError("the review is about none of this run's training cases; is it of another run?")
    removed = {case for case in training if known.get(case, case in selection.removed)}
    kept = tuple(case for case in sorted(training) if case not in removed)
    if not kept:
        raise UsageError("the review and the measure together keep no case at all")
    decided = selection.decisions.copy()
    for case, gone in known.items():
        rows = decided["case"] == case
        decided.loc[rows, "suspicious"] = gone
        decided.loc[rows, "reason"] = f"reviewed: {decisions[case].verdict}"
    strange = len(set(goes) - training)
    notes = [f"decided by review: {counted(len(known), 'case')}; by {selection.rule.by}: {len(training) - len(known)}"]
    if alone := sum(decisions[case].alone for case in known):
        notes.append(f"{alone} of these {counted(len(known), 'verdict')} are one rater's alone")
    doubts = [f"verdicts about cases that are no training cases of this run: {strange}"] if strange else []
    return replace(
        selection,
        kept=kept,
        removed=tuple(sorted(removed)),
        decisions=with_outcome(decided, removed),
        warnings=(*selection.warnings, *doubts),
        notes=(*selection.notes, *notes),
    )
