"""Faults of a label: moved, too small, too large, partly or wholly missing, swapped with a neighbour.

A fault of one class leaves the others alone: it takes voxels only from the background and from the structure around the
class, and gives them back to the same. That structure is the value that most of the class's outer shell has: the liver
for a lesion inside it, the background for the liver.
"""

import math

import numpy as np
from jaxtyping import Float64
from scipy import ndimage

from auvseg.bench.corruptions.base import Effect, Sample
from auvseg.errors import CaseError
from auvseg.shapes import LabelArray, MaskArray

_MORPHOLOGY = 0.8
"""Share of the inscribed radius by which severity 1 erodes; 1 would leave nothing."""


def shift(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Move the classes together, in plane, by `severity` × their mean equivalent radius, in a random direction.

    The equivalent radius is that of the disc with the class's mean area a plane. The shift is rounded to whole voxels;
    what leaves the volume or would cover another class is cut off.
    """
    radii_mm = [_equivalent_radius_mm(sample.label == value, sample.spacing_mm) for value in sample.class_ids]
    angle = rng.uniform(0, 2 * math.pi)
    length_mm = severity * float(np.mean(radii_mm))
    rows = round(length_mm * math.sin(angle) / sample.spacing_mm[1])
    columns = round(length_mm * math.cos(angle) / sample.spacing_mm[2])
    around = _surroundings(sample.label, sample.mask)
    moved = _moved(np.where(sample.mask, sample.label, 0), rows, columns)
    result = np.where(sample.mask, around, sample.label).astype(np.int32)
    free = (moved != 0) & ((result == 0) | (result == around))
    result[free] = moved[free]
    reached_mm = math.hypot(rows * sample.spacing_mm[1], columns * sample.spacing_mm[2])
    parameters = {"rows": float(rows), "columns": float(columns), "shift_mm": reached_mm}
    return Effect(
        result, sample.class_ids, parameters, f"moved by {reached_mm:.3g} mm ({rows} rows, {columns} columns)"
    )


def _equivalent_radius_mm(mask: MaskArray, spacing_mm: tuple[float, float, float]) -> float:
    planes = np.count_nonzero(mask.any(axis=(1, 2)))
    return math.sqrt(np.count_nonzero(mask) / planes * spacing_mm[1] * spacing_mm[2] / math.pi)


def _moved(label: LabelArray, rows: int, columns: int) -> LabelArray:
    height, width = label.shape[1:]
    result = np.zeros_like(label)
    target_h, source_h = _overlap(height, rows)
    target_w, source_w = _overlap(width, columns)
    result[:, target_h, target_w] = label[:, source_h, source_w]
    return result


def _overlap(size: int, step: int) -> tuple[slice, slice]:
    """Where the voxels that stay inside go to, and where they come from."""
    step = max(-size, min(size, step))
    return slice(max(step, 0), size + min(step, 0)), slice(max(-step, 0), size - max(step, 0))


def erode(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Take a layer of `severity` × 0.8 × the inscribed radius off each class, measured in mm in 3D.

    Only the surface towards the structure around it recedes, so that a liver keeps what surrounds its lesions. The
    inscribed radius is the largest distance of a voxel of the class from that structure. The border of the volume is no
    surface: a structure that the field of view cuts is not eroded there.
    """
    result = sample.label.copy()
    layers_mm = {}
    for value in sample.class_ids:
        mask = sample.label == value
        around = _surroundings(sample.label, mask)
        depth_mm = _distance_mm(sample.label != around, sample.spacing_mm)
        layers_mm[value] = severity * _MORPHOLOGY * float(depth_mm[mask].max())
        result[mask & (depth_mm <= layers_mm[value])] = around
    return Effect(result, sample.class_ids, _by_class(layers_mm), f"eroded by {_listed(layers_mm)} mm")


def dilate(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Put a layer of `severity` × 0.8 × the inscribed radius on each class, measured in mm in 3D; see `erode`."""
    result = sample.label.copy()
    layers_mm = {}
    for value in sample.class_ids:
        mask = sample.label == value
        around = _surroundings(sample.label, mask)
        depth_mm = _distance_mm(sample.label != around, sample.spacing_mm)
        layers_mm[value] = severity * _MORPHOLOGY * float(depth_mm[mask].max())
        near = _distance_mm(~mask, sample.spacing_mm) <= layers_mm[value]
        result[near & ((result == 0) | (result == around))] = value
    return Effect(result, sample.class_ids, _by_class(layers_mm), f"dilated by {_listed(layers_mm)} mm")


def remove_part(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Cut `severity` of each class's voxels off by a plane of random direction; severity 1 removes the class."""
    result = sample.label.copy()
    direction = rng.standard_normal(3) * sample.spacing_mm
    removed = {}
    for value in sample.class_ids:
        mask = sample.label == value
        positions = np.argwhere(mask)
        order = np.argsort(positions @ direction, kind="stable")
        chosen = positions[order[: round(severity * len(positions))]]
        result[tuple(chosen.T)] = _surroundings(sample.label, mask)
        removed[value] = float(len(chosen))
    words = "missing altogether" if severity == 1 else f"{severity:.0%} of its voxels are missing"
    return Effect(result, sample.class_ids, _by_class(removed, "removed_voxels"), words)


def remove_planes(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Remove the classes from a run of `severity` of the planes that hold them, at a random height.

    One plane always stays.
    """
    planes = np.flatnonzero(sample.mask.any(axis=(1, 2)))
    count = min(round(severity * len(planes)), len(planes) - 1)
    start = int(rng.integers(0, len(planes) - count + 1))
    gap = np.zeros(sample.label.shape[0], dtype=bool)
    gap[planes[start : start + count]] = True
    removed = sample.mask & gap[:, None, None]
    result = np.where(removed, _surroundings(sample.label, sample.mask), sample.label).astype(np.int32)
    parameters = {"removed_planes": float(count), "planes": float(len(planes))}
    return Effect(result, sample.class_ids, parameters, f"not labelled on {count} of its {len(planes)} planes")


def swap(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Swap a class with the one of the most similar volume, on `severity` of the planes that hold either, from one end.

    Where every class is to be corrupted, the first of the two is drawn at random.

    Raises:
        CaseError: the label holds a single class.
    """
    sizes = {int(value): int(size) for value, size in zip(*np.unique(sample.label, return_counts=True), strict=True)}
    first = int(rng.choice(sample.class_ids))
    others = [value for value in sizes if value not in (0, first)]
    if not others:
        raise CaseError(f"the label holds class {first} alone: there is nothing to swap it with")
    second = min(others, key=lambda value: (abs(math.log(sizes[value] / sizes[first])), value))
    planes = np.flatnonzero(np.isin(sample.label, (first, second)).any(axis=(1, 2)))
    count = round(severity * len(planes))
    chosen = planes[:count] if rng.random() < 0.5 else planes[len(planes) - count :]
    result = sample.label.copy()
    result[chosen] = np.select(
        [sample.label[chosen] == first, sample.label[chosen] == second], [second, first], sample.label[chosen]
    )
    words = f"classes {first} and {second} swapped on {count} of {len(planes)} planes"
    return Effect(result, tuple(sorted((first, second))), {"swapped_planes": float(count)}, words)


def _distance_mm(mask: MaskArray, spacing_mm: tuple[float, float, float]) -> Float64[np.ndarray, "D H W"]:
    """Distance of every voxel inside to the nearest outside; the volume's diagonal where there is no outside."""
    if mask.all():
        diagonal = math.hypot(*(size * step for size, step in zip(mask.shape, spacing_mm, strict=True)))
        return np.full(mask.shape, diagonal)
    return np.asarray(ndimage.distance_transform_edt(mask, sampling=spacing_mm))


def _surroundings(label: LabelArray, mask: MaskArray) -> int:
    """The value of most voxels around the mask; 0 where it fills the volume."""
    shell = ndimage.binary_dilation(mask) & ~mask
    values, counts = np.unique(label[shell], return_counts=True)
    return int(values[counts.argmax()]) if values.size else 0


def _by_class(sizes: dict[int, float], name: str = "layer_mm") -> dict[str, float]:
    return {f"{name}_of_class_{value}": size for value, size in sizes.items()}


def _listed(sizes: dict[int, float]) -> str:
    return ", ".join(f"{size:.3g}" for size in sizes.values())
