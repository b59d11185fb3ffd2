"""Load one case in the canonical orientation: (D, H, W) along (S, A, R), with its label on the same grid.

`S` depends on which axis is depth, and data sets store axes in any order, so reorientation comes first. Nothing is
resampled: each foundation model does its own resizing.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

from auvseg.data.case import Case
from auvseg.data.formats.header import DIRECTION_TOLERANCE, millimetres, origin_tolerance_mm
from auvseg.data.formats.reasons import Reason
from auvseg.data.label_values import as_label
from auvseg.data.reading import Header, RawArray, read_array, read_label
from auvseg.errors import CaseError, ReadError
from auvseg.shapes import AxesArray, ImageArray, LabelArray

Allocate = Callable[[tuple[int, ...], Any], NDArray[Any]]
"""Makes an array of a shape and a type, whatever it holds, as `numpy.empty`."""

CANONICAL = "SAR"
"""Direction in which index 0, 1 and 2 of every array grow."""


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
        channel: which of the case's channels `image` is, from 0.
        others: the other channels, in order, each as `image`; empty where they were not asked for.
        nnunet_spacing: along (D, H, W) in the numbers of nnU-Net's own reader; None where it sees `spacing_mm`.
        axes_mm: of a sheared grid the steps along D, H and W, a row each, in mm; None where they are perpendicular.
    """

    case_id: str
    image: ImageArray
    label: LabelArray | None
    spacing_mm: tuple[float, float, float]
    axcodes: str
    warnings: tuple[str, ...]
    channel: int = 0
    others: tuple[ImageArray, ...] = ()
    axes_mm: AxesArray | None = None
    nnunet_spacing: tuple[float, float, float] | None = None

    def channels(self) -> Float32[np.ndarray, "K D H W"]:
        """`image` and the other channels that were read, in order, (K, D, H, W); a copy."""
        return np.stack([*self.others[: self.channel], self.image, *self.others[self.channel :]])


def load_volume(
    case: Case,
    *,
    channel: int = 0,
    with_label: bool = True,
    channel_count: int = 1,
    every_channel: bool = False,
    allocate: Allocate = np.empty,
) -> Volume:
    """Read a case and turn it into the canonical orientation.

    Args:
        case: the case.
        channel: which channel: of several files that one, of one file with a fourth axis that part.
        with_label: whether the label is read; a case without one then has `label=None`.
        channel_count: how many channels the data set declares; a fourth axis of this length holds them, and 1 says
            nothing of how many files a case has.
        every_channel: whether the other channels are read too.
        allocate: makes the volume's arrays; what is read of a file is held only until it lies in them.

    Raises:
        ReadError: a file cannot be read.
        CaseError: the layout reader refused the case, the channel does not exist, the image has further axes or holds
            NaN or infinity, or the label has another shape or is not of whole numbers.
    """
    require_usable(case)
    path = _image_file(case, channel, channel_count)
    channels_in_file = 1 if len(case.images) > 1 else channel_count
    whole = read_array(path, part="image")
    raw = _one_channel(whole, path, channel, channels_in_file)
    warnings = _said(raw.header, path)
    header = raw.header
    image = _intensities(raw.array, header, path, warnings, allocate)
    others: tuple[ImageArray, ...] = ()
    if every_channel and channels_in_file > 1:
        rest = [whole.array[..., index] for index in range(channels_in_file) if index != channel]
        others = tuple(_intensities(array, header, path, warnings, allocate) for array in rest)
        del rest
    # What the file held goes before the next one is read.
    del whole, raw
    if every_channel and channels_in_file == 1:
        files = [file for index, file in enumerate(case.images) if index != channel]
        others = tuple(_read_channel(file, header, path.name, warnings, allocate) for file in files)
    label = None
    if with_label and case.label is not None:
        label = _read_label(case, case.label, header, warnings, allocate)
    order = _axis_order(header)
    return Volume(
        case_id=case.case_id,
        image=image,
        label=label,
        spacing_mm=_in_order(header.spacing_mm, order),
        axcodes=header.axcodes,
        warnings=tuple(warnings),
        channel=channel,
        others=others,
        axes_mm=header.affine[:3, order].T if header.is_sheared else None,
        nnunet_spacing=None if header.nnunet_spacing is None else _in_order(header.nnunet_spacing, order),
    )


