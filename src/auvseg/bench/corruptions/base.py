"""Corruptions: a name, a kind, and a pure function from a clean case to a faulty one with its truth.

`catalogue` lists them; the functions are in the other modules. A function gets a `Sample` that was validated here, so
it contains only its own mathematics. It draws only from the given generator, once for the whole volume, so a fault is
consistent in 3D and the same seed makes the same fault.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from auvseg.errors import CaseError, UsageError
from auvseg.shapes import ImageArray, LabelArray, MaskArray

Kind = Literal["image", "label"]
"""Which of the two arrays a corruption changes."""

UNIT_SPACING = (1.0, 1.0, 1.0)
"""Without a spacing, millimetres are voxels."""


@dataclass(frozen=True)
class Sample:
    """A clean case, validated.

    Attributes:
        image: (D, H, W) intensities in any unit.
        label: (D, H, W) label values.
        class_ids: the classes to corrupt, or for an image those whose intensities set the scale; each is in the label.
        spacing_mm: voxel size along (D, H, W).
    """

    image: ImageArray
    label: LabelArray
    class_ids: tuple[int, ...]
    spacing_mm: tuple[float, float, float]

    @property
    def mask(self) -> MaskArray:
        """(D, H, W) where any of the classes is."""
        return np.isin(self.label, self.class_ids)


@dataclass(frozen=True)
class Effect:
    """What a corruption's function did.

    Attributes:
        array: (D, H, W) the new image or the new label.
        class_ids: the classes whose outline was changed; empty for an image.
        parameters: the physical size of the fault, units in the names.
        words: the same for people.
    """

    array: ImageArray | LabelArray
    class_ids: tuple[int, ...]
    parameters: Mapping[str, float]
    words: str


@dataclass(frozen=True)
class Truth:
    """What is known about a planted fault.

    Attributes:
        corruption: name of the corruption.
        kind: which array was changed.
        class_ids: the classes whose outline was changed; empty where the image was.
        severity: as asked for, in (0, 1].
        parameters: the physical size of the fault, units in the names.
        words: the same for people.
        changed_voxels: how many voxels differ from the clean case. Zero where the severity was below what a voxel grid
            can
            show: then there is no fault to find.
    """

    corruption: str
    kind: Kind
    class_ids: tuple[int, ...]
    severity: float
    parameters: Mapping[str, float]
    words: str
    changed_voxels: int


class Corrupted(NamedTuple):
    """A faulty case; the array that the corruption does not touch is the caller's own."""

    image: ImageArray
    label: LabelArray
    truth: Truth


CorruptionFunction = Callable[[Sample, float, np.random.Generator], Effect]
"""Makes the fault of a given severity. Leaves the sample's arrays alone."""


@dataclass(frozen=True)
class Corruption:
    """One kind of fault.

    Attributes:
        name: what a user types and every table shows.
        kind: which array it changes.
        function: makes the fault.
        severity_unit: what severity 1 is, in words; the fault's size is proportional to the severity.
    """

    name: str
    kind: Kind
    function: CorruptionFunction
    severity_unit: str

    def apply(
        self,
        image: ImageArray,
        label: LabelArray,
        *,
        severity: float,
        rng: np.random.Generator,
        class_id: int | None = None,
        spacing_mm: tuple[float, float, float] = UNIT_SPACING,
    ) -> Corrupted:
        """Make a faulty copy of one case.

        Args:
            image: (D, H, W) float32, HU or arbitrary units; not changed.
            label: (D, H, W) int32, 0 is background; not changed. Negative values and nnU-Net's ignore value are classes
                like others here: replace them first.
            severity: in (0, 1]; the fault vanishes as it goes to 0.
            rng: the only source of randomness.
            class_id: the class to corrupt, or, for an image, the class whose intensities set the scale; None takes
                every class.
            spacing_mm: voxel size along (D, H, W); without it a millimetre is a voxel.

        Returns:
            Image and label of the same shapes and types, and the truth about the fault.

        Raises:
            UsageError: `severity` is outside (0, 1].
            CaseError: the class is not in the label, or the case cannot have this fault.
        """
        if not 0 < severity <= 1:
            raise UsageError(f"severity is {severity:g}; it must be above 0 and at most 1")
        sample = Sample(image, label, self._classes(label, class_id), spacing_mm)
        effect = self.function(sample, severity, rng)
        clean = image if self.kind == "image" else label
        truth = Truth(
            corruption=self.name,
            kind=self.kind,
            class_ids=effect.class_ids,
            severity=severity,
            parameters=effect.parameters,
            words=effect.words,
            changed_voxels=int(np.count_nonzero(effect.array != clean)),
        )
        if self.kind == "image":
            return Corrupted(effect.array.astype(np.float32, copy=False), label, truth)
        return Corrupted(image, effect.array.astype(np.int32, copy=False), truth)

    def _classes(self, label: LabelArray, class_id: int | None) -> tuple[int, ...]:
        present = tuple(int(value) for value in np.unique(label) if value != 0)
        if class_id is not None:
            if class_id not in present:
                raise CaseError(f"class {class_id} is not in the label, which holds {present or 'background alone'}")
            return (class_id,)
        if self.kind == "label" and not present:
            raise CaseError(f"{self.name} needs a labelled structure, but the label is empty")
        return present
