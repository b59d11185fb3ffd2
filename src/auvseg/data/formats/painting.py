"""Combine the voxels of all structures into one label map, with one value per voxel.

Structures may not share voxels. A narrow rim, as between neighbours drawn by hand, is assigned to the smaller structure
and noted; larger overlaps are refused, since they would change the drawn structures.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Int64
from numpy.typing import NDArray

from auvseg.data.check.findings import Kind, Problem
from auvseg.data.formats.header import Header, Notes, RawArray
from auvseg.errors import ReadError

GRID_TOLERANCE = 0.1
"""How far, in voxels, a pixel of a segmentation may lie from a voxel of the image."""

OVERLAP_TOLERANCE = 0.05
"""The share of the smaller structure that may also belong to others."""

Voxels = Int64[np.ndarray, " V"]
"""Where a structure is: positions in the flattened (column, row, plane) array, each once."""


def structure_name(stated: Any) -> str:
    """A structure's name without padding and doubled spaces, which do not count."""
    return " ".join(str(stated or "").split())


def label_map(
    structures: Mapping[str, Voxels], values: Mapping[str, int], grid: Header, name: str, notes: Notes
) -> RawArray:
    """Write every structure's value where it is.

    Args:
        structures: voxels by the name that the file calls them.
        values: label value by that name; several names may share one.
        grid: the image's header.
        name: what the file is called in messages.
        notes: what its reader noticed.

    Raises:
        ReadError: two structures of different values share more than `OVERLAP_TOLERANCE` of the smaller one.
    """
    shape = grid.shape[:3]
    dtype = np.min_scalar_type(max(values.values(), default=1))
    flat = np.zeros(int(np.prod(shape)), dtype)
    said = []
    # The smaller are written last; among equals the name decides, so that the same file is always the same label.
    for structure in sorted(structures, key=lambda one: (-len(structures[one]), one)):
        voxels, value = structures[structure], values[structure]
        before = flat[voxels]
        shared = before[(before != 0) & (before != value)]
        if shared.size:
            said.append(Problem(Kind.ALTERED_LABEL, _shared(structure, voxels, shared, values, name)))
        flat[voxels] = value
    header = Header(shape, grid.affine, grid.spacing_mm, grid.axcodes, dtype.name, (*notes, *said))
    return RawArray(header, flat.reshape(shape))


def _shared(structure: str, voxels: Voxels, shared: NDArray[Any], values: Mapping[str, int], name: str) -> str:
    found, counts = np.unique(shared, return_counts=True)
    other = next(one for one, value in sorted(values.items()) if value == found[np.argmax(counts)])
    share = shared.size / voxels.size
    if share > OVERLAP_TOLERANCE:
        raise ReadError(
            f"{name}: {shared.size} voxels of {structure!r}, {100 * share:.3g} % of it, also belong to {other!r}, and "
            "a voxel has one label",
            "name the structures to use in the column structures of a table (CSV)",
        )
    return f"{shared.size} voxels, the rim of {other!r} and {structure!r}, belong to both and count as {structure!r}"
