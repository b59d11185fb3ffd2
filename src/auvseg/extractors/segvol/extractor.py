"""SegVol, a foundation model for CT volumes with text prompts: the name of a structure, no box.

Du et al., NeurIPS 2024. Its weights are not distributed with auvseg; they include CLIP's text encoder, which needs
transformers.
Preprocessing is upstream's: intensities clipped to the percentiles 0.05 and 99.95 of what is above the mean, scaled to
[0, 1], the volume cut to what is above 0 and resampled to 32×256×256 voxels, whatever its shape, by nearest neighbours.

Upstream makes a second pass, at full resolution, where it has found something. Here every class has only the first
pass: a second one only for what was found would treat sound and faulty cases differently.

Any class name can be the prompt; words that are not anatomical are refused (`words`), since the model would answer
anyway.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from auvseg.data.case import ClassDef, Modality
from auvseg.errors import CaseError, UsageError
from auvseg.extractors.base import ClassMap, ExtractorInput
from auvseg.extractors.checkpoint import Published, checkpoint_path, fill, load_checkpoint
from auvseg.extractors.classes import ClassNameMap, listed
from auvseg.extractors.families import Prompt
from auvseg.extractors.memory import Fallback, Precision, Way, named_precision
from auvseg.extractors.segvol.network import PUBLISHED_SIZES, UNUSED, Architecture, SegVolNetwork, full_size, own_name
from auvseg.extractors.segvol.words import spoken, tokens, unknown_words
from auvseg.extractors.volumes.grid import Axis, Grid, map_grid, resample
from auvseg.extractors.volumes.model import refuse_plane_options
from auvseg.extractors.volumes.volumewise import planes_counted

NAME = "segvol"

PUBLISHED = Published("SegVol", "pytorch_model.bin", keys=("model",))

USUAL = (
    "liver", "right kidney", "left kidney", "spleen", "pancreas", "aorta", "inferior vena cava", "gallbladder",
    "esophagus", "stomach", "duodenum", "right adrenal gland", "left adrenal gland", "bladder",
)  # fmt: skip
"""Names that are asked for where neither data set nor label says which."""

_CLIPPED = (0.05, 99.95)
"""Percentiles of what is above the mean."""


class SegVol:
    """The frozen model behind the extractor contract (`auvseg.extractors.base`).

    Args:
        model: the checkpoint file; None takes the one that `auvseg weights pull segvol` has fetched.
        class_map: what to ask for in place of a class's name; of several names the highest logit counts.
        prompt: `label`, rows for the classes that the label holds; `none`, the label is not used: rows for all classes.
        box_margin: must be 0: there are no boxes.
        max_slices: must be None: a volume is seen as a whole.
        precision: `fp32`; `bf16`, where PyTorch's autocast has it so; `auto`, which is `fp32`.
        device: where the network runs.
        architecture: of the network that the checkpoint holds.

    Raises:
        UsageError: transformers is missing, or an option has no meaning here.
        WeightsError: the checkpoint is missing, cannot be read, or does not hold exactly this network.
    """

    name = NAME
    modalities: frozenset[Modality] = frozenset({"ct"})
    raw_channels = 1

    def __init__(
        self,
        *,
        model: Path | None = None,
        class_map: ClassNameMap | None = None,
        prompt: Prompt = "label",
        box_margin: int = 0,
        max_slices: int | None = None,
        precision: str = "auto",
        device: str = "cpu",
        architecture: Architecture = PUBLISHED_SIZES,
    ) -> None:
        refuse_plane_options(NAME, box_margin, max_slices)
        if find_spec("transformers") is None:
            raise UsageError(
                "the extractor segvol needs transformers, which is not installed; pip install 'auvseg[segvol]'"
            )
        self.prompt: Prompt = prompt
        self._asked_for = {spoken(own): its for own, its in (class_map or {}).items()}
        self._precision: Precision = named_precision(precision)
        self._architecture = architecture
        self._fallback = Fallback(Way(device, self._precision))
        path = checkpoint_path(model, NAME)
        state, self.weights_id = load_checkpoint(path, PUBLISHED)
        self._network = SegVolNetwork(architecture).eval()
        prefix = "text_model." if hasattr(self._network.text_encoder.clip_text_model, "text_model") else ""
        named = {own_name(name, prefix): value for name, value in state.items()}
        spare = [name for name in self._network.state_dict() if UNUSED.match(name)]
        named = {name: value for name, value in named.items() if name in spare or not UNUSED.match(name)}
        # MONAI's ViT has norms of a cross attention that it does not use, and that older checkpoints lack.
        own = self._network.state_dict()
        fill(self._network, {**{name: own[name] for name in spare}, **named}, path, PUBLISHED.title)
        self._vectors: dict[str, Float32[Tensor, F]] = {}

    @property
    def own_classes(self) -> tuple[ClassDef, ...]:
        """Organs that are asked for where nothing says which."""
        return tuple(ClassDef(number, name, (number,)) for number, name in enumerate(USUAL, start=1))

    def settings(self) -> dict[str, str | int | float | bool | None]:
        """What changes the maps."""
        return {"prompt": self.prompt, "precision": self._precision, "looks": "whole volume"}

    def unmatched(self, classes: Sequence[ClassDef]) -> dict[int, str]:
        """Why there is no map of some of the data set's classes, by class id."""
        found = {}
        for one in classes:
            unknown = [word for name in self._names(one) for word in unknown_words(name)] if self._names(one) else [""]
            if unknown:
                found[one.class_id] = f"segvol knows no word {unknown[0]!r}; say it otherwise with --class-map"
        return found

    def notes(self, classes: Sequence[ClassDef] | None) -> tuple[str, ...]:
        """What a person should know before scoring these classes (None: undeclared), one sentence each.

        Raises:
            UsageError: no class has a name that can be asked for.
        """
        notes = [f"{NAME} gives no predicted IoU and no embedding: predicted_iou and mahalanobis have no number"]
        if classes is not None:
            lacking = self.unmatched(classes)
            if len(lacking) == len(classes):
                names = listed([one.name for one in classes])
                raise UsageError(f"segvol can be asked for none of the classes ({names}); name them with --class-map")
            asked = [f"{one.name!r} by {' and '.join(map(spoken, self._names(one)))!r}" for one in classes
                     if one.class_id not in lacking]  # fmt: skip
            notes.insert(0, f"asked for {listed(asked)}")
        return tuple(notes)

    def remarks(self) -> tuple[str, ...]:
        """What was given up for lack of memory, up to now."""
        return self._fallback.remarks()

    def class_maps(self, case: ExtractorInput, classes: Sequence[ClassDef]) -> Iterator[ClassMap]:
        """Yield the map of every class whose name can be asked for, over all planes, one at a time.

        Raises:
            CaseError: the case has several channels, no class can be asked for, or the memory is not enough.
        """
        lacking = self.unmatched(classes)
        wanted = [one for one in classes if one.class_id not in lacking]
        if not wanted:
            if classes:
                raise CaseError("segvol can be asked for none of its classes; name them with --class-map")
            return
        found = 0 if case.raw is None else case.raw.channels.shape[0]
        if case.raw is None or found != 1:
            raise CaseError(f"has {found} channels, the network was trained on 1")
        seen, grid = look(case.raw.channels[0], self._architecture.image)
        pixels = map_grid(case.image.shape, case.spacing_mm, _steps_mm(grid, case.spacing_mm))
        planes_with = planes_counted(case)
        embedding = self._fallback.run(partial(self._embedding, seen))
        for one in wanted:
            logits = self._fallback.run(partial(self._logits, embedding, self._names(one)))
            yield ClassMap(
                class_def=one,
                logits=resample(logits, grid, pixels),
                planes=tuple(range(case.image.shape[0])),
                planes_total=planes_with(one),
            )

    def _names(self, one: ClassDef) -> tuple[str, ...]:
        """What to ask for; empty where the name says nothing."""
        name = spoken(one.name)
        return self._asked_for.get(name, (name,) if name else ())

    def _embedding(self, seen: Float32[Tensor, "z y x"], way: Way) -> Tensor:
        with self._running(way):
            return self._network.encode_image(seen.to(way.device)[None, None])

    def _logits(self, embedding: Tensor, names: Sequence[str], way: Way) -> Float32[Tensor, "z y x"]:
        found = []
        with self._running(way):
            for name in names:
                # A name's vector is the same in all cases.
                vector = self._vectors.get(name)
                if vector is None:
                    vector = self._vectors[name] = self._network.encode_text(tokens(name)).to("cpu", torch.float32)
                found.append(self._network.decode(embedding.to(way.device), vector.to(way.device)))
        highest = torch.stack(found).amax(dim=0).to("cpu", torch.float32)
        return full_size(highest, self._architecture.image)

    @contextmanager
    def _running(self, way: Way) -> Iterator[None]:
        """On the device and in the precision of a way, without gradients."""
        self._network.to(way.device)
        device = torch.device(way.device).type
        with torch.inference_mode(), torch.autocast(device, dtype=torch.bfloat16, enabled=way.precision == "bf16"):
            yield


