"""The way of a case through a model that is prompted on one plane of a structure and carries its mask to the others.

The planes of a structure that are scored are the frames of a film. The middle one is prompted, and the mask goes from
there to the last, then from there to the first. All structures go along in the same two sweeps, so a plane is encoded
at most twice, and no more is held than two tracks a structure.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from auvseg.extractors.base import ClassMap
from auvseg.extractors.planewise import Decoded, OpenMap
from auvseg.extractors.prompts import ClassPrompts

Embedding = TypeVar("Embedding")
"""What a model's encoder makes of a plane."""

EmbeddingIn = TypeVar("EmbeddingIn", contravariant=True)


class Journey(Protocol[EmbeddingIn]):
    """A structure's mask on its way through a film."""

    def carry(self, embedding: EmbeddingIn, plane: int) -> Decoded:
        """What becomes of it on a plane: the middle one first, then a neighbour of the one before."""
        ...

    def turned(self) -> "Journey[EmbeddingIn]":
        """The way to the other side, from the middle plane."""
        ...


def maps_of_films(
    prompts: Sequence[ClassPrompts],
    encode: Callable[[int], Embedding],
    begin: Callable[[ClassPrompts], Journey[Embedding]],
) -> Iterator[ClassMap]:
    """Yield the map of every class as soon as its last plane is done.

    Args:
        prompts: the classes and their boxes, of which the middle one is told.
        encode: called for every plane that holds a structure, at most twice.
        begin: called once for every class, before its middle plane.
    """
    still_open = {one.class_def.class_id: OpenMap(one) for one in prompts}
    journeys: dict[int, Journey[Embedding]] = {}
    planes = sorted({plane for one in prompts for plane in one.boxes})
    for sweep in (planes, planes[::-1]):
        for plane in sweep:
            upwards = sweep is planes
            going = [entry for entry in still_open.values() if _goes_through(entry.prompts, plane, upwards=upwards)]
            if not going:
                continue
            embedding = encode(plane)
            for entry in going:
                class_id = entry.prompts.class_def.class_id
                if class_id not in journeys:
                    journeys[class_id] = begin(entry.prompts)
                entry.decoded[plane] = journeys[class_id].carry(embedding, plane)
                if entry.complete:
                    del journeys[class_id]
                    yield still_open.pop(class_id).finished()
        journeys = {class_id: journey.turned() for class_id, journey in journeys.items()}


def middle_plane(prompts: ClassPrompts) -> int:
    """The plane whose box the model is told: the middle one of those that are scored, of two the upper."""
    planes = list(prompts.boxes)
    return planes[len(planes) // 2]


def _goes_through(prompts: ClassPrompts, plane: int, *, upwards: bool) -> bool:
    """Whether a structure is looked at on a plane in this sweep."""
    middle = middle_plane(prompts)
    return plane in prompts.boxes and (plane >= middle if upwards else plane < middle)
