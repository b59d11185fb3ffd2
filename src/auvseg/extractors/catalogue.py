"""Every extractor that auvseg brings: where it is, what it is told, and what a user should know before choosing it.

Facts alone, so that help texts and checks of options need no torch. `docs/models.md` shows the same as a table.
"""

from dataclasses import dataclass
from typing import Literal

Takes = Literal["nothing", "file", "folder"]


@dataclass(frozen=True)
class Facts:
    """What is known of an extractor without opening it.

    Attributes:
        name: what a user types.
        home: module and class.
        told: what the model is told of a case.
        classes: which classes it has.
        modalities: what it was trained on.
        licence: of its weights, in words.
        memory: what it needs beside the case itself.
        takes: what `--model` is.
        own_classes: whether it segments classes of its own, so that a class map means something.
        whole_volumes: whether it sees volumes and not planes, so that `--max-slices` means nothing.
        predicted_iou: whether it estimates its own mask's quality.
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
    whole_volumes: bool = False
    predicted_iou: bool = True


EXTRACTORS: tuple[Facts, ...] = (
    Facts(
        name="lite-medsam",
        home="auvseg.extractors.lite_medsam:LiteMedSAM",
        told="a box from the label, or the whole plane",
        classes="any: those of the data set",
        modalities="CT, MRI, other",
        licence="Apache-2.0",
        memory="0.5 GB",
    ),
    Facts(
        name="medsam2",
        home="auvseg.extractors.medsam2:MedSAM2",
        told="a box from the label, or the whole plane",
        classes="any: those of the data set",
        modalities="CT, MRI, other",
        licence="research and education only",
        memory="1 GB",
        takes="file",
    ),
    Facts(
        name="vista3d",
        home="auvseg.extractors.vista3d:Vista3D",
        told="nothing",
        classes="124 of CT: organs, vessels, bones, muscles, seven lesions",
        modalities="CT",
        licence="research and evaluation only",
        memory="6 GB",
        takes="file",
        own_classes=True,
        whole_volumes=True,
        predicted_iou=False,
    ),
    Facts(
        name="segvol",
        home="auvseg.extractors.segvol:SegVol",
        told="the class's name",
        classes="any whose name is of known words",
        modalities="CT",
        licence="upstream names none",
        memory="4 GB",
        takes="file",
        own_classes=True,
        whole_volumes=True,
        predicted_iou=False,
    ),
    Facts(
        name="clip-driven",
        home="auvseg.extractors.clip_driven:ClipDriven",
        told="nothing",
        classes="32 of CT: organs, vessels, seven lesions",
        modalities="CT",
        licence="not commercial, no adapted versions",
        memory="5 GB",
        takes="file",
        own_classes=True,
        whole_volumes=True,
        predicted_iou=False,
    ),
    Facts(
        name="totalsegmentator",
        home="auvseg.extractors.totalsegmentator:TotalSegmentator",
        told="nothing",
        classes="117 of CT",
        modalities="CT",
        licence="Apache-2.0",
        memory="nnU-Net's own",
        takes="folder",
        own_classes=True,
        whole_volumes=True,
        predicted_iou=False,
    ),
    Facts(
        name="totalsegmentator-fast",
        home="auvseg.extractors.totalsegmentator:TotalSegmentatorFast",
        told="nothing",
        classes="117 of CT, at 3 mm",
        modalities="CT",
        licence="Apache-2.0",
        memory="nnU-Net's own",
        takes="folder",
        own_classes=True,
        whole_volumes=True,
        predicted_iou=False,
    ),
    Facts(
        name="totalsegmentator-mr",
        home="auvseg.extractors.totalsegmentator:TotalSegmentatorMR",
        told="nothing",
        classes="50 of MRI",
        modalities="MRI",
        licence="Apache-2.0",
        memory="nnU-Net's own",
        takes="folder",
        own_classes=True,
        whole_volumes=True,
        predicted_iou=False,
    ),
    Facts(
        name="totalsegmentator-mr-fast",
        home="auvseg.extractors.totalsegmentator:TotalSegmentatorMRFast",
        told="nothing",
        classes="50 of MRI, at 3 mm",
        modalities="MRI",
        licence="Apache-2.0",
        memory="nnU-Net's own",
        takes="folder",
        own_classes=True,
        whole_volumes=True,
        predicted_iou=False,
    ),
    Facts(
        name="nnunet",
        home="auvseg.extractors.nnunet:NnUNet",
        told="nothing",
        classes="those that the network was trained on",
        modalities="what the network was trained on",
        licence="yours",
        memory="nnU-Net's own",
        takes="folder",
        own_classes=True,
        whole_volumes=True,
        predicted_iou=False,
    ),
    Facts(
        name="module",
        home="auvseg.extractors.module:DescribedModule",
        told="nothing",
        classes="those that you name",
        modalities="what you name",
        licence="yours",
        memory="its own",
        takes="file",
        own_classes=True,
        whole_volumes=True,
        predicted_iou=False,
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
    """What is known of an extractor; None where it is not one of auvseg's own."""
    return next((facts for facts in EXTRACTORS if facts.name == name), None)
