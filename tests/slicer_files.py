"""Segmentations as 3D Slicer stores them, written byte by byte."""

import gzip
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_TYPES = {"uint8": "unsigned char", "int16": "short", "uint16": "ushort", "float32": "float", "int32": "int"}


def segment(number: int, name: str | None, value: int | str | None, layer: int | None = 0) -> dict[str, str]:
    """The fields of one segment; what is None is left out."""
    stated = {"ID": f"Segment_{number}", "Name": name, "LabelValue": value, "Layer": layer}
    return {f"Segment{number}_{key}": str(one) for key, one in stated.items() if one is not None}


def write_slicer(
    path: Path,
    layers: np.ndarray | Sequence[np.ndarray],
    segments: Iterable[tuple[str | None, int, int]] | Mapping[str, str],
    affine: np.ndarray,
    *,
    first: tuple[int, int, int] = (0, 0, 0),
    encoding: str = "gzip",
    data_file: str = "",
) -> Path:
    """A `.seg.nrrd`, or a `.seg.nhdr` beside its data.

    Args:
        path: where.
        layers: (X, Y, Z), or several of them.
        segments: name, value and layer of each; or fields as they are.
        affine: of the image, to RAS.
        first: the voxel of the image at which the file begins.
        encoding: gzip or raw.
        data_file: where the voxels go, for a header of its own.
    """
    several = not isinstance(layers, np.ndarray)
    array = np.stack(layers) if several else layers
    matrix = RAS_TO_LPS @ affine
    origin = matrix[:3, :3] @ first + matrix[:3, 3]
    directions = " ".join(_vector(column) for column in matrix[:3, :3].T)
    lines = ["NRRD0004", "# Complete NRRD file format specification at:", f"type: {_TYPES[array.dtype.name]}"]
    lines += [f"dimension: {array.ndim}", "space: left-posterior-superior", f"sizes: {_numbers(array.shape)}"]
    lines += [f"space directions: {'none ' if several else ''}{directions}"]
    lines += [f"kinds: {'list ' if several else ''}domain domain domain", "endian: little", f"encoding: {encoding}"]
    lines += [f"space origin: {_vector(origin)}"] + ([f"data file: {data_file}"] if data_file else [])
    if not isinstance(segments, Mapping):
        fields = [segment(number, *one) for number, one in enumerate(segments)]
        segments = {key: value for one in fields for key, value in one.items()}
    lines += [f"{key}:={value}" for key, value in segments.items()]
    lines += [f"Segmentation_ReferenceImageExtentOffset:={_numbers(first)}", "", ""]
    voxels = array.tobytes(order="F")
    content = gzip.compress(voxels, mtime=0) if encoding == "gzip" else voxels
    if data_file:
        (path.parent / data_file).write_bytes(content)
    path.write_bytes("\n".join(lines).encode() + (b"" if data_file else content))
    return path


def _numbers(values: Iterable[int]) -> str:
    return " ".join(map(str, values))


def _vector(values: np.ndarray) -> str:
    return f"({','.join(repr(float(value)) for value in values)})"
