"""Read a series as a volume: classic objects with one file per plane, and enhanced ones with all planes in one file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from auvseg.data.formats.dicom.parsing import parse
from auvseg.data.formats.dicom.pixels import check_pixels, pixels_of, stored_dtype
from auvseg.data.formats.dicom.planes import Plane, Stack, planes_of, stack_of
from auvseg.data.formats.dicom.quiet import quietly
from auvseg.data.formats.dicom.series import damaged_error, files_of
from auvseg.data.formats.header import Header, RawArray, make_header
from auvseg.errors import ReadError


def read_header(path: Path) -> Header:
    """What the series that a path names promises."""
    return _open(path)[1]


def read_array(path: Path) -> RawArray:
    """The intensities of the series that a path names, slope and intercept applied plane by plane."""
    stack, header = _open(path)
    scaled = any((plane.slope, plane.intercept) != (1.0, 0.0) for plane in stack.planes)
    columns, rows, count = stack.shape
    # Planes one after the other in memory, as NIfTI stores them.
    array = np.empty((count, rows, columns), np.float32 if scaled else np.dtype(header.dtype))
    by_file: dict[Path, list[tuple[int, Plane]]] = {}
    for index, plane in enumerate(stack.planes):
        by_file.setdefault(plane.file, []).append((index, plane))
    for file, wanted in by_file.items():
        frames = [plane.frame for _, plane in wanted]
        for (index, plane), pixels in zip(wanted, pixels_of(file, frames), strict=True):
            array[index] = pixels * plane.slope + plane.intercept if scaled else pixels
    return RawArray(header, array.transpose(2, 1, 0))


@quietly()
def _open(path: Path) -> tuple[Stack, Header]:
    files = files_of(path)
    planes: list[Plane] = []
    dtypes: list[np.dtype[Any]] = []
    for file in files:
        header = header_of(file)
        try:
            check_pixels(file, header)
            dtypes.append(stored_dtype(file, header))
            planes += planes_of(file, header)
        except ReadError:
            raise
        except Exception as error:  # noqa: BLE001 - values of the wrong type make pydicom raise anything
            raise damaged_error(file, error) from None
    stack = stack_of(planes, path.name or path.resolve().name)
    return stack, make_header(path, stack.shape, stack.affine, _common(dtypes), stack.notes)


@quietly()
def header_of(file: Path) -> Any:
    """Everything of a file but its pixels, as a pydicom data set.

    Raises:
        ReadError: it is damaged.
    """
    try:
        return parse(file, stop_before_pixels=True, force=True)
    except Exception as error:  # noqa: BLE001 - pydicom raises whatever damaged bytes make its parsers raise
        raise damaged_error(file, error) from None


def _common(dtypes: Sequence[np.dtype[Any]]) -> np.dtype[Any]:
    """A type that holds the pixels of every file."""
    return np.result_type(*dtypes)
