"""MedSAM2, a foundation model for 3D scans; its weights are not distributed with auvseg.

Ma et al., MedSAM2: Segment Anything in 3D Medical Images and Videos, 2025: SAM 2.1 with the tiny encoder, trained at
512 pixels. The preprocessing is upstream's: the volume is scaled by its own minimum and maximum to whole numbers from 0
to 255, and each plane stretched to 512×512 pixels by Pillow's bicubic interpolation, whatever its aspect ratio; boxes
are scaled alike.

With prompt `label` every plane is decoded separately, from its own box. With `middle` the only prompt is a box on the
structure's middle plane, and the model propagates its mask to the others, as upstream's scripts do: less supervision,
but a plane's uncertainty depends on all planes before it.

The model was trained on planes as ITK stores them, rows growing to the back and columns to the left. Planes are turned
that way before the network, and its maps back.
"""

from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from PIL import Image
from torch import Tensor

from auvseg.choices import Precision
from auvseg.data.case import ClassDef, Modality
from auvseg.data.workers.memory import MapMemory
from auvseg.errors import UsageError, WeightsError
from auvseg.extractors.base import ClassMap, ExtractorInput
from auvseg.extractors.checkpoint import Published, checkpoint_path, load_checkpoint
from auvseg.extractors.families import Prompt
from auvseg.extractors.medsam2.network import MEDSAM2, Architecture, Embedding, Network
from auvseg.extractors.medsam2.propagation import Frame, Track, VideoNetwork, maps_of_films
from auvseg.extractors.memory import Fallback, PlaneMemory, Way, named_precision, ways_of_planes
from auvseg.extractors.planes.planewise import (
    OPEN_MAPS,
    Decoded,
    as_itk_stores,
    labelled_pixels,
    maps_of_boxes,
    maps_within_memory,
    prompts_of,
)
from auvseg.extractors.planes.pooling import region_weights, weighted_mean
from auvseg.extractors.planes.prompts import Box, ClassPrompts

NAME = "medsam2"

PUBLISHED = Published("MedSAM2", "MedSAM2_latest.pt", keys=("model",), bare=False)

OLDEST_TRANSFORMERS = (5, 23)
"""The oldest version whose names of parameters are known to be those of `medsam2_names`."""

_ROUNDING = np.float32(1e-4)
"""Of float32 on the way from whole HU to 255: without it, 2 of 1000 values would be cut off to the number below."""


