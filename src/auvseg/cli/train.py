"""`auvseg train`, `auvseg nnunet-path` and `auvseg nnunet-export`: training with nnU-Net v2."""

import os
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from auvseg.cli.console import out, say
from auvseg.errors import UsageError


class LossName(str, Enum):
    """What is minimised."""

    duo = "duo"
    baseline = "baseline"


class NetworkName(str, Enum):
    """What is trained."""

    nnunet = "nnunet"
    swin_unetr = "swin-unetr"
    umamba_bot = "umamba-bot"
    umamba_enc = "umamba-enc"


class NoiseName(str, Enum):
    """Where the noise comes from."""

    case = "case"
    sampled = "sampled"
    none = "none"


class ScaleOnName(str, Enum):
    """What S is computed on."""

    logits = "logits"
    probabilities = "probabilities"


_DUO = "DUO"
_SCALE = "The scale S of DUO"
_VALIDATION = "Validation"

_TRAINERS = {
    ("baseline", "nnunet"): "nnUNetTrainerAuvsegBaseline",
    ("duo", "nnunet"): "nnUNetTrainerDUO",
    ("baseline", "swin-unetr"): "nnUNetTrainerSwinUNETR",
    ("duo", "swin-unetr"): "nnUNetTrainerDUOSwinUNETR",
    ("baseline", "umamba-bot"): "nnUNetTrainerUMambaBot",
    ("duo", "umamba-bot"): "nnUNetTrainerDUOUMambaBot",
    ("baseline", "umamba-enc"): "nnUNetTrainerUMambaEnc",
    ("duo", "umamba-enc"): "nnUNetTrainerDUOUMambaEnc",
}


