"""Recognise the layout of a data set and list its cases. No voxels are read; of DICOM files only headers."""

import logging
import os
import re
from dataclasses import replace
from pathlib import Path

from auvseg.data.case import Dataset
from auvseg.data.layouts import datalist, decathlon, dicom, folders, nnunet, npz, table
from auvseg.data.layouts.structures import number_structures
from auvseg.errors import DatasetError, did_you_mean

# The most specific first: a folder with an nnU-Net description also has imagesTr and labelsTr.
_DESCRIBED = (nnunet, decathlon, datalist, table)
# The least specific last: any folder may hold a DICOM file somewhere.
_PLAIN = (npz, folders, dicom)
_DESCRIPTION = "dataset.json"
_log = logging.getLogger(__name__)
_NUMBER = re.compile(r"[0-9]{1,3}")


def read_dataset(path: Path | str) -> Dataset:
    """List the cases of a data set of any known layout.

    Args:
        path: an nnU-Net v2 raw or decathlon folder (or its dataset.json), a MONAI datalist, a CSV or TSV table, a
            folder of MedSAM `.npz`, plain image and label folders, a folder of DICOM files; or the name or number of a
            data set below `nnUNet_raw`.

    Returns:
        The data set; `layout` says what was recognised and `notes` what a person should know.

    Raises:
        DatasetError: the path does not exist, has no known layout, or its description contradicts itself.
    """
    try:
        place = _find(path)
        dataset = number_structures(_read_described(place) or _read_plain(place))
    except OSError as error:
        named = Path(error.filename).name if error.filename else str(path)
        raise DatasetError(f"{named}: cannot be read ({error.strerror or error})") from None
    _log.debug("%s is %s: %s", path, place.resolve(), dataset.layout)
    return dataset


def _read_described(place: Path) -> Dataset | None:
    """Read a data set with a description file; dataset.json and its folder are equivalent."""
    candidates = [place]
    if place.is_dir():
        candidates.append(place / _DESCRIPTION)
    elif place.name == _DESCRIPTION:
        candidates.insert(0, place.parent)
    for layout in _DESCRIBED:
        for candidate in candidates:
            if layout.recognises(candidate):
                return layout.read(candidate)
    return None


def _read_plain(place: Path) -> Dataset:
    for layout in _PLAIN:
        if layout.recognises(place):
            dataset = layout.read(place)
            if (place / _DESCRIPTION).is_file():
                unread = f"{_DESCRIPTION} is no nnU-Net, decathlon or MONAI description: what it says is not used"
                return replace(dataset, notes=(*dataset.notes, unread))
            return dataset
    raise DatasetError(f"{place.name}: no data set recognised; {_advice(place)}")


def _advice(place: Path) -> str:
    if place.is_dir():
        inside = next((folder.name for folder in sorted(place.iterdir()) if (folder / _DESCRIPTION).is_file()), None)
        if inside is not None:
            return f"it holds data sets: name one of them, such as {inside}"
    elif place.suffix.lower() == ".json":
        return "a datalist has a list of cases under training, validation or test"
    return (
        "auvseg reads nnU-Net v2 raw and decathlon folders, MONAI datalists, imagesTr/labelsTr-like folders, folders "
        "of MedSAM .npz or DICOM, and anything else by a CSV with the columns image and label"
    )


def _find(path: Path | str) -> Path:
    try:
        place = Path(path).expanduser()
    except RuntimeError:
        raise DatasetError(f"{path}: no such user's home folder") from None
    if place.exists():
        return place
    if len(place.parts) != 1:
        raise DatasetError(f"{path}: there is no such file or folder")
    return _in_nnunet_raw(place.name)


def _in_nnunet_raw(name: str) -> Path:
    raw = os.environ.get("nnUNet_raw")  # noqa: SIM112 - nnU-Net's own spelling
    if not raw:
        raise DatasetError(
            f"{name}: there is no such file or folder here, and nnUNet_raw is not set; set it if this is a data set's "
            "name or number"
        )
    home = Path(raw).expanduser()
    if not home.is_dir():
        raise DatasetError(f"{name}: there is no such file or folder here, and nnUNet_raw, {raw}, is no folder")
    folders = [folder for folder in sorted(home.iterdir()) if folder.is_dir()]
    prefix = f"Dataset{int(name):03d}_" if _NUMBER.fullmatch(name) else None
    found = [one for one in folders if (one.name == name if prefix is None else one.name.startswith(prefix))]
    if len(found) > 1:
        names = ", ".join(folder.name for folder in found)
        raise DatasetError(f"{name}: nnUNet_raw has several data sets of this number; name one of {names}")
    if not found:
        near = did_you_mean(name, [folder.name for folder in folders])
        raise DatasetError(f"{name}: there is no such file or folder here, and none in nnUNet_raw; {near}")
    return found[0]
