"""What every layout does with the entries of its description: JSON, file names and case ids.

Errors name the file and the key; nothing here touches an image.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from auvseg.data.case import Modality
from auvseg.data.reading import SUPPORTED_ENDINGS
from auvseg.errors import DatasetError

_LONGEST_FIRST = sorted(SUPPORTED_ENDINGS, key=len, reverse=True)


def load_json(path: Path) -> dict[str, Any]:
    """A JSON file that holds an object.

    Raises:
        DatasetError: it cannot be read, is not JSON, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DatasetError(f"{path.name}: cannot be read ({error.strerror or error})") from None
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path.name}: is not valid JSON ({str(error).splitlines()[0]})") from None
    if not isinstance(content, dict):
        raise DatasetError(f"{path.name}: holds a {type(content).__name__}, not an object with keys")
    return content


def take(content: dict[str, Any], key: str, kind: type, path: Path) -> Any:
    """The value of a key that must be there and of one type.

    Raises:
        DatasetError: the key is missing or of another type.
    """
    if key not in content:
        raise DatasetError(f"{path.name}: the key {key!r} is missing")
    if not isinstance(content[key], kind):
        found = type(content[key]).__name__
        raise DatasetError(f"{path.name}: {key!r} must be a {kind.__name__}, not a {found}")
    return content[key]


def stem(name: str) -> str:
    """A file name without the ending of its format: `a.b.nii.gz` is `a.b`."""
    lower = name.lower()
    for ending in _LONGEST_FIRST:
        if lower.endswith(ending):
            return name[: -len(ending)]
    return Path(name).stem


def clean_id(text: str) -> str:
    """An id that can be written as UTF-8 anywhere; bytes of a file name that are no text become escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").strip()


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


def is_hidden(path: Path) -> bool:
    """Files that systems leave behind: `._x.nii.gz`, `.DS_Store`."""
    return path.name.startswith(".")


def modality_of(names: Iterable[str]) -> tuple[Modality | None, str | None]:
    """What the words that a data set uses mean, and what a person should know about it.

    nnU-Net's rule: a channel called CT holds Hounsfield units, every other is arbitrary. Channels of both kinds say
    nothing.
    """
    words = [name.strip().lower() for name in names]
    if not words:
        return None, None
    is_ct = [word in ("ct", "cect", "cbct", "ncct") or word.startswith(("ct ", "ct_", "ct-")) for word in words]
    if all(is_ct):
        return "ct", None
    if any(is_ct):
        return None, "some channels are CT and some are not: choose one with --channel and say --modality"
    known = ("mr", "t1", "t2", "flair", "adc", "dwi", "pd", "swi", "nonorm", "zscore", "rescale")
    if all(word.startswith(known) for word in words):
        return "mri", None
    return (
        "mri",
        f"channel {', '.join(names)}: taken as arbitrary intensities like MRI, as nnU-Net does; or say --modality",
    )