def train(
    dataset: Annotated[str, typer.Argument(help="nnU-Net's data set: its number, DatasetXXX_Name, or its folder.")],
    configuration: Annotated[str, typer.Argument(help="Configuration of the plans, such as 3d_fullres.")],
    fold: Annotated[str, typer.Argument(help="Fold, 0 to 4, or all.")],
    loss: Annotated[LossName, typer.Option(help="duo, or nnU-Net's own loss by the same protocol.")] = LossName.duo,
    network: Annotated[NetworkName, typer.Option(help="nnU-Net's network, or another.")] = NetworkName.nnunet,
    plans: Annotated[str, typer.Option(help="Name of the plans.")] = "nnUNetPlans",
    keep: Annotated[
        Path | None, typer.Option(help="File with the cases to train on, one a line. Validation cases stay.")
    ] = None,
    exclude: Annotated[
        Path | None, typer.Option(help="File with the cases not to train on: exclude.txt of auvseg filter.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs; the paper's 100.")] = None,
    iterations: Annotated[int | None, typer.Option(min=1, help="Steps an epoch; nnU-Net's 250.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="At the start; the paper's 0.01.")] = None,
    alpha: Annotated[
        float | None, typer.Option(min=0, rich_help_panel=_DUO, help="How much a class of high S counts less.")
    ] = None,
    beta: Annotated[
        float | None, typer.Option(min=0, max=1, rich_help_panel=_DUO, help="Share of Dice; the rest is BCE.")
    ] = None,
    noise: Annotated[
        NoiseName | None, typer.Option(rich_help_panel=_DUO, help="Noise of every case, sampled, or none.")
    ] = None,
    correction_limit: Annotated[
        float | None,
        typer.Option(min=0, max=1, rich_help_panel=_DUO, help="Largest change of a label; below 0.5 none turns over."),
    ] = None,
    correction_share: Annotated[
        float | None,
        typer.Option(min=0, max=1, rich_help_panel=_DUO, help="Share of a structure that corrections may add up to."),
    ] = None,
    scale_gradient: Annotated[
        bool | None,
        typer.Option("--scale-gradient/--scale-detached", rich_help_panel=_SCALE, help="Gradient through S, or not."),
    ] = None,
    scale_on: Annotated[
        ScaleOnName | None, typer.Option(rich_help_panel=_SCALE, help="S of logits or probabilities.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Reproducible with nnUNet_n_proc_DA=0.")] = None,
    results: Annotated[
        Path | None, typer.Option(help="Instead of nnUNet_results: one folder for each seed or setting.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cuda, cpu or mps.")] = "auto",
    num_gpus: Annotated[int, typer.Option(min=1, help="GPUs of this machine.")] = 1,
    resume: Annotated[bool, typer.Option("--continue", help="Go on from the latest checkpoint.")] = False,
    validate: Annotated[
        bool,
        typer.Option(
            "--validate",
            rich_help_panel=_VALIDATION,
            help="Only validate a finished training.",
        ),
    ] = False,
    mirroring: Annotated[
        bool | None,
        typer.Option(
            "--mirroring/--no-mirroring",
            rich_help_panel=_VALIDATION,
            help="Validate over mirrored copies, or in an eighth of the time.",
        ),
    ] = None,
    npz: Annotated[
        bool,
        typer.Option(
            "--npz",
            rich_help_panel=_VALIDATION,
            help="Save the validation's probabilities.",
        ),
    ] = False,
    pretrained: Annotated[Path | None, typer.Option(help="Weights to start from, nnU-Net's or ours.")] = None,
) -> None:
    """Train nnU-Net with DUO: as nnUNetv2_train, after nnUNetv2_plan_and_preprocess.

    Settings not given here come from AUVSEG_ALPHA and so on, the plans, or the paper. Prediction is stock nnU-Net's:
    [bold]export nnUNet_extTrainer=$(auvseg nnunet-path)[/bold], then nnUNetv2_predict.

    Example: [bold]auvseg train 4 3d_fullres 0 --exclude runs/hippocampus/filter/exclude.txt[/bold]
    """
    from auvseg.integrations.nnunet import with_search_folder
    from auvseg.integrations.nnunet.settings import PREFIX, Settings
    from auvseg.nnunet.preprocessed import preprocessed_name

    given = {
        "keep": None if keep is None else keep.resolve(),
        "exclude": None if exclude is None else exclude.resolve(),
        "epochs": epochs,
        "iterations": iterations,
        "learning_rate": learning_rate,
        "alpha": alpha,
        "beta": beta,
        "noise": None if noise is None else noise.value,
        "correction_limit": correction_limit,
        "correction_share": correction_share,
        "scale_gradient": scale_gradient,
        "scale_on": None if scale_on is None else scale_on.value,
        "seed": seed,
        "mirroring": mirroring,
    }
    os.environ.update({PREFIX + name.upper(): str(value) for name, value in given.items() if value is not None})
    os.environ["nnUNet_extTrainer"] = with_search_folder(os.environ)  # noqa: SIM112 - nnU-Net's spelling
    if results is not None:
        os.environ["nnUNet_results"] = str(results.resolve())  # noqa: SIM112
    Settings.read(os.environ, {})
    if resume and validate:
        raise UsageError("--continue and --validate exclude each other")
    if fold != "all" and not fold.isdecimal():
        raise UsageError(f"the fold is a number, or all; not {fold!r}")
    if not os.environ.get("nnUNet_results"):  # noqa: SIM112
        raise UsageError("nnUNet_results is not set: the folder for what nnU-Net trains; set it, or add --results")
    name = preprocessed_name(dataset, configuration, plans, os.environ)
    trainer = _TRAINERS[loss.value, network.value]
    say(f"training with {trainer}")
    _run(
        name, configuration, fold, trainer, plans,
        pretrained_weights=None if pretrained is None else str(pretrained), num_gpus=num_gpus,
        export_validation_probabilities=npz, continue_training=resume, only_run_validation=validate,
        device=_device(device),
    )  # fmt: skip


def nnunet_path() -> None:
    """Print the folder in which nnU-Net finds auvseg's trainers.

    Example: [bold]export nnUNet_extTrainer=$(auvseg nnunet-path)[/bold]
    """
    from auvseg.integrations.nnunet import search_folder

    out.print(str(search_folder()), markup=False, highlight=False, soft_wrap=True)


def nnunet_export(
    model: Annotated[Path, typer.Argument(help="Model folder nnUNetTrainerDUO__PLANS__CONFIGURATION.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="New folder; default nnUNetTrainer__… beside it.")
    ] = None,
) -> None:
    """Cut the noise head off: a model that stock nnU-Net predicts with, bit for bit the same, without auvseg.

    Example: [bold]auvseg nnunet-export nnUNet_results/Dataset004_X/nnUNetTrainerDUO__nnUNetPlans__3d_fullres[/bold]
    """
    from auvseg.integrations.nnunet.export import export_plain

    say(f"written: {export_plain(model, output)}")


def _device(name: str) -> str:
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    return name


def _run(*arguments: str, device: str, **options: object) -> None:
    import torch

    try:
        from nnunetv2.run.run_training import run_training
    except ImportError:
        raise UsageError("nnU-Net is not installed; pip install 'auvseg[nnunet]'") from None
    try:
        run_training(*arguments, device=torch.device(device), **options)
    except FileNotFoundError as error:
        raise UsageError(f"{error}; was nnUNetv2_plan_and_preprocess run, and is nnUNet_preprocessed set?") from None