def require_usable(case: Case) -> None:
    """Raise if the layout reader could not resolve a case.

    Raises:
        CaseError: the reader's reason.
    """
    if case.problem:
        raise CaseError(f"{case.case_id}: {case.problem}")


def colour_channels(raw: RawArray, declared: int) -> tuple[str, str] | None:
    """What is wrong with a colour picture that holds other channels than declared, and what to do; else None."""
    shape = raw.header.shape
    if len(shape) != 4 or shape[2] != 1 or shape[3] not in (3, 4) or shape[3] == declared:
        return None
    colours = raw.array[..., :3]
    grey = bool((colours == colours[..., :1]).all())
    names = json.dumps(dict(zip(map(str, range(shape[3])), "RGBA", strict=False)))
    reason = Reason.GREY_IN_COLOURS if grey else Reason.COLOUR_CHANNELS
    return reason.in_words(held=shape[3], declared=declared, names=names)


def label_axes(raw: RawArray) -> tuple[str, str] | None:
    """What is wrong with a label of more than three axes, and what to do; None for other labels."""
    shape = raw.header.shape
    if len(shape) <= 3:
        return None
    masks = len(shape) == 4 and bool(((raw.array == 0) | (raw.array == 1)).all())
    return (Reason.ONE_HOT if masks else Reason.LABEL_AXES).in_words(axes=len(shape), shape=_by(shape))


def as_stored(array: NDArray[Any], axcodes: str) -> NDArray[Any]:
    """A (D, H, W) array with its axes in the order and direction in which the file holds them.

    Args:
        array: in the canonical orientation.
        axcodes: orientation on disk, as `Volume.axcodes`.

    Returns:
        A view whose axes are those of the file: the first axis is NIfTI's and ITK's x.
    """
    return nib.orientations.apply_orientation(array, _turn(CANONICAL, axcodes))


def as_canonical(array: NDArray[Any], axcodes: str) -> NDArray[Any]:
    """A view of an array that is ordered as the file, turned to (D, H, W); undoes `as_stored`."""
    return nib.orientations.apply_orientation(array, _turn(axcodes, CANONICAL))


def stored_spacing(spacing_mm: tuple[float, float, float], axcodes: str) -> tuple[float, float, float]:
    """Voxel size along (D, H, W) as voxel size along the axes of the file."""
    target = [int(axis) for axis in _turn(CANONICAL, axcodes)[:, 0]]
    x, y, z = (spacing_mm[target.index(axis)] for axis in range(3))
    return x, y, z


def grid_difference(image: Header, label: Header) -> str | None:
    """Say how the label's grid differs from the image's of the same shape; None if they agree.

    See `DIRECTION_TOLERANCE` for what counts as the same.
    """
    unit_image = image.affine[:3, :3] / image.spacing_mm
    unit_label = label.affine[:3, :3] / label.spacing_mm
    same_axes = np.allclose(unit_image, unit_label, atol=DIRECTION_TOLERANCE, rtol=0)
    # Of axes between two letters, rounding picks one.
    if image.axcodes != label.axcodes and not same_axes:
        return f"the label's axes point to {label.axcodes}, the image's to {image.axcodes}"
    if not np.allclose(image.spacing_mm, label.spacing_mm, rtol=DIRECTION_TOLERANCE, atol=0):
        return f"the label's spacing is {millimetres(label.spacing_mm)}, the image's {millimetres(image.spacing_mm)}"
    if not same_axes:
        return "the label's axes are tilted against the image's"
    distance = float(np.linalg.norm(image.affine[:3, 3] - label.affine[:3, 3]))
    if distance > origin_tolerance_mm(image.spacing_mm):
        return f"the label's origin lies {distance:.3g} mm from the image's"
    return None


def _read_label(case: Case, path: Path, image: Header, warnings: list[str], allocate: Allocate) -> LabelArray:
    raw = read_label(path, case.label_values, image)
    # One file may hold both, and says the same of both (MedSAM's .npz).
    warnings += (sentence for sentence in _said(raw.header, path) if sentence not in warnings)
    if (axes := label_axes(raw)) is not None:
        raise ReadError(f"{path.name}: {axes[0]}", axes[1])
    if raw.header.shape != image.shape:
        raise CaseError(
            f"{path.name}: the label has {_by(raw.header.shape)} voxels, the image {_by(image.shape)}; "
            "resample the label onto the image's grid"
        )
    difference = grid_difference(image, raw.header)
    if difference is not None:
        warnings.append(f"{path.name}: {difference}; taken voxel by voxel on the image's grid, as nnU-Net does")
    # Voxel by voxel: the image's affine turns both.
    values = _canonical(raw.array, image)
    label = as_label(values, path.name, out=allocate(values.shape, np.int32))
    if (lowest := int(label.min())) < 0:
        warnings.append(f"{path.name}: label values below 0, such as {lowest}, belong to no class")
    return label


