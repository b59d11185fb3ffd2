"""A trained nnU-Net as extractor: the paper's baseline of task-specific logits, for any nnU-Net v2 model folder.

The network needs no prompt: it gets only the image, all channels as read, and makes a map of each of its own classes
over all planes. The label, if read, is used only by measures that compare with it.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from auvseg.data.case import ClassDef, Modality
from auvseg.errors import CaseError, UsageError
from auvseg.extractors.base import ClassMap, ExtractorInput, RawImage
from auvseg.extractors.classes import ClassNameMap, listed
from auvseg.extractors.families import Prompt
from auvseg.extractors.nnunet.logits import CaseLogits, NetworkLogits, predict
from auvseg.extractors.no_model import values_by_plane
from auvseg.nnunet.model import CHECKPOINT, match, open_model

NAME = "nnunet"


class NnUNet:
    """A trained nnU-Net as an extractor (`auvseg.extractors.base`).

    Args:
        model: nnU-Net's folder of the trained network, `TRAINER__PLANS__CONFIGURATION`.
        folds: numbers separated by commas, or `all`; None takes every numbered fold. Logits are averaged.
        checkpoint: file name of the checkpoints.
        mirroring: whether predictions are averaged over mirrored copies, as nnU-Net predicts: eight times the time.
        class_map: the network's name of a class by the data set's, where they differ; one name each.
        prompt: `label`, rows for the classes that the label holds; `none`, the label is not used: rows for all classes.
        box_margin: must be 0: there are no boxes.
        max_slices: must be None: a volume is predicted as a whole.
        precision: must be `auto`: nnU-Net chooses.
        device: where the network runs.

    Raises:
        UsageError: nnU-Net is not installed, the model folder is missing or unusable, or an option has no meaning here.
    """

    name = NAME
    modalities: frozenset[Modality] = frozenset({"ct", "mri", "windowed"})

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
        if model is None:
            raise UsageError("the extractor nnunet needs --model: nnU-Net's folder TRAINER__PLANS__CONFIGURATION")
        meaningless = {"--box-margin": box_margin, "--max-slices": max_slices, "--precision": precision != "auto"}
        given = [name for name, value in meaningless.items() if value]
        if given:
            raise UsageError(
                f"{given[0]} has no meaning for the extractor nnunet, which predicts whole volumes; omit it"
            )
        self.prompt: Prompt = prompt
        self._class_map = class_map
        self._model = open_model(Path(model), folds=folds, checkpoint=checkpoint, mirroring=mirroring, device=device)
        self._remembers = False
        self._last: tuple[bytes, NetworkLogits] | None = None

    @property
    def weights_id(self) -> str:
        """Sha256 of the checkpoint; of several, of their hashes in the order of the folds."""
        return self._model.weights_sha256

    @property
    def raw_channels(self) -> int:
        """How many channels the network was trained on."""
        return self._model.channels

    @property
    def own_classes(self) -> tuple[ClassDef, ...]:
        """The network's foreground classes or regions."""
        return tuple(self._model.outputs.values())

    def settings(self) -> dict[str, str | int | float | bool | None]:
        """What changes the maps; the model's folder is not part of it, its content is."""
        return {"prompt": self.prompt, **self._model.settings}

    def unmatched(self, classes: Sequence[ClassDef]) -> dict[int, str]:
        """Why there is no map of some of the data set's classes, by class id."""
        found = match(classes, self._model.outputs, self._class_map)
        return {c.class_id: "the network has no output for this class" for c in classes if c.class_id not in found}

    def notes(self, classes: Sequence[ClassDef] | None) -> tuple[str, ...]:
        """What a person should know before scoring these classes (None: undeclared), one sentence each.

        Raises:
            UsageError: the network segments none of the classes.
        """
        notes = ["scores of cases that this network was trained on are in-sample: it has seen their labels"]
        if classes is not None:
            notes += self._about(classes)
        return (*notes, "nnunet gives no predicted IoU and no embedding: predicted_iou and mahalanobis have no number")

    def remember_planes(self, count: int) -> None:
        """With a count above 0, keep the logits of the last image, for label faults of the bench; 0 keeps none."""
        self._remembers, self._last = count > 0, None

    def class_maps(self, case: ExtractorInput, classes: Sequence[ClassDef]) -> Iterator[ClassMap]:
        """Yield the map of every class that the network segments, over all planes, one at a time.

        Args:
            case: the case; `raw` is what the network sees.
            classes: the data set's classes. Those that the network does not segment are left out.

        Raises:
            CaseError: the case has another number of channels than the network, or none of the classes is its own.
        """
        outputs = match(classes, self._model.outputs, self._class_map)
        if not classes:
            return
        if not outputs:
            raise CaseError(f"the network segments none of its classes; it has {_names(self.own_classes)}")
        if case.raw is None or case.raw.channels.shape[0] != self.raw_channels:
            found = 0 if case.raw is None else case.raw.channels.shape[0]
            raise CaseError(f"has {found} channels, the network was trained on {self.raw_channels}")
        logits = CaseLogits(self._model, self._predicted(case.raw, case.raw.nnunet_spacing or case.spacing_mm))
        depth = case.image.shape[0]
        held = None if case.label is None else values_by_plane(case.label)
        for one in classes:
            if one.class_id in outputs:
                output = outputs[one.class_id]
                yield ClassMap(
                    class_def=one,
                    logits=logits.logits(output),
                    odds=None if self._model.regions else logits.odds(output),
                    planes=tuple(range(depth)),
                    planes_total=depth if held is None else sum(not v.isdisjoint(one.values) for v in held),
                )

    def _predicted(self, raw: RawImage, spacing_mm: tuple[float, float, float]) -> NetworkLogits:
        if not self._remembers:
            return predict(self._model, raw, spacing_mm)
        digest = hashlib.sha256(repr((raw.channels.shape, raw.axcodes, spacing_mm)).encode())
        digest.update(raw.channels.data)
        if self._last is None or self._last[0] != digest.digest():
            self._last = None
            self._last = (digest.digest(), predict(self._model, raw, spacing_mm))
        return self._last[1]

    def _about(self, classes: Sequence[ClassDef]) -> list[str]:
        outputs = self._model.outputs
        found = match(classes, outputs, self._class_map)
        if not found:
            raise UsageError(
                f"the network segments none of the data set's classes ({_names(classes)}); "
                f"it was trained on {_names(self.own_classes)}"
            )
        renamed = [
            f"{c.name} is the network's {outputs[found[c.class_id]].name}"
            for c in classes
            if c.class_id in found and c.name.casefold() != outputs[found[c.class_id]].name.casefold()
        ]
        lacking = [c for c in classes if c.class_id not in found]
        notes = [f"matched by class map or label value: {listed(renamed, '; ')}"] if renamed else []
        return notes + ([f"the network has no output for {_names(lacking)}"] if lacking else [])


def _names(classes: Sequence[ClassDef]) -> str:
    return listed([c.name for c in classes])
