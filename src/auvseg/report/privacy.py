"""What leaves the machine in a report: no absolute path, and with pseudonyms no case id and no name of a file."""

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_NAME = r"[^\s\\/:*?\"'<>|;,]+"
_ABSOLUTE = re.compile(rf"(?<![\w.\\/])(?:[A-Za-z]:)?[\\/]{{1,2}}(?:{_NAME}[\\/])*({_NAME})")
"""A path from the root of a file system; its last part alone is kept."""

_ENDINGS = "nii gz img hdr mha mhd raw nrrd nhdr dcm npz npy csv tsv json png jpg jpeg tif tiff bmp zip"
_FILE = re.compile(rf"{_NAME}\.(?:{'|'.join(_ENDINGS.split())})\b", re.IGNORECASE)
_BEFORE_A_COLON = re.compile(r"^(?:\S+|[^:]*\.[A-Za-z]\w{0,4}): ")
"""What a reader's message begins with: the file that it is about."""
_UID = re.compile(r"\b\d+(?:\.\d+){4,}\b")
"""DICOM's identifiers; a version has fewer parts."""

_SHORT = 5
"""A name of fewer characters is looked for between others' boundaries alone: `1` is in every number."""


@dataclass(frozen=True)
class Privacy:
    """How text is cleaned.

    Attributes:
        folders: each is cut off where a path begins with it, spaces in it or not.
        pseudonyms: by case id; None where ids may be shown.
        others: names that stand for nobody in the report and must not be in it either, with pseudonyms: cases that were
            not scored, files of the data set.
    """

    folders: tuple[str, ...] = ()
    pseudonyms: Mapping[str, str] | None = None
    others: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, folders: Sequence[Path], pseudonyms: Mapping[str, str] | None = None, others: Iterable[str] = ()
    ) -> "Privacy":
        """Clean of these folders, of the home folder and, with pseudonyms, of names."""
        home: list[Path] = []
        with contextlib.suppress(RuntimeError):  # a container's user may have none
            home.append(Path.home())
        known = {str(path) for folder in (*folders, *home) for path in (folder, folder.resolve())}
        return cls(tuple(sorted(one for one in known if len(one) > 1)), pseudonyms, frozenset(others))

    def case(self, case_id: str) -> str:
        """What a case is called in the report."""
        return case_id if self.pseudonyms is None else self.pseudonyms.get(case_id, "another case")

    def text(self, words: str) -> str:
        """A sentence without absolute paths, and with pseudonyms instead of names."""
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
    """Replaces many names in a text: one look-up a place and length, however many names there are.

    Args:
        instead: what stands for each name.
    """

    def __init__(self, instead: Mapping[str, str]) -> None:
        self._by_length: dict[int, dict[str, str]] = {}
        for name, other in instead.items():
            self._by_length.setdefault(len(name), {})[name] = other
        self._lengths = sorted((length for length in self._by_length if length), reverse=True)

    def replaced(self, text: str) -> str:
        """The text with every name replaced; of names that begin at one place the longest."""
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
