"""`auvseg score`: every case through a frozen foundation model."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypedDict

import typer

from auvseg.cli import completion
from auvseg.cli.command import options_file
from auvseg.cli.console import AsJson, command_line, progress, say, say_dataset, say_error, say_warning, show_json
from auvseg.cli.run_log import keep_log
from auvseg.extractors.catalogue import DEFAULT_MAX_SLICES
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
    engine: Literal["local", "ray"]
    workers: int | None
    ray_address: str | None
    max_memory_bytes: int | None


class ModalityName(str, Enum):
    """How intensities are to be read."""

    ct = "ct"
    mri = "mri"
    windowed = "windowed"


class PromptName(str, Enum):
    """What the model is told."""

    label = "label"
    middle = "middle"
    none = "none"


class InputName(str, Enum):
    """What the model sees."""

    raw = "raw"
    mask = "mask"


class PrecisionName(str, Enum):
    """Arithmetic of the network."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"


class UnfoldName(str, Enum):
    """Which axis becomes the rows."""

    D_HW = "D_HW"
    H_DW = "H_DW"
    W_DH = "W_DH"


class EnergyName(str, Enum):
    """What is spread over the directions."""

    squared = "squared"
    singular = "singular"


class ScaleOnName(str, Enum):
    """Which numbers the scale is computed on."""

    logits = "logits"
    probabilities = "probabilities"


class EngineChoice(str, Enum):
    """What the cases are spread over."""

    local = "local"
    ray = "ray"


class SubsetName(str, Enum):
    """Which cases are scored."""

    training = "training"
    all = "all"


Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Devices = Annotated[
    str, typer.Option(help="Several of this machine, a worker process each: all, cuda:0,cuda:1 or cpu,cpu.")
]
Engine = Annotated[
    EngineChoice, typer.Option(help="This machine, or a Ray cluster, whose workers have a --device each.")
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="For ray: how many; default: one a GPU, without any one a core.")
]
RayAddress = Annotated[
    str | None, typer.Option(help="For ray: the cluster to join; default: one on this machine for this run.")
]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        help="Such as 6GB: a case that would need more is refused before it is read. Default: what the machine, "
        "its container or its job allows."
    ),
]

_WITHOUT_MODEL = "none"