class MedSAM2:
    """MedSAM2 as an extractor (`auvseg.extractors.base.Extractor`).

    Args:
        model: the checkpoint file; None takes the one that `auvseg weights pull medsam2` has fetched.
        prompt: `label`, a tight box per class and plane; `middle`, a box on the class's middle plane, whose mask is
            propagated to the others; or `none`, one box around the whole plane.
        box_margin: pixels of the volume's grid added to every side of a box.
        max_slices: maximum number of planes per structure, evenly spaced; None takes all. With prompt `middle` they are
            the frames through which the mask is propagated.
        precision: `fp32`; `bf16`, the encoder in bfloat16 where PyTorch's autocast has it so; `auto`, which is `fp32`.
        device: where the network runs.
        architecture: of the network that the checkpoint holds.

    Raises:
        UsageError: transformers is missing or too old.
        WeightsError: the checkpoint is missing, cannot be read, or does not hold exactly this network.
    """

    name = NAME
    modalities: frozenset[Modality] = frozenset({"ct", "mri", "windowed"})

    def __init__(
        self,
        *,
        model: Path | None = None,
        prompt: Prompt = "label",
        box_margin: int = 0,
        max_slices: int | None = None,
        precision: Precision = "auto",
        device: str = "cpu",
        architecture: Architecture = MEDSAM2,
    ) -> None:
        self._transformers = _transformers_version()
        path = checkpoint_path(model, NAME)
        self.prompt: Prompt = prompt
        self._box_margin = box_margin
        self._max_slices = max_slices
        self._precision = named_precision(precision)
        first = Way(device, self._precision, unit="plane")
        self._fallback = Fallback(first, ways_of_planes(first))
        self._architecture = architecture
        self._memory: PlaneMemory[Embedding] = PlaneMemory()
        self._films: PlaneMemory[Frame] = PlaneMemory()
        state, self.weights_id = load_checkpoint(path, PUBLISHED)
        make = VideoNetwork if prompt == "middle" else Network
        try:
            self._network: Network | VideoNetwork = make(
                state, architecture, device=device, bfloat16=self._precision == "bf16"
            )
        except WeightsError as problem:
            raise WeightsError(f"{path} is not a checkpoint of MedSAM2: {problem}") from None

    def remember_planes(self, count: int) -> None:
        """Keep the embeddings of the last `count` different planes, 4 MB each; see `auvseg.extractors.memory`."""
        self._memory, self._films = PlaneMemory(count), PlaneMemory(count)

    def settings(self) -> dict[str, str | int | float | bool | None]:
        """What changes the maps."""
        return {
            "prompt": self.prompt,
            "box_margin": self._box_margin,
            "max_slices": self._max_slices,
            "precision": self._precision,
            "transformers": self._transformers,
        }

    def remarks(self) -> tuple[str, ...]:
        """Fallbacks so far, for lack of memory."""
        return self._fallback.remarks()

    def map_memory(self) -> MapMemory:
        """What the maps take: logits of a quarter of the network's side a plane."""
        return MapMemory(4 * (self._architecture.side // 4) ** 2, OPEN_MAPS, max_planes=self._max_slices)

    def class_maps(self, case: ExtractorInput, classes: Sequence[ClassDef]) -> Iterator[ClassMap]:
        """Yield the map of every class that the case holds, as soon as its last plane is done.

        A plane is encoded once for all of its classes, with prompt `middle` at most twice; no more maps are held than
        classes are open. Logits are (D, 128, 128) over the whole plane. Where the device's memory is not enough, the
        processor goes on with the classes that are not done.

        Raises:
            CaseError: prompt `label` or `middle` without a label, or not enough memory.
        """
        prompts = prompts_of(case, classes, prompt=self.prompt, margin=self._box_margin, max_planes=self._max_slices)
        planes = _Planes(case, self._architecture)
        yield from maps_within_memory(self._fallback, prompts, lambda way, some: self._maps(planes, some, way))

    def _maps(self, planes: "_Planes", prompts: Sequence[ClassPrompts], way: Way) -> Iterator[ClassMap]:
        network = self._network
        if torch.device(way.device) != network.device:
            self._memory.forget()
            self._films.forget()
            network.move(way.device)
        if isinstance(network, VideoNetwork):
            yield from maps_of_films(
                prompts,
                lambda plane: self._films.recall(planes.prepared(plane), network.encode),
                lambda one: _Carried(network, planes, one),
            )
        else:
            yield from maps_of_boxes(
                prompts,
                lambda plane: self._memory.recall(planes.prepared(plane), network.encode),
                lambda embedding, plane, one: planes.decoded(
                    network.decode(embedding, planes.corners(plane, one)), embedding, plane, one
                ),
            )


class _Planes:
    """A case's planes on their way into the network and back.

    Args:
        case: the case.
        architecture: of the network.
    """

    def __init__(self, case: ExtractorInput, architecture: Architecture) -> None:
        self._case = case
        self._architecture = architecture
        self._image = as_itk_stores(case.image)
        self._low, self._high = float(self._image.min()), float(self._image.max())
        self._shape = case.image.shape[1], case.image.shape[2]

    def prepared(self, plane: int) -> Float32[np.ndarray, "S S"]:
        """The plane as the network sees it."""
        return prepare_plane(eight_bit(self._image[plane], self._low, self._high), self._architecture.side)

    def corners(self, plane: int, one: ClassPrompts) -> tuple[float, float, float, float]:
        """The box of a class on a plane as the network sees it."""
        return corners(one.boxes[plane], *self._shape, self._architecture.side)

    def decoded(
        self,
        found: tuple[Float32[Tensor, "h w"], Float32[Tensor, ""]],
        embedding: Embedding,
        plane: int,
        one: ClassPrompts,
    ) -> Decoded:
        """Logits and quality of a class on a plane, turned back, and the encoder's features under its label."""
        logits, quality = found
        region, side = labelled_pixels(self._case, plane, one), self._architecture.embedding_side
        weights = region_weights(region, one.boxes[plane], self._shape, side, stretched=True)
        return Decoded(logits.flip(0, 1), quality, weighted_mean(embedding.pixels, weights))


class _Carried:
    """A class's mask on its way from the middle plane, in one direction."""

    def __init__(
        self, network: VideoNetwork, planes: _Planes, prompts: ClassPrompts, track: Track | None = None
    ) -> None:
        self._network, self._planes, self._prompts, self._track = network, planes, prompts, track
        self._index = {plane: index for index, plane in enumerate(prompts.boxes)}

    def carry(self, embedding: Frame, plane: int) -> Decoded:
        """What becomes of it on a plane."""
        index, one = self._index[plane], self._prompts
        if self._track is None:
            box = self._planes.corners(plane, one)
            self._track = self._network.begin(embedding, box, index, len(self._index))
        else:
            self._track.look(embedding, index)
        return self._planes.decoded((self._track.logits, self._track.quality), embedding, plane, one)

    def turned(self) -> "_Carried":
        """The way to the other side."""
        track = None if self._track is None else self._track.turned()
        return _Carried(self._network, self._planes, self._prompts, track)


def eight_bit(plane: Float32[np.ndarray, "H W"], low: float, high: float) -> UInt8[np.ndarray, "H W"]:
    """Whole numbers, cut off and not rounded, from 0 at `low` to 255 at `high`; zeros where the range has no width."""
    if not high > low:
        return np.zeros(plane.shape, dtype=np.uint8)
    scaled = np.clip((plane - np.float32(low)) / np.float32(high - low), 0.0, 1.0)
    return (scaled * np.float32(255) + _ROUNDING).astype(np.uint8)


def prepare_plane(plane: UInt8[np.ndarray, "H W"], side: int) -> Float32[np.ndarray, "S S"]:
    """Stretch a plane to (side, side) pixels, and scale it to [0, 1]."""
    resized = Image.fromarray(plane).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(resized, dtype=np.float32) / np.float32(255)


def corners(box: Box, height: int, width: int, side: int) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a box of a (height, width) plane after it was stretched to (side, side).

    The box ends where its last pixel ends. Upstream scales the last pixel's index: nearly the same on large planes, but
    on one of 50 pixels it cuts 10 of the network's 512 off every structure.
    """
    across, down = side / width, side / height
    return box.left * across, box.top * down, (box.right + 1) * across, (box.bottom + 1) * down


def _transformers_version() -> str:
    """The version of transformers that is installed.

    Raises:
        UsageError: none is, or one with other names of parameters.
    """
    try:
        version = metadata.version("transformers")
    except metadata.PackageNotFoundError:
        raise UsageError(
            "the extractor medsam2 needs transformers, which is not installed; pip install 'auvseg[medsam2]'"
        ) from None
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_TRANSFORMERS:
        raise UsageError(
            f"the extractor medsam2 needs transformers 5.23 or newer, {version} is installed; "
            "pip install --upgrade 'auvseg[medsam2]'"
        )
    return version
