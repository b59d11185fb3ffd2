"""Prompts in the volume's own pixels: the planes to score, and a box per class on each.

A box drawn from the label reveals where the structure is, so measures of such maps are not independent of the label;
with a box around the whole image they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32

from auvseg.data import label_planes
from auvseg.data.case import ClassDef
from auvseg.shapes import LabelArray


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels, both corners included: rows `top..bottom`, columns `left..right`."""

    top: int
    left: int
    bottom: int
    right: int

    def union(self, other: "Box") -> "Box":
        """The smallest box around both."""
        return Box(
            top=min(self.top, other.top),
            left=min(self.left, other.left),
            bottom=max(self.bottom, other.bottom),
            right=max(self.right, other.right),
        )

    def grown(self, margin: int, height: int, width: int) -> "Box":
        """The box with `margin` more pixels on every side, cut at the borders of the (height, width) plane."""
        return Box(
            top=max(self.top - margin, 0),
            left=max(self.left - margin, 0),
            bottom=min(self.bottom + margin, height - 1),
            right=min(self.right + margin, width - 1),
        )


@dataclass(frozen=True)
class ClassPrompts:
    """Where one class is looked at.

    Attributes:
        class_def: the class.
        boxes: the box on every plane that is scored, by plane index, increasing.
        planes_total: how many planes hold the class.
    """

    class_def: ClassDef
    boxes: Mapping[int, Box]
    planes_total: int


def prompts_from_label(
    label: LabelArray, classes: Sequence[ClassDef], *, margin: int = 0, max_planes: int | None = None
) -> list[ClassPrompts]:
    """Tight boxes around each class on the planes that hold it.

    Args:
        label: (D, H, W) label values.
        classes: the classes to look for; those that the label does not hold are left out.
        margin: pixels of the volume's grid added to every side of a box.
        max_planes: at most so many planes a class, evenly spaced; None takes all.

    Returns:
        One entry a class that the label holds, in the order of `classes`.
    """
    _, height, width = label.shape
    found: dict[ClassDef, dict[int, Box]] = {class_def: {} for class_def in classes}
    for index, plane in enumerate(label):
        for class_def, box in boxes_on_plane(plane, classes).items():
            found[class_def][index] = box.grown(margin, height, width)
    return [
        ClassPrompts(class_def, {index: boxes[index] for index in evenly_spaced(list(boxes), max_planes)}, len(boxes))
        for class_def, boxes in found.items()
        if boxes
    ]


def whole_image_prompts(
    shape: tuple[int, int, int], class_def: ClassDef, *, max_planes: int | None = None
) -> ClassPrompts:
    """One box around the whole of every plane of a (D, H, W) volume, or of at most `max_planes` of them."""
    depth, height, width = shape
    everything = Box(0, 0, height - 1, width - 1)
    return ClassPrompts(class_def, dict.fromkeys(evenly_spaced(range(depth), max_planes), everything), depth)


def boxes_on_plane(plane: Int32[np.ndarray, "H W"], classes: Sequence[ClassDef]) -> dict[ClassDef, Box]:
    """The tight box around everything of a class, all its components together, for each class on the plane."""
    box_of = {
        value: Box(rows.start, columns.start, rows.stop - 1, columns.stop - 1)
        for value, (rows, columns) in label_planes.boxes_on_plane(plane).items()
    }
    boxes: dict[ClassDef, Box] = {}
    for class_def in classes:
        for value in class_def.values:
            if value in box_of:
                boxes[class_def] = boxes[class_def].union(box_of[value]) if class_def in boxes else box_of[value]
    return boxes


def evenly_spaced(planes: Sequence[int], most: int | None) -> tuple[int, ...]:
    """At most `most` of the planes, evenly spaced from the first to the last; one alone is the middle one.

    The same planes give the same choice, and no plane is chosen twice.
    """
    if most is None or len(planes) <= most:
        return tuple(planes)
    if most == 1:
        return (planes[len(planes) // 2],)
    last = len(planes) - 1
    return tuple(planes[(2 * k * last + most - 1) // (2 * (most - 1))] for k in range(most))
