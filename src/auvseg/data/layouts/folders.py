"""Plain folders: `images` beside `labels` with matching names, or one folder per case with one image and one label.

Only file names count; no file is opened. Files that do not fit are listed in the notes. Nothing ambiguous is guessed; a
table (CSV) can state it.
"""

import re
from dataclasses import replace
from pathlib import Path

from auvseg.data.case import Case, Dataset, Subset
from auvseg.data.layouts.naming import clean_id, is_hidden, some_of, stem, visible_files
from auvseg.data.layouts.pairing import pair
from auvseg.data.reading import is_supported

NAME = "image and label folders"
_IMAGES = ("images", "image", "imgs", "img", "volumes", "scans")
_LABELS = ("labels", "label", "masks", "mask", "segs", "seg", "segmentations", "gts", "annotations")
_SUFFIXES: dict[str, Subset] = {
    "": "training",
    "tr": "training",
    "train": "training",
    "val": "validation",
    "vl": "validation",
    "ts": "test",
    "test": "test",
}
_LABEL_NAME = re.compile(
    r"(^|[_\-. ])(segmentations?|segs?|dseg|labels?|masks?|msk|gts?|annotations?)($|[_\-. \d])", re.IGNORECASE
)


def recognises(path: Path) -> bool:
    """Recognise a folder with sibling image and label folders, or with one image and one label in most subfolders."""
    return path.is_dir() and bool(_siblings(path, []) or _is_folder_a_case(path))


def read(path: Path) -> Dataset:
    """Pair the files by name; unpaired ones are listed in the notes."""
    notes: list[str] = []
    cases: list[Case] = []
    siblings = _siblings(path, notes)
    for images, labels, subset in siblings:
        found = pair(_files(images, notes), _files(labels, notes), subset, notes)
        cases += _apart(found, cases, images.name)
    if not siblings:
        cases = _folder_a_case(path, notes)
    count = max((len(case.images) for case in cases), default=0)
    return Dataset(
        name=path.resolve().name,
        root=path,
        layout=NAME,
        source=None,
        cases=tuple(sorted(cases, key=lambda case: case.case_id)),
        channel_names=tuple(f"channel_{number}" for number in range(count)) if count > 1 else (),
        notes=tuple(notes),
    )


def _siblings(path: Path, notes: list[str]) -> list[tuple[Path, Path, Subset]]:
    folders = {
        re.sub(r"[_\-. ]", "", folder.name.lower()): folder for folder in sorted(path.iterdir()) if folder.is_dir()
    }
    found = []
    for suffix, subset in _SUFFIXES.items():
        images = [folders[name + suffix] for name in _IMAGES if name + suffix in folders]
        labels = [folders[name + suffix] for name in _LABELS if name + suffix in folders]
        if images and labels and any(_files(folder, []) for folder in images):
            found.append((images[0], labels[0], subset))
            for folder in (*images[1:], *labels[1:]):
                notes.append(f"the folder {folder.name} is ignored beside {images[0].name} and {labels[0].name}")
    return found


def _apart(found: list[Case], others: list[Case], folder: str) -> list[Case]:
    """Prefix case ids with the folder's name if another folder has the same ids."""
    known = {case.case_id.casefold() for case in others}
    return [
        replace(case, case_id=f"{folder}_{case.case_id}") if case.case_id.casefold() in known else case
        for case in found
    ]


def _files(folder: Path, notes: list[str]) -> list[Path]:
    # One file stands for a header/image pair.
    visible = visible_files(folder, notes)
    files = [file for file in visible if is_supported(file)]
    if len(files) < len(visible):
        other = [file.name for file in visible if file not in files]
        notes.append(f"{len(other)} files in {folder.name} have no known image format: {some_of(other)} ignored")
    headers = {stem(file.name) for file in files if file.name.lower().endswith((".hdr", ".hdr.gz"))}
    return [
        file for file in files if not (file.name.lower().endswith((".img", ".img.gz")) and stem(file.name) in headers)
    ]


def _folder_a_case(path: Path, notes: list[str]) -> list[Case]:
    """Make a case of every folder with one image and at most one label; other folders are named in a note."""
    cases, others = [], []
    for folder in _subfolders(path):
        images, labels = _images_and_labels(folder, notes)
        if len(images) == 1 and len(labels) <= 1:
            cases.append(Case(clean_id(folder.name), (images[0],), labels[0] if labels else None))
        else:
            others.append(folder.name)
    if others:
        notes.append(f"{len(others)} folders do not hold one image and one label: {some_of(others)} ignored")
    return cases


def _is_folder_a_case(path: Path) -> bool:
    folders = _subfolders(path)
    whole = sum(tuple(map(len, _images_and_labels(folder, []))) == (1, 1) for folder in folders)
    return 2 * whole > len(folders)


def _subfolders(path: Path) -> list[Path]:
    return [folder for folder in sorted(path.iterdir()) if folder.is_dir() and not is_hidden(folder)]


def _images_and_labels(folder: Path, notes: list[str]) -> tuple[list[Path], list[Path]]:
    files = _files(folder, notes)
    labels = [file for file in files if _LABEL_NAME.search(stem(file.name))]
    return [file for file in files if file not in labels], labels
