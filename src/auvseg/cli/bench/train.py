"""`auvseg bench train`: compare filters and DUO with the baseline, by training nnU-Net on data with known faults."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auvseg.choices import Combine, InputKind, Network, Scope, TrainingSize
from auvseg.cli import completion
from auvseg.cli.console import AsJson, progress, say, say_dataset, say_error, say_warning, show, show_json, show_table
from auvseg.cli.run_log import keep_log
from auvseg.cli.score import measures_named, named_modality, named_model
from auvseg.cli.values import names, numbers, share
from auvseg.data.case import Modality
from auvseg.extractors.families import DEFAULT_MAX_SLICES

if TYPE_CHECKING:
    from auvseg.bench.training.run import TrainingBench


_EPOCHS = {"small": (10, 80), "full": (100, 250)}
"""Epochs and steps per epoch; `full` is the paper's protocol."""


def command(
    dataset: Annotated[
        Path, typer.Argument(help="Data set with labelled training cases that nnU-Net can read in place.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Bench folder: new, or one to resume.")],
    arms: Annotated[
        str,
        typer.Option(
            help="baseline, random, auv, outlier, combined, duo, auv+duo, combined+duo, oracle, or any "
            "measure with or without +duo; comma-separated. Default: all of these except combined+duo."
        ),
    ] = "",
    seeds: Annotated[str, typer.Option(help="Seeds of the trainings; more can be added later.")] = "0,1,2",
    noise_level: Annotated[
        float,
        typer.Option(
            parser=share(0, 0.9), help="Share of training cases that get a fault, half image and half label faults."
        ),
    ] = 0.2,
    keep: Annotated[
        float | None,
        typer.Option(parser=share(0.01, 1), help="Share of cases that filters keep. Default: 1 - noise level."),
    ] = None,
    corruptions: Annotated[str, typer.Option(help="Comma-separated faults to draw from, or all.")] = "all",
    severities: Annotated[
        str, typer.Option(help="Comma-separated severities to draw from, above 0 and up to 1.")
    ] = "1",
    scope: Annotated[
        Scope, typer.Option(help="Scope of filters by AUV or a single measure, as in auvseg filter.")
    ] = "case",
    combine: Annotated[Combine, typer.Option(help="With --scope class, as in auvseg filter.")] = "union",
    cases: Annotated[int, typer.Option(min=0, help="Number of cases to draw at random; 0: all.")] = 0,
    held_out: Annotated[
        float, typer.Option(parser=share(0.05, 0.8), help="Share of cases to evaluate on; they stay clean.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the held-out cases and the faults.")] = 0,
    size: Annotated[
        TrainingSize | None,
        typer.Option(help="full: the paper's protocol; small: short enough for a CPU. Default: by device."),
    ] = None,
    configuration: Annotated[str, typer.Option(help="nnU-Net configuration.")] = "3d_fullres",
    network: Annotated[Network, typer.Option(help="Network architecture.")] = "nnunet",
    epochs: Annotated[int | None, typer.Option(min=1, help="Number of epochs. Default: 100; small: 10.")] = None,
    iterations: Annotated[int | None, typer.Option(min=1, help="Steps per epoch. Default: 250; small: 80.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Initial learning rate; 0.01 in the paper.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Number of parallel trainings.")] = 1,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Start no further training after this many minutes.")
    ] = None,
    extractor: Annotated[
        str, typer.Option(autocompletion=completion.extractors, help="Foundation model of the AUV filter.")
    ] = "lite-medsam",
    model: Annotated[
        Path | None, typer.Option(help="Weights or nnU-Net model folder for the extractor of the AUV filter.")
    ] = None,
    combined_extractor: Annotated[
        str,
        typer.Option(autocompletion=completion.extractors, help="Foundation model of the combined measure, or none."),
    ] = "none",
    detect_cases: Annotated[int, typer.Option(min=6, help="Number of cases to fit the combined measure on.")] = 40,
    max_slices: Annotated[
        int | None,
        typer.Option(min=1, help="Maximum number of slices per structure. Default: all, as in auvseg score."),
    ] = DEFAULT_MAX_SLICES,
    input_kind: Annotated[InputKind, typer.Option("--input", help="As in auvseg score.")] = "raw",
    modality: Annotated[Modality | None, typer.Option(help="Needed if the data set does not state it.")] = None,
    window: Annotated[tuple[float, float], typer.Option(help="CT window: level and width in HU.")] = (40.0, 400.0),
    as_json: AsJson = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Plant faults into training cases, filter, train every arm with nnU-Net, and evaluate on clean cases.

    The data set is not changed. Run the command again on the same folder to resume, or to add arms or seeds.
    On a CPU networks are small and trained for 800 steps: enough to compare arms, not to reach the paper's Dice.

    Example: [bold]auvseg bench train nnUNet_raw/Dataset004_Hippocampus -o bench/training --jobs 2[/bold]
    """
    from auvseg.bench.corruptions import CORRUPTIONS
    from auvseg.bench.detection.plan import Plan
    from auvseg.bench.training.plan import DEFAULT_ARMS, NoisePlan, arms_named
    from auvseg.bench.training.preparation import Workspace
    from auvseg.bench.training.removal import FilterOptions
    from auvseg.bench.training.run import BENCH_FILE, bench_training
    from auvseg.bench.training.trainings import Protocol
    from auvseg.data.dataset import read_dataset
    from auvseg.scoring.config import ScoreConfig
    from auvseg.scoring.engines import choose_device

    keep_log(output, BENCH_FILE)
    known = read_dataset(dataset)
    say_dataset(known)
    chosen = choose_device(device)
    small = chosen == "cpu" if size is None else size == "small"
    kinds = tuple(CORRUPTIONS) if corruptions == "all" else names(corruptions)
    share = 1 - noise_level if keep is None else keep
    noise = NoisePlan(cases or None, held_out, noise_level, kinds, numbers(severities, float), seed)
    filters = FilterOptions(
        auv=ScoreConfig(
            modality=named_modality(known, modality, 0),
            extractor=extractor,
            input=input_kind,
            window_hu=window,
            max_slices=max_slices,
            measures=measures_named("all", extractor),
            model=named_model(extractor, model, None, "checkpoint_final.pth", mirroring=False),
        ),
        combined_extractor=combined_extractor,
        detection=Plan(cases=detect_cases, corruptions=kinds, seed=seed),
        keep=share,
        scope=scope,
        combine=combine,
    )
    default_epochs, default_iterations = _EPOCHS["small" if small else "full"]
    protocol = Protocol(
        network=network,
        epochs=epochs or default_epochs,
        iterations=iterations or default_iterations,
        learning_rate=learning_rate,
        device=chosen,
        mirroring=not small,
    )
    with progress("bench") as step:
        result = bench_training(
            known,
            output,
            arms=arms_named(names(arms) or DEFAULT_ARMS),
            seeds=numbers(seeds, int),
            noise=noise,
            filters=filters,
            workspace=Workspace(output, configuration, "small" if small else "full"),
            protocol=protocol,
            jobs=jobs,
            minutes=minutes,
            on_step=lambda what, done, total, which: step(done, total, f"{what} {which}".strip()),
        )
    if as_json:
        show_json(_result(result))
    else:
        _show(result, protocol.epochs * protocol.iterations)
    say(f"tables: {output / 'table.md'}, and trainings.csv, arms.csv and differences.csv next to it")
    failed = [end for end in result.ends if end.status == "failed"]
    for end in failed:
        say_error(f"{end.cell.name}: {end.reason}")
    left = sum(end.status == "left" for end in result.ends)
    if left:
        say_warning(f"time is up: {left} trainings are left; run the same command to continue")
    if failed:
        raise typer.Exit(1)


def _result(result: "TrainingBench") -> dict[str, object]:
    """The `--json` output, documented in docs/command-line.md."""
    from auvseg.bench.training.comparison import sentences

    return {
        "faulty": result.faulty,
        "training": result.training,
        "held_out": result.held_out,
        "sentences": sentences(result.comparison),
        "arms": result.comparison.by_class,
        "differences": result.comparison.differences,
        "trainings": [{"name": end.cell.name, "status": end.status, "reason": end.reason} for end in result.ends],
    }


def _show(result: "TrainingBench", steps: int) -> None:
    from auvseg.bench.training.comparison import sentences

    title = (
        f"Dice on {result.held_out} clean cases, in %, ± over seeds; {result.faulty} of {result.training} training "
        f"cases faulty; {steps} steps"
    )
    for sentence in sentences(result.comparison):
        show(sentence)
    show_table(title, result.headings, result.rows)
