"""Run a case through a model plane by plane, with one box prompt per class.

A plane is encoded once for all of its classes, and a class is yielded as soon as its last plane is done, so only
unfinished maps are held in memory.

Axes: D planes that are scored, (h, w) the model's grid over a plane, F features of its encoder.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float32
from numpy.typing import NDArray
from torch import Tensor

from auvseg.data.case import ClassDef
from auvseg.errors import CaseError
from auvseg.extractors.base import WHOLE_IMAGE, ClassMap, ExtractorInput
from auvseg.extractors.families import Prompt
from auvseg.extractors.memory import Fallback, Way, is_out_of_memory
from auvseg.extractors.planes.prompts import ClassPrompts, prompts_from_label, whole_image_prompts

Embedding = TypeVar("Embedding")
"""What a model's encoder makes of a plane."""


OPEN_MAPS = 6
"""Whole maps that are open at a time at most: structures lie above each other as much as beside each other. In a CT of
600 planes with 104 structures, 27 of them on one plane, 4 are (`benchmarks/memory.py`)."""


@dataclass(frozen=True)
class Decoded:
    """What a model makes of one box on one plane.

    Attributes:
        logits: (h, w) rows and columns as in the volume, the same field of view as the plane.
        quality: () the model's own estimate of its mask's quality.
        features: (F,) mean of the encoder's features over the structure; None where it has no pixel.
    """

    logits: Float32[Tensor, "h w"]
    quality: Float32[Tensor, ""]
    features: Float32[Tensor, "F"] | None


@dataclass
class OpenMap:
    """A class of which some planes are still to come.

    Attributes:
        prompts: its planes and their boxes.
        decoded: what came so far, by plane.
    """

    prompts: ClassPrompts
    decoded: dict[int, Decoded] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether all of its planes are there."""
        return len(self.decoded) == len(self.prompts.boxes)

    def finished(self) -> ClassMap:
        """The map, its planes increasing."""
        planes = [self.decoded[plane] for plane in self.prompts.boxes]
        features = [plane.features for plane in planes if plane.features is not None]
        return ClassMap(
            class_def=self.prompts.class_def,
            logits=torch.stack([plane.logits for plane in planes]),
            planes=tuple(self.prompts.boxes),
            planes_total=self.prompts.planes_total,
            predicted_iou=torch.stack([plane.quality for plane in planes]),
            embedding=torch.stack(features).mean(dim=0) if features else None,
        )


def as_itk_stores(array: NDArray[Any]) -> NDArray[Any]:
    """A view of (..., H, W) planes with rows that grow to the back and columns to the left; undoes itself.

    So ITK gives the planes of an axial scan, and so the models saw them in training.
    """
    return array[..., ::-1, ::-1]


def prompts_of(
    case: ExtractorInput, classes: Sequence[ClassDef], *, prompt: Prompt, margin: int, max_planes: int | None
) -> list[ClassPrompts]:
    """The boxes of a case, on its planes as ITK stores them; with prompt `none` one around every whole plane.

    Args:
        case: the case.
        classes: what to look for; those that the label does not hold are left out.
        prompt: the prompt; `label` and `middle` give the same boxes.
        margin: pixels of the volume's grid added to every side of a box.
        max_planes: at most so many planes a structure, evenly spaced; None takes all.

    Raises:
        CaseError: no label, and a prompt that needs one.
    """
    if prompt == "none":
        depth, height, width = case.image.shape
        return [whole_image_prompts((depth, height, width), WHOLE_IMAGE, max_planes=max_planes)]
    if case.label is None:
        raise CaseError("no label to draw boxes from; use --prompt none")
    return prompts_from_label(as_itk_stores(case.label), classes, margin=margin, max_planes=max_planes)


def labelled_pixels(case: ExtractorInput, plane: int, prompts: ClassPrompts) -> Bool[np.ndarray, "h w"] | None:
    """Which pixels within its box the structure holds, on the plane as ITK stores it; None: the whole image."""
    if prompts.class_def == WHOLE_IMAGE or case.label is None:
        return None
    box = prompts.boxes[plane]
    stored = as_itk_stores(case.label[plane])[box.top : box.bottom + 1, box.left : box.right + 1]
    return np.isin(stored, prompts.class_def.values)


def maps_of_boxes(
    prompts: Sequence[ClassPrompts],
    encode: Callable[[int], Embedding],
    decode: Callable[[Embedding, int, ClassPrompts], Decoded],
) -> Iterator[ClassMap]:
    """Yield the map of every class as soon as its last plane is done.

    Args:
        prompts: the classes and their boxes.
        encode: called once for every plane that holds a box, planes increasing.
        decode: called for every box, with the embedding of its plane and the plane's index.
    """
    still_open = {one.class_def.class_id: OpenMap(one) for one in prompts}
    for plane in sorted({plane for one in prompts for plane in one.boxes}):
        embedding = encode(plane)
        for class_id, entry in list(still_open.items()):
            if plane not in entry.prompts.boxes:
                continue
            entry.decoded[plane] = decode(embedding, plane, entry.prompts)
            if entry.complete:
                yield still_open.pop(class_id).finished()


def maps_within_memory(
    fallback: Fallback,
    prompts: Sequence[ClassPrompts],
    maps: Callable[[Way, Sequence[ClassPrompts]], Iterator[ClassMap]],
) -> Iterator[ClassMap]:
    """Yield the map of every class; where the memory is not enough, those that are not done yet are begun anew.

    Args:
        fallback: which way is taken; it says what was given up.
        prompts: the classes and their boxes.
        maps: makes the maps of some classes in some way.

    Raises:
        CaseError: the memory is not enough for any way.
    """
    left = {one.class_def.class_id: one for one in prompts}
    while left:
        try:
            for found in maps(fallback.way, tuple(left.values())):
                del left[found.class_def.class_id]
                yield found
        except (RuntimeError, MemoryError) as problem:
            if not is_out_of_memory(problem):
                raise
        else:
            return
        fallback.give_way()
