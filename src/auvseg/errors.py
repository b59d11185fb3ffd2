"""The errors that auvseg raises on purpose; each message says what was wrong, where, and what to do.

Everything that a user can cause derives from `AuvsegError`, so that a command can print one line instead
of a traceback, and a run can turn a failure of one case into a row of its table.
"""

import difflib
import re
from collections.abc import Iterable, Sequence

_MAX_NEAR = 3
_MAX_LISTED = 12
_MIN_LETTERS = 3
"""Of a part of a name that says which one is meant."""


class AuvsegError(Exception):
    """Base of every error that a user's input can cause."""


class UsageError(AuvsegError):
    """The options do not fit each other, or do not fit the data set or the run folder."""


class DatasetError(AuvsegError):
    """A folder or file is no data set that auvseg recognises, or its description contradicts itself."""


class CaseError(AuvsegError):
    """One case cannot be used; the run goes on and the case becomes a row with this reason."""


class ReadError(CaseError):
    """A file of a case cannot be read: missing, truncated, of an unknown format or of an unusable shape.

    Attributes:
        what: what was found, with the file's name before it.
        advice: what to do about it; empty where the sentence says all. The error's text ends with it.
    """

    def __init__(self, what: str, advice: str = "") -> None:
        super().__init__(f"{what}; {advice}" if advice else what)
        self.what = what
        self.advice = advice


class SeriesError(ReadError):
    """The files of a DICOM series are readable, but are not one volume: mixed, gapped, or several series."""


class WeightsError(AuvsegError):
    """Weights are missing, or their sha256 is not the published one."""


class RunError(AuvsegError):
    """A run folder holds nothing usable, or was written with another configuration or version."""


class WriteError(AuvsegError, OSError):
    """A file cannot be written: the disk is full, the folder is read-only or another's. The old file is untouched."""

    def __str__(self) -> str:
        """The sentence alone, without the number that every `OSError` begins with."""
        return str(self.args[0])


def did_you_mean(name: str, known: Iterable[str], listed_by: str = "") -> str:
    """How to go on after a name that nobody knows: the names near it, or where none is near, those that there are.

    Args:
        name: what was typed; upper and lower case, hyphens, underscores and spaces do not count.
        known: the names that there are, in the order in which they are to be listed.
        listed_by: the command that shows all of them, for when they are too many for a sentence.

    Returns:
        A clause for the end of a sentence, such as `did you mean agreement?` of `unknown measure 'agreemnt'; did you
        mean agreement?`.
    """
    names = list(dict.fromkeys(known))
    near = _near(name, names)
    if near:
        listed = f" All names: {listed_by}" if listed_by else ""
        return f"did you mean {' or '.join(near)}?{listed}"
    if len(names) <= _MAX_LISTED:
        return f"there are {', '.join(names)}" if names else "there are none"
    more = f"all of them: {listed_by}" if listed_by else f"and {len(names) - _MAX_LISTED} more"
    return f"there are {', '.join(names[:_MAX_LISTED])} … {more}"


def _near(name: str, names: Sequence[str]) -> list[str]:
    """Of the names those that are written almost so, nearest first, then those that hold what was typed."""
    typed, plain = _plain(name), [_plain(one) for one in names]
    near = difflib.get_close_matches(typed, dict.fromkeys(plain), n=_MAX_NEAR)
    if len(typed) >= _MIN_LETTERS:
        near += [one for one in plain if typed in one]
    return [one for match in dict.fromkeys(near) for one, its in zip(names, plain, strict=True) if its == match][
        :_MAX_NEAR
    ]


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).casefold()
