"""VISTA3D (NV-Segment-CT), a foundation model for CT volumes; its only prompt is which of its classes to segment.

He et al., VISTA3D: A Unified Segmentation Foundation Model For 3D Medical Imaging, CVPR 2025. The network is MONAI's
`vista3d132`; its weights are not included. Preprocessing, window and overlap are those of the authors' bundle: 1.5
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
from auvseg.extractors.volumes.model import Options, VolumeModel
from auvseg.extractors.volumes.sliding_window import Windows
from auvseg.extractors.volumes.volumewise import Preprocessing, above, windowed

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
        options: `auvseg.extractors.volumes.model.Options`.

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


_BEFORE_RIBS = """
1 liver, 3 spleen, 4 pancreas, 5 right kidney, 6 aorta, 7 inferior vena cava, 8 right adrenal gland,
9 left adrenal gland, 10 gallbladder, 11 esophagus, 12 stomach, 13 duodenum, 14 left kidney, 15 bladder,
17 portal vein and splenic vein, 19 small bowel, 22 brain, 23 lung tumor, 24 pancreatic tumor, 25 hepatic vessel,
26 hepatic tumor, 27 colon cancer primaries, 28 left lung upper lobe, 29 left lung lower lobe,
30 right lung upper lobe, 31 right lung middle lobe, 32 right lung lower lobe, 57 trachea, 58 left iliac artery,
59 right iliac artery, 60 left iliac vena, 61 right iliac vena, 62 colon
"""

_AFTER_RIBS = """
87 left humerus, 88 right humerus, 89 left scapula, 90 right scapula, 91 left clavicula, 92 right clavicula,
93 left femur, 94 right femur, 95 left hip, 96 right hip, 97 sacrum, 98 left gluteus maximus,
99 right gluteus maximus, 100 left gluteus medius, 101 right gluteus medius, 102 left gluteus minimus,
103 right gluteus minimus, 104 left autochthon, 105 right autochthon, 106 left iliopsoas, 107 right iliopsoas,
108 left atrial appendage, 109 brachiocephalic trunk, 110 left brachiocephalic vein, 111 right brachiocephalic vein,
112 left common carotid artery, 113 right common carotid artery, 114 costal cartilages, 115 heart,
116 left kidney cyst, 117 right kidney cyst, 118 prostate, 119 pulmonary vein, 120 skull, 121 spinal cord,
122 sternum, 123 left subclavian artery, 124 right subclavian artery, 125 superior vena cava, 126 thyroid gland,
127 vertebrae S1, 128 bone lesion, 132 airway
"""

_FIRST_VERTEBRA, _FIRST_RIB, _RIBS = 33, 63, 12
_VERTEBRAE = [f"{part}{number}" for part, count in (("L", 5), ("T", 12), ("C", 7)) for number in range(count, 0, -1)]


def _listed(text: str) -> dict[str, tuple[int, ...]]:
    pairs = (entry.strip().split(" ", 1) for entry in text.replace("\n", " ").split(","))
    return {name: (int(number),) for number, name in pairs}


VISTA3D_CLASSES: dict[str, tuple[int, ...]] = {
    **_listed(_BEFORE_RIBS),
    **{f"vertebrae {name}": (_FIRST_VERTEBRA + place,) for place, name in enumerate(_VERTEBRAE)},
    **{
        f"{side} rib {number}": (_FIRST_RIB + _RIBS * place + number - 1,)
        for place, side in enumerate(("left", "right"))
        for number in range(1, _RIBS + 1)
    },
    **_listed(_AFTER_RIBS),
    "kidney": (14, 5),
    "left lung": (28, 29),
    "right lung": (30, 31, 32),
    "lung": (28, 29, 30, 31, 32),
    "bone": (*range(33, 57), *range(63, 98), 114, 120, 122),
}
"""Numbers by name; a class of several numbers is their union. The lungs of a side are ours, the other unions its
authors'."""
