"""No foundation model: all measures of the image and the label without any network, in milliseconds per plane.

The maps of this extractor have no pixels, so measures that need a map (`S`, the companions, `fisher`, `energy`) are
missing; image quality, label geometry and the trivial measures are the same as with any other extractor.
"""

from collections.abc import Iterator, Sequence

import torch

from auvseg.data.case import ClassDef, Modality
from auvseg.data.label_planes import values_on_plane
from auvseg.data.workers.memory import MapMemory
from auvseg.errors import CaseError
from auvseg.extractors.base import WHOLE_IMAGE, ClassMap, ExtractorInput
from auvseg.extractors.families import Prompt
from auvseg.extractors.planes.prompts import evenly_spaced
from auvseg.shapes import LabelArray


class NoModel:
    """Says which planes hold a class, and nothing more; behind the extractor contract (`auvseg.extractors.base`).

    Args:
        prompt: `label`, a row a class, or `none`, one row for the whole image.
        box_margin: has no meaning here.
        max_slices: at most so many planes a structure count as scored, evenly spaced; None takes all.
        precision: has no meaning here.
        device: has no meaning here.
    """

    name = "none"
    weights_id = "none"
    modalities: frozenset[Modality] = frozenset({"ct", "mri", "windowed"})

    def __init__(
        self,
        *,
        prompt: Prompt = "label",
        box_margin: int = 0,
        max_slices: int | None = None,
        precision: str = "auto",
        device: str = "cpu",
    ) -> None:
        del box_margin, precision, device
        self.prompt: Prompt = prompt
        self._max_slices = max_slices

    def settings(self) -> dict[str, str | int | float | bool | None]:
        """What changes the rows."""
        return {"prompt": self.prompt, "max_slices": self._max_slices}

    def map_memory(self) -> MapMemory:
        """Its maps have no pixel."""
        return MapMemory(plane_bytes=0, fixed_bytes=0)

    def class_maps(self, case: ExtractorInput, classes: Sequence[ClassDef]) -> Iterator[ClassMap]:
        """Yield a map (D, 0, 0) of every class that the case holds, D the planes that hold it.

        Raises:
            CaseError: prompt `label` without a label.
        """
        if self.prompt == "none":
            yield self._empty_map(WHOLE_IMAGE, range(case.image.shape[0]))
            return
        if case.label is None:
            raise CaseError("no label to look for classes in; use --prompt none")
        held = values_by_plane(case.label)
        for class_def in classes:
            wanted = set(class_def.values)
            planes = [index for index, values in enumerate(held) if not wanted.isdisjoint(values)]
            if planes:
                yield self._empty_map(class_def, planes)

    def _empty_map(self, class_def: ClassDef, planes: Sequence[int]) -> ClassMap:
        scored = evenly_spaced(planes, self._max_slices)
        return ClassMap(class_def, torch.empty((len(scored), 0, 0)), scored, len(planes))


def values_by_plane(label: LabelArray) -> list[frozenset[int]]:
    """The label values on every plane."""
    return [values_on_plane(plane) for plane in label]
