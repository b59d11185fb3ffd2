"""Your own network over volumes: any `torch.nn.Module` in a few lines of code, or a file with a description.

    from auvseg.extractors import module_extractor, register_extractor

    register_extractor("mine", module_extractor(network, {"liver": 1, "tumour": 2}, window=(96, 96, 96)))
    score(dataset, "runs/mine", ScoreConfig(modality="ct", extractor="mine"))

The network takes (B, K, x, y, z) windows and gives (B, C, x, y, z) logits, before any softmax or sigmoid. On the
command line it is `--extractor module --model description.json` (`DescribedModule`), or `--extractor
package.file:name`, where `name` is what `module_extractor` returned.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from auvseg.data.case import ClassDef, Modality
from auvseg.errors import CaseError, UsageError
from auvseg.extractors.base import Extractor
from auvseg.extractors.module.description import ModuleFacts, Outputs, as_channels, standardised
from auvseg.extractors.volumes.model import Options, VolumeModel
from auvseg.extractors.volumes.sliding_window import Windows
from auvseg.extractors.volumes.volumewise import Intensity, PreparedVolume, Preprocessing

NAME = "module"


def module_extractor(
    network: nn.Module,
    classes: Mapping[str, int | Sequence[int]],
    *,
    window: tuple[int, int, int],
    outputs: Outputs = "softmax",
    spacing_mm: tuple[float, float, float] | None = None,
    intensity: Intensity | None = None,
    axcodes: str = "RAS",
    overlap: float = 0.5,
    channels: int = 1,
    modalities: Sequence[Modality] = ("ct", "mri", "windowed"),
) -> Callable[..., Extractor]:
    """What `register_extractor` wants, for a network that is at hand.

    Args:
        network: takes (B, K, x, y, z) windows, gives (B, C, x, y, z) logits.
        classes: output channel, or channels, by the class's name; without the background.
        window: voxels along x, y and z that the network sees at a time.
        outputs: `softmax`, channels exclude each other; `sigmoid`, every channel is a question of its own.
        spacing_mm: voxel size along x, y and z that it wants; None keeps the case's.
        intensity: raw (K, d, h, w) intensities to what it wants; None scales every channel to mean 0 and deviation 1.
        axcodes: where its axes grow to.
        overlap: share of a window that the next one covers again, in [0, 1).
        channels: image channels that it wants, K.
        modalities: what it was trained on.

    Raises:
        UsageError: no class, a negative channel, an overlap outside [0, 1).
    """
    facts = ModuleFacts(
        classes=as_channels(classes),
        outputs=outputs,
        window=window,
        overlap=overlap,
        preprocessing=Preprocessing(spacing_mm, intensity or standardised, axcodes),
        channels=channels,
        modalities=frozenset(modalities),
        about={"intensity": "mean 0, deviation 1" if intensity is None else "a function of the user's"},
    )
    if not 0 <= overlap < 1:
        raise UsageError(f"the overlap of windows must be in [0, 1), not {overlap:g}")
    weights_id = parameters_sha256(network)
    return lambda **options: ModuleExtractor(network, facts, weights_id, **options)


class ModuleExtractor(VolumeModel):
    """A network of the user's behind the extractor contract (`auvseg.extractors.base`).

    Args:
        network: see `module_extractor`.
        facts: what auvseg must know of it.
        weights_id: sha256 of its parameters, or of its file.
        options: `auvseg.extractors.volumes.model.Options`.

    Raises:
        UsageError: an option has no meaning here.
    """

    name = NAME

    def __init__(self, network: nn.Module, facts: ModuleFacts, weights_id: str, **options: Any) -> None:
        chosen = Options(**options)
        chosen.check(NAME)
        # The logit of the n-th class is output 2n, its logit against all other channels 2n + 1.
        outputs = {name: (2 * place,) for place, name in enumerate(facts.classes)}
        windows = Windows(facts.window, overlap=facts.overlap)
        super().__init__(network, self._predict, outputs, facts.preprocessing, windows, weights_id, chosen)
        self.raw_channels = facts.channels
        self.modalities = facts.modalities
        self._facts = facts

    @property
    def own_classes(self) -> tuple[ClassDef, ...]:
        """The classes of the network, by their first output channel."""
        return tuple(ClassDef(its[0], name, (its[0],)) for name, its in self._facts.classes.items())

    def settings(self) -> dict[str, str | int | float | bool | None]:
        """What changes the maps."""
        how, facts = self._facts.preprocessing, self._facts
        spacing = None if how.spacing_mm is None else " ".join(f"{mm:g}" for mm in how.spacing_mm)
        own = {"outputs": facts.outputs, "spacing_mm": spacing, "axcodes": how.axcodes}
        return {**super().settings(), **own, **facts.about}

    def _maps(
        self, prepared: PreparedVolume, groups: Sequence[tuple[int, ...]]
    ) -> Iterator[tuple[Float32[Tensor, "D h w"], Float32[Tensor, "D h w"] | None]]:
        """With `softmax` a map has the class's own logits, and as odds those against all other channels."""
        if self._facts.outputs == "sigmoid":
            yield from super()._maps(prepared, groups)
            return
        pairs = [part for group in groups for part in (group, tuple(output + 1 for output in group))]
        maps = self._windowed.logits(prepared.image, pairs)
        for _ in groups:
            yield prepared.on_planes(next(maps)), prepared.on_planes(next(maps))

    def _predict(self, windows: Float[Tensor, "B K x y z"], outputs: tuple[int, ...]) -> Float[Tensor, "B C x y z"]:
        logits = self._network(windows)
        highest = max(max(channels) for channels in self._facts.classes.values())
        if not isinstance(logits, Tensor) or logits.ndim != windows.ndim or logits.shape[2:] != windows.shape[2:]:
            found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise CaseError(
                f"the network gives {found} for {tuple(windows.shape)}; it must give (B, C, x, y, z) logits"
            )
        if logits.shape[1] <= highest:
            raise CaseError(f"the network gives {logits.shape[1]} channels, but channel {highest} is named")
        return torch.stack([self._output(logits.float(), output) for output in outputs], dim=1)

    def _output(self, logits: Float[Tensor, "B C x y z"], output: int) -> Float[Tensor, "B x y z"]:
        inside = list(self._facts.classes[self._known[output // 2]])
        if self._facts.outputs == "sigmoid":
            return logits[:, inside].amax(dim=1)
        own = torch.logsumexp(logits[:, inside], dim=1)
        if output % 2 == 0:
            return own
        outside = [channel for channel in range(logits.shape[1]) if channel not in inside]
        return own - torch.logsumexp(logits[:, outside], dim=1)


def parameters_sha256(network: nn.Module) -> str:
    """Sha256 of a network's parameters and buffers, their names and shapes; where they lie does not count."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        array = value.detach().cpu().contiguous()
        digest.update(f"{name} {tuple(array.shape)} {array.dtype}\n".encode())
        digest.update(array.view(-1).view(torch.uint8).numpy().data if array.numel() else b"")
    return digest.hexdigest()


class DescribedModule(ModuleExtractor):
    """The extractor `module` of the command line: a file with its description.

    Args:
        model: the description; see `auvseg.extractors.module.description`.
        options: as `ModuleExtractor`.

    Raises:
        UsageError: no description is named, or it is unusable.
        WeightsError: the network's file is missing or damaged.
    """

    def __init__(self, *, model: Path | None = None, **options: Any) -> None:
        from auvseg.extractors.module.description import open_module

        if model is None:
            raise UsageError("the extractor module needs --model: a description in JSON; see docs/models.md")
        super().__init__(*open_module(Path(model)), **options)
