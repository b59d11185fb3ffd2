"""Medical Segmentation Decathlon: a folder whose dataset.json has `training` pairs, `modality` and `labels`.

Several modalities are stored in one 4-D image. nnU-Net v1 used the same description with channel suffixes
(`CASE_0000.nii.gz`); such files are used if they are the only ones.
"""

from pathlib import Path
from typing import Any

from auvseg.data.case import Case, Dataset, Subset
from auvseg.data.formats.integrity import is_below
from auvseg.data.layouts.dataset_json import Remarks, channels, classes, load_json, path_below, take
from auvseg.data.layouts.modality import modality_of_channels
from auvseg.data.layouts.naming import ending_of, ids_from_paths, stem
from auvseg.errors import DatasetError

NAME = "decathlon"
_DESCRIPTION = "dataset.json"
_FIRST_CHANNEL = "_0000"


def recognises(path: Path) -> bool:
    """Recognise a folder whose dataset.json has `training` and `modality`."""
    description = path / _DESCRIPTION
    return description.is_file() and load_json(description).keys() >= {"training", "modality"}


def read(path: Path) -> Dataset:
    """Read the description and list the cases; test images have no label.

    Raises:
        DatasetError: a key is missing or of the wrong type, or there are no cases.
    """
    source = path / _DESCRIPTION
    content = load_json(source)
    names = channels(content, "modality", source.name)
    remarks = Remarks()
    listed = [
        *_entries(content, "training", "training", path, remarks),
        *(_entries(content, "test", "test", path, remarks) if "test" in content else ()),
    ]
    if not listed:
        raise DatasetError(f"{source.name}: 'training' lists no cases")
    bare = [_without_channel(image, label) for _, image, label in listed]
    ids = ids_from_paths(bare)
    files = _image_files([image for _, image, _ in listed], bare, len(names), remarks.notes)
    cases = [
        Case(name, images, label, subset, problem=_outside(path, (*images, *([label] if label else ()))))
        for name, images, (subset, _, label) in zip(ids, files, listed, strict=True)
    ]
    modality, note = modality_of_channels(names)
    return Dataset(
        name=str(content.get("name") or path.resolve().name),
        root=path,
        layout=NAME,
        source=source,
        cases=tuple(sorted(cases, key=lambda case: case.case_id)),
        classes=classes(content, source.name),
        channel_names=names,
        modality=modality,
        notes=(*remarks.notes, *([note] if note else [])),
        findings=remarks.all_findings(),
    )


def _entries(
    content: dict[str, Any], key: str, subset: Subset, root: Path, remarks: Remarks
) -> list[tuple[Subset, Path, Path | None]]:
    found = []
    for number, entry in enumerate(take(content, key, list, _DESCRIPTION)):
        where = f"{_DESCRIPTION}: {key} entry {number}"
        if isinstance(entry, str):
            entry = {"image": entry}
        if not isinstance(entry, dict):
            raise DatasetError(f"{where}: must be an object with 'image' and 'label', not {entry!r}")
        image = path_below(root, entry.get("image"), f"{where}: image", remarks)
        stated = entry.get("label")
        label = None if stated is None else path_below(root, stated, f"{where}: label", remarks)
        found.append((subset, image, label))
    return found


def _outside(root: Path, files: tuple[Path, ...]) -> str:
    """Say which files lie outside the data set's folder; in this layout all files must be inside."""
    names = [file.name for file in files if not is_below(root, file)]
    return f"{names[0]} lies outside the data set's folder; list such files in a table or a datalist" if names else ""


def _without_channel(image: Path, label: Path | None) -> Path:
    """Drop nnU-Net's suffix of the first channel from the image's name if its label is named that way."""
    if label is None or stem(image.name) != stem(label.name) + _FIRST_CHANNEL:
        return image
    return image.with_name(stem(label.name) + ending_of(image.name))


def _image_files(images: list[Path], bare: list[Path], channel_count: int, notes: list[str]) -> list[tuple[Path, ...]]:
    """Return the files of every case: the listed image, or nnU-Net v1's one file per channel."""
    found = []
    by_channel = 0
    for image, own in zip(images, bare, strict=True):
        name, ending = stem(own.name), ending_of(own.name)
        parts = tuple(image.with_name(f"{name}_{channel:04d}{ending}") for channel in range(channel_count))
        # Some descriptions list the first channel; nnU-Net v1 lists the name without a channel.
        split = (image == parts[0] or not image.exists()) and parts[0].is_file()
        by_channel += split
        found.append(parts if split else (image,))
    if by_channel:
        notes.append(
            f"{by_channel} images have one file per channel (_0000 ...), as in nnU-Net v1; nnU-Net v2 "
            "needs another dataset.json, with channel_names and file_ending (nnUNetv2_convert_old_nnUNet_dataset)"
        )
    return found