def command(
    ctx: typer.Context,
    dataset: Annotated[
        Path, typer.Argument(help="nnU-Net or decathlon folder, MONAI datalist, CSV, or image/label folders.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Run folder; new, or of the same command before.")],
    extractor: Annotated[
        str | None,
        typer.Option(
            autocompletion=completion.extractors,
            help="Told boxes from the label: lite-medsam (the default), medsam2. Told a name: segvol, voxtell. Told "
            "nothing: vista3d, clip-driven, totalsegmentator; nnunet or module, a network of your own. none: image and "
            "label alone. What each is trained on, needs and allows: auvseg models.",
            show_default=False,
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Image quality and label geometry without a model: --extractor none, in seconds."),
    ] = False,
    model: Annotated[
        Path | None,
        typer.Option(
            help="For nnunet: nnU-Net's folder TRAINER__PLANS__CONFIGURATION. For others: a checkpoint file, if not "
            "the one of auvseg weights pull."
        ),
    ] = None,
    folds: Annotated[
        str | None,
        typer.Option(help="For nnunet: such as 0,1; all: the fold of all cases; default: every number."),
    ] = None,
    checkpoint: Annotated[str, typer.Option(help="For nnunet: the checkpoint's file name.")] = "checkpoint_final.pth",
    mirroring: Annotated[
        bool, typer.Option("--mirroring", help="For nnunet: average over mirrored copies; 8 times the time.")
    ] = False,
    class_map: Annotated[
        Path | None,
        typer.Option(help="JSON or CSV: the data set's class names and the model's, where they do not say the same."),
    ] = None,
    prompt: Annotated[
        PromptName,
        typer.Option(
            help="A box from the label on every plane; on the middle plane alone, whose mask the model carries on "
            "(medsam2); or none: the whole image, label-free."
        ),
    ] = PromptName.label,
    input_kind: Annotated[
        InputName,
        typer.Option("--input", help="raw: CT window or MRI percentiles. mask: the foreground's percentiles."),
    ] = InputName.raw,
    modality: Annotated[ModalityName | None, typer.Option(help="Where the data set does not say it.")] = None,
    window: Annotated[tuple[float, float], typer.Option(help="CT window: level and width in HU.")] = (40.0, 400.0),
    channel: Annotated[int, typer.Option(help="Image channel to look at, from 0.")] = 0,
    box_margin: Annotated[int, typer.Option(min=0, help="Pixels added around every box.")] = 0,
    max_slices: Annotated[
        int | None, typer.Option(min=1, help="At most so many planes a structure, evenly spaced; not given: all.")
    ] = DEFAULT_MAX_SLICES,
    measures: Annotated[
        str, typer.Option(autocompletion=completion.measures, help="Comma-separated names, or all.")
    ] = "all",
    unfold: Annotated[UnfoldName, typer.Option(help="Unfolding for S.")] = UnfoldName.D_HW,
    energy: Annotated[
        EnergyName, typer.Option(help="Energy for S: the paper's squared, or the authors' code.")
    ] = EnergyName.squared,
    centre: Annotated[bool, typer.Option("--centre", help="Remove column means before S.")] = False,
    scale_on: Annotated[ScaleOnName, typer.Option(help="Compute S on these.")] = ScaleOnName.logits,
    subset: Annotated[
        SubsetName, typer.Option(help="Training cases, which is what filtering needs, or all.")
    ] = SubsetName.training,
    device: Device = "auto",
    devices: Devices = "",
    engine: Engine = EngineChoice.local,
    workers: Workers = None,
    ray_address: RayAddress = None,
    precision: Annotated[
        PrecisionName, typer.Option(help="auto is what was measured to be best.")
    ] = PrecisionName.auto,
    views: Annotated[
        bool,
        typer.Option(
            "--views/--no-views",
            help="Keep what auvseg report shows beside the numbers: a stamp of the image, the model's own mask.",
        ),
    ] = True,
    max_memory: MaxMemory = None,
    as_json: AsJson = False,
    num_parts: Annotated[int, typer.Option(min=1, help="Number of shards of this data set.")] = 1,
    part_id: Annotated[int, typer.Option(min=0, help="Which shard this call scores, from 0.")] = 0,
) -> None:
    """Score every case and structure of a data set with a frozen foundation model.

    Interrupted? The same command goes on where it stopped. A case that cannot be scored becomes a row with its reason.

    Example: [bold]auvseg score nnUNet_raw/Dataset004_Hippocampus -o runs/hippocampus[/bold]
    """
    from auvseg.data.dataset import read_dataset
    from auvseg.measures.catalogue import ScaleOptions
    from auvseg.scoring.config import ScoreConfig

    extractor = named_extractor(extractor, quick=quick)
    keep_log(output, "run.json")
    known = read_dataset(dataset)
    say_dataset(known)
    for note in (*known.notes, *said_of_many(known)):
        say(f"  {note}")
    config = ScoreConfig(
        modality=named_modality(known, modality, channel),
        extractor=extractor,
        prompt=prompt.value,
        input=input_kind.value,
        window_hu=window,
        channel=channel,
        box_margin=box_margin,
        max_slices=max_slices,
        precision=precision.value,
        scale=ScaleOptions(unfold=unfold.value, energy=energy.value, centre=centre, on=scale_on.value),
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
            subset=subset.value,
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
        say("other shards have not finished; the last one writes the table")
    else:
        say(f"table: {output / 'scores.csv'}")
        if scored:
            say(f"worst first: {command_line('rank', output)}")
            say(f"look at them: {command_line('report', output)}")
    if as_json:
        show_json(_result(summary, without))
    raise typer.Exit(1 if summary.failed else 0)


def placed(
    device: str,
    devices: str,
    engine: EngineChoice,
    workers: int | None,
    ray_address: str | None,
    max_memory: str | None,
) -> "PlacedAs":
    """Where to score, as `auvseg.score` takes it.

    Raises:
        UsageError: a device is unknown or absent, or the memory is no amount.
    """
    from auvseg.data.memory_limit import parse_size
    from auvseg.scoring.engines import choose_device, choose_devices

    return {
        # Which devices a cluster has its nodes know, not this machine.
        "device": device if engine is EngineChoice.ray else choose_device(device),
        "devices": choose_devices(devices),
        "engine": engine.value,
        "workers": workers,
        "ray_address": ray_address,
        "max_memory_bytes": None if max_memory is None else parse_size(max_memory),
    }


def said_of_many(dataset: "Dataset") -> list[str]:
    """What is wrong with the files of many cases, which would else be read a case a line when they have failed."""
    from auvseg.data.missing import missing_files

    findings = (*dataset.findings, *missing_files(dataset)[0])
    return [f"{found.message}; {found.advice}" for found in findings if not found.case_id]


def _result(summary: "ScoreSummary", without: int) -> dict[str, object]:
    """What `--json` prints; its shape stands in docs/command-line.md."""
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
    """The extractor that --extractor and --quick ask for.

    Raises:
        UsageError: they contradict each other.
    """
    from auvseg.errors import UsageError

    if quick and name not in (None, _WITHOUT_MODEL):
        raise UsageError(f"--quick scores without a model, and --extractor {name} is one; omit one of the two")
    return name or (_WITHOUT_MODEL if quick else "lite-medsam")


def measures_named(names: str, extractor: str) -> tuple[str, ...]:
    """The measures asked for; `all` leaves out what the extractor has no map for, or no estimate of its mask."""
    from auvseg.scoring.config import all_measures

    return all_measures(extractor) if names == "all" else tuple(name.strip() for name in names.split(","))


def named_modality(dataset: "Dataset", named: ModalityName | None, channel: int) -> "Modality":
    """The modality of the option, else of the data set; a warning where they contradict each other.

    Raises:
        UsageError: neither says it.
    """
    from auvseg.scoring.config import modality_conflict, resolve_modality

    modality = resolve_modality(dataset, named.value if named else None)
    conflict = modality_conflict(dataset, modality, channel)
    if conflict:
        say_warning(conflict)
    return modality


def named_class_map(path: Path | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The pairs of a class map's file, sorted; empty without one.

    Raises:
        UsageError: the file cannot be read, or is no class map.
    """
    from auvseg.extractors.class_map import read_class_map

    return () if path is None else tuple(sorted(read_class_map(path).items()))


def named_model(
    extractor: str, path: Path | None, folds: str | None, checkpoint: str, *, mirroring: bool
) -> "ModelFolder | ModelFile | None":
    """The weights that the options name, or None.

    Raises:
        UsageError: what chooses among the contents of a folder, without a folder.
    """
    from auvseg.errors import UsageError
    from auvseg.extractors.catalogue import facts_of
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
        raise UsageError("--folds and --mirroring choose among what --model holds; add --model and --extractor nnunet")
    return None
