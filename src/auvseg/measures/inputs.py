"""Inputs of a measure: one class of one case with its map, its label and the image.

Whatever does not depend on the class is in a `WholeCase`, which all classes share, and is computed once. No volume is
copied for a class: a structure is viewed in its bounding box.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int32
from torch import Tensor

from auvseg.data.label_planes import boxes_on_plane
from auvseg.extractors.base import ClassMap
from auvseg.shapes import AxesArray, ImageArray, LabelArray

Region = tuple[slice, slice, slice]
"""A box of voxels along (D, H, W)."""

T = TypeVar("T")
OwnT = TypeVar("OwnT", bound="_Remembering")


class _Remembering:
    """Caches what is computed from it."""

    def once(self: OwnT, compute: Callable[[OwnT], T]) -> T:
        """Return the result of a function of this object; computed on the first call, then cached."""
        known: dict[Any, Any] = self.__dict__.setdefault("_known", {})
        if compute not in known:
            known[compute] = compute(self)
        found: T = known[compute]
        return found


@dataclass(frozen=True, eq=False)
class WholeCase(_Remembering):
    """The data that all classes of a case share.

    Attributes:
        image: (D, H, W) intensities in [0, 1], normalised as configured.
        label: (D, H, W) label values; None if there is no label or it must not be used.
        spacing_mm: voxel size along (D, H, W).
        ignore_value: nnU-Net's ignore label.
        axes_mm: steps along D, H and W of a sheared grid; None if the axes are perpendicular.
    """

    image: ImageArray
    label: LabelArray | None
    spacing_mm: tuple[float, float, float]
    ignore_value: int | None = None
    axes_mm: AxesArray | None = None

    @property
    def voxel_mm3(self) -> float:
        """Volume of a voxel, in mm³."""
        return math.prod(self.spacing_mm) if self.axes_mm is None else abs(float(np.linalg.det(self.axes_mm)))

    @property
    def faces_mm2(self) -> tuple[float, float, float]:
        """Areas of a voxel's faces across D, H and W, in mm²."""
        if self.axes_mm is None:
            depth, height, width = (self.voxel_mm3 / step for step in self.spacing_mm)
        else:
            along = ((1, 2), (2, 0), (0, 1))
            crossed = (np.cross(self.axes_mm[one], self.axes_mm[other]) for one, other in along)
            depth, height, width = (float(np.linalg.norm(normal)) for normal in crossed)
        return depth, height, width

    @cached_property
    def boxes(self) -> dict[int, Region]:
        """The tight box around every label value above 0, by value."""
        corners: dict[int, list[list[int]]] = {}
        for index, plane in enumerate(() if self.label is None else self.label):
            for value, (rows, columns) in boxes_on_plane(plane).items():
                if value < 0:
                    continue
                first = [index, rows.start, columns.start]
                stop = [index + 1, rows.stop, columns.stop]
                low, high = corners.setdefault(value, [first, stop])
                corners[value] = [list(map(min, low, first)), list(map(max, high, stop))]
        return {
            value: (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
            for value, (low, high) in corners.items()
        }


@dataclass(frozen=True, eq=False)
class MeasureInput(_Remembering):
    """One class of one case, as measures see it.

    Attributes:
        class_map: the foundation model's map of the class; its planes are the scored ones.
        whole: data shared by all classes of the case.
        values: label values of the class; empty if no label is used.
        volume_voxels: voxels of the class in the whole case; None if no label is used.
    """

    class_map: ClassMap
    whole: WholeCase
    values: tuple[int, ...]
    volume_voxels: int | None

    @property
    def has_label(self) -> bool:
        """Whether there is a label to compare with."""
        return self.whole.label is not None and bool(self.values)

    @property
    def has_map(self) -> bool:
        """Whether there is a map: the extractor `none` makes maps without pixels."""
        return self.class_map.logits.numel() > 0

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel size along (D, H, W)."""
        return self.whole.spacing_mm

    @property
    def odds(self) -> Float[Tensor, "D h w"]:
        """(D, h, w) logits of the class against everything else; above 0 is the model's own mask."""
        return self.class_map.logits if self.class_map.odds is None else self.class_map.odds

    @cached_property
    def probabilities(self) -> Float[Tensor, "D h w"]:
        """(D, h, w) sigmoid of `odds`, in [0, 1]; cached."""
        return torch.sigmoid(self.odds)

    def ignored(self, index: int) -> Bool[np.ndarray, "H W"] | None:
        """Mask of ignored voxels on a plane; None if nothing is ignored, or without a label."""
        if self.whole.label is None or self.whole.ignore_value is None:
            return None
        found = self.whole.label[index] == self.whole.ignore_value
        return found if found.any() else None

    @cached_property
    def box(self) -> Region | None:
        """The tight box around the class in the whole volume; None without a label, or if the label lacks the class."""
        found = [self.whole.boxes[value] for value in self.values if value in self.whole.boxes]
        if not found:
            return None
        low = [min(part[axis].start for part in found) for axis in range(3)]
        high = [max(part[axis].stop for part in found) for axis in range(3)]
        return (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))


MeasureFunction = Callable[[MeasureInput], float | None]
"""Computes one measure; None if it is not defined for this input."""


def is_class(label: Int32[np.ndarray, "..."], values: tuple[int, ...]) -> Bool[np.ndarray, "..."]:
    """Mask the voxels of a label that have one of the values."""
    return label == values[0] if len(values) == 1 else np.isin(label, values)


def grown(box: Region, margin: tuple[int, int, int], shape: tuple[int, ...]) -> Region:
    """Grow a box by a number of voxels on either side of each axis, clipped to the volume."""
    first, second, third = (
        slice(max(part.start - more, 0), min(part.stop + more, size))
        for part, more, size in zip(box, margin, shape, strict=True)
    )
    return first, second, third
