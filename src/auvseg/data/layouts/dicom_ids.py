"""Ids of cases that are DICOM series: the user's own folder names, unless those tell who the patient is.

Nothing of a header becomes an id. Where a file was not de-identified and a folder is called by the patient's name, id
or birth date, the id is a hash of the series.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from auvseg.data.formats.dicom.instance import Instance
from auvseg.data.layouts.naming import clean_id


def case_ids(root: Path, images: Sequence[Path], series: Sequence[Instance], notes: list[str]) -> list[str]:
    """The shortest beginnings of the paths below the root that tell the cases apart.

    Args:
        root: the data set's folder.
        images: folder or file of every case.
        series: a file of every case's series.
        notes: receives how many ids were replaced by a hash.
    """
    paths = [_parts(image, root) for image in images]
    shared = 0
    while len(paths) > 1 and all(len(parts) > shared + 1 and parts[shared] == paths[0][shared] for parts in paths):
        shared += 1
    own = [parts[shared:] for parts in paths]
    depth = [1] * len(own)
    while True:
        ids = ["_".join(parts[:deep]) for parts, deep in zip(own, depth, strict=True)]
        times = Counter(name.casefold() for name in ids)
        longer = [n for n, name in enumerate(ids) if times[name.casefold()] > 1 and depth[n] < len(own[n])]
        if not longer:
            break
        for position in longer:
            depth[position] += 1
    kept = [_private(name, one) for name, one in zip(ids, series, strict=True)]
    hidden = sum(name != given for name, given in zip(kept, ids, strict=True))
    if hidden:
        notes.append(
            f"{hidden} cases have a hash of their series as id, since their folders' names tell who the patient is; "
            "for other ids write a table (CSV) with the columns id, image and label"
        )
    return [clean_id(name) for name in kept]


def _parts(image: Path, root: Path) -> list[str]:
    """The folders of an image below the root, and its file where it is one; the root where there is nothing else."""
    parts = list(image.relative_to(root).parts)
    if not parts:
        return [root.resolve().name]
    return [*parts[:-1], Path(parts[-1]).stem] if image.is_file() else parts


def _private(case_id: str, series: Instance) -> str:
    if not any(word in case_id.casefold() for word in series.identity):
        return case_id
    return f"case_{hashlib.sha256(series.series.encode()).hexdigest()[:8]}"
