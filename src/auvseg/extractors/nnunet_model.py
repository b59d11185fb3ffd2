"""A trained nnU-Net's model folder: opened without running anything that it may contain.

    plans.json, dataset.json, fold_N/checkpoint_final.pth

nnU-Net loads checkpoints by unpickling them whole. Here they are read as plain data, and the network is built from
classes of known packages alone; the sliding window is nnU-Net's own predictor.
"""

import contextlib
import hashlib
import io
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from auvseg.data.case import ClassDef
from auvseg.errors import UsageError
from auvseg.extractors.nnunet_classes import outputs_of
from auvseg.files.text import read_json
from auvseg.nnunet.checkpoint import load_checkpoint
from auvseg.nnunet.search_path import VARIABLE, with_search_folder

CHECKPOINT = "checkpoint_final.pth"

READERS = ("SimpleITKIO", "NibabelIO", "SimpleITKIOWithReorient", "NibabelIOWithReorient", "NaturalImage2DIO")
"""nnU-Net's readers whose order of axes is known here."""

_NETWORKS = ("dynamic_network_architectures.", "auvseg.networks.")
_PARTS = ("torch.nn.", "dynamic_network_architectures.")
"""Where plans may take a network and its layers from: they name any importable object, which nnU-Net then calls."""


@dataclass(frozen=True)
class NnUNetModel:
    """A trained network, ready.

    Attributes:
        predictor: nnU-Net's `nnUNetPredictor`.
        outputs: the foreground class of every output that has one, by its position.
        regions: whether the outputs are independent of each other (sigmoid); else one softmax.
        heads: number of outputs.
        channels: number of image channels.
        reader: nnU-Net's class that read the files, which says in which order their axes come.
        weights_sha256: of the checkpoint; of several, of their hashes in the order of the folds.
        settings: everything else that changes the maps.
    """

    predictor: Any
    outputs: dict[int, ClassDef]
    regions: bool
    heads: int
    channels: int
    reader: str
    weights_sha256: str
    settings: dict[str, str | int | float | bool | None]


def open_model(
    folder: Path,
    *,
    folds: str | None = None,
    checkpoint: str = CHECKPOINT,
    mirroring: bool = False,
    device: str = "cpu",
) -> NnUNetModel:
    """Open a model folder, `…/TRAINER__PLANS__CONFIGURATION`.

    Args:
        folder: the folder.
        folds: numbers separated by commas, or `all`, nnU-Net's fold of all cases; None takes every numbered fold there
            is. The logits of several are averaged.
        checkpoint: file name of the checkpoints.
        mirroring: whether predictions are averaged over mirrored copies.
        device: where the network runs.

    Raises:
        UsageError: nnU-Net is not installed; the folder, a fold or a checkpoint is missing, damaged or holds more than
            plain data; the network is the second of a cascade, or is not of a known package.
    """
    _require_nnunet()
    plans, dataset = read_model_json(folder, "plans.json"), read_model_json(folder, "dataset.json")
    chosen = _folds(folder, folds, checkpoint)
    loaded = [load_checkpoint(folder / f"fold_{fold}" / checkpoint) for fold in chosen]
    hashes = [sha256 for _, sha256 in loaded]
    first = loaded[0][0]
    with _quiet():
        predictor = _predictor(
            folder, plans, dataset, first, [content["network_weights"] for content, _ in loaded], mirroring, device
        )
    labels = predictor.label_manager
    from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels

    reader = predictor.plans_manager.image_reader_writer_class.__name__
    if reader not in READERS:
        raise UsageError(
            f"{folder}: its files are read by nnU-Net's {reader}, whose order of axes auvseg does not know"
        )
    return NnUNetModel(
        predictor=predictor,
        outputs=outputs_of(dataset["labels"], regions=labels.has_regions),
        regions=labels.has_regions,
        heads=labels.num_segmentation_heads,
        channels=determine_num_input_channels(predictor.plans_manager, predictor.configuration_manager, dataset),
        reader=reader,
        weights_sha256=hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest(),
        settings={
            "trainer": first["trainer_name"],
            "configuration": first["init_args"]["configuration"],
            "folds": ",".join(chosen),
            "checkpoint": checkpoint,
            "mirroring": mirroring,
            "arithmetic": "fp32" if device == "cpu" else "autocast",
            "plans_sha256": _sha256(folder / "plans.json"),
            "dataset_sha256": _sha256(folder / "dataset.json"),
            "nnunetv2": metadata.version("nnunetv2"),
        },
    )


def _require_nnunet() -> None:
    if find_spec("nnunetv2") is None:
        raise UsageError("the extractor nnunet needs nnU-Net, which is not installed; pip install 'auvseg[nnunet]'")


