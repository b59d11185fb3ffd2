"""Acquisition faults: blur, thick slices, truncated field of view.

Each works on the whole volume at once, and none clips; see `intensity`.
"""

import math

import numpy as np
import scipy

from auvseg.bench.corruptions.base import Effect, Sample
from auvseg.errors import CaseError
from auvseg.shapes import MaskArray

_BLUR_VOXELS = 3.0
_EXTRA_PLANES = 5.0
_LOST_EXTENT = 0.5
_SIDES = (("inferior", "superior"), ("posterior", "anterior"), ("left", "right"))
_CANDIDATE_SIDES = 3


def blur(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Convolve with a Gaussian of standard deviation `severity` × 3 in-plane voxels.

    It is as wide in mm along every axis.
    """
    deviation_mm = severity * _BLUR_VOXELS * math.sqrt(sample.spacing_mm[1] * sample.spacing_mm[2])
    deviations = [deviation_mm / step for step in sample.spacing_mm]
    blurred = scipy.ndimage.gaussian_filter(sample.image, deviations, mode="nearest")
    return Effect(blurred, (), {"blur_sd_mm": deviation_mm}, f"Gaussian blur, standard deviation {deviation_mm:.3g} mm")


def thicken_slices(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Replace each plane by the mean over a slab of 1 + `severity` × 5 planes, as overlapping thick slices show it."""
    planes = 1 + severity * _EXTRA_PLANES
    reach = (planes - 1) / 2
    whole = math.floor(reach)
    offsets = np.abs(np.arange(-whole - 1, whole + 2))
    weights = np.where(offsets <= whole, 1.0, reach - whole) / planes
    thick = scipy.ndimage.correlate1d(sample.image, weights, axis=0, mode="nearest")
    thickness_mm = planes * sample.spacing_mm[0]
    return Effect(thick, (), {"thickness_mm": thickness_mm}, f"slices {thickness_mm:.3g} mm thick")


def truncate_view(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Replace one side of the volume by padding, as where the field of view was too small.

    At severity 1 the padding reaches so far into the structures that one of them loses half its extent and none more
    than half, so that no structure is lost whole. Below, it reaches `severity` of that depth, in whole voxels, or so
    far that it touches the first structure at severity 1/2, whichever is more. The side is drawn from the three at
    which severity 1 takes most of the structures' voxels. Where nothing is labelled, severity 1 takes half the volume.
    Padding has the image's lowest intensity.

    Raises:
        CaseError: the structures reach all borders and are so thin that every cut would take one of them whole.
    """
    mask = sample.mask if sample.class_ids else np.ones(sample.image.shape, dtype=bool)
    axis, far, first, deepest = _side(sample, mask, rng)
    depth = _depth(severity, first, deepest)
    result = sample.image.copy()
    cut = [slice(None)] * 3
    cut[axis] = slice(result.shape[axis] - depth, None) if far else slice(0, depth)
    padding = float(sample.image.min())
    result[tuple(cut)] = padding
    lost = np.count_nonzero(mask[tuple(cut)]) / np.count_nonzero(mask)
    depth_mm = depth * sample.spacing_mm[axis]
    parameters = {"axis": float(axis), "cut_mm": depth_mm, "foreground_lost_share": lost, "padding_value": padding}
    words = f"no image for {depth_mm:.3g} mm on the {_SIDES[axis][far]} side, where {lost:.0%} of the foreground was"
    return Effect(result, (), parameters, words)


def _depth(severity: float, first: int, deepest: int) -> int:
    approach = min(2 * severity, 1.0) * first + max(2 * severity - 1, 0.0) * (deepest - first)
    return round(max(severity * deepest, approach))


def _side(sample: Sample, mask: MaskArray, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """An axis, which of its ends, how many voxels lie before the structures there, and how many severity 1 takes."""
    structures = [sample.label == value for value in sample.class_ids] or [mask]
    sides = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        held = [structure.any(axis=others) for structure in structures]
        counts = np.count_nonzero(mask, axis=others)
        for far, turn in enumerate((slice(None), slice(None, None, -1))):
            deepest = min(_deepest(line[turn]) for line in held)
            taken = int(counts[turn][:deepest].sum())
            if deepest:
                sides.append((taken, axis, far, int(np.flatnonzero(counts[turn])[0]), deepest))
    if not sides:
        raise CaseError("the structures reach every border in a single voxel: no field of view would cut only a part")
    best = sorted(sides, key=lambda side: -side[0])[:_CANDIDATE_SIDES]
    return best[int(rng.integers(len(best)))][1:]


def _deepest(held: np.ndarray) -> int:
    """How many voxels from the start of the line take half the structure's extent, rounded down."""
    places = np.flatnonzero(held)
    return int(places[0] + math.floor(_LOST_EXTENT * (places[-1] + 1 - places[0])))
