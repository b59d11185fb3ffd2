"""`auvseg bench train`: filters and DUO against the baseline, trained by nnU-Net on data with known faults."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auvseg.cli import completion
from auvseg.cli.console import AsJson, progress, say, say_dataset, say_error, say_warning, show, show_json, show_table
from auvseg.cli.filter import CombineName
from auvseg.cli.rank import ScopeName
from auvseg.cli.run_log import keep_log
from auvseg.cli.score import InputName, ModalityName, measures_named, named_modality, named_model
from auvseg.cli.train import NetworkName
from auvseg.cli.values import names, numbers, share
from auvseg.extractors.catalogue import DEFAULT_MAX_SLICES

if TYPE_CHECKING:
    from auvseg.bench.training.run import TrainingBench


class SizeName(str, Enum):
    """How much is trained."""

    small = "small"
    full = "full"


_EPOCHS = {"small": (10, 80), "full": (100, 250)}
"""Epochs and steps an epoch; the paper's where a GPU is."""


def command(
    dataset: Annotated[Path, typer.Argument(help="Labelled training cases that nnU-Net can read in place.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Bench folder; new, or of the same command before.")],
    arms: Annotated[
        str,
        typer.Option(
            help="baseline, random, auv, outlier, combined, duo, auv+duo, combined+duo, oracle, any measure with or "
            "without +duo; default: all named here but combined+duo."
        ),
    ] = "",
    seeds: Annotated[str, typer.Option(help="Of the trainings; further ones can be added later.")] = "0,1,2",
    noise_level: Annotated[
        float,
        typer.Option(parser=share(0, 0.9), help="Share of training cases that get a fault, half image, half label."),
    ] = 0.2,
    keep: Annotated[
        float | None,
        typer.Option(parser=share(0.01, 1), help="Share that the filters keep; 1 - noise level if not given."),
    ] = None,
    corruptions: Annotated[str, typer.Option(help="Faults to draw from, comma-separated, or all.")] = "all",
    severities: Annotated[str, typer.Option(help="Severities to draw from, each above 0 and at most 1.")] = "1",
    scope: Annotated[ScopeName, typer.Option(help="Of AUV and single measures: as auvseg filter.")] = ScopeName.case,
    combine: Annotated[CombineName, typer.Option(help="With --scope class: as auvseg filter.")] = CombineName.union,
    cases: Annotated[int, typer.Option(min=0, help="Cases to draw at random; 0 takes all.")] = 0,
    held_out: Annotated[
        float, typer.Option(parser=share(0.05, 0.8), help="Share of the cases to judge by; clean.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="Of what is held out and planted.")] = 0,
    size: Annotated[
        SizeName | None, typer.Option(help="full: the paper's protocol; small: what a processor trains. By device.")
    ] = None,
    configuration: Annotated[str, typer.Option(help="nnU-Net's configuration.")] = "3d_fullres",
    network: Annotated[NetworkName, typer.Option(help="nnU-Net's network, or another.")] = NetworkName.nnunet,
    epochs: Annotated[int | None, typer.Option(min=1, help="100; small: 10.")] = None,
    iterations: Annotated[int | None, typer.Option(min=1, help="Steps an epoch: 250; small: 80.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="At the start; the paper's 0.01.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Trainings side by side.")] = 1,
    minutes: Annotated[float | None, typer.Option(min=0, help="Begin no training after so many minutes.")] = None,
    extractor: Annotated[
        str, typer.Option(autocompletion=completion.extractors, help="Foundation model of the AUV filter.")
    ] = "lite-medsam",
    model: Annotated[
        Path | None, typer.Option(help="What the AUV filter's extractor needs: weights, or nnU-Net's model folder.")
    ] = None,
    combined_extractor: Annotated[
        str,
        typer.Option(autocompletion=completion.extractors, help="Foundation model of the combined measure, or none."),
    ] = "none",
    detect_cases: Annotated[int, typer.Option(min=6, help="Cases to fit the combined measure on.")] = 40,
    max_slices: Annotated[
        int | None, typer.Option(min=1, help="At most so many planes a structure; not given: all, as for auvseg score.")
    ] = DEFAULT_MAX_SLICES,
    input_kind: Annotated[InputName, typer.Option("--input", help="As for auvseg score.")] = InputName.raw,
    modality: Annotated[ModalityName | None, typer.Option(help="Where the data set does not say it.")] = None,
    window: Annotated[tuple[float, float], typer.Option(help="CT window: level and width in HU.")] = (40.0, 400.0),
    as_json: AsJson = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Plant faults into training cases, filter, train every way with nnU-Net, and judge on clean cases.

    Nothing of the data set is changed. Interrupted, or more arms or seeds wanted later? The same folder goes on.
    On a processor networks are small and trained for 800 steps: that compares arms, it does not reach the paper's Dice.

    Example: [bold]auvseg bench train nnUNet_raw/Dataset004_Hippocampus -o bench/training --jobs 2[/bold]
    """
    from auvseg.bench.corruptions import CORRUPTIONS
    from auvseg.bench.detection.plan import Plan
    from auvseg.bench.training.arms import DEFAULT_ARMS, arms_named
    from auvseg.bench.training.cells import Protocol
    from auvseg.bench.training.plan import NoisePlan
    from auvseg.bench.training.preparation import Workspace
    from auvseg.bench.training.removal import FilterOptions
    from auvseg.bench.training.run import BENCH_FILE, bench_training
    from auvseg.data.dataset import read_dataset
    from auvseg.scoring.config import ScoreConfig
    from auvseg.scoring.engines import choose_device

    keep_log(output, BENCH_FILE)
    known = read_dataset(dataset)
    say_dataset(known)
    chosen = choose_device(device)
    small = chosen == "cpu" if size is None else size is SizeName.small
    kinds = tuple(CORRUPTIONS) if corruptions == "all" else names(corruptions)
    share = 1 - noise_level if keep is None else keep
    noise = NoisePlan(cases or None, held_out, noise_level, kinds, numbers(severities, float), seed)
    filters = FilterOptions(
        auv=ScoreConfig(
            modality=named_modality(known, modality, 0),
            extractor=extractor,
            input=input_kind.value,
            window_hu=window,
            max_slices=max_slices,
            measures=measures_named("all", extractor),
            model=named_model(extractor, model, None, "checkpoint_final.pth", mirroring=False),
        ),
        combined_extractor=combined_extractor,
        detection=Plan(cases=detect_cases, corruptions=kinds, seed=seed),
        keep=share,
        scope=scope.value,
        combine=combine.value,
    )
    default_epochs, default_iterations = _EPOCHS["small" if small else "full"]
    protocol = Protocol(
        network=network.value,
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
    say(f"tables: {output / 'table.md'}, trainings.csv, arms.csv and differences.csv beside it")
    failed = [end for end in result.ends if end.status == "failed"]
    for end in failed:
        say_error(f"{end.cell.name}: {end.reason}")
    left = sum(end.status == "left" for end in result.ends)
    if left:
        say_warning(f"time is up: {left} trainings are left; the same command goes on")
    if failed:
        raise typer.Exit(1)


def _result(result: "TrainingBench") -> dict[str, object]:
    """What `--json` prints; its shape stands in docs/command-line.md."""
    from auvseg.bench.training.report import sentences

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
    from auvseg.bench.training.report import sentences

    title = (
        f"Dice on {result.held_out} clean cases, in %, ± over seeds; {result.faulty} of {result.training} training "
        f"cases faulty; {steps} steps"
    )
    for sentence in sentences(result.comparison):
        show(sentence)
    show_table(title, result.headings, result.rows)
