"""The contract between a frozen foundation model and everything after it.

An extractor turns one prepared volume into class maps `Z` (METHOD section 1): for every class that the case
holds, the decoded logits of the planes that were looked at. It encodes a plane once for all of its classes, and hands
out a class as soon as its last plane is done, so that no more classes are held than are open.

What some extractors need or have beyond that is a protocol of its own, which the engine asks for with `isinstance`: raw
intensities of every channel (`ReadsRawChannels`), classes that need no prompt (`HasOwnClasses`), a word on how a case
was computed (`MakesRemarks`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32
from torch import Tensor

from auvseg.data.case import ClassDef, Modality
from auvseg.data.workers.memory import MapMemory
from auvseg.extractors.families import Prompt
from auvseg.shapes import ImageArray, LabelArray

WHOLE_IMAGE = ClassDef(class_id=0, name="whole image", values=())
"""The class of the one map that a promptless extractor makes of a case."""


@dataclass(frozen=True)
class RawImage:
    """A case as the scanner or the file gave it, for a model with preprocessing of its own.

    Attributes:
        channels: (K, D, H, W) float32 intensities of every channel, in the canonical orientation.
        axcodes: orientation on disk, such as "LAS"; `auvseg.data.volume.as_stored` turns an array back to it.
        nnunet_spacing: voxel size along (D, H, W) in the numbers of nnU-Net's own reader; None where it sees the same
            as auvseg.
    """

    channels: Float32[np.ndarray, "K D H W"]
    axcodes: str
    nnunet_spacing: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class ExtractorInput:
    """One case, ready for a foundation model.

    Attributes:
        image: (D, H, W) float32 intensities in [0, 1], normalised as the run's configuration says.
        label: (D, H, W) int32 label values, or None where the case has no label or it must not be used.
        spacing_mm: voxel size along (D, H, W).
        raw: every channel as it was read, for an extractor that `ReadsRawChannels`; None for any other.
    """

    image: ImageArray
    label: LabelArray | None
    spacing_mm: tuple[float, float, float]
    raw: RawImage | None = None


@dataclass(frozen=True)
class ClassMap:
    """The decoded map `z_c` of one class of one case.

    Attributes:
        class_def: the class.
        logits: (D, h, w) float32 logits of the scored planes, cropped to the image's content, so that the pixel
            grid (h, w) covers the same field of view as the volume's (H, W). Rows and columns run as in the volume.
        planes: indices of the scored planes in the volume, increasing, D of them.
        planes_total: how many planes of the volume hold the class, all of them where there is no label; more than D
            where `max_slices` thinned them, fewer where the model looks at all planes.
        predicted_iou: (D,) the model's own estimate of its mask's quality, in about [0, 1]; None if it has none.
        odds: (D, h, w) float32 logits of the class against everything else, whose sigmoid is its probability. None
            where `logits` are that already; a network with a softmax has one score a class instead.
        embedding: (F,) float32 features of the encoder: their mean over the structure's label on a plane (over the
            whole image where there is no label), then over the scored planes; None if it has none.
    """

    class_def: ClassDef
    logits: Float[Tensor, "D h w"]
    planes: tuple[int, ...]
    planes_total: int
    predicted_iou: Float[Tensor, "D"] | None = None
    embedding: Float[Tensor, "F"] | None = None
    odds: Float[Tensor, "D h w"] | None = None

    def on_processor(self) -> "ClassMap":
        """The same map in the processor's memory."""
        names = ("logits", "predicted_iou", "embedding", "odds")
        tensors = {name: value.cpu() for name in names if (value := getattr(self, name)) is not None}
        return replace(self, **tensors)


@runtime_checkable
class Extractor(Protocol):
    """A frozen foundation model behind one method."""

    @property
    def name(self) -> str:
        """The name a user types."""
        ...

    @property
    def weights_id(self) -> str:
        """Sha256 of the weights file, in hexadecimal."""
        ...

    @property
    def modalities(self) -> frozenset[Modality]:
        """What it was trained on."""
        ...

    @property
    def prompt(self) -> Prompt:
        """What it is told, and so whether it needs the label."""
        ...

    def settings(self) -> dict[str, str | int | float | bool | None]:
        """Everything that changes the maps, as plain values; it becomes part of the record."""
        ...

    def class_maps(self, case: ExtractorInput, classes: Sequence[ClassDef]) -> Iterator[ClassMap]:
        """Yield one map a class that the case holds, in no promised order; an absent class yields nothing."""
        ...


@runtime_checkable
class ReadsRawChannels(Protocol):
    """An extractor that does its own preprocessing, and so gets `ExtractorInput.raw`."""

    @property
    def raw_channels(self) -> int:
        """How many channels a case must have."""
        ...


@runtime_checkable
class HasOwnClasses(Protocol):
    """An extractor that segments classes of its own: it makes their maps whatever the prompt, and no others."""

    @property
    def own_classes(self) -> tuple[ClassDef, ...]:
        """The classes that it segments."""
        ...

    def unmatched(self, classes: Sequence[ClassDef]) -> dict[int, str]:
        """Why there is no map of some of the data set's classes, by class id."""
        ...

    def notes(self, classes: Sequence[ClassDef] | None) -> tuple[str, ...]:
        """What a person should know before scoring these classes (None: undeclared), one sentence each."""
        ...


@runtime_checkable
class KnowsItsMemory(Protocol):
    """An extractor that says what its maps take; of any other the defaults of `MapMemory` are assumed."""

    def map_memory(self) -> MapMemory:
        """What the maps take."""
        ...


@runtime_checkable
class MakesRemarks(Protocol):
    """An extractor that computes otherwise than it was asked to where it must, and says so in the record."""

    def remarks(self) -> tuple[str, ...]:
        """What was done otherwise for the last case, one sentence each."""
        ...
