"""`auvseg score`: run a frozen foundation model on every case."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from auvseg.choices import EngineName, InputKind, Precision, ScoredSubset
from auvseg.cli import completion
from auvseg.cli.command import options_file
from auvseg.cli.console import AsJson, command_line, progress, say, say_dataset, say_error, say_warning, show_json
from auvseg.cli.run_log import keep_log
from auvseg.data.case import Modality
from auvseg.extractors.families import DEFAULT_MAX_SLICES, Prompt
from auvseg.measures.catalogue import Energy, ScaleOn, Unfold
from auvseg.wording import counted, told_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auvseg.data.case import Dataset, Modality
    from auvseg.scoring.config import ModelFile, ModelFolder
    from auvseg.scoring.score import ScoreSummary


class PlacedAs(TypedDict):
    """Where to score, as `auvseg.score` takes it."""

    device: str
    devices: "Sequence[str]"
    engine: EngineName
    workers: int | None
    ray_address: str | None
    max_memory_bytes: int | None


Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Devices = Annotated[str, typer.Option(help="Several devices, one worker process each: all, cuda:0,cuda:1 or cpu,cpu.")]
Engine = Annotated[EngineName, typer.Option(help="This machine, or a Ray cluster with one --device per worker.")]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="ray: number of workers. Default: one per GPU, or one per core without GPUs."),
]
RayAddress = Annotated[
    str | None, typer.Option(help="ray: address of the cluster. Default: start one on this machine for this run.")
]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        help="Memory limit, such as 6GB: a case that needs more fails before it is read. Default: the limit of the "
        "machine, container or job."
    ),
]


_WITHOUT_MODEL = "none"


def command(
    ctx: typer.Context,
    dataset: Annotated[
        Path,
        typer.Argument(help="nnU-Net or decathlon folder, MONAI datalist, CSV table, or image and label folders."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Run folder: new, or one to resume.")],
    extractor: Annotated[
        str | None,
        typer.Option(
            autocompletion=completion.extractors,
            help="Foundation model. Box prompt: lite-medsam (default), medsam2. Text prompt: segvol, voxtell. No "
            "prompt: vista3d, clip-driven, totalsegmentator; nnunet or module for your own network. none: no model. "
            "Training data, licences and memory: auvseg models.",
            show_default=False,
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Image quality and label geometry only, in seconds: same as --extractor none."),
    ] = False,
    model: Annotated[
        Path | None,
        typer.Option(
            help="nnunet: nnU-Net's folder TRAINER__PLANS__CONFIGURATION. Other models: a checkpoint file, instead of "
            "the one from auvseg weights pull."
        ),
    ] = None,
    folds: Annotated[
        str | None,
        typer.Option(help="nnunet: folds such as 0,1, or all for fold_all. Default: every numbered fold."),
    ] = None,
    checkpoint: Annotated[str, typer.Option(help="nnunet: checkpoint file name.")] = "checkpoint_final.pth",
    mirroring: Annotated[
        bool, typer.Option("--mirroring", help="nnunet: test-time mirroring; takes 8 times as long.")
    ] = False,
    class_map: Annotated[
        Path | None,
        typer.Option(help="JSON or CSV file that maps the data set's class names to the model's, where they differ."),
    ] = None,
    prompt: Annotated[
        Prompt,
        typer.Option(
            help="label: a box from the label on every slice. middle: a box on the middle slice, propagated by the "
            "model (medsam2). none: whole image, label-free."
        ),
    ] = "label",
    input_kind: Annotated[
        InputKind,
        typer.Option(
            "--input", help="Normalisation. raw: CT window or MRI percentiles; mask: percentiles of the foreground."
        ),
    ] = "raw",
    modality: Annotated[Modality | None, typer.Option(help="Needed if the data set does not state it.")] = None,
    window: Annotated[tuple[float, float], typer.Option(help="CT window: level and width in HU.")] = (40.0, 400.0),
    channel: Annotated[int, typer.Option(help="Image channel to score, from 0.")] = 0,
    box_margin: Annotated[int, typer.Option(min=0, help="Pixels added on every side of a box.")] = 0,
    max_slices: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of slices per structure, evenly spaced. Default: all.")
    ] = DEFAULT_MAX_SLICES,
    measures: Annotated[
        str, typer.Option(autocompletion=completion.measures, help="Comma-separated names, or all.")
    ] = "all",
    unfold: Annotated[Unfold, typer.Option(help="Unfolding for S.")] = "D_HW",
    energy: Annotated[
        Energy, typer.Option(help="Energy for S: squared as in the paper, or singular as in the authors' code.")
    ] = "squared",
    centre: Annotated[bool, typer.Option("--centre", help="Subtract column means before computing S.")] = False,
    scale_on: Annotated[ScaleOn, typer.Option(help="Model output that S is computed on.")] = "logits",
    subset: Annotated[
        ScoredSubset, typer.Option(help="Score training cases (enough for filtering), or all.")
    ] = "training",
    device: Device = "auto",
    devices: Devices = "",
    engine: Engine = "local",
    workers: Workers = None,
    ray_address: RayAddress = None,
    precision: Annotated[Precision, typer.Option(help="Floating-point precision. auto: chosen by the model.")] = "auto",
    views: Annotated[
        bool,
        typer.Option(
            "--views/--no-views",
            help="Save thumbnails and model masks for auvseg report.",
        ),
    ] = True,
    max_memory: MaxMemory = None,
    as_json: AsJson = False,
    num_parts: Annotated[int, typer.Option(min=1, help="Number of shards.")] = 1,
    part_id: Annotated[int, typer.Option(min=0, help="Shard that this call scores, from 0.")] = 0,
) -> None:
    """Score every case and structure of a data set with a frozen foundation model.

    If interrupted, run the same command to resume. A case that cannot be scored becomes a row with the reason.

    Example: [bold]auvseg score nnUNet_raw/Dataset004_Hippocampus -o runs/hippocampus[/bold]
    """
    from auvseg.data.dataset import read_dataset
    from auvseg.measures.catalogue import ScaleOptions
    from auvseg.scoring.config import ScoreConfig

    extractor = named_extractor(extractor, quick=quick)
    keep_log(output, "run.json")
    known = read_dataset(dataset)
    say_dataset(known)
    for note in (*known.notes, *dataset_warnings(known)):
        say(f"  {note}")
    config = ScoreConfig(
        modality=named_modality(known, modality, channel),
        extractor=extractor,
        prompt=prompt,
        input=input_kind,
        window_hu=window,
        channel=channel,
        box_margin=box_margin,
        max_slices=max_slices,
        precision=precision,
        scale=ScaleOptions(unfold=unfold, energy=energy, centre=centre, on=scale_on),
        measures=measures_named(measures, extractor),
        model=named_model(extractor, model, folds, checkpoint, mirroring=mirroring),
        class_map=named_class_map(class_map),
    )
    from auvseg.scoring.score import score
    from auvseg.scoring.scorer import CaseDone

    scored = 0
    with progress("scoring") as step:

        def on_case(case: CaseDone) -> None:
            nonlocal scored
            scored += case.status == "ok"
            step(case.done, case.total, case.case_id)

        summary = score(
            known,
            output,
            config,
            **placed(device, devices, engine, workers, ray_address, max_memory),
            subset=subset,
            num_parts=num_parts,
            part_id=part_id,
            views=views,
            options_file=options_file(ctx),
            on_case=on_case,
            on_note=lambda note: say(f"note: {note}"),
        )
    say(summary.in_words())
    for line in told_once(summary.failed):
        say_error(line)
    without = summary.cases - len(summary.failed) - scored
    if without:
        say(f"{counted(without, 'case')} without any of the classes")
    if not summary.complete:
        say("other shards are not finished; the last one writes the table")
    else:
        say(f"table: {output / 'scores.csv'}")
        if scored:
            say(f"rank the cases: {command_line('rank', output)}")
            say(f"view them: {command_line('report', output)}")
    if as_json:
        show_json(_result(summary, without))
    raise typer.Exit(1 if summary.failed else 0)


def placed(
    device: str,
    devices: str,
    engine: EngineName,
    workers: int | None,
    ray_address: str | None,
    max_memory: str | None,
) -> "PlacedAs":
    """Where to score, as `auvseg.score` takes it.

    Raises:
        UsageError: a device is unknown or absent, or the memory is no amount.
    """
    from auvseg.data.workers.memory import parse_size
    from auvseg.scoring.engines import choose_device, choose_devices

    return {
        # Only the nodes of a cluster know their devices.
        "device": device if engine == "ray" else choose_device(device),
        "devices": choose_devices(devices),
        "engine": engine,
        "workers": workers,
        "ray_address": ray_address,
        "max_memory_bytes": None if max_memory is None else parse_size(max_memory),
    }


def dataset_warnings(dataset: "Dataset") -> list[str]:
    """Problems that many cases share, reported once instead of once per failed case."""
    from auvseg.data.check.missing import missing_files

    findings = (*dataset.findings, *missing_files(dataset)[0])
    return [f"{found.message}; {found.advice}" for found in findings if not found.case_id]


def _result(summary: "ScoreSummary", without: int) -> dict[str, object]:
    """The `--json` output, documented in docs/command-line.md."""
    return {
        "run": summary.run_folder,
        "cases": summary.cases,
        "new": summary.new,
        "reused": summary.reused,
        "failed": [{"case": case_id, "reason": reason} for case_id, reason in summary.failed],
        "without_classes": without,
        "elapsed_s": summary.elapsed_s,
        "complete": summary.complete,
        "table": summary.run_folder / "scores.csv" if summary.complete else None,
    }


def named_extractor(name: str | None, *, quick: bool) -> str:
    """Resolve --extractor and --quick to one extractor.

    Raises:
        UsageError: the two contradict each other.
    """
    from auvseg.errors import UsageError

    if quick and name not in (None, _WITHOUT_MODEL):
        raise UsageError(f"--quick scores without a model, but --extractor {name} is a model; omit one of the two")
    return name or (_WITHOUT_MODEL if quick else "lite-medsam")


def measures_named(names: str, extractor: str) -> tuple[str, ...]:
    """Parse --measures; `all` means every measure that the extractor supports."""
    from auvseg.scoring.config import all_measures

    return all_measures(extractor) if names == "all" else tuple(name.strip() for name in names.split(","))


def named_modality(dataset: "Dataset", named: Modality | None, channel: int) -> Modality:
    """The modality from the option, else from the data set. Warns if the two contradict each other.

    Raises:
        UsageError: neither states it.
    """
    from auvseg.scoring.config import modality_conflict, resolve_modality

    modality = resolve_modality(dataset, named)
    conflict = modality_conflict(dataset, modality, channel)
    if conflict:
        say_warning(conflict)
    return modality


def named_class_map(path: Path | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The sorted pairs of a class map file; empty without one.

    Raises:
        UsageError: the file cannot be read, or is not a class map.
    """
    from auvseg.extractors.classes import read_class_map

    return () if path is None else tuple(sorted(read_class_map(path).items()))


def named_model(
    extractor: str, path: Path | None, folds: str | None, checkpoint: str, *, mirroring: bool
) -> "ModelFolder | ModelFile | None":
    """The weights named by --model and its companions, or None.

    Raises:
        UsageError: --folds, --checkpoint or --mirroring without a model folder.
    """
    from auvseg.errors import UsageError
    from auvseg.extractors.families import facts_of
    from auvseg.scoring.config import ModelFile, ModelFolder

    facts = facts_of(extractor)
    if facts is not None and facts.takes == "file":
        if folds is not None or mirroring or checkpoint != ModelFolder.checkpoint:
            raise UsageError(
                f"--folds, --checkpoint and --mirroring are for the extractor nnunet, not {extractor}; omit them"
            )
        return None if path is None else ModelFile(path)
    if path is not None:
        return ModelFolder(path, folds, checkpoint, mirroring)
    if folds is not None or mirroring:
        raise UsageError("--folds and --mirroring need a model folder; add --model and --extractor nnunet")
    return None
