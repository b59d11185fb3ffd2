"""Missing or swapped parts of a label: a part cut off; planes, components or classes missing; classes swapped."""

import math

import numpy as np
import scipy

from auvseg.bench.corruptions.base import Effect, Sample
from auvseg.bench.corruptions.regions import box_around, by_class, listed, surroundings
from auvseg.errors import CaseError

_NAMED = 6
_MIN_REST = 0.05
"""Share of a class's voxels that its smaller components hold together at least; less is specks, not components."""


def remove_part(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Cut `severity` of each class's voxels off by a plane of random direction; severity 1 removes the class."""
    result = sample.label.copy()
    direction = rng.standard_normal(3) * sample.spacing_mm
    removed = {}
    for value in sample.class_ids:
        # What an outer class lost is lost to the classes inside it too, whichever comes first.
        mask = result == value
        positions = np.argwhere(mask)
        order = np.argsort(positions @ direction, kind="stable")
        chosen = positions[order[: round(severity * len(positions))]]
        result[tuple(chosen.T)] = surroundings(result, mask)
        removed[value] = float(len(chosen))
    words = "missing altogether" if severity == 1 else f"{severity:.0%} of its voxels are missing"
    return Effect(result, sample.class_ids, by_class(removed, "removed_voxels"), words)


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
    result = np.where(removed, surroundings(sample.label, sample.mask), sample.label).astype(np.int32)
    parameters = {"removed_planes": float(count), "planes": float(len(planes))}
    return Effect(result, sample.class_ids, parameters, f"not labelled on {count} of its {len(planes)} planes")


def remove_components(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Leave out connected components of each class, the smallest first, as lesions that were overlooked.

    The largest always stays. Of what the others hold together, `severity` is missing, as nearly as whole components
    allow; severity 1 leaves the largest alone. Voxels that share a corner are connected. Classes of one component, or
    whose other components hold less than 5 % of their voxels, are left as they are.

    Raises:
        CaseError: no class has several components.
    """
    result = sample.label.copy()
    components, voxels = {}, {}
    for value in sample.class_ids:
        mask = sample.label == value
        box = box_around(mask, 0, sample.spacing_mm)
        numbered, _ = scipy.ndimage.label(mask[box], scipy.ndimage.generate_binary_structure(3, 3))
        sizes = np.bincount(numbered.ravel())[1:]
        order = np.argsort(sizes, kind="stable")
        held = np.concatenate([[0], np.cumsum(sizes[order[:-1]])])
        if held[-1] >= _MIN_REST * sizes.sum():
            count = int(np.abs(held - severity * held[-1]).argmin())
            result[box][np.isin(numbered, order[:count] + 1)] = surroundings(sample.label, mask)
            components[value], voxels[value] = float(count), float(held[count])
    if not components:
        raise CaseError("no structure has several components: none of them can be missing")
    parameters = by_class(components, "removed_components") | by_class(voxels, "removed_voxels")
    return Effect(result, tuple(components), parameters, f"{listed(components)} of its components missing")


def remove_classes(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Leave out whole classes: `severity` of those that can go, rounded to a whole number, which ones at random.

    One class of the label always stays, so that severity 1 leaves one where every class is to be corrupted. Of a single
    class that is asked for, severity below 1/2 leaves it, and more takes it.

    Raises:
        CaseError: the label holds a single class.
    """
    present = int(np.count_nonzero(np.unique(sample.label)))
    if present == 1:
        raise CaseError(f"the label holds class {sample.class_ids[0]} alone: without it nothing would be labelled")
    most = min(len(sample.class_ids), present - 1)
    count = math.floor(severity * most + 0.5)
    missing = tuple(sorted(int(value) for value in rng.permutation(sample.class_ids)[:count]))
    result = sample.label.copy()
    for value in missing:
        # A lesion is not given to a liver that is missing too, whichever comes first.
        mask = result == value
        result[mask] = surroundings(result, mask)
    parameters = {"removed_classes": float(count), "classes": float(present)}
    words = f"{count} of {present} classes missing: {_named(missing)}"
    return Effect(result, missing or sample.class_ids, parameters, words)


def _named(values: tuple[int, ...]) -> str:
    more = f" and {len(values) - _NAMED} more" if len(values) > _NAMED else ""
    return (", ".join(map(str, values[:_NAMED])) or "none") + more


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
