"""The CLIP-Driven Universal Model, for CT volumes: 25 organs and vessels and seven lesions, told nothing.

Liu et al., ICCV 2023. Its weights are not ours to bring, and their licence (CC BY-NC-ND 4.0) forbids commercial use and
passing on adapted versions. Preprocessing and windows are those of the authors' prediction: axes to R, A and S, 1.5 mm,
HU from -175 to 250 as 0 to 1, cut to what is above, windows of 96 voxels that overlap by half, Gaussian weights.

Each class is a question of its own (a sigmoid): a tumour lies inside its organ. The authors' clean-up of masks after
the network has no part in the maps.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from auvseg.data.case import ClassDef, Modality
from auvseg.errors import CaseError
from auvseg.extractors.base import ClassMap, ExtractorInput, Prompt
from auvseg.extractors.checkpoint import Published, checkpoint_path, fill, load_checkpoint
from auvseg.extractors.class_names import ClassNameMap, Match, listed, match_names
from auvseg.extractors.clip_driven_network import UniversalNetwork
from auvseg.extractors.out_of_memory import Precision, named_precision
from auvseg.extractors.sliding_window import WindowedNetwork, Windows
from auvseg.extractors.volumewise import Preprocessing, maps_of_volume, prepare, refuse_plane_options, windowed

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
    crop_above=-175.0,
)

_BACKBONE = ("swinViT.", "encoder", "decoder")


class ClipDriven:
    """The frozen model behind the extractor contract (`auvseg.extractors.base`).

    Args:
        model: the checkpoint file, of the Swin UNETR; None takes the one that `auvseg weights pull clip-driven` has
            fetched.
        class_map: the model's names of a class by the data set's, where they do not say the same.
        prompt: `label`, rows for the classes that the label holds; `none`, the label is not used: rows for all classes.
        box_margin: must be 0: there are no boxes.
        max_slices: must be None: a volume is segmented as a whole.
        precision: `fp32`; `bf16`, where PyTorch's autocast has it so; `auto`, which is `fp32`.
        device: where the network runs.
        window: voxels along its axes that it sees at a time, multiples of 32, not all 32.

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
        window: tuple[int, int, int] = WINDOW,
    ) -> None:
        refuse_plane_options(NAME, box_margin, max_slices)
        self.prompt: Prompt = prompt
        self._class_map = class_map
        self._precision: Precision = named_precision(precision)
        self._window = window
        path = checkpoint_path(model, NAME)
        state, self.weights_id = load_checkpoint(path, PUBLISHED)
        self._network = UniversalNetwork()
        fill(self._network, {_own_name(name): value for name, value in state.items()}, path, PUBLISHED.title)
        self._windowed = WindowedNetwork(
            self._network,
            self._predict,
            Windows(window, overlap=OVERLAP),
            device=device,
            precision=self._precision,
        )

    @property
    def own_classes(self) -> tuple[ClassDef, ...]:
        """The classes that it segments, numbered from 1 as its authors do."""
        return tuple(ClassDef(number, name, (number,)) for number, name in enumerate(NAMES, start=1))

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
        own = () if classes is None else self._match(classes).notes(NAME, list(NAMES))
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
        wanted = [
            (one, tuple(NAMES.index(name) for name in names[one.class_id])) for one in classes if one.class_id in names
        ]
        if not wanted:
            raise CaseError(f"{NAME} has none of its classes; it has {listed(list(NAMES))}")
        yield from maps_of_volume(case, wanted, self._windowed, prepare(case, PREPROCESSING))

    def _match(self, classes: Sequence[ClassDef]) -> Match:
        return match_names(classes, list(NAMES), self._class_map)

    def _predict(self, windows: Float[Tensor, "B 1 x y z"], outputs: tuple[int, ...]) -> Float[Tensor, "B C x y z"]:
        found: Tensor = self._network(windows, outputs)
        return found


def _own_name(name: str) -> str:
    """The network's name of a tensor; the published file writes those of the backbone without saying so."""
    return f"backbone.{name}" if name.startswith(_BACKBONE) else name
