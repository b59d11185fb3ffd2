"""One case in the canonical orientation: (D, H, W) along (S, A, R), with its label on the same grid.

`S` depends on which axis is depth, and data sets store their axes in every order, so reorientation comes before
everything else. Nothing is resampled: the foundation models bring their own sizes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from auvseg.data.case import Case
from auvseg.data.reading import Header, RawArray, read_array
from auvseg.errors import CaseError
from auvseg.shapes import ImageArray, LabelArray

CANONICAL = "SAR"
"""Where index 0, 1 and 2 of every array grow to."""

ORIGIN_TOLERANCE_MM = 1e-2
DIRECTION_TOLERANCE = 1e-3
"""Grids whose corners lie closer than this (absolute, or relative to the voxel size) count as the same."""

INTEGER_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Volume:
    """One case, read.

    Attributes:
        case_id: the case.
        image: (D, H, W) float32 intensities as the scanner or the file gave them.
        label: (D, H, W) int32 label values, or None.
        spacing_mm: voxel size along (D, H, W).
        axcodes: orientation on disk.
        warnings: what a reader should know, one sentence each.
    """

    case_id: str
    image: ImageArray
    label: LabelArray | None
    spacing_mm: tuple[float, float, float]
    axcodes: str
    warnings: tuple[str, ...]


def load_volume(case: Case, *, channel: int = 0, with_label: bool = True, channel_count: int = 1) -> Volume:
    """Read a case and turn it into the canonical orientation.

    Args:
        case: the case.
        channel: which channel: of several files that one, of one file with a fourth axis that part.
        with_label: whether the label is read; a case without one then has `label=None`.
        channel_count: how many channels the data set declares; a fourth axis of this length holds them.

    Raises:
        ReadError: a file cannot be read.
        CaseError: the image has further axes, holds NaN or infinity, or the label is on another grid or not of whole
            numbers.
    """
    path = case.images[channel] if len(case.images) > 1 else case.images[0]
    raw = _one_channel(read_array(path, part="image"), path, channel, channel_count)
    warnings: list[str] = []
    image = _canonical(raw.array, raw.header).astype(np.float32, copy=False)
    _check_intensities(image, path, warnings)
    label = None
    if with_label and case.label is not None:
        label = _read_label(case.label, raw.header, warnings)
    order = _axis_order(raw.header)
    spacing = raw.header.spacing_mm
    return Volume(
        case_id=case.case_id,
        image=np.ascontiguousarray(image),
        label=label,
        spacing_mm=(spacing[order[0]], spacing[order[1]], spacing[order[2]]),
        axcodes=raw.header.axcodes,
        warnings=tuple(warnings),
    )


def grid_difference(image: Header, label: Header) -> str | None:
    """In words, how the label's grid differs from the image's of the same shape; None where they agree.

    Spacing and direction are compared relative to the voxel size, the origin in millimetres.
    """
    if image.axcodes != label.axcodes:
        return f"the label's axes point to {label.axcodes}, the image's to {image.axcodes}"
    if not np.allclose(image.spacing_mm, label.spacing_mm, rtol=DIRECTION_TOLERANCE, atol=0):
        return f"the label's spacing is {_millimetres(label.spacing_mm)}, the image's {_millimetres(image.spacing_mm)}"
    unit_image = image.affine[:3, :3] / image.spacing_mm
    unit_label = label.affine[:3, :3] / label.spacing_mm
    if not np.allclose(unit_image, unit_label, atol=DIRECTION_TOLERANCE, rtol=0):
        return "the label's axes are tilted against the image's"
    distance = float(np.linalg.norm(image.affine[:3, 3] - label.affine[:3, 3]))
    if distance > max(ORIGIN_TOLERANCE_MM, DIRECTION_TOLERANCE * max(image.spacing_mm)):
        return f"the label's origin lies {distance:.3g} mm from the image's"
    return None


def as_label(array: NDArray[Any], name: str) -> NDArray[np.int32]:
    """Label values as int32.

    Raises:
        CaseError: values that are not whole numbers, not finite, or too large; an example is named.
    """
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise CaseError(f"{name}: the label holds NaN or infinity")
        rounded = np.rint(array)
        wrong = np.abs(array - rounded) > INTEGER_TOLERANCE
        if wrong.any():
            example = float(array[wrong][0])
            share = 100 * float(wrong.mean())
            what = f"such as {example:.4g}, {share:.2g} % of voxels"
            raise CaseError(
                f"{name}: label values are not whole numbers ({what}); resample labels with nearest neighbour"
            )
        array = rounded
    if array.size and (array.max() > np.iinfo(np.int32).max or array.min() < np.iinfo(np.int32).min):
        raise CaseError(f"{name}: label values up to {array.max()} are no class numbers")
    return array.astype(np.int32)


def _read_label(path: Path, image: Header, warnings: list[str]) -> LabelArray:
    raw = read_array(path, part="label")
    if raw.header.shape != image.shape:
        raise CaseError(
            f"{path.name}: the label has {_by(raw.header.shape)} voxels, the image {_by(image.shape)}; "
            "resample the label onto the image's grid"
        )
    difference = grid_difference(image, raw.header)
    if difference is not None:
        warnings.append(f"{path.name}: {difference}; taken voxel by voxel on the image's grid, as nnU-Net does")
    # Voxel by voxel: the image's affine turns both.
    return np.ascontiguousarray(_canonical(as_label(raw.array, path.name), image))


def _one_channel(raw: RawArray, path: Path, channel: int, channel_count: int) -> RawArray:
    shape = raw.header.shape
    if len(shape) == 3:
        return raw
    if len(shape) == 4 and channel_count > 1 and shape[3] == channel_count:
        header = raw.header
        flat = Header(shape[:3], header.affine, header.spacing_mm, header.axcodes, header.dtype)
        return RawArray(flat, raw.array[..., channel])
    raise CaseError(
        f"{path.name}: has {len(shape)} axes {_by(shape)}; auvseg needs 3, or 4 where the data set declares "
        "the channels; split the file into 3-D images"
    )


def _check_intensities(image: NDArray[np.float32], path: Path, warnings: list[str]) -> None:
    finite = np.isfinite(image)
    if not finite.all():
        count = int(image.size - np.count_nonzero(finite))
        raise CaseError(f"{path.name}: {count} voxels are NaN or infinite; replace them, for CT by -1024")
    if float(image.min()) == float(image.max()):
        warnings.append(f"{path.name}: every voxel is {float(image.min()):g}")


def _orientation(header: Header) -> NDArray[np.float64]:
    return nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt(tuple(header.axcodes)), nib.orientations.axcodes2ornt(tuple(CANONICAL))
    )


def _canonical(array: NDArray[Any], header: Header) -> NDArray[Any]:
    return nib.orientations.apply_orientation(array, _orientation(header))


def _axis_order(header: Header) -> list[int]:
    """For each canonical axis, the stored axis that it comes from."""
    target = [int(axis) for axis in _orientation(header)[:, 0]]
    return [target.index(axis) for axis in range(3)]


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(str(size) for size in shape)


def _millimetres(spacing: tuple[float, ...]) -> str:
    return "×".join(f"{size:.4g}" for size in spacing) + " mm"
