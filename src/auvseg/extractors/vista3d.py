"""VISTA3D (NV-Segment-CT), a foundation model for CT volumes that is told nothing but which of its classes are wanted.

He et al., VISTA3D: A Unified Segmentation Foundation Model For 3D Medical Imaging, CVPR 2025. The network is MONAI's
`vista3d132`; its weights are not ours to bring. Preprocessing, window and overlap are those of the authors' bundle: 1.5
mm, cut to what is above 0 HU and 10 voxels around it, HU from -963.82 to 1053.68 as 0 to 1, axes to R, A and S, windows
of 128 voxels that overlap by 0.3. Where windows overlap, logits are averaged with Gaussian weights.

Each class is a binary question of its own: its logits are those of the class against everything else. The classes go
through the encoder together, so that a window is encoded once for all that fit into memory.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from monai.networks.nets.vista3d import vista3d132
from torch import Tensor

from auvseg.data.case import ClassDef, Modality
from auvseg.errors import CaseError
from auvseg.extractors.base import ClassMap, ExtractorInput, Prompt
from auvseg.extractors.checkpoint import Published, checkpoint_path, fill, load_checkpoint
from auvseg.extractors.class_names import ClassNameMap, Match, listed, match_names
from auvseg.extractors.out_of_memory import Precision, named_precision
from auvseg.extractors.sliding_window import WindowedNetwork, Windows
from auvseg.extractors.vista3d_classes import VISTA3D_CLASSES
from auvseg.extractors.volumewise import Preprocessing, maps_of_volume, prepare, refuse_plane_options, windowed

NAME = "vista3d"

PUBLISHED = Published("VISTA3D", "model.pt", keys=("model", "state_dict"))

FEATURES = 48
"""Channels of the published network at full resolution."""

HU = (-963.8247715525971, 1053.678477684517)
WINDOW = (128, 128, 128)
PREPROCESSING = Preprocessing(
    spacing_mm=(1.5, 1.5, 1.5), intensity=windowed(*HU), axcodes="RAS", crop_above=0.0, crop_margin=10
)
OVERLAP = 0.3


class Vista3D:
    """The frozen model behind the extractor contract (`auvseg.extractors.base`).

    Args:
        model: the checkpoint file; None takes the one that `auvseg weights pull vista3d` has fetched.
        class_map: the model's names of a class by the data set's, where they do not say the same.
        prompt: `label`, rows for the classes that the label holds; `none`, the label is not used: rows for all classes.
        box_margin: must be 0: there are no boxes.
        max_slices: must be None: a volume is segmented as a whole.
        precision: `fp32`; `bf16`, where PyTorch's autocast has it so; `auto`, which is `fp32`.
        device: where the network runs.
        features: channels of the network that the checkpoint holds.
        window: voxels along its axes that it sees at a time.

    Raises:
        UsageError: an option has no meaning here.
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
        features: int = FEATURES,
        window: tuple[int, int, int] = WINDOW,
    ) -> None:
        refuse_plane_options(NAME, box_margin, max_slices)
        self.prompt: Prompt = prompt
        self._class_map = class_map
        self._precision: Precision = named_precision(precision)
        self._window = window
        path = checkpoint_path(model, NAME)
        state, self.weights_id = load_checkpoint(path, PUBLISHED)
        self._network = vista3d132(encoder_embed_dim=features)
        fill(self._network, state, path, PUBLISHED.title)
        self._windowed = WindowedNetwork(
            self._network,
            self._predict,
            Windows(window, overlap=OVERLAP),
            device=device,
            precision=self._precision,
        )

    @property
    def own_classes(self) -> tuple[ClassDef, ...]:
        """The classes that it segments; unions of them are left out."""
        singles = ((name, numbers[0]) for name, numbers in VISTA3D_CLASSES.items() if len(numbers) == 1)
        return tuple(ClassDef(number, name, (number,)) for name, number in sorted(singles, key=lambda pair: pair[1]))

    def settings(self) -> dict[str, str | int | float | bool | None]:
        """What changes the maps."""
        return {"prompt": self.prompt, "precision": self._precision, "window": self._window[0], "overlap": OVERLAP}

    def unmatched(self, classes: Sequence[ClassDef]) -> dict[int, str]:
        """Why there is no map of some of the data set's classes, by class id."""
        return self._match(classes).reasons(NAME)

    def notes(self, classes: Sequence[ClassDef] | None) -> tuple[str, ...]:
        """What a person should know before scoring these classes (None: undeclared), one sentence each.

        Raises:
            UsageError: the model has none of the classes.
        """
        always = f"{NAME} gives no predicted IoU and no embedding: predicted_iou and mahalanobis have no number"
        own = () if classes is None else self._match(classes).notes(NAME, list(VISTA3D_CLASSES))
        return (*own, always)

    def remarks(self) -> tuple[str, ...]:
        """What was given up for lack of memory, up to now."""
        return self._windowed.remarks()

    def class_maps(self, case: ExtractorInput, classes: Sequence[ClassDef]) -> Iterator[ClassMap]:
        """Yield the map of every class that the model has, over all planes, one at a time.

        Raises:
            CaseError: the case has several channels, none of the classes is the model's, or the memory is not enough.
        """
        if not classes:
            return
        names = self._match(classes).names
        wanted = [(one, _numbers(names[one.class_id])) for one in classes if one.class_id in names]
        if not wanted:
            raise CaseError(f"{NAME} has none of its classes; it has {listed(list(VISTA3D_CLASSES))}")
        yield from maps_of_volume(case, wanted, self._windowed, prepare(case, PREPROCESSING))

    def _match(self, classes: Sequence[ClassDef]) -> Match:
        return match_names(classes, list(VISTA3D_CLASSES), self._class_map)

    def _predict(self, windows: Float[Tensor, "B 1 x y z"], outputs: tuple[int, ...]) -> Float[Tensor, "B C x y z"]:
        numbers = torch.tensor(outputs, device=windows.device)[:, None]
        # The head takes one window at a time: its products would mix those of a batch.
        found = [self._network(window[None], class_vector=numbers).transpose(0, 1) for window in windows]
        return torch.cat(found)


def _numbers(names: Sequence[str]) -> tuple[int, ...]:
    """The numbers of all that are named, each once."""
    return tuple(dict.fromkeys(number for name in names for number in VISTA3D_CLASSES[name]))
