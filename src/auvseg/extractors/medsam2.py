"""MedSAM2, a foundation model for 3-D scans, on single planes; its weights are not ours to bring.

Ma et al., MedSAM2: Segment Anything in 3D Medical Images and Videos, 2025: SAM 2.1 with the tiny encoder, trained at
512 pixels. The preprocessing is upstream's: the volume is scaled by its own minimum and maximum to whole numbers from 0
to 255, and each plane stretched to 512×512 pixels by Pillow's bicubic interpolation, whatever its aspect ratio; boxes
are scaled alike.

Every plane is decoded by itself, from its own box. What upstream's scripts add, the propagation of one plane's mask to
the others, is left out: it would need a plane to start from, and one plane's uncertainty would depend on all others'.

The model was trained on planes as ITK stores them, rows growing to the back and columns to the left. Planes are turned
that way before the network, and its maps back.
"""

from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from auvseg.data.case import ClassDef, Modality
from auvseg.errors import UsageError, WeightsError
from auvseg.extractors.base import ClassMap, ExtractorInput, Prompt
from auvseg.extractors.checkpoint import Published, checkpoint_path, load_checkpoint
from auvseg.extractors.medsam2_network import MEDSAM2, Architecture, Embedding, Network
from auvseg.extractors.memory import PlaneMemory
from auvseg.extractors.planewise import Decoded, as_itk_stores, labelled_pixels, maps_of_boxes, prompts_of
from auvseg.extractors.pooling import region_weights, weighted_mean
from auvseg.extractors.prompts import Box, ClassPrompts

NAME = "medsam2"

PUBLISHED = Published("MedSAM2", "MedSAM2_latest.pt", keys=("model",), bare=False)

OLDEST_TRANSFORMERS = (5, 23)
"""The oldest version whose names of parameters are known to be those of `medsam2_names`."""

_ROUNDING = np.float32(1e-4)
"""Of float32 on the way from whole HU to 255: without it, 2 of 1000 values would be cut off to the number below."""

Precision = Literal["auto", "fp32", "bf16"]


class MedSAM2:
    """The frozen model behind the extractor contract (`auvseg.extractors.base.Extractor`).

    Args:
        model: the checkpoint file; None takes the one that `auvseg weights pull medsam2` has fetched.
        prompt: `label`, a tight box a class and plane, or `none`, one box around the whole plane.
        box_margin: pixels of the volume's grid added to every side of a box.
        max_slices: at most so many planes a structure, evenly spaced; None takes all.
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
        self._precision = "fp32" if precision == "auto" else precision
        self._architecture = architecture
        self._memory: PlaneMemory[Embedding] = PlaneMemory()
        state, self.weights_id = load_checkpoint(path, PUBLISHED)
        try:
            self._network = Network(state, architecture, device=device, bfloat16=self._precision == "bf16")
        except WeightsError as problem:
            raise WeightsError(f"{path} is no checkpoint of MedSAM2: {problem}") from None

    def remember_planes(self, count: int) -> None:
        """Keep the embeddings of the last `count` different planes, 4 MB each; see `auvseg.extractors.memory`."""
        self._memory = PlaneMemory(count)

    def settings(self) -> dict[str, str | int | float | bool | None]:
        """What changes the maps."""
        return {
            "prompt": self.prompt,
            "box_margin": self._box_margin,
            "max_slices": self._max_slices,
            "precision": self._precision,
            "transformers": self._transformers,
        }

    def class_maps(self, case: ExtractorInput, classes: Sequence[ClassDef]) -> Iterator[ClassMap]:
        """Yield the map of every class that the case holds, as soon as its last plane is done.

        A plane is encoded once for all of its classes; no more maps are held than classes are open. Logits are
        (D, 128, 128) over the whole plane.

        Raises:
            CaseError: prompt `label` without a label.
        """
        prompts = prompts_of(case, classes, prompt=self.prompt, margin=self._box_margin, max_planes=self._max_slices)
        image = as_itk_stores(case.image)
        low, high = float(image.min()), float(image.max())
        _, height, width = case.image.shape

        def encode(plane: int) -> Embedding:
            prepared = prepare_plane(eight_bit(image[plane], low, high), self._architecture.side)
            return self._memory.recall(prepared, self._network.encode)

        def decode(embedding: Embedding, plane: int, one: ClassPrompts) -> Decoded:
            box = one.boxes[plane]
            logits, quality = self._network.decode(embedding, corners(box, height, width, self._architecture.side))
            region = labelled_pixels(case, plane, one)
            weights = region_weights(region, box, (height, width), self._architecture.embedding_side, stretched=True)
            return Decoded(logits.flip(0, 1), quality, weighted_mean(embedding.pixels, weights))

        yield from maps_of_boxes(prompts, encode, decode)


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
