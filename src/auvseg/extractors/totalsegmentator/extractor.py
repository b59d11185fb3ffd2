"""TotalSegmentator's networks, which are trained nnU-Nets, as extractors: over a hundred classes of CT, fifty of MRI.

Wasserthal et al., TotalSegmentator: Robust Segmentation of 104 Anatomic Structures in CT Images, Radiology: AI 2023;
in MRI D'Antonoli et al., Radiology 2025. The weights are those that TotalSegmentator's own program downloads, where it
puts them; the program itself is not needed. Its networks saw images turned to the right, the front and the head, and
so do they here; nnU-Net resamples to the network's spacing in one step, where TotalSegmentator takes one of its own
before.

A model at 1.5 mm is several networks, each with classes of its own and one softmax. A class that is several of theirs
(a kidney without a side) has the highest of their logits.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float32
from torch import Tensor

from auvseg.data.case import ClassDef, Modality
from auvseg.errors import UsageError
from auvseg.extractors.base import ClassMap, ExtractorInput, RawImage
from auvseg.extractors.classes import ClassNameMap
from auvseg.extractors.families import Prompt
from auvseg.extractors.nnunet.logits import CaseLogits, predict
from auvseg.extractors.volumes.model import NamesItsClasses, refuse_plane_options
from auvseg.extractors.volumes.volumewise import planes_counted
from auvseg.nnunet.model import CHECKPOINT, NnUNetModel, open_model

CANONICAL = "RAS"
"""The orientation to which TotalSegmentator turns every image."""


@dataclass(frozen=True)
class Task:
    """One of TotalSegmentator's tasks.

    Attributes:
        called: what its command for downloading weights calls it.
        datasets: nnU-Net's numbers of its networks.
        trainer: nnU-Net's class that trained them.
    """

    called: str
    datasets: tuple[int, ...]
    trainer: str


class TotalSegmentator(NamesItsClasses):
    """TotalSegmentator on CT at 1.5 mm, five networks, behind the extractor contract (`auvseg.extractors.base`).

    Args:
        model: folder with the networks' folders `DatasetNNN_...`; None takes where TotalSegmentator puts them:
            `$TOTALSEG_WEIGHTS_PATH`, else `nnunet/results` in `$TOTALSEG_HOME_DIR` or `~/.totalsegmentator`.
        folds: as for `nnunet`.
        checkpoint: file name of the checkpoints.
        mirroring: whether predictions are averaged over mirrored copies, as TotalSegmentator does not.
        class_map: the model's names of a class by the data set's, where they do not say the same.
        prompt: `label`, rows for the classes that the label holds; `none`, the label is not used: rows for all classes.
        box_margin: must be 0: there are no boxes.
        max_slices: must be None: a volume is predicted as a whole.
        precision: must be `auto`: nnU-Net chooses.
        device: where the networks run.

    Raises:
        UsageError: nnU-Net is not installed, a network is missing or unusable, or an option has no meaning here.
    """

    name = "totalsegmentator"
    modalities: frozenset[Modality] = frozenset({"ct"})
    task = Task("total", (291, 292, 293, 294, 295), "nnUNetTrainerNoMirroring")
    raw_channels = 1

    def __init__(
        self,
        *,
        model: Path | None = None,
        folds: str | None = None,
        checkpoint: str = CHECKPOINT,
        mirroring: bool = False,
        class_map: ClassNameMap | None = None,
        prompt: Prompt = "label",
        box_margin: int = 0,
        max_slices: int | None = None,
        precision: str = "auto",
        device: str = "cpu",
    ) -> None:
        refuse_plane_options(self.name, box_margin, max_slices)
        if precision != "auto":
            raise UsageError(f"--precision has no meaning for the extractor {self.name}: nnU-Net chooses; omit it")
        self.prompt: Prompt = prompt
        folders = _folders(weights_folder() if model is None else Path(model), self.task)
        self._networks = [
            open_model(folder, folds=folds, checkpoint=checkpoint, mirroring=mirroring, device=device)
            for folder in folders
        ]
        self._places = _places(self._networks)
        super().__init__(list(self._places), class_map)

    @property
    def weights_id(self) -> str:
        """Sha256 of the checkpoint; of several, of their hashes in the order of the networks."""
        hashes = [network.weights_sha256 for network in self._networks]
        return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()

    @property
    def own_classes(self) -> tuple[ClassDef, ...]:
        """The classes of all networks, numbered in their order."""
        return tuple(ClassDef(number, name, (number,)) for number, name in enumerate(self._places, start=1))

    def settings(self) -> dict[str, str | int | float | bool | None]:
        """What changes the maps; where the networks lie is not part of it, what they hold is."""
        networks = {
            f"{name}_{number}" if len(self._networks) > 1 else name: value
            for number, network in enumerate(self._networks, start=1)
            for name, value in network.settings.items()
        }
        return {"prompt": self.prompt, "orientation": CANONICAL, **networks}

    def class_maps(self, case: ExtractorInput, classes: Sequence[ClassDef]) -> Iterator[ClassMap]:
        """Yield the map of every class that the model has, over all planes, one network after the other.

        Raises:
            CaseError: the case has several channels, or none of the classes is the model's.
        """
        if not classes:
            return
        named = self.named(case, classes, self.raw_channels)
        assert case.raw is not None
        wanted = {one: [self._places[name] for name in names] for one, names in named.items()}
        turned = RawImage(case.raw.channels, CANONICAL)
        planes, planes_with = tuple(range(case.image.shape[0])), planes_counted(case)
        for one, logits, odds in self._maps(turned, case.spacing_mm, wanted):
            yield ClassMap(class_def=one, logits=logits, odds=odds, planes=planes, planes_total=planes_with(one))

    def _maps(
        self, raw: RawImage, spacing_mm: tuple[float, float, float], wanted: Mapping[ClassDef, list[tuple[int, int]]]
    ) -> Iterator[tuple[ClassDef, Float32[Tensor, "D H W"], Float32[Tensor, "D H W"]]]:
        """Logits and odds of every class, as soon as its last network is done."""
        begun: dict[ClassDef, tuple[Float32[Tensor, "D H W"], Float32[Tensor, "D H W"]]] = {}
        for number, network in enumerate(self._networks):
            mine = {one: [o for n, o in places if n == number] for one, places in wanted.items()}
            if not any(mine.values()):
                continue
            logits = CaseLogits(network, predict(network, raw, spacing_mm))
            for one, outputs in mine.items():
                for output in outputs:
                    pair = logits.logits(output), logits.odds(output)
                    before = begun.get(one, pair)
                    begun[one] = torch.maximum(before[0], pair[0]), torch.maximum(before[1], pair[1])
                if outputs and max(n for n, _ in wanted[one]) == number:
                    yield (one, *begun.pop(one))


class TotalSegmentatorFast(TotalSegmentator):
    """TotalSegmentator on CT at 3 mm: one network."""

    name = "totalsegmentator-fast"
    task = Task("total_fast", (297,), "nnUNetTrainer_4000epochs_NoMirroring")


class TotalSegmentatorMR(TotalSegmentator):
    """TotalSegmentator on MRI at 1.5 mm: two networks."""

    name = "totalsegmentator-mr"
    modalities: frozenset[Modality] = frozenset({"mri"})
    task = Task("total_mr", (850, 851), "nnUNetTrainer_2000epochs_NoMirroring")


class TotalSegmentatorMRFast(TotalSegmentator):
    """TotalSegmentator on MRI at 3 mm: one network."""

    name = "totalsegmentator-mr-fast"
    modalities: frozenset[Modality] = frozenset({"mri"})
    task = Task("total_fast_mr", (852,), "nnUNetTrainer_2000epochs_NoMirroring")


def weights_folder() -> Path:
    """Where TotalSegmentator's own program puts its weights."""
    if os.environ.get("TOTALSEG_WEIGHTS_PATH"):
        return Path(os.environ["TOTALSEG_WEIGHTS_PATH"])
    home = os.environ.get("TOTALSEG_HOME_DIR")
    return (Path(home) if home else Path.home() / ".totalsegmentator") / "nnunet" / "results"


def _folders(root: Path, task: Task) -> list[Path]:
    """The folder of every network of a task.

    Raises:
        UsageError: one is missing, or there are several that it could be.
    """
    found = []
    for number in task.datasets:
        candidates = sorted(root.glob(f"Dataset{number:03d}_*/{task.trainer}__*__3d_fullres"))
        if not candidates:
            raise UsageError(
                f"{root} has no Dataset{number:03d}_*/{task.trainer}__*__3d_fullres; fetch it with TotalSegmentator's "
                f"totalseg_download_weights -t {task.called}, or name its folder with --model"
            )
        if len(candidates) > 1:
            raise UsageError(f"{root} has {len(candidates)} networks of Dataset{number:03d}; leave one of them there")
        found += candidates
    return found


def _places(networks: Sequence[NnUNetModel]) -> dict[str, tuple[int, int]]:
    """Network and output of every class by its name; of a name that two networks have, the first."""
    places: dict[str, tuple[int, int]] = {}
    for number, network in enumerate(networks):
        for output, one in network.outputs.items():
            places.setdefault(one.name, (number, output))
    return places
