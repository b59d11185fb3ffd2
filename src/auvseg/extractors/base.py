"""Interface of the frozen foundation models.

An extractor turns one prepared volume into class maps `Z` (METHOD section 1): for every class that the case contains,
the decoded logits of the scored planes. It encodes a plane once for all of its classes, and yields a class as soon as
its last plane is done, so only unfinished classes are held in memory.

Optional capabilities are separate protocols, which the engine checks with `isinstance`: raw intensities of every
channel (`ReadsRawChannels`), classes that need no prompt (`HasOwnClasses`), remarks on how a case was computed
(`MakesRemarks`).
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
"""The class of the single map that an extractor without prompts makes of a case."""


@dataclass(frozen=True)
class RawImage:
    """Raw channels of a case, for a model with its own preprocessing.

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
    """One case, prepared for a foundation model.

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
        """Return the map in CPU memory."""
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
        """The prompt, which decides whether the label is needed."""
        ...

    def settings(self) -> dict[str, str | int | float | bool | None]:
        """All settings that change the maps, as plain values; stored in the record."""
        ...

    def class_maps(self, case: ExtractorInput, classes: Sequence[ClassDef]) -> Iterator[ClassMap]:
        """Yield one map per class that the case contains, in any order; absent classes yield nothing."""
        ...


@runtime_checkable
class ReadsRawChannels(Protocol):
    """An extractor with its own preprocessing, which gets `ExtractorInput.raw`."""

    @property
    def raw_channels(self) -> int:
        """How many channels a case must have."""
        ...


@runtime_checkable
class HasOwnClasses(Protocol):
    """An extractor with fixed classes: it makes maps of these, whatever the prompt, and of no others."""

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
    """An extractor that states the memory of its maps; for others the defaults of `MapMemory` are assumed."""

    def map_memory(self) -> MapMemory:
        """What the maps take."""
        ...


@runtime_checkable
class MakesRemarks(Protocol):
    """An extractor that may have to deviate from its settings, and records it."""

    def remarks(self) -> tuple[str, ...]:
        """Deviations for the last case, one sentence each."""
        ...
