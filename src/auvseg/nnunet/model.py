"""Load nnU-Net models and checkpoints without executing anything in them.

nnU-Net itself unpickles checkpoints completely. Here only plain data, tensors and NumPy numbers are allowed.
"""

import contextlib
import hashlib
import io
import os
import pickle
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from auvseg.data.case import ClassDef
from auvseg.errors import UsageError
from auvseg.extractors.classes import ClassNameMap, mapped
from auvseg.files.text import read_json
from auvseg.nnunet.search_path import VARIABLE, with_search_folder

_multiarray = (np._core if hasattr(np, "_core") else np.core).multiarray
_NUMPY: list[Any] = [
    _multiarray.scalar,
    _multiarray._reconstruct,
    np.ndarray,
    np.dtype,
    *(type(np.dtype(name)) for name in ("float64", "float32", "float16", "int64", "int32", "bool")),
]
"""What nnU-Net logs."""


def load_checkpoint(path: Path) -> tuple[dict[str, Any], str]:
    """Load a checkpoint of nnU-Net on the CPU, with the SHA-256 of the bytes that were read.

    Raises:
        UsageError: the file cannot be read, is damaged, or holds more than weights, numbers and plain data.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
            # Use the handle that was hashed, in case the file is replaced meanwhile.
            file.seek(0)
            with torch.serialization.safe_globals(_NUMPY):
                content = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, TypeError, LookupError) as error:
        lines = [line for line in str(error).splitlines() if "GLOBAL" in line] or str(error).splitlines() or [""]
        why = lines[0].strip()
        raise UsageError(f"{path} is no checkpoint of nnU-Net, or is damaged; it was not loaded: {why}") from None
    if not isinstance(content, dict) or not {"network_weights", "trainer_name", "init_args"} <= content.keys():
        raise UsageError(f"{path} is no checkpoint of nnU-Net v2: it names no trainer or holds no weights")
    return content, digest.hexdigest()


def outputs_of(labels: Mapping[str, Any], *, regions: bool) -> dict[int, ClassDef]:
    """Return the foreground classes of a network by the position of their output.

    Args:
        labels: `labels` of nnU-Net's `dataset.json`: a label value by name, or the values of a region.
        regions: whether the network has one sigmoid a region; else one softmax over all label values, background first.

    Returns:
        A class an output, in the order of the outputs; nnU-Net's ignore label has none.
    """
    named = {name: _values(value) for name, value in labels.items() if name != "ignore"}
    foreground = {name: values for name, values in named.items() if set(values) != {0}}
    if regions:
        return {
            position: ClassDef(position + 1, name, values) for position, (name, values) in enumerate(foreground.items())
        }
    order = sorted({value for values in named.values() for value in values})
    by_value = {value: name for name, values in foreground.items() for value in values}
    return {
        position: ClassDef(value, by_value[value], (value,))
        for position, value in enumerate(order)
        if value in by_value
    }


def match(
    classes: Sequence[ClassDef], outputs: Mapping[int, ClassDef], class_map: ClassNameMap | None = None
) -> dict[int, int]:
    """Match every class with a network output, by class id.

    The class map comes first, then the same name, then the same label values. An output that has another class's name
    is never matched by values: two data sets may number the same organs differently.

    Raises:
        UsageError: the class map names an output that there is not, or several for one class.
    """
    by_name = {output.name.casefold(): position for position, output in outputs.items()}
    found = _mapped(classes, outputs, class_map)
    found |= {
        c.class_id: by_name[c.name.casefold()]
        for c in classes
        if c.class_id not in found and c.name.casefold() in by_name
    }
    free = {frozenset(output.values): p for p, output in outputs.items() if p not in found.values()}
    for one in classes:
        values = frozenset(one.values)
        if one.class_id not in found and values in free:
            found[one.class_id] = free[values]
    return found


def _mapped(
    classes: Sequence[ClassDef], outputs: Mapping[int, ClassDef], class_map: ClassNameMap | None
) -> dict[int, int]:
    positions = {output.name: position for position, output in outputs.items()}
    chosen = mapped(classes, list(positions), class_map)
    several = [names for names in chosen.values() if len(names) > 1]
    if several:
        raise UsageError(f"--class-map: nnunet takes one output a class, not {' and '.join(several[0])}")
    return {class_id: positions[names[0]] for class_id, names in chosen.items()}


def _values(value: Any) -> tuple[int, ...]:
    return tuple(int(one) for one in value) if isinstance(value, list | tuple) else (int(value),)


CHECKPOINT = "checkpoint_final.pth"

READERS = ("SimpleITKIO", "NibabelIO", "SimpleITKIOWithReorient", "NibabelIOWithReorient", "NaturalImage2DIO")
"""nnU-Net's readers whose order of axes is known here."""

_NETWORKS = ("dynamic_network_architectures.", "auvseg.networks.")
_PARTS = ("torch.nn.", "dynamic_network_architectures.")
"""Where plans may take a network and its layers from: they name any importable object, which nnU-Net then calls."""


@dataclass(frozen=True)
class NnUNetModel:
    """A trained network, ready to predict.

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
