"""Base of extractors over volumes: fixed classes, matched by name, and one network over sliding windows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from jaxtyping import Float32
from torch import Tensor, nn

from auvseg.data.case import ClassDef, Modality
from auvseg.errors import CaseError, UsageError
from auvseg.extractors.base import ClassMap, ExtractorInput
from auvseg.extractors.classes import ClassNameMap, Match, listed, match_names
from auvseg.extractors.families import Prompt
from auvseg.extractors.memory import Precision, named_precision
from auvseg.extractors.volumes.sliding_window import Predict, WindowedNetwork, Windows
from auvseg.extractors.volumes.volumewise import PreparedVolume, Preprocessing, planes_counted, prepare


class NamesItsClasses:
    """An extractor with classes of its own, of which those of a data set are found by name.

    Args:
        known: its names.
        class_map: its names of a class by the data set's, where they do not say the same.
    """

    name: str

    def __init__(self, known: Sequence[str], class_map: ClassNameMap | None) -> None:
        self._known = list(known)
        self._class_map = class_map

    def match(self, classes: Sequence[ClassDef]) -> Match:
        """Its classes for those of a data set."""
        return match_names(classes, self._known, self._class_map)

    def unmatched(self, classes: Sequence[ClassDef]) -> dict[int, str]:
        """Why there is no map of some of the data set's classes, by class id."""
        return self.match(classes).reasons(self.name)

    def notes(self, classes: Sequence[ClassDef] | None) -> tuple[str, ...]:
        """What a person should know before scoring these classes (None: undeclared), one sentence each.

        Raises:
            UsageError: the model has none of the classes.
        """
        always = f"{self.name} gives no predicted IoU and no embedding: predicted_iou and mahalanobis have no number"
        own = () if classes is None else self.match(classes).notes(self.name, self._known)
        return (*own, always)

    def named(
        self, case: ExtractorInput, classes: Sequence[ClassDef], channels: int
    ) -> dict[ClassDef, tuple[str, ...]]:
        """Its names of the classes that it has, of a case that it can see.

        Raises:
            CaseError: none of the classes is its own, or the case has another number of channels.
        """
        names = self.match(classes).names
        found = {one: names[one.class_id] for one in classes if one.class_id in names}
        if classes and not found:
            raise CaseError(f"{self.name} has none of its classes; it has {listed(self._known)}")
        there = 0 if case.raw is None else case.raw.channels.shape[0]
        if there != channels:
            raise CaseError(f"has {there} channels, the network was trained on {channels}")
        return found


@dataclass(frozen=True)
class Options:
    """What a user may say to a model over volumes.

    Attributes:
        class_map: the model's names of a class by the data set's, where they do not say the same.
        prompt: `label`, rows for the classes that the label holds; `none`, the label is not used: rows for all classes.
        box_margin: must be 0: there are no boxes.
        max_slices: must be None: a volume is segmented as a whole.
        precision: `fp32`; `bf16`, where PyTorch's autocast has it so; `auto`, which is `fp32`.
        device: where the network runs.
    """

    class_map: ClassNameMap | None = None
    prompt: Prompt = "label"
    box_margin: int = 0
    max_slices: int | None = None
    precision: str = "auto"
    device: str = "cpu"

    def check(self, name: str) -> None:
        """Refuse what has a meaning only for models that see planes.

        Raises:
            UsageError: one of them was given.
        """
        refuse_plane_options(name, self.box_margin, self.max_slices)


class VolumeModel(NamesItsClasses):
    """A frozen network over windows of a volume, behind the extractor contract (`auvseg.extractors.base`).

    Args:
        network: frozen.
        predict: its logits for some outputs, each of a class against everything else.
        outputs: the outputs of every class by its name; of several the highest counts.
        preprocessing: what it wants of a volume.
        windows: what it sees at a time.
        weights_id: sha256 of its weights.
        options: of the user.

    Raises:
        UsageError: an option has no meaning here.
    """

    modalities: frozenset[Modality] = frozenset({"ct"})
    raw_channels: int = 1

    def __init__(
        self,
        network: nn.Module,
        predict: Predict,
        outputs: Mapping[str, tuple[int, ...]],
        preprocessing: Preprocessing,
        windows: Windows,
        weights_id: str,
        options: Options,
    ) -> None:
        super().__init__(list(outputs), options.class_map)
        self.prompt: Prompt = options.prompt
        self.weights_id = weights_id
        self._outputs = outputs
        self._preprocessing = preprocessing
        self._windows = windows
        self._precision: Precision = named_precision(options.precision)
        self._network = network
        self._windowed = WindowedNetwork(network, predict, windows, device=options.device, precision=self._precision)

    def settings(self) -> dict[str, str | int | float | bool | None]:
        """What changes the maps."""
        return {
            "prompt": self.prompt,
            "precision": self._precision,
            "window": " ".join(map(str, self._windows.size)),
            "overlap": self._windows.overlap,
        }

    def remarks(self) -> tuple[str, ...]:
        """What was given up for lack of memory, up to now."""
        return self._windowed.remarks()

    def class_maps(self, case: ExtractorInput, classes: Sequence[ClassDef]) -> Iterator[ClassMap]:
        """Yield the map of every class that the model has, over all planes, one at a time.

        Raises:
            CaseError: the case has another number of channels, none of the classes is the model's, or the memory is not
                enough.
        """
        if not classes:
            return
        wanted = self.named(case, classes, self.raw_channels)
        prepared = prepare(case, self._preprocessing, channels=self.raw_channels)
        planes, planes_with = tuple(range(case.image.shape[0])), planes_counted(case)
        maps = self._maps(prepared, [self._numbers(names) for names in wanted.values()])
        for one, (logits, odds) in zip(wanted, maps, strict=True):
            yield ClassMap(class_def=one, logits=logits, odds=odds, planes=planes, planes_total=planes_with(one))

    def _maps(
        self, prepared: PreparedVolume, groups: Sequence[tuple[int, ...]]
    ) -> Iterator[tuple[Float32[Tensor, "D h w"], Float32[Tensor, "D h w"] | None]]:
        """Logits of every group of outputs on the case's planes, and their odds where those are something else."""
        for logits in self._windowed.logits(prepared.image, groups):
            yield prepared.on_planes(logits), None

    def _numbers(self, names: Sequence[str]) -> tuple[int, ...]:
        """The outputs of all that are named, each once."""
        return tuple(dict.fromkeys(number for name in names for number in self._outputs[name]))


def refuse_plane_options(name: str, box_margin: int, max_slices: int | None) -> None:
    """Refuse what has a meaning only for models that see planes.

    Raises:
        UsageError: one of them was given.
    """
    given = [option for option, value in {"--box-margin": box_margin, "--max-slices": max_slices}.items() if value]
    if given:
        raise UsageError(f"{given[0]} has no meaning for the extractor {name}, which sees whole volumes; omit it")
