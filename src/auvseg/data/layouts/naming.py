"""File names and case ids: names without endings, and the shortest distinct ids."""

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
"""Folders with similar names that are never mistaken for each other."""
_NEAR = 0.75
_WORD_OR_NUMBER = re.compile(r"[^\W\d_]+|\d+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def stem(name: str) -> str:
    """Strip the ending of the format from a file name: `a.b.nii.gz` becomes `a.b`."""
    lower = name.lower()
    for ending in _LONGEST_FIRST:
        if lower.endswith(ending):
            return name[: -len(ending)]
    return Path(name).stem


def ending_of(name: str) -> str:
    """Return the ending of a file name's format as written, with its dot."""
    return name[len(stem(name)) :]


def has_ending(name: str, ending: str) -> bool:
    """Whether a name has this ending and no longer one: `a.nii.gz` does not end in `.gz`."""
    return name.endswith(ending) and len(ending) >= len(ending_of(name))


def folded(text: str) -> str:
    """Normalise a name as file systems compare it: ignore Unicode composition, case and surrounding spaces."""
    return unicodedata.normalize("NFC", text).casefold().strip()


def loosely(text: str) -> str:
    """Normalise a name to its words and numbers: ignore separators and leading zeros, too."""
    parts = _WORD_OR_NUMBER.findall(folded(text))
    return " ".join(part.lstrip("0") or "0" if part.isdecimal() else part for part in parts)


def clean_id(text: str) -> str:
    """Make an id safe to write as one line of UTF-8; undecodable bytes and control characters are escaped."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), writable(text).strip())


def ids_from_paths(paths: Sequence[Path]) -> list[str]:
    """Return the shortest distinct ids of files: the file name, with folders before it if names collide.

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
    """Return the ids of the description, or ids from the path where it has none.

    Args:
        stated: one per case; None or blank if the description has none.
        paths: the first image of every case.
    """
    from_paths = ids_from_paths(paths)
    own = [clean_id(text or "") for text in stated]
    return [text or name for text, name in zip(own, from_paths, strict=True)]


def is_hidden(path: Path) -> bool:
    """Whether a file is a system leftover: `._x.nii.gz`, `.DS_Store`."""
    return path.name.startswith(".")


def visible_files(folder: Path, notes: list[str]) -> list[Path]:
    """List the files of a folder by name; hidden ones are counted in a note."""
    # A broken link is a file that was not fetched; it stays, and reading it gives the reason.
    files = [path for path in sorted(folder.iterdir()) if path.is_file() or (path.is_symlink() and not path.exists())]
    visible = [path for path in files if not is_hidden(path)]
    if len(visible) < len(files):
        notes.append(f"{len(files) - len(visible)} hidden files in {folder.name} (such as ._x or .DS_Store) ignored")
    return visible


def near_folder(folder: Path) -> str:
    """Return the name of a similarly named folder beside a missing one; empty if there is none."""
    try:
        beside = sorted(one.name for one in folder.parent.iterdir() if one.is_dir() and one.name not in _NNUNETS)
    except OSError:
        return ""
    others = {name.casefold(): name for name in beside}
    found = difflib.get_close_matches(folder.name.casefold(), others, n=1, cutoff=_NEAR)
    return others[found[0]] if found else ""


def some_of(names: Sequence[str]) -> str:
    """Format the first names of a list for a note, in one line: `a, b, c ...`."""
    return ", ".join(map(clean_id, names[:_MAX_NAMED])) + (" ..." if len(names) > _MAX_NAMED else "")
