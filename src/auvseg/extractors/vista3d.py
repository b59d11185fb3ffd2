"""VISTA3D (NV-Segment-CT), a foundation model for CT volumes that is told nothing but which of its classes are wanted.

He et al., VISTA3D: A Unified Segmentation Foundation Model For 3D Medical Imaging, CVPR 2025. The network is MONAI's
`vista3d132`; its weights are not ours to bring. Preprocessing, window and overlap are those of the authors' bundle: 1.5
mm, cut to what is above 0 HU and 10 voxels around it, HU from -963.82 to 1053.68 as 0 to 1, axes to R, A and S, windows
of 128 voxels that overlap by 0.3. Where windows overlap, logits are averaged with Gaussian weights.

Each class is a binary question of its own: its logits are those of the class against everything else. The classes go
through the encoder together, so that a window is encoded once for all that fit into memory.
"""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from monai.networks.nets.vista3d import vista3d132
from torch import Tensor

from auvseg.data.case import ClassDef
from auvseg.extractors.checkpoint import Published, checkpoint_path, fill, load_checkpoint
from auvseg.extractors.sliding_window import Windows
from auvseg.extractors.vista3d_classes import VISTA3D_CLASSES
from auvseg.extractors.volume_model import Options, VolumeModel
from auvseg.extractors.volumewise import Preprocessing, above, windowed

NAME = "vista3d"

PUBLISHED = Published("VISTA3D", "model.pt", keys=("model", "state_dict"))

FEATURES = 48
"""Channels of the published network at full resolution."""

HU = (-963.8247715525971, 1053.678477684517)
WINDOW = (128, 128, 128)
PREPROCESSING = Preprocessing(
    spacing_mm=(1.5, 1.5, 1.5), intensity=windowed(*HU), axcodes="RAS", crop=above(0.0), crop_margin=10
)
OVERLAP = 0.3


class Vista3D(VolumeModel):
    """The frozen model behind the extractor contract (`auvseg.extractors.base`).

    Args:
        model: the checkpoint file; None takes the one that `auvseg weights pull vista3d` has fetched.
        features: channels of the network that the checkpoint holds.
        window: voxels along its axes that it sees at a time.
        options: `auvseg.extractors.volume_model.Options`.

    Raises:
        UsageError: an option has no meaning here.
        WeightsError: the checkpoint is missing, cannot be read, or does not hold exactly this network.
    """

    name = NAME

    def __init__(
        self,
        *,
        model: Path | None = None,
        features: int = FEATURES,
        window: tuple[int, int, int] = WINDOW,
        **options: Any,
    ) -> None:
        chosen = Options(**options)
        chosen.check(NAME)
        path = checkpoint_path(model, NAME)
        state, weights_id = load_checkpoint(path, PUBLISHED)
        network = vista3d132(encoder_embed_dim=features)
        fill(network, state, path, PUBLISHED.title)
        windows = Windows(window, overlap=OVERLAP)
        super().__init__(network, self._predict, VISTA3D_CLASSES, PREPROCESSING, windows, weights_id, chosen)

    @property
    def own_classes(self) -> tuple[ClassDef, ...]:
        """The classes that it segments; unions of them are left out."""
        singles = ((name, numbers[0]) for name, numbers in VISTA3D_CLASSES.items() if len(numbers) == 1)
        return tuple(ClassDef(number, name, (number,)) for name, number in sorted(singles, key=lambda pair: pair[1]))

    def _predict(self, windows: Float[Tensor, "B 1 x y z"], outputs: tuple[int, ...]) -> Float[Tensor, "B C x y z"]:
        numbers = torch.tensor(outputs, device=windows.device)[:, None]
        # The head takes one window at a time: its products would mix those of a batch.
        found = [self._network(window[None], class_vector=numbers).transpose(0, 1) for window in windows]
        return torch.cat(found)
