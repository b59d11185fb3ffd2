"""What leaves the machine in a report: no absolute path, and with pseudonyms no case id."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_ABSOLUTE = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?[\\/](?:[^\s\\/:*?\"'<>|;,]+[\\/])*([^\s\\/:*?\"'<>|;,]+)")
"""A path from the root of a file system; its last part alone is kept."""


@dataclass(frozen=True)
class Privacy:
    """How text is cleaned.

    Attributes:
        folders: longest first; each is cut off where a path begins with it, spaces in it or not.
        pseudonyms: by case id; None where ids may be shown.
    """

    folders: tuple[str, ...] = ()
    pseudonyms: dict[str, str] | None = None

    @classmethod
    def of(cls, folders: Sequence[Path], case_ids: Sequence[str], *, pseudonymize: bool) -> "Privacy":
        """Clean of these folders; with `pseudonymize` case ids become `case-0001` and so on, in the ids' order."""
        width = max(len(str(len(case_ids))), 4)
        names = {case_id: f"case-{number:0{width}d}" for number, case_id in enumerate(sorted(case_ids), start=1)}
        known = sorted({str(path) for folder in folders for path in (folder, folder.resolve())}, key=len, reverse=True)
        return cls(tuple(one for one in known if len(one) > 1), names if pseudonymize else None)

    def case(self, case_id: str) -> str:
        """What a case is called in the report."""
        return case_id if self.pseudonyms is None else self.pseudonyms.get(case_id, "another case")

    def text(self, words: str) -> str:
        """A sentence without absolute paths, and with pseudonyms for case ids."""
        for folder in self.folders:
            words = words.replace(f"{folder}/", "").replace(folder, "the data set")
        words = _ABSOLUTE.sub(r"\1", words)
        if self.pseudonyms:
            words = self._pattern().sub(lambda found: self.case(found.group()), words)
        return words

    def _pattern(self) -> re.Pattern[str]:
        names = sorted(self.pseudonyms or (), key=len, reverse=True)
        return re.compile("|".join(rf"(?<![\w]){re.escape(name)}(?![A-Za-z0-9])" for name in names))
