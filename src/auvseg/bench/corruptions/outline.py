"""Global faults of a label's outline: shifted, too small, too large."""

import math

import numpy as np

from auvseg.bench.corruptions.base import Effect, Sample
from auvseg.bench.corruptions.regions import by_class, depth_mm, listed, put_back, surroundings, within
from auvseg.bench.corruptions.scale import equivalent_radius_mm
from auvseg.shapes import LabelArray

_MORPHOLOGY = 0.8
"""Share of the inscribed radius by which severity 1 erodes; 1 would leave nothing."""


def shift(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Move the classes together, in plane, by `severity` × their mean equivalent radius, in a random direction.

    The equivalent radius is that of the disc with the class's mean area a plane. The shift is rounded to whole voxels;
    what leaves the volume or would cover another class is cut off.
    """
    radii_mm = [equivalent_radius_mm(sample.label == value, sample.spacing_mm) for value in sample.class_ids]
    angle = rng.uniform(0, 2 * math.pi)
    length_mm = severity * float(np.mean(radii_mm))
    rows = round(length_mm * math.sin(angle) / sample.spacing_mm[1])
    columns = round(length_mm * math.cos(angle) / sample.spacing_mm[2])
    moved = _moved(np.where(sample.mask, sample.label, 0), rows, columns)
    result = put_back(sample, moved)
    reached_mm = math.hypot(rows * sample.spacing_mm[1], columns * sample.spacing_mm[2])
    parameters = {"rows": float(rows), "columns": float(columns), "shift_mm": reached_mm}
    return Effect(
        result, sample.class_ids, parameters, f"moved by {reached_mm:.3g} mm ({rows} rows, {columns} columns)"
    )


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
    inscribed radius is the largest distance of a voxel of the class from that structure; distances are from a voxel's
    centre to the surface, which runs half an in-plane voxel before it. The border of the volume is no surface: a
    structure that the field of view cuts is not eroded there.
    """
    result = sample.label.copy()
    layers_mm = {}
    for value in sample.class_ids:
        mask = sample.label == value
        around = surroundings(sample.label, mask)
        depths_mm = depth_mm(sample, mask, around)
        layers_mm[value] = severity * _MORPHOLOGY * float(depths_mm[mask].max())
        result[mask & (depths_mm <= layers_mm[value])] = around
    return Effect(result, sample.class_ids, by_class(layers_mm, "layer_mm"), f"eroded by {listed(layers_mm)} mm")


def dilate(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Put a layer of `severity` × 0.8 × the inscribed radius on each class, measured in mm in 3D; see `erode`."""
    result = sample.label.copy()
    layers_mm = {}
    for value in sample.class_ids:
        mask = sample.label == value
        around = surroundings(sample.label, mask)
        layers_mm[value] = severity * _MORPHOLOGY * float(depth_mm(sample, mask, around)[mask].max())
        near = within(mask, layers_mm[value], sample.spacing_mm)
        result[near & ((result == 0) | (result == around))] = value
    return Effect(result, sample.class_ids, by_class(layers_mm, "layer_mm"), f"dilated by {listed(layers_mm)} mm")