def look(volume: Float32[np.ndarray, "D H W"], size: tuple[int, int, int]) -> tuple[Float32[Tensor, "z y x"], Grid]:
    """A CT as the network sees it, and where its voxels lie in the case.

    Args:
        volume: HU, (D, H, W) along (S, A, R): upstream's Z, Y, X.
        size: voxels that the network sees.
    """
    scaled = normalised(volume)
    pad = [max(wanted - side, 0) for side, wanted in zip(volume.shape, size, strict=True)]
    padded = np.pad(scaled, [(missing // 2, missing - missing // 2) for missing in pad])
    box = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        where = np.flatnonzero((padded > 0).any(axis=others))
        box.append((int(where[0]), int(where[-1]) + 1) if where.size else (0, padded.shape[axis]))
    cut = torch.from_numpy(np.ascontiguousarray(padded[tuple(slice(low, high) for low, high in box)]))
    seen = torch.nn.functional.interpolate(cut[None, None], size=size, mode="nearest-exact")[0, 0]
    axes = []
    for (low, high), missing, side, wanted in zip(box, pad, volume.shape, size, strict=True):
        step = (high - low) / wanted
        start = low - missing // 2 + (step - 1) / 2
        ended = high - missing // 2
        axes.append(Axis(start, step, wanted, cut=(low - missing // 2 > 0, ended < side)))
    depth, height, width = axes
    return seen, (depth, height, width)


def normalised(volume: Float32[np.ndarray, "D H W"]) -> Float32[np.ndarray, "D H W"]:
    """HU clipped to the percentiles 0.05 and 99.95 of what is above the mean, scaled to [0, 1]."""
    above = volume[volume > volume.mean(dtype=np.float64)]
    if not above.size:
        return np.zeros_like(volume)
    low, high = np.percentile(above, _CLIPPED)
    clipped = np.clip(volume, low, high)
    least, most = float(clipped.min()), float(clipped.max())
    return ((clipped - least) / max(most - least, 1e-8)).astype(np.float32)


def _steps_mm(grid: Grid, spacing_mm: tuple[float, float, float]) -> tuple[float, float, float]:
    """Distance of the network's voxels along (D, H, W)."""
    depth, height, width = (axis.step * size for axis, size in zip(grid, spacing_mm, strict=True))
    return depth, height, width
