"""Read a DICOM SEG on the grid of its image: binary, fractional and label-map segmentations, by frame position.

Frames may have another orientation than the image's planes, but each foreground pixel must be a voxel of the image:
nothing is resampled. Frames with only background are usually left out of such files, and may be missing.
"""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import NDArray

from auvseg.data.check.findings import Kind, Problem
from auvseg.data.formats.dicom.image import header_of
from auvseg.data.formats.dicom.pixels import check_pixels, pixels_of
from auvseg.data.formats.dicom.planes import Plane, planes_of
from auvseg.data.formats.dicom.quiet import quietly
from auvseg.data.formats.dicom.series import damaged_error
from auvseg.data.formats.header import LPS_TO_RAS, Header, Notes
from auvseg.data.formats.painting import GRID_TOLERANCE, Voxels, structure_name
from auvseg.errors import ReadError

FRACTION_THRESHOLD = 0.5
"""From this share of the largest possible value on, a pixel of a fractional segmentation is foreground."""


@quietly()
def read_structures(path: Path, values: Mapping[str, int], grid: Header) -> tuple[dict[str, Voxels], Notes]:
    """The voxels of the wanted segments.

    Args:
        path: the segmentation.
        values: the wanted segments, by the names that the file calls them.
        grid: the image's header.

    Returns:
        Voxels by name, and what a person should know.

    Raises:
        ReadError: the file is damaged, or its pixels are no voxels of the image.
    """
    header = header_of(path)
    try:
        check_pixels(path, header)
        names = {int(one.SegmentNumber): structure_name(one.get("SegmentLabel")) for one in header.SegmentSequence}
        segments = _segment_of_frames(header)
        planes = planes_of(path, header)
        kind = str(header.get("SegmentationType") or "BINARY").upper()
        full = int(header.get("MaximumFractionalValue") or 1) if kind == "FRACTIONAL" else 1
    except ReadError:
        raise
    except Exception as error:  # noqa: BLE001 - values of the wrong type make pydicom raise anything
        raise damaged_error(path, error) from None
    found: dict[str, list[Int64[np.ndarray, " N"]]] = defaultdict(list)
    wanted = [frame for frame, number in enumerate(segments) if number is None or names.get(number, "") in values]
    for frame, pixels in zip(wanted, pixels_of(path, wanted), strict=True):
        for number, mask in _masks(pixels, segments[frame], kind, full):
            name = names.get(number, "")
            if name in values and mask.any():
                found[name].append(_voxels(mask, planes[frame], grid, path))
    fractional = Problem(Kind.ALTERED_LABEL, f"fractional segments count from {100 * FRACTION_THRESHOLD:g} % on")
    structures = {name: np.unique(np.concatenate(parts)) for name, parts in found.items()}
    return structures, (fractional,) if kind == "FRACTIONAL" else ()


def _segment_of_frames(header: Any) -> list[int] | list[None]:
    """The segment of every frame; None in a label map, whose pixels are segment numbers."""
    if str(header.get("SegmentationType") or "").upper() == "LABELMAP":
        return [None] * len(header.PerFrameFunctionalGroupsSequence)
    shared = (header.get("SharedFunctionalGroupsSequence") or [{}])[0]
    found: list[int] = []
    for frame in header.PerFrameFunctionalGroupsSequence:
        (identified, *_) = frame.get("SegmentIdentificationSequence") or shared.get("SegmentIdentificationSequence")
        found.append(int(identified.ReferencedSegmentNumber))
    return found


def _masks(pixels: NDArray[Any], segment: int | None, kind: str, full: int) -> list[tuple[int, NDArray[np.bool_]]]:
    """Segment number and foreground of every segment in a frame."""
    if segment is None:
        return [(int(number), pixels == number) for number in np.unique(pixels)]
    if kind == "FRACTIONAL":
        return [(segment, pixels >= FRACTION_THRESHOLD * full)]
    return [(segment, pixels != 0)]


def _voxels(mask: NDArray[np.bool_], plane: Plane, grid: Header, path: Path) -> Int64[np.ndarray, " N"]:
    """Where the foreground of a frame is in the image."""
    rows, columns = np.nonzero(mask)
    to_index = np.linalg.inv(grid.affine) @ LPS_TO_RAS
    origin = (to_index @ np.append(plane.position, 1.0))[:3]
    along_row = to_index[:3, :3] @ plane.axes[0] * plane.pixel_mm[0]
    along_column = to_index[:3, :3] @ plane.axes[1] * plane.pixel_mm[1]
    exact: Float64[np.ndarray, "N 3"] = origin + columns[:, None] * along_row + rows[:, None] * along_column
    index = np.rint(exact).astype(np.int64)
    steps = np.abs(np.stack([along_row, along_column]))
    one_to_one = np.allclose(np.sort(steps, axis=1), [0, 0, 1], atol=GRID_TOLERANCE)
    distance = float(np.abs(exact - index).max())
    if distance > GRID_TOLERANCE or not one_to_one:
        raise ReadError(
            f"{path.name}: frame {plane.frame + 1} lies on another grid than the image",
            "resample the segmentation onto it",
        )
    shape = np.array(grid.shape[:3])
    outside = int(((index < 0) | (index >= shape)).any(axis=1).sum())
    if outside:
        raise ReadError(
            f"{path.name}: {outside} foreground pixels of frame {plane.frame + 1} lie outside the image; is it the "
            "label of another series?",
            "name the series that it was drawn on as the image",
        )
    return np.ravel_multi_index(tuple(index.T), tuple(shape.tolist())).astype(np.int64)
