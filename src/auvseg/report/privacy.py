"""Clean text for a report: no absolute paths, and with pseudonyms no case ids and no file names."""

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_NAME = r"[^\s\\/:*?\"'<>|;,]+"
_ABSOLUTE = re.compile(rf"(?<![\w.\\/])(?:[A-Za-z]:)?[\\/]{{1,2}}(?:{_NAME}[\\/])*({_NAME})")
"""A path from the root of a file system; only its last part is kept."""

_ENDINGS = "nii gz img hdr mha mhd raw nrrd nhdr dcm npz npy csv tsv json png jpg jpeg tif tiff bmp zip"
_FILE = re.compile(rf"{_NAME}\.(?:{'|'.join(_ENDINGS.split())})\b", re.IGNORECASE)
_BEFORE_A_COLON = re.compile(r"^(?:\S+|[^:]*\.[A-Za-z]\w{0,4}): ")
"""A file name at the start of a reader's message."""
_UID = re.compile(r"\b\d+(?:\.\d+){4,}\b")
"""DICOM's identifiers; a version has fewer parts."""

_SHORT = 5
"""Shorter names are replaced only as whole words, since `1` is part of many numbers."""


@dataclass(frozen=True)
class Privacy:
    """Cleans text.

    Attributes:
        folders: folders that are stripped from the start of paths, with or without spaces.
        pseudonyms: pseudonyms by case id; None if ids may be shown.
        others: with pseudonyms, further names that must not appear: unscored cases, files of the data set.
    """

    folders: tuple[str, ...] = ()
    pseudonyms: Mapping[str, str] | None = None
    others: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, folders: Sequence[Path], pseudonyms: Mapping[str, str] | None = None, others: Iterable[str] = ()
    ) -> "Privacy":
        """Create a cleaner for these folders, the home folder and, with pseudonyms, names."""
        home: list[Path] = []
        with contextlib.suppress(RuntimeError):  # a container's user may have none
            home.append(Path.home())
        known = {str(path) for folder in (*folders, *home) for path in (folder, folder.resolve())}
        return cls(tuple(sorted(one for one in known if len(one) > 1)), pseudonyms, frozenset(others))

    def case(self, case_id: str) -> str:
        """Return the name of a case in the report."""
        return case_id if self.pseudonyms is None else self.pseudonyms.get(case_id, "another case")

    def text(self, words: str) -> str:
        """Clean a sentence: strip absolute paths, and replace names by pseudonyms."""
        if self._folder is not None:
            words = self._folder.sub(lambda found: "" if found.group(1) else "the folder", words)
        words = _ABSOLUTE.sub(r"\1", words)
        if self.pseudonyms is None:
            return words
        words = self._names.replaced(_BEFORE_A_COLON.sub("", words))
        return _UID.sub("an identifier", _FILE.sub("a file", words))

    @cached_property
    def _folder(self) -> re.Pattern[str] | None:
        if not self.folders:
            return None
        names = "|".join(re.escape(one) for one in sorted(self.folders, key=len, reverse=True))
        return re.compile(rf"(?:{names})(?:([\\/])|(?![\w.-]))")

    @cached_property
    def _names(self) -> "_Names":
        return _Names({**dict.fromkeys(self.others, "another file"), **(self.pseudonyms or {})})


class _Names:
    """Replaces many names in a text, with one look-up per position and length, however many names there are.

    Args:
        instead: replacement by name.
    """

    def __init__(self, instead: Mapping[str, str]) -> None:
        self._by_length: dict[int, dict[str, str]] = {}
        for name, other in instead.items():
            self._by_length.setdefault(len(name), {})[name] = other
        self._lengths = sorted((length for length in self._by_length if length), reverse=True)

    def replaced(self, text: str) -> str:
        """Replace every name in the text; of names that start at one position the longest."""
        parts, start, at = [], 0, 0
        while at < len(text):
            length = self._length_at(text, at)
            if length:
                parts += [text[start:at], self._by_length[length][text[at : at + length]]]
                start = at + length
            at += length or 1
        return "".join([*parts, text[start:]])

    def _length_at(self, text: str, at: int) -> int:
        for length in self._lengths:
            if text[at : at + length] in self._by_length[length] and (
                length >= _SHORT or not (text[at - 1 : at].isalnum() or text[at + length : at + length + 1].isalnum())
            ):
                return length
        return 0
