"""The CLIP-Driven Universal Model for CT volumes: 25 organs and vessels and seven lesions; no prompt.

Liu et al., ICCV 2023. The weights are not distributed with auvseg, and their licence (CC BY-NC-ND 4.0) forbids
commercial use and passing on adapted versions. Preprocessing and windows are those of the authors' prediction: axes to
R, A and S, 1.5 mm, HU from -175 to 250 mapped to 0 to 1, cropped to what is above, windows of 96 voxels with half
overlap, Gaussian weights.

Each class has its own sigmoid: a tumour lies inside its organ. The authors' post-processing of masks is not applied.
"""

from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from auvseg.data.case import ClassDef
from auvseg.extractors.checkpoint import Published, checkpoint_path, fill, load_checkpoint
from auvseg.extractors.clip_driven.network import UniversalNetwork
from auvseg.extractors.volumes.model import Options, VolumeModel
from auvseg.extractors.volumes.sliding_window import Windows
from auvseg.extractors.volumes.volumewise import Preprocessing, above, windowed

NAME = "clip-driven"

PUBLISHED = Published(
    "the CLIP-Driven Universal Model", "clip_driven_universal_swin_unetr.pth", keys=("net",), bare=False
)

NAMES = (
    "spleen", "right kidney", "left kidney", "gallbladder", "esophagus", "liver", "stomach", "aorta", "postcava",
    "portal vein and splenic vein", "pancreas", "right adrenal gland", "left adrenal gland", "duodenum",
    "hepatic vessel", "right lung", "left lung", "colon", "intestine", "rectum", "bladder", "prostate",
    "left head of femur", "right head of femur", "celiac trunk", "kidney tumor", "liver tumor", "pancreas tumor",
    "hepatic vessel tumor", "lung tumor", "colon tumor", "kidney cyst",
)  # fmt: skip
"""The classes in the order of the checkpoint's text embeddings."""

WINDOW = (96, 96, 96)
OVERLAP = 0.5
PREPROCESSING = Preprocessing(
    spacing_mm=(1.5, 1.5, 1.5),
    intensity=windowed(-175.0, 250.0),
    axcodes="RAS",
    resampled_as_stored=False,
    crop=above(-175.0),
)

_BACKBONE = ("swinViT.", "encoder", "decoder")


class ClipDriven(VolumeModel):
    """The frozen model behind the extractor contract (`auvseg.extractors.base`).

    Args:
        model: the checkpoint file, of the Swin UNETR; None takes the one that `auvseg weights pull clip-driven` has
            fetched.
        window: voxels along its axes that it sees at a time, multiples of 32, not all 32.
        options: `auvseg.extractors.volumes.model.Options`.

    Raises:
        UsageError: an option has no meaning here.
        WeightsError: the checkpoint is missing, cannot be read, or does not hold exactly this network.
    """

    name = NAME

    def __init__(self, *, model: Path | None = None, window: tuple[int, int, int] = WINDOW, **options: Any) -> None:
        chosen = Options(**options)
        chosen.check(NAME)
        path = checkpoint_path(model, NAME)
        state, weights_id = load_checkpoint(path, PUBLISHED)
        network = UniversalNetwork()
        fill(network, {_own_name(name): value for name, value in state.items()}, path, PUBLISHED.title)
        outputs = {name: (place,) for place, name in enumerate(NAMES)}
        windows = Windows(window, overlap=OVERLAP)
        super().__init__(network, self._predict, outputs, PREPROCESSING, windows, weights_id, chosen)

    @property
    def own_classes(self) -> tuple[ClassDef, ...]:
        """The classes that it segments, numbered from 1 as its authors do."""
        return tuple(ClassDef(number, name, (number,)) for number, name in enumerate(NAMES, start=1))

    def _predict(self, windows: Float[Tensor, "B 1 x y z"], outputs: tuple[int, ...]) -> Float[Tensor, "B C x y z"]:
        found: Tensor = self._network(windows, outputs)
        return found


def _own_name(name: str) -> str:
    """The network's name of a tensor; the published file writes those of the backbone without saying so."""
    return f"backbone.{name}" if name.startswith(_BACKBONE) else name