def _said(header: Header, path: Path) -> list[str]:
    """What the reader noticed, a sentence each."""
    return [f"{path.name}: {note.message}" for note in header.notes]


def _intensities(
    array: NDArray[Any], header: Header, path: Path, warnings: list[str], allocate: Allocate
) -> ImageArray:
    values = _canonical(array, header)
    image: ImageArray = allocate(values.shape, np.float32)
    # One copy: turned, converted and in one block of memory.
    np.copyto(image, values, casting="unsafe")
    _check_intensities(image, path, warnings)
    return image


def _read_channel(path: Path, first: Header, first_name: str, warnings: list[str], allocate: Allocate) -> ImageArray:
    raw = read_array(path, part="image")
    if raw.header.shape != first.shape:
        raise CaseError(
            f"{path.name}: this channel has {_by(raw.header.shape)} voxels, {first_name} has {_by(first.shape)}; "
            "resample the channels onto one grid"
        )
    warnings += _said(raw.header, path)
    if grid_difference(first, raw.header) is not None:
        warnings.append(f"{path.name}: its grid is not that of {first_name}; taken voxel by voxel, as nnU-Net does")
    # Voxel by voxel: the first channel's affine turns all.
    return _intensities(raw.array, first, path, warnings, allocate)


def _image_file(case: Case, channel: int, channel_count: int) -> Path:
    files = len(case.images)
    if 1 < files != channel_count > 1:
        # Which of them is missing, and so which file is which channel, cannot be known.
        raise CaseError(f"{case.case_id}: has {files} image files, the data set declares {channel_count} channels")
    held = max(files, channel_count)
    if not 0 <= channel < held:
        raise CaseError(f"{case.case_id}: has no channel {channel}; there are {held}, counted from 0")
    return case.images[channel if files > 1 else 0]


def _one_channel(raw: RawArray, path: Path, channel: int, channels_in_file: int) -> RawArray:
    shape = raw.header.shape
    if len(shape) == 3 and channels_in_file == 1:
        return raw
    if len(shape) == 4 and shape[3] == channels_in_file:
        return RawArray(replace(raw.header, shape=shape[:3]), raw.array[..., channel])
    if len(shape) == 3:
        raise CaseError(f"{path.name}: holds one channel, the data set declares {channels_in_file}; add the others")
    if (colours := colour_channels(raw, channels_in_file)) is not None:
        raise ReadError(f"{path.name}: {colours[0]}", colours[1])
    raise CaseError(
        f"{path.name}: has {len(shape)} axes {_by(shape)}; auvseg needs 3, or 4 where the data set declares "
        "the channels; split the file into 3-D images"
    )


def _check_intensities(image: NDArray[np.float32], path: Path, warnings: list[str]) -> None:
    low, high = float(image.min()), float(image.max())
    # NaN and infinity both show in the extremes, which spares an array of truth values.
    if not math.isfinite(low) or not math.isfinite(high):
        count = image.size - np.count_nonzero(np.isfinite(image))
        raise CaseError(f"{path.name}: {count} voxels are NaN or infinite; replace them, for CT by -1024")
    if low == high:
        warnings.append(f"{path.name}: every voxel is {low:g}")


def _orientation(header: Header) -> NDArray[np.float64]:
    return _turn(header.axcodes, CANONICAL)


def _turn(before: str, after: str) -> NDArray[np.float64]:
    return nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt(tuple(before)), nib.orientations.axcodes2ornt(tuple(after))
    )


def _canonical(array: NDArray[Any], header: Header) -> NDArray[Any]:
    return nib.orientations.apply_orientation(array, _orientation(header))


def _in_order(sizes: tuple[float, float, float], order: list[int]) -> tuple[float, float, float]:
    depth, height, width = (sizes[axis] for axis in order)
    return depth, height, width


def _axis_order(header: Header) -> list[int]:
    """For each canonical axis, the stored axis that it comes from."""
    target = [int(axis) for axis in _orientation(header)[:, 0]]
    return [target.index(axis) for axis in range(3)]


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(str(size) for size in shape)
