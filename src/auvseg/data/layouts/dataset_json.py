"""Parse a data set's description (JSON) for the layout readers: types, numbers and paths.

Every error names the file and the key, since people edit these files by hand. No image is opened here.
"""

import json
import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from auvseg.data.case import ClassDef
from auvseg.data.check.findings import Finding, Kind, Problem
from auvseg.errors import DatasetError
from auvseg.files.text import decode, what_is_wrong, writable
from auvseg.wording import counted


class Remarks:
    """Collects the remarks of a layout reader.

    Attributes:
        notes: what a person should know, one sentence each.
        findings: problems.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.findings: list[Finding] = []
        self._inexact: dict[str, list[tuple[str, str]]] = defaultdict(list)

    def refused(self, what: str, advice: str) -> None:
        """Report what nnU-Net rejects in the description and auvseg accepts."""
        message = f"nnU-Net rejects dataset.json: {what}"
        self.findings.append(Problem(Kind.REFUSED_BY_NNUNET, message, advice).at("", ""))

    def inexact(self, how: str, written: str, meant: str) -> None:
        """Report a path that was found only after reading it another way."""
        self._inexact[how].append((written, meant))

    def all_findings(self) -> tuple[Finding, ...]:
        """Return all findings; those of paths are merged by the way they are written."""
        told = []
        for how, paths in sorted(self._inexact.items()):
            written, meant = paths[0]
            message = f"{counted(len(paths), 'path')} written {how}; {written!r} is read as {meant!r}"
            told.append(Problem(Kind.INEXACT_PATH, message, f"write {meant!r}").at("", ""))
        return (*self.findings, *told)


def load_json(path: Path) -> dict[str, Any]:
    """Load a JSON file that holds an object.

    Raises:
        DatasetError: it cannot be read, is not JSON, repeats a key, or holds something else.
    """

    def no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise DatasetError(f"{path.name}: the key {twice!r} occurs twice; keep one of the two")
        return content

    try:
        content = json.loads(decode(path.read_bytes()), object_pairs_hook=no_key_twice)
    except OSError as error:
        raise DatasetError(f"{path.name}: cannot be read ({error.strerror or error})") from None
    except RecursionError:
        raise DatasetError(f"{path.name}: is not valid JSON (it is nested too deep)") from None
    except ValueError as error:
        raise DatasetError(f"{path.name}: is not valid JSON ({what_is_wrong(error)})") from None
    if not isinstance(content, dict):
        raise DatasetError(
            f"{path.name}: holds a {type(content).__name__}, not an object with keys; "
            'a list of cases belongs under "training"'
        )
    return content


def take(content: dict[str, Any], key: str, kind: type, where: str) -> Any:
    """Return the value of a required key, which must have a given type.

    Raises:
        DatasetError: the key is missing or of another type.
    """
    if key not in content:
        raise DatasetError(f"{where}: the key {key!r} is missing")
    if not isinstance(content[key], kind):
        found = type(content[key]).__name__
        raise DatasetError(f"{where}: {key!r} must be a {kind.__name__}, not a {found}")
    return content[key]


def numbered(content: dict[str, Any], key: str, where: str) -> list[tuple[int, str]]:
    """Return the pairs of `{"0": "background", "1": "liver"}` in the order of their numbers.

    Raises:
        DatasetError: the key is missing, its value is not an object, its keys are not numbers or its values not names.
    """
    values = take(content, key, dict, where)
    pairs = []
    for number, name in values.items():
        if not isinstance(name, str):
            turned = isinstance(name, int) and not number.isdecimal()
            instead = f'; write {{"{name}": "{number}"}}, each number before its name' if turned else ""
            raise DatasetError(f"{where}: {key!r} must name {number!r} by a string, not by {name!r}{instead}")
        try:
            pairs.append((int(number), writable(name)))
        except ValueError:
            raise DatasetError(f"{where}: the keys of {key!r} must be whole numbers, not {number!r}") from None
    numbers = [number for number, _ in pairs]
    if len(set(numbers)) < len(numbers):
        raise DatasetError(f"{where}: {key!r} repeats a number: {sorted(numbers)}")
    return sorted(pairs)


def channels(content: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    """Return channel names in order, from `{"0": "T1", "1": "T2"}`.

    Raises:
        DatasetError: as for `numbered`; or there is no channel, or the numbers are not 0, 1, 2 ...
    """
    pairs = numbered(content, key, where)
    if [number for number, _ in pairs] != list(range(len(pairs))) or not pairs:
        found = ", ".join(str(number) for number, _ in pairs) or "nothing"
        raise DatasetError(f"{where}: {key!r} must number the channels 0, 1, 2 ...; it has {found}")
    return tuple(name for _, name in pairs)


def classes(content: dict[str, Any], where: str) -> tuple[ClassDef, ...]:
    """Return foreground classes from decathlon's `labels`, such as `{"0": "background", "1": "liver"}`.

    Raises:
        DatasetError: as for `numbered`; or a value is negative, or there is only background.
    """
    pairs = numbered(content, "labels", where)
    if any(value < 0 for value, _ in pairs):
        raise DatasetError(f"{where}: 'labels' has the negative value {pairs[0][0]}")
    found = tuple(ClassDef(value, name, (value,)) for value, name in pairs if value != 0)
    if not found:
        raise DatasetError(f"{where}: 'labels' names no foreground class")
    return found


def path_below(root: Path, name: object, where: str, remarks: Remarks | None = None) -> Path:
    """Resolve a path of the description: absolute, or relative to `root`, `..` included, as nnU-Net documents.

    If the file does not exist as written but does with slashes for backslashes or without quotes, that one is taken.

    Args:
        root: start of relative paths.
        name: the path in the description.
        where: the file and the place in it, for messages.
        remarks: receives a finding if the path had to be read another way; None: no other way is tried.

    Raises:
        DatasetError: it is not a string, empty, or holds a zero byte.
    """
    if not isinstance(name, str) or not name.strip():
        raise DatasetError(f"{where}: must be a file name, not {name!r}")
    if "\0" in name:
        raise DatasetError(f"{where}: {name!r} holds a zero byte, which no file name can")
    written = name.strip()
    path = root / written
    return path if remarks is None or is_there(path) else _read_another_way(root, written, remarks)


def _read_another_way(root: Path, written: str, remarks: Remarks) -> Path:
    """Return the intended path if it or its folder exists; a missing file is then reported in that folder."""
    meant, ways = written, []
    for how, read in _OTHER_WAYS:
        other = read(meant)
        ways += [how] if other != meant else []
        meant = other
    path = root / meant
    if not ways or not (is_there(path) or ("/" in meant and is_there(path.parent))):
        return root / written
    inside = path.is_relative_to(root)
    # Messages never repeat paths of this machine.
    shown = written if inside and path != Path(meant) else f".../{path.name}"
    remarks.inexact(" and ".join(ways), shown, str(path.relative_to(root)) if inside else path.name)
    return path


_OTHER_WAYS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("in quotes", lambda text: text.strip("\"'\u201c\u201d\u2018\u2019 ")),
    ("as an address", lambda text: unquote(text.removeprefix("file://")) if text.startswith("file://") else text),
    ("with backslashes", lambda text: text.replace("\\", "/")),
    ("with ~", lambda text: os.path.expanduser(text)),  # noqa: PTH111 - a name of no user is no error
)
"""How people and programs miswrite paths, and how to read them; tried in order."""


def is_there(path: Path) -> bool:
    """Whether something has this name, even a broken link; False for a name that the system refuses."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True
    return True


def as_text(value: object) -> str:
    """Format an attribute's value: strings unchanged, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
