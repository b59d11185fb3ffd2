"""All extractors of auvseg: module, prompt, and what a user should know before choosing one.

Only facts, so help texts and option checks need no torch. `docs/models.md` shows the same as a table.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Literal

Prompt = Literal["label", "middle", "none"]
"""Prompt of a model: boxes drawn from the `label`, one on every plane of a structure; a box on its `middle` plane only,
from which the model propagates its mask to the others; or `none` (the whole image)."""

Takes = Literal["nothing", "file", "folder"]

EXPERIMENTAL = "experimental: never run with published weights here"
"""Status of an extractor that has only ever run with random weights."""

DEFAULT_MAX_SLICES: int | None = None
"""Default maximum number of planes per structure, the same for every command; None: all."""


@dataclass(frozen=True)
class Facts:
    """Facts about an extractor, known without loading it.

    Attributes:
        name: name for `--extractor`.
        home: module and class.
        told: its prompt, in words.
        classes: its classes, in words.
        modalities: what it was trained on.
        licence: licence of its weights, in words.
        memory: memory that it needs in addition to the case.
        takes: meaning of `--model`.
        own_classes: whether its classes are fixed, so that a class map applies.
        carries_masks: whether it can propagate a mask between planes, and so accepts the prompt `middle`.
        whole_volumes: whether it processes volumes, not planes, so that `--max-slices` does not apply.
        predicted_iou: whether it predicts the IoU of its mask.
        names: module and attribute of its class names, if they are known without its file.
        experimental: whether it was only run with random weights: it equals the authors' network on these, but auvseg
            never measured how well the published weights segment, or what measures find with them.
    """

    name: str
    home: str
    told: str
    classes: str
    modalities: str
    licence: str
    memory: str
    takes: Takes = "nothing"
    own_classes: bool = False
    carries_masks: bool = False
    whole_volumes: bool = False
    predicted_iou: bool = True
    names: str | None = None
    experimental: bool = False

    @property
    def status(self) -> str:
        """Warning about how far it was tested; empty if none."""
        return EXPERIMENTAL if self.experimental else ""

    def class_names(self) -> tuple[str, ...]:
        """Return its class names, as far as known without its file; for `segvol` some examples."""
        if self.names is None:
            return ()
        module, _, attribute = self.names.partition(":")
        return tuple(getattr(import_module(module), attribute))


def _of_volumes(
    name: str,
    home: str,
    classes: str,
    modalities: str,
    licence: str,
    memory: str,
    *,
    takes: Takes = "file",
    told: str = "nothing",
    names: str | None = None,
    experimental: bool = True,
) -> Facts:
    """Facts of a model over volumes with fixed classes."""
    return Facts(
        name=name,
        home=f"auvseg.extractors.{home}",
        told=told,
        classes=classes,
        modalities=modalities,
        licence=licence,
        memory=memory,
        takes=takes,
        own_classes=True,
        whole_volumes=True,
        predicted_iou=False,
        names=names,
        experimental=experimental,
    )


def _total(suffix: str, home: str, classes: str, modalities: str) -> Facts:
    """One of TotalSegmentator's tasks."""
    place = f"totalsegmentator.extractor:{home}"
    return _of_volumes(
        f"totalsegmentator{suffix}",
        place,
        classes,
        modalities,
        "Apache-2.0",
        "nnU-Net's own",
        takes="folder",
        names="auvseg.data.public.totalsegmentator:V2" if modalities == "CT" else None,
    )


EXTRACTORS: tuple[Facts, ...] = (
    Facts(
        name="lite-medsam",
        home="auvseg.extractors.lite_medsam.extractor:LiteMedSAM",
        told="a box from the label, or the whole plane",
        classes="any: those of the data set",
        modalities="CT, MRI, other",
        licence="Apache-2.0",
        memory="0.5 GB",
    ),
    Facts(
        name="medsam2",
        home="auvseg.extractors.medsam2.extractor:MedSAM2",
        told="a box from the label on every plane or on the middle one, or the whole plane",
        classes="any: those of the data set",
        modalities="CT, MRI, other",
        licence="research and education only",
        memory="1 GB",
        takes="file",
        carries_masks=True,
        experimental=True,
    ),
    _of_volumes(
        "vista3d",
        "vista3d.extractor:Vista3D",
        "124 of CT: organs, vessels, bones, muscles, seven lesions",
        "CT",
        "research and evaluation only",
        "6 GB",
        names="auvseg.extractors.vista3d.extractor:VISTA3D_CLASSES",
    ),
    _of_volumes(
        "segvol",
        "segvol.extractor:SegVol",
        "any whose name is of known words",
        "CT",
        "upstream names none",
        "4 GB",
        told="the class's name",
        names="auvseg.extractors.segvol.extractor:USUAL",
    ),
    _of_volumes(
        "clip-driven",
        "clip_driven.extractor:ClipDriven",
        "32 of CT: organs, vessels, seven lesions",
        "CT",
        "not commercial, no adapted versions",
        "5 GB",
        names="auvseg.extractors.clip_driven.extractor:NAMES",
    ),
    _of_volumes(
        "voxtell",
        "voxtell.extractor:VoxTell",
        "those whose text vectors are there",
        "CT, MRI",
        "not verified; see its authors",
        "12 GB",
        takes="folder",
        told="the class's name",
    ),
    _total("", "TotalSegmentator", "117 of CT", "CT"),
    _total("-fast", "TotalSegmentatorFast", "117 of CT, at 3 mm", "CT"),
    _total("-mr", "TotalSegmentatorMR", "50 of MRI", "MRI"),
    _total("-mr-fast", "TotalSegmentatorMRFast", "50 of MRI, at 3 mm", "MRI"),
    _of_volumes(
        "nnunet",
        "nnunet.extractor:NnUNet",
        "those that the network was trained on",
        "what the network was trained on",
        "yours",
        "nnU-Net's own",
        takes="folder",
        experimental=False,
    ),
    _of_volumes(
        "module",
        "module.extractor:DescribedModule",
        "those that you name",
        "what you name",
        "yours",
        "its own",
        experimental=False,
    ),
    Facts(
        name="none",
        home="auvseg.extractors.no_model:NoModel",
        told="nothing: there is no model",
        classes="those of the data set",
        modalities="CT, MRI, other",
        licence="none needed",
        memory="none",
        predicted_iou=False,
    ),
)
"""In the order in which they are listed."""


def facts_of(name: str) -> Facts | None:
    """Return the facts about an extractor; None if it is not one of auvseg's own."""
    return next((facts for facts in EXTRACTORS if facts.name == name), None)
