"""Export a DUO training as a plain nnU-Net model that predicts the same without auvseg.

In evaluation a doubled layer uses the first half of its weights; the export keeps that half. Predictions are bitwise
identical.
"""

import shutil
from pathlib import Path
from typing import Any

import torch

from auvseg.duo.head import without_noise_head
from auvseg.errors import UsageError
from auvseg.nnunet.model import load_checkpoint

PLAIN_TRAINER = "nnUNetTrainer"
_NATIVE = ("nnUNetTrainerDUO", "nnUNetTrainerAuvsegBaseline")
"""Trainers whose network nnU-Net builds from its plans alone."""

_COPIED = ("plans.json", "dataset.json", "dataset_fingerprint.json")


def export_plain(model: Path, target: Path | None = None) -> Path:
    """Write a model folder that stock nnU-Net predicts with; nothing that exists is touched.

    Args:
        model: `…/nnUNetTrainerDUO__<plans>__<configuration>` with its `fold_*` folders.
        target: the new folder; default `…/nnUNetTrainer__<plans>__<configuration>` beside it.

    Returns:
        The new folder.

    Raises:
        UsageError: the folder holds no training, its network is not one of nnU-Net's own, or the target exists.
    """
    trainer, _, rest = model.resolve().name.partition("__")
    if not rest:
        raise UsageError(f"{model} is not a model folder of nnU-Net, named TRAINER__PLANS__CONFIGURATION")
    if trainer not in _NATIVE:
        raise UsageError(
            f"{trainer} has a network that nnU-Net cannot build without auvseg; only {_NATIVE[0]} is exported"
        )
    checkpoints = sorted(model.glob("fold_*/checkpoint_*.pth"))
    if not checkpoints:
        raise UsageError(f"{model} holds no checkpoint (fold_*/checkpoint_*.pth)")
    target = target or model.resolve().with_name(f"{PLAIN_TRAINER}__{rest}")
    if target.exists():
        raise UsageError(f"{target} exists already; name another folder")
    # Complete or not at all: a half-written model folder would look like a trained one.
    unfinished = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        for name in _COPIED:
            if (model / name).is_file():
                shutil.copyfile(model / name, unfinished / name)
        for path in checkpoints:
            (unfinished / path.parent.name).mkdir(exist_ok=True)
            torch.save(_plain(load_checkpoint(path)[0]), unfinished / path.parent.name / path.name)
        unfinished.replace(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return target


def _plain(checkpoint: dict[str, Any]) -> dict[str, Any]:
    arguments = dict(checkpoint["init_args"])
    state = arguments.pop("auvseg", None)
    weights = checkpoint["network_weights"]
    if state is not None:
        weights = without_noise_head(weights, state["noise_layers"], state["num_classes"])
    # The optimizer belongs to the doubled network; a plain training could not continue with it.
    kept = {key: value for key, value in checkpoint.items() if key not in ("optimizer_state", "grad_scaler_state")}
    return {**kept, "network_weights": weights, "init_args": arguments, "trainer_name": PLAIN_TRAINER}
