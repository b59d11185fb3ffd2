"""A label on its image's grid: what is mended in the label copy where their headers disagree. No image is touched."""

from pathlib import Path
from typing import Any

import nibabel as nib
from numpy.typing import NDArray

from auvseg.data.reading import Header, RawArray, make_header
from auvseg.data.volume import grid_difference
from auvseg.errors import CaseError

_SPATIAL = 3


def on_image_grid(label: RawArray, image: Header, path: Path) -> tuple[NDArray[Any], str]:
    """The label's voxels in the order of the image's, and a sentence that says what was mended.

    Where the label's header puts it on the image's grid with its axes in another order or direction, its axes are
    turned. Where the headers contradict each other and the shapes are equal, voxels are taken one by one, as nnU-Net
    does: the copy gets the image's affine.

    Args:
        label: as read.
        image: the image's header.
        path: the label's file, for messages.

    Returns:
        Voxels (X, Y, Z) in the image's order on disk; the sentence is empty where nothing had to be mended.

    Raises:
        CaseError: the label has further axes, or another shape than the image.
    """
    shape = image.shape[:_SPATIAL]
    if len(label.header.shape) != _SPATIAL:
        raise CaseError(f"{path.name}: a label has three axes, this one has the shape {label.header.shape}")
    difference = grid_difference(image, label.header)
    if label.header.shape == shape and difference is None:
        return label.array, ""
    turned = _turned(label, image, path)
    if turned is not None:
        return turned, f"its axes pointed to {label.header.axcodes}; turned to the image's {image.axcodes}"
    if label.header.shape != shape:
        raise CaseError(
            f"{path.name}: the label has {_by(label.header.shape)} voxels, the image {_by(shape)}; no header can mend "
            "that"
        )
    return label.array, f"{difference}; the copy has the image's affine, voxel by voxel"


def _turned(label: RawArray, image: Header, path: Path) -> NDArray[Any] | None:
    """The voxels in the image's order if both headers describe one grid, else None."""
    if label.header.axcodes == image.axcodes:
        return None
    turn = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt(tuple(label.header.axcodes)),
        nib.orientations.axcodes2ornt(tuple(image.axcodes)),
    )
    array = nib.orientations.apply_orientation(label.array, turn)
    affine = label.header.affine @ nib.orientations.inv_ornt_aff(turn, label.header.shape)
    header = make_header(path, array.shape, affine, array.dtype)
    same = header.shape == image.shape[:_SPATIAL] and grid_difference(image, header) is None
    return array if same else None


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(str(size) for size in shape)
