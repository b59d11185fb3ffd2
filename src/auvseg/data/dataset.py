"""Find out what kind of data set a path is, and list its cases. No image is opened."""

import os
from pathlib import Path

from auvseg.data.case import Dataset
from auvseg.data.layouts import datalist, decathlon, folders, nnunet, npz, table
from auvseg.errors import DatasetError

# The most specific first: a folder with an nnU-Net description also has imagesTr and labelsTr.
_LAYOUTS = (nnunet, decathlon, datalist, table, npz, folders)


def read_dataset(path: Path | str) -> Dataset:
    """List the cases of a data set of any known layout.

    Args:
        path: an nnU-Net v2 raw or decathlon folder (or its dataset.json), a MONAI datalist, a CSV or TSV table, a
            folder of MedSAM `.npz`, plain image and label folders; or the name or number of a data set below
            `nnUNet_raw`.

    Returns:
        The data set; `layout` says what was recognised and `notes` what a person should know.

    Raises:
        DatasetError: the path does not exist, is nothing known, or its description contradicts itself.
    """
    place = _find(path)
    # A dataset.json stands for its folder, unless it is a MONAI datalist by that name.
    folder = place.parent if place.name == "dataset.json" and place.is_file() else place
    for layout in _LAYOUTS:
        for candidate in dict.fromkeys((folder, place)):
            if layout.recognises(candidate):
                return layout.read(candidate)
    raise DatasetError(
        f"{place.name}: no data set recognised; auvseg reads nnU-Net v2 raw and decathlon folders, MONAI datalists, "
        "CSV tables with image and label, imagesTr/labelsTr-like folders and folders of MedSAM .npz"
    )


def _find(path: Path | str) -> Path:
    place = Path(path).expanduser()
    if place.exists():
        return place
    raw = os.environ.get("nnUNet_raw")  # noqa: SIM112 - nnU-Net's own spelling
    if raw and len(place.parts) == 1:
        name = place.name
        pattern = f"Dataset{int(name):03d}_*" if name.isdecimal() else name
        found = [folder for folder in sorted(Path(raw).glob("Dataset*")) if folder.is_dir() and folder.match(pattern)]
        if len(found) == 1:
            return found[0]
        if found:
            raise DatasetError(f"{path}: several data sets of this number below nnUNet_raw; name one of them")
    raise DatasetError(f"{path}: there is no such file or folder")
