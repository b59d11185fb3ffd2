"""Pair images and labels by name: names are equal, or differ only by a word such as `_mask`.

Channels are recognised by nnU-Net's suffix (`_0000`, `_0001`) if that makes them match a label. Nothing is guessed:
labels that share a name are not paired, and the notes say so.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from auvseg.data.case import Case, Subset
from auvseg.data.layouts.naming import clean_id, some_of, stem

_WORDS = "images?|imgs?|volumes?|scans?|segmentations?|segs?|dseg|labels?|masks?|msk|gts?|annotations?"
_AFTER = re.compile(rf"(?:^|[_\-. ])(?:{_WORDS})$", re.IGNORECASE)
_BEFORE = re.compile(rf"^(?:{_WORDS})[_\-. ]", re.IGNORECASE)
_CHANNEL = re.compile(r"_(\d{4})$")


def key_of(name: str) -> str:
    """Return the part of the name that an image and its label share: `case_1` for `case_1_seg` and `volume-case_1`."""
    bare = _BEFORE.sub("", _AFTER.sub("", name))
    return bare or name


def pair(images: Sequence[Path], labels: Sequence[Path], subset: Subset, notes: list[str]) -> list[Case]:
    """Make a case of every image, with its label or None; images that are channels of one label are one case.

    Args:
        images: files of the image folder.
        labels: files of the label folder.
        subset: subset of the cases.
        notes: receives a sentence about unpaired files.
    """
    by_key = _labels_by_key(labels, notes)
    images_by_name = _images_by_name(images, by_key)
    # Strip words from the ids of all cases or of none, so that ids look alike.
    labelled = ((name.base, by_key.get(key_of(name.base))) for name in images_by_name)
    cuts = any(label is not None and stem(label.name) != base for base, label in labelled)
    times = Counter(key_of(name.base) for name in images_by_name)
    cases = []
    for name, files in images_by_name.items():
        key = key_of(name.base)
        case_id = name.full if times[key] > 1 or not cuts else key
        cases.append(Case(clean_id(case_id), files, by_key.get(key), subset))
    taken = {case.label for case in cases}
    _note_unpaired(cases, [label for label in by_key.values() if label not in taken], notes)
    return cases


class _Name(NamedTuple):
    """An image's name without channel and format, and what distinguishes it from others of that name."""

    base: str
    full: str


def _images_by_name(images: Sequence[Path], by_key: dict[str, Path]) -> dict[_Name, tuple[Path, ...]]:
    """Group files by image, one per channel; the same name in a second format is a separate image."""
    has_channels = any(_is_channel(stem(image.name), by_key) for image in images)
    found: dict[_Name, dict[int, Path]] = defaultdict(dict)
    for image in images:
        base = stem(image.name)
        suffix = _CHANNEL.search(base) if has_channels and key_of(base) not in by_key else None
        base, channel = (base[: suffix.start()], int(suffix[1])) if suffix else (base, 0)
        name = _Name(base, base)
        found[name if channel not in found[name] else _Name(base, image.name)][channel] = image
    return {name: tuple(files[channel] for channel in sorted(files)) for name, files in found.items()}


def _labels_by_key(labels: Sequence[Path], notes: list[str]) -> dict[str, Path]:
    """Index labels by the name they share with their image; ambiguous names are left out."""
    found: dict[str, list[Path]] = defaultdict(list)
    for label in labels:
        found[key_of(stem(label.name))].append(label)
    shared = sorted(key for key, files in found.items() if len(files) > 1)
    if shared:
        notes.append(f"several labels for {some_of(shared)}: none of them is used; keep one, or write a table (CSV)")
    return {key: files[0] for key, files in found.items() if len(files) == 1}


def _is_channel(name: str, by_key: dict[str, Path]) -> bool:
    base = _CHANNEL.sub("", name)
    return base != name and key_of(name) not in by_key and key_of(base) in by_key


def _note_unpaired(cases: list[Case], left: list[Path], notes: list[str]) -> None:
    without = sorted(case.case_id for case in cases if case.label is None)
    if without:
        notes.append(f"{len(without)} images have no label of the same name: {some_of(without)}")
    if left:
        names = sorted(path.name for path in left)
        notes.append(f"{len(names)} labels have no image of the same name: {some_of(names)} ignored")
