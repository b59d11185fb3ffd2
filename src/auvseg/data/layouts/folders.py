"""Plain folders: `images` beside `labels` with matching names, or a folder a case with one image and one label."""

import re
from pathlib import Path

from auvseg.data.case import Case, Dataset, Subset
from auvseg.data.layouts.entries import clean_id, is_hidden, stem
from auvseg.data.reading import is_supported

NAME = "image and label folders"
_IMAGES = ("images", "image", "imgs", "img", "volumes", "scans")
_LABELS = ("labels", "label", "masks", "mask", "segs", "seg", "segmentations", "gts", "annotations")
_SUFFIXES: dict[str, Subset] = {"tr": "training", "": "training", "val": "validation", "vl": "validation", "ts": "test"}
_KIND = re.compile(r"[_\-.]?(image|img|volume|scan|segmentation|seg|labels?|mask|msk|gt|annotation)$", re.IGNORECASE)
_LABEL_NAME = re.compile(r"(^|[_\-.])(segmentation|seg|dseg|labels?|mask|msk|gt|annotation)($|[_\-.\d])", re.IGNORECASE)
_CHANNEL = re.compile(r"_0000$")


def recognises(path: Path) -> bool:
    """A folder with sibling image and label folders, or with one image and one label in most of its folders."""
    return path.is_dir() and bool(_siblings(path) or _case_folders(path))


def read(path: Path) -> Dataset:
    """Pair the files by name; what could not be paired is said in the notes."""
    notes: list[str] = []
    cases: list[Case] = []
    siblings = _siblings(path)
    for images, labels, subset in siblings:
        cases += _paired(images, labels, subset, notes)
    if not siblings:
        found = _case_folders(path)
        cases = [Case(clean_id(folder.name), (image,), label) for folder, image, label in found]
        others = sum(1 for folder in path.iterdir() if folder.is_dir() and not is_hidden(folder)) - len(found)
        if others:
            notes.append(f"{others} folders do not hold exactly one image and one label: ignored")
    return Dataset(
        name=path.name,
        root=path,
        layout=NAME,
        source=None,
        cases=tuple(sorted(cases, key=lambda case: case.case_id)),
        notes=tuple(notes),
    )


def _siblings(path: Path) -> list[tuple[Path, Path, Subset]]:
    folders = {folder.name.lower(): folder for folder in sorted(path.iterdir()) if folder.is_dir()}
    found = []
    for suffix, subset in _SUFFIXES.items():
        images = next((folders[name + suffix] for name in _IMAGES if name + suffix in folders), None)
        labels = next((folders[name + suffix] for name in _LABELS if name + suffix in folders), None)
        if images is not None and labels is not None:
            found.append((images, labels, subset))
    return found


def _files(folder: Path) -> list[Path]:
    # Of a header/image pair one file stands for both.
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and not is_hidden(file) and is_supported(file)]
    headers = {stem(file.name) for file in files if file.name.lower().endswith((".hdr", ".hdr.gz"))}
    return [
        file for file in files if not (file.name.lower().endswith((".img", ".img.gz")) and stem(file.name) in headers)
    ]


def _key(path: Path) -> str:
    """What an image and its label have in common in their names."""
    return _KIND.sub("", _CHANNEL.sub("", stem(path.name)))


def _paired(images: Path, labels: Path, subset: Subset, notes: list[str]) -> list[Case]:
    by_key = {_key(file): file for file in _files(labels)}
    cases = []
    for image in _files(images):
        label = by_key.pop(_key(image), None)
        cases.append(Case(clean_id(_key(image)), (image,), label, subset))
    without = sum(case.label is None for case in cases)
    if without:
        notes.append(f"{without} files in {images.name} have no label of the same name in {labels.name}")
    if by_key:
        notes.append(f"{len(by_key)} files in {labels.name} have no image of the same name in {images.name}: ignored")
    return cases


def _case_folders(path: Path) -> list[tuple[Path, Path, Path]]:
    """Folders that hold exactly one image and one label; none where most folders hold something else."""
    folders = [folder for folder in sorted(path.iterdir()) if folder.is_dir() and not is_hidden(folder)]
    found = []
    for folder in folders:
        files = _files(folder)
        labels = [file for file in files if _LABEL_NAME.search(stem(file.name))]
        images = [file for file in files if file not in labels]
        if len(labels) == 1 and len(images) == 1:
            found.append((folder, images[0], labels[0]))
    return found if 2 * len(found) > len(folders) else []