def read_model_json(folder: Path, name: str) -> dict[str, Any]:
    """A JSON file of a model folder.

    Raises:
        UsageError: it is missing or damaged.
    """
    try:
        content = read_json(folder / name)
    except OSError:
        raise UsageError(
            f"{folder} has no {name}; --model is a folder of nnU-Net's results, TRAINER__PLANS__CONFIGURATION"
        ) from None
    except ValueError:
        raise UsageError(f"{folder / name} is damaged; copy the model folder again") from None
    if not isinstance(content, dict):
        raise UsageError(f"{folder / name} is not what nnU-Net writes; copy the model folder again")
    return content


def _folds(folder: Path, wanted: str | None, checkpoint: str) -> list[str]:
    """The folds to take, in an order that does not depend on how they were asked for."""
    there = {path.parent.name.removeprefix("fold_") for path in folder.glob(f"fold_*/{checkpoint}")}
    numbered = sorted((fold for fold in there if fold.isdecimal()), key=int)
    if wanted is None:
        chosen = numbered or sorted(there & {"all"})
    elif wanted == "all":
        chosen = ["all"]
    else:
        parts = [part.strip() for part in wanted.split(",")]
        if not all(part.isdecimal() for part in parts):
            raise UsageError(f"--folds {wanted}: give numbers such as 0,1, or all for the fold of all cases")
        chosen = [str(number) for number in sorted({int(part) for part in parts})]
    missing = [fold for fold in chosen if fold not in there]
    if missing or not chosen:
        found = ", ".join([*numbered, *sorted(there & {"all"})]) or "none"
        what = f"fold_{missing[0]}" if missing else "fold_*"
        raise UsageError(f"{folder} has no {what}/{checkpoint}; folds with this checkpoint: {found}")
    return chosen


def _predictor(
    folder: Path,
    plans: dict[str, Any],
    dataset: dict[str, Any],
    checkpoint: Mapping[str, Any],
    weights: list[dict[str, Any]],
    mirroring: bool,
    device: str,
) -> Any:
    """nnU-Net's predictor with the network that its trainer builds for prediction."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
    from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    benchmark = torch.backends.cudnn.benchmark
    try:
        plans_manager = PlansManager(plans)
        configuration = plans_manager.get_configuration(checkpoint["init_args"]["configuration"])
        if configuration.previous_stage_name is not None:
            raise UsageError(
                f"{folder} is the second network of a cascade, which needs the first one's segmentation; "
                "use 3d_fullres, 3d_lowres or 2d"
            )
        _check_architecture(folder, configuration)
        trainer = recursive_find_trainer_class_by_name(checkpoint["trainer_name"])
        network = trainer.build_network_architecture(
            plans_manager,
            configuration,
            determine_num_input_channels(plans_manager, configuration, dataset),
            plans_manager.get_label_manager(dataset).num_segmentation_heads,
            enable_deep_supervision=False,
        )
        for one in weights:
            network.load_state_dict(one)
        predictor = nnUNetPredictor(use_mirroring=mirroring, device=torch.device(device), allow_tqdm=False)
        predictor.manual_initialization(
            network,
            plans_manager,
            configuration,
            weights,
            dataset,
            checkpoint["trainer_name"],
            checkpoint.get("inference_allowed_mirroring_axes"),
        )
    except (RuntimeError, LookupError, TypeError, ValueError, AttributeError, AssertionError, ImportError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise UsageError(f"{folder}: its network cannot be built from plans and checkpoint: {lines[0]}") from None
    finally:
        # The predictor turns it on, and the fastest algorithm of one run is not that of the next.
        torch.backends.cudnn.benchmark = benchmark
    return predictor


def _check_architecture(folder: Path, configuration: Any) -> None:
    arguments = configuration.network_arch_init_kwargs
    layers = [arguments.get(name) for name in configuration.network_arch_init_kwargs_req_import]
    named = [(configuration.network_arch_class_name, _NETWORKS), *((one, _PARTS) for one in layers if one is not None)]
    for name, known in named:
        _require_known(folder, str(name), known)


def require_known_classes(folder: Path, names: Iterable[str]) -> None:
    """Refuse layers that plans name outside the packages from which networks are built.

    Raises:
        UsageError: a name is another package's.
    """
    for name in names:
        _require_known(folder, str(name), _PARTS)


def _require_known(folder: Path, name: str, known: tuple[str, ...]) -> None:
    if not name.startswith(known):
        raise UsageError(
            f"{folder / 'plans.json'} builds its network from {name}; auvseg takes networks of "
            "dynamic_network_architectures and its own, with layers of torch.nn"
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Let nnU-Net find our trainers, and keep what it prints to itself."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = with_search_folder(os.environ)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
