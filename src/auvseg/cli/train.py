"""`auvseg train`, `auvseg nnunet-path` and `auvseg nnunet-export`: training with nnU-Net v2."""

import os
from pathlib import Path
from typing import Annotated

import typer

from auvseg.choices import Loss, Network
from auvseg.cli.console import out, say
from auvseg.errors import UsageError
from auvseg.measures.catalogue import ScaleOn
from auvseg.nnunet.settings import NoiseKind

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
    dataset: Annotated[str, typer.Argument(help="nnU-Net data set: number, DatasetXXX_Name, or folder.")],
    configuration: Annotated[str, typer.Argument(help="nnU-Net configuration, such as 3d_fullres.")],
    fold: Annotated[str, typer.Argument(help="Fold, 0 to 4, or all.")],
    loss: Annotated[Loss, typer.Option(help="DUO, or nnU-Net's loss with the same protocol.")] = "duo",
    network: Annotated[Network, typer.Option(help="Network architecture.")] = "nnunet",
    plans: Annotated[str, typer.Option(help="Name of the nnU-Net plans.")] = "nnUNetPlans",
    keep: Annotated[
        Path | None, typer.Option(help="File with the cases to train on, one per line. Validation cases stay.")
    ] = None,
    exclude: Annotated[
        Path | None, typer.Option(help="File with the cases to leave out of training: exclude.txt of auvseg filter.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Number of epochs; 100 in the paper.")] = None,
    iterations: Annotated[int | None, typer.Option(min=1, help="Steps per epoch; 250 in nnU-Net.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Initial learning rate; 0.01 in the paper.")] = None,
    alpha: Annotated[
        float | None,
        typer.Option(min=0, rich_help_panel=_DUO, help="How strongly classes with high S are down-weighted."),
    ] = None,
    beta: Annotated[
        float | None, typer.Option(min=0, max=1, rich_help_panel=_DUO, help="Weight of Dice; the rest is BCE.")
    ] = None,
    noise: Annotated[
        NoiseKind | None, typer.Option(rich_help_panel=_DUO, help="Learned per case, sampled, or none.")
    ] = None,
    correction_limit: Annotated[
        float | None,
        typer.Option(min=0, max=1, rich_help_panel=_DUO, help="Maximum change of a label; below 0.5 no label flips."),
    ] = None,
    correction_share: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, rich_help_panel=_DUO, help="Maximum share of a structure that corrections add up to."
        ),
    ] = None,
    scale_gradient: Annotated[
        bool | None,
        typer.Option(
            "--scale-gradient/--scale-detached", rich_help_panel=_SCALE, help="Whether gradients flow through S."
        ),
    ] = None,
    scale_on: Annotated[
        ScaleOn | None, typer.Option(rich_help_panel=_SCALE, help="Model output that S is computed on.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Random seed; reproducible with nnUNet_n_proc_DA=0.")] = None,
    results: Annotated[
        Path | None, typer.Option(help="Results folder, instead of nnUNet_results: one per seed or setting.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cuda, cpu or mps.")] = "auto",
    num_gpus: Annotated[int, typer.Option(min=1, help="Number of GPUs on this machine.")] = 1,
    resume: Annotated[bool, typer.Option("--continue", help="Resume from the latest checkpoint.")] = False,
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
            help="Validate with test-time mirroring; takes 8 times as long.",
        ),
    ] = None,
    npz: Annotated[
        bool,
        typer.Option(
            "--npz",
            rich_help_panel=_VALIDATION,
            help="Save the validation probabilities.",
        ),
    ] = False,
    pretrained: Annotated[Path | None, typer.Option(help="Pretrained weights, of nnU-Net or auvseg.")] = None,
) -> None:
    """Train nnU-Net with DUO, like nnUNetv2_train. Run nnUNetv2_plan_and_preprocess first.

    Settings that are not given come from environment variables (AUVSEG_ALPHA), the plans, or the paper. Predict with
    stock nnU-Net: [bold]export nnUNet_extTrainer=$(auvseg nnunet-path)[/bold], then nnUNetv2_predict.

    Example: [bold]auvseg train 4 3d_fullres 0 --exclude runs/hippocampus/filter/exclude.txt[/bold]
    """
    from auvseg.nnunet.preprocessed import preprocessed_name
    from auvseg.nnunet.search_path import with_search_folder
    from auvseg.nnunet.settings import PREFIX, Settings

    given = {
        "keep": None if keep is None else keep.resolve(),
        "exclude": None if exclude is None else exclude.resolve(),
        "epochs": epochs,
        "iterations": iterations,
        "learning_rate": learning_rate,
        "alpha": alpha,
        "beta": beta,
        "noise": noise,
        "correction_limit": correction_limit,
        "correction_share": correction_share,
        "scale_gradient": scale_gradient,
        "scale_on": None if scale_on is None else scale_on,
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
        raise UsageError(f"the fold must be a number or all, not {fold!r}")
    if not os.environ.get("nnUNet_results"):  # noqa: SIM112
        raise UsageError("nnUNet_results is not set; set it to the folder for trained models, or add --results")
    name = preprocessed_name(dataset, configuration, plans, os.environ)
    trainer = _TRAINERS[loss, network]
    say(f"training with {trainer}")
    _run(
        name, configuration, fold, trainer, plans,
        pretrained_weights=None if pretrained is None else str(pretrained), num_gpus=num_gpus,
        export_validation_probabilities=npz, continue_training=resume, only_run_validation=validate,
        device=_device(device),
    )  # fmt: skip


def nnunet_path() -> None:
    """Print the folder in which nnU-Net finds the auvseg trainers.

    Example: [bold]export nnUNet_extTrainer=$(auvseg nnunet-path)[/bold]
    """
    from auvseg.nnunet.search_path import search_folder

    out.print(str(search_folder()), markup=False, highlight=False, soft_wrap=True)


def nnunet_export(
    model: Annotated[Path, typer.Argument(help="Model folder nnUNetTrainerDUO__PLANS__CONFIGURATION.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="New folder. Default: nnUNetTrainer__… next to the model.")
    ] = None,
) -> None:
    """Remove the noise head, so that stock nnU-Net predicts with the model, bit for bit the same.

    Example: [bold]auvseg nnunet-export nnUNet_results/Dataset004_X/nnUNetTrainerDUO__nnUNetPlans__3d_fullres[/bold]
    """
    from auvseg.nnunet.export import export_plain

    say(f"wrote {export_plain(model, output)}")


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
