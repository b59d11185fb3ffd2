"""Read a DICOM label object as a label map on the grid of its image."""

from collections.abc import Mapping
from pathlib import Path

from auvseg.data.formats.dicom import contours, segmentation
from auvseg.data.formats.dicom.instance import read_instance
from auvseg.data.formats.dicom.series import damaged_error
from auvseg.data.formats.header import Header, RawArray
from auvseg.data.formats.painting import label_map
from auvseg.data.formats.reasons import Reason


def read_label(path: Path, values: Mapping[str, int], grid: Header) -> RawArray:
    """The wanted structures of a SEG or an RTSTRUCT as a label map.

    Args:
        path: the file.
        values: label value by the structure's name in the file; others are left out.
        grid: header of the image that it belongs to.

    Raises:
        ReadError: the file is damaged or no such object, its structures are not on the image's grid, or they overlap.
    """
    try:
        instance = read_instance(path)
    except Exception as error:  # noqa: BLE001 - pydicom raises whatever damaged bytes make its parsers raise
        raise damaged_error(path, error) from None
    readers = {"segmentation": segmentation.read_structures, "contours": contours.read_structures}
    if instance is None or instance.kind not in readers:
        raise Reason.NO_DICOM_LABEL.of(path)
    structures, notes = readers[instance.kind](path, values, grid)
    return label_map(structures, values, grid, path.name, notes)
