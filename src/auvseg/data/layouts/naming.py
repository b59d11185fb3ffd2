"""File names and case ids: what a file is called without its ending, and the shortest names that tell files apart."""

import difflib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from auvseg.data.reading import SUPPORTED_ENDINGS
from auvseg.files.text import writable

_LONGEST_FIRST = sorted(SUPPORTED_ENDINGS, key=len, reverse=True)
_MAX_NAMED = 3
_NNUNETS = ("imagesTr", "labelsTr", "imagesTs", "labelsTs")
"""Folders that are alike in their names and never meant for each other."""
_NEAR = 0.75
_WORD_OR_NUMBER = re.compile(r"[^\W\d_]+|\d+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def stem(name: str) -> str:
    """A file name without the ending of its format: `a.b.nii.gz` is `a.b`."""
    lower = name.lower()
    for ending in _LONGEST_FIRST:
        if lower.endswith(ending):
            return name[: -len(ending)]
    return Path(name).stem


def ending_of(name: str) -> str:
    """The ending of a file name's format as it is written, with its dot."""
    return name[len(stem(name)) :]


def has_ending(name: str, ending: str) -> bool:
    """Whether a name has this ending and no longer one: `a.nii.gz` does not end in `.gz`."""
    return name.endswith(ending) and len(ending) >= len(ending_of(name))


def folded(text: str) -> str:
    """A name as file systems compare it: composition of letters, capitals and spaces around it do not count."""
    return unicodedata.normalize("NFC", text).casefold().strip()


def loosely(text: str) -> str:
    """A name by its words and numbers: separators and leading zeros do not count, either."""
    parts = _WORD_OR_NUMBER.findall(folded(text))
    return " ".join(part.lstrip("0") or "0" if part.isdecimal() else part for part in parts)


def clean_id(text: str) -> str:
    """An id that can be written as UTF-8 anywhere, in one line; what is no text or steers terminals is escaped."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), writable(text).strip())


def ids_from_paths(paths: Sequence[Path]) -> list[str]:
    """The shortest ids that tell the files apart: the file's name, and where names collide the folders before it.

    `STS_002/CT_image.nii.gz` and `STS_008/CT_image.nii.gz` become `STS_002_CT_image` and `STS_008_CT_image`; `a.nii`
    beside `a.nii.gz` keep their endings. Folders above all files never appear. The same file twice keeps the same id,
    which `check` reports.
    """
    same_place: dict[tuple[Path, str], set[str]] = defaultdict(set)
    for path in paths:
        same_place[path.parent, stem(path.name)].add(path.name)
    ids = [stem(p.name) if len(same_place[p.parent, stem(p.name)]) == 1 else p.name for p in paths]
    levels = zip(*(path.parent.parts for path in paths), strict=False)
    shared = sum(1 for _ in takewhile(lambda names: len(set(names)) == 1, levels))
    folders = [[part for part in path.parent.parts[shared:] if part not in ("..", ".")] for path in paths]
    own = list(ids)
    depth = [0] * len(paths)
    while True:
        times = Counter(name.lower() for name in ids)
        longer = [n for n, name in enumerate(ids) if times[name.lower()] > 1 and depth[n] < len(folders[n])]
        if not longer:
            return [clean_id(name) for name in ids]
        for position in longer:
            depth[position] += 1
            ids[position] = "_".join([*folders[position][-depth[position] :], own[position]])


def stated_or_found(stated: Sequence[str | None], paths: Sequence[Path]) -> list[str]:
    """The ids that a description states; where it states none, from the path.

    Args:
        stated: one a case; None or blank where the description has none.
        paths: the first image of every case.
    """
    from_paths = ids_from_paths(paths)
    own = [clean_id(text or "") for text in stated]
    return [text or name for text, name in zip(own, from_paths, strict=True)]


def is_hidden(path: Path) -> bool:
    """Files that systems leave behind: `._x.nii.gz`, `.DS_Store`."""
    return path.name.startswith(".")


def visible_files(folder: Path, notes: list[str]) -> list[Path]:
    """The files of a folder in the order of their names; hidden ones are counted in a note."""
    # A link to nothing is a file that was not fetched, and a case of its own reason.
    files = [path for path in sorted(folder.iterdir()) if path.is_file() or (path.is_symlink() and not path.exists())]
    visible = [path for path in files if not is_hidden(path)]
    if len(visible) < len(files):
        notes.append(f"{len(files) - len(visible)} hidden files in {folder.name} (such as ._x or .DS_Store) ignored")
    return visible


def near_folder(folder: Path) -> str:
    """The folder that may be the one that is meant, by its name beside it; empty where there is none."""
    try:
        beside = sorted(one.name for one in folder.parent.iterdir() if one.is_dir() and one.name not in _NNUNETS)
    except OSError:
        return ""
    others = {name.casefold(): name for name in beside}
    found = difflib.get_close_matches(folder.name.casefold(), others, n=1, cutoff=_NEAR)
    return others[found[0]] if found else ""


def some_of(names: Sequence[str]) -> str:
    """The first names of a list, for a note: `a, b, c ...`; in one line, whatever they are made of."""
    return ", ".join(map(clean_id, names[:_MAX_NAMED])) + (" ..." if len(names) > _MAX_NAMED else "")
