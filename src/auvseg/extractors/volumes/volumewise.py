"""Convert a case to the voxels and axes of a model over volumes, and its logits back to the case.

The channels are read as they are, resampled linearly to the model's spacing, cut to the foreground where the model
does so, brought to its intensities, and turned to its axes. A class's logits come back to all planes of the case, at
about the model's resolution within a plane and never a finer one than the case's: a finer one would say nothing more.
Where the foreground was cut away a class gets its lowest logit of the case.

Axes: K channels; (d, h, w) the model's voxels in the case's axes (S, A, R); (x, y, z) the model's own axes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32
from torch import Tensor

from auvseg.data.case import ClassDef
from auvseg.data.volume import as_canonical, as_stored
from auvseg.errors import CaseError
from auvseg.extractors.base import ExtractorInput
from auvseg.extractors.no_model import values_by_plane
from auvseg.extractors.volumes.grid import Grid, case_grid, map_grid, resample, spaced_grid

Intensity = Callable[[Float32[Tensor, "K d h w"]], Float32[Tensor, "K d h w"]]
"""The model's rule for intensities, on the resampled and cropped volume."""


@dataclass(frozen=True)
class Preprocessing:
    """What a model wants of a volume.

    Attributes:
        spacing_mm: voxel size along the model's axes; None keeps the case's.
        intensity: its rule for intensities.
        axcodes: where its axes grow to; MONAI's models take RAS.
        resampled_as_stored: whether the volume is resampled before its axes are turned, so that the first voxel on disk
            stays where it is; else the first along the model's axes does.
        crop: which voxels of raw intensities (K, d, h, w) are foreground, as (K, d, h, w); None: nothing is cut away.
        crop_margin: voxels of the model that are kept around the foreground.
    """

    spacing_mm: tuple[float, float, float] | None
    intensity: Intensity
    axcodes: str = "RAS"
    resampled_as_stored: bool = True
    crop: Callable[[Float32[Tensor, "K d h w"]], Bool[Tensor, "K d h w"]] | None = None
    crop_margin: int = 0


@dataclass(frozen=True)
class PreparedVolume:
    """A case as the model wants it.

    Attributes:
        image: (K, x, y, z) along the model's axes.
        grid: where its voxels lie in the case, along (D, H, W).
        pixels: where those of its class maps lie.
        axcodes: the model's axes.
    """

    image: Float32[Tensor, "K x y z"]
    grid: Grid
    pixels: Grid
    axcodes: str

    def on_planes(self, logits: Float32[Tensor, "x y z"]) -> Float32[Tensor, "D h w"]:
        """Logits on the model's voxels as those of a class map, on all planes of the case."""
        return resample(turned(logits, self.axcodes, back=True), self.grid, self.pixels)


def prepare(case: ExtractorInput, how: Preprocessing, *, channels: int = 1) -> PreparedVolume:
    """Bring a case to what a model wants.

    Args:
        case: with its raw channels.
        how: what the model wants.
        channels: how many channels it was trained on.

    Raises:
        CaseError: the case has another number of channels.
    """
    found = 0 if case.raw is None else case.raw.channels.shape[0]
    if case.raw is None or found != channels:
        raise CaseError(f"has {found} channels, the network was trained on {channels}")
    shape = case.image.shape
    wanted = case.spacing_mm if how.spacing_mm is None else canonical_order(how.spacing_mm, how.axcodes)
    first = case.raw.axcodes if how.resampled_as_stored else how.axcodes
    grid = spaced_grid(shape, case.spacing_mm, wanted, axcodes=first)
    whole = case_grid(shape)
    volume = torch.stack([resample(torch.from_numpy(one), whole, grid) for one in case.raw.channels])
    if how.crop is not None:
        box = bounding_box(how.crop(volume), how.crop_margin)
        volume = volume[:, box[0], box[1], box[2]]
        depth, height, width = (axis.cropped(part.start, part.stop) for axis, part in zip(grid, box, strict=True))
        grid = (depth, height, width)
    image = torch.stack([turned(one, how.axcodes) for one in how.intensity(volume)])
    return PreparedVolume(image, grid, map_grid(shape, case.spacing_mm, wanted), how.axcodes)


def planes_counted(case: ExtractorInput) -> Callable[[ClassDef], int]:
    """How many planes hold a class; without a label, all."""
    depth = case.image.shape[0]
    if case.label is None:
        return lambda _: depth
    held = values_by_plane(case.label)
    return lambda one: sum(not values.isdisjoint(one.values) for values in held)


def above(value: float) -> Callable[[Float32[Tensor, "K d h w"]], Bool[Tensor, "K d h w"]]:
    """Foreground is what is above a value."""
    return lambda volume: volume > value


def nonzero(volume: Float32[Tensor, "K d h w"]) -> Bool[Tensor, "K d h w"]:
    """Foreground is what is not 0."""
    return volume != 0


def bounding_box(found: Bool[Tensor, "K d h w"], margin: int) -> tuple[slice, slice, slice]:
    """The box around the foreground of any channel, and a margin; the whole volume where there is none."""
    inside = found.any(dim=0)
    box = []
    for dim, size in enumerate(inside.shape):
        others = tuple(d for d in range(3) if d != dim)
        where = torch.nonzero(inside.any(dim=others[1]).any(dim=others[0])).flatten()
        if not len(where):
            return slice(0, inside.shape[0]), slice(0, inside.shape[1]), slice(0, inside.shape[2])
        box.append(slice(max(int(where[0]) - margin, 0), min(int(where[-1]) + 1 + margin, size)))
    return box[0], box[1], box[2]


def windowed(low: float, high: float) -> Intensity:
    """Intensities from `low` to `high` as 0 to 1, clipped."""
    return lambda volume: ((volume - low) / (high - low)).clamp(0.0, 1.0)


def canonical_order(spacing_mm: tuple[float, float, float], axcodes: str) -> tuple[float, float, float]:
    """Lengths along the model's axes as lengths along (D, H, W)."""
    # An array whose sides tell its axes apart.
    sides = as_stored(np.empty((1, 2, 3)), axcodes).shape
    depth, height, width = (spacing_mm[sides.index(side)] for side in (1, 2, 3))
    return depth, height, width


def turned(values: Float32[Tensor, "a b c"], axcodes: str, *, back: bool = False) -> Float32[Tensor, "x y z"]:
    """A volume in the case's axes turned to the model's, or back; in one block of memory."""
    array = values.numpy()
    found = as_canonical(array, axcodes) if back else as_stored(array, axcodes)
    return torch.from_numpy(np.ascontiguousarray(found))
