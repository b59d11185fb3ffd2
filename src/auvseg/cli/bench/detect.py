"""`auvseg bench detect`: known faults, planted into the user's own cases; which measure finds them?"""

from collections.abc import Hashable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auvseg.cli import completion
from auvseg.cli.bench.shortlist import shortlist
from auvseg.cli.command import options_file
from auvseg.cli.console import AsJson, out, progress, say, say_dataset, say_warning, show, show_json, show_table
from auvseg.cli.run_log import keep_log
from auvseg.cli.score import (
    Device,
    Devices,
    Engine,
    EngineChoice,
    InputName,
    MaxMemory,
    ModalityName,
    PrecisionName,
    PromptName,
    RayAddress,
    Workers,
    measures_named,
    named_class_map,
    named_modality,
    named_model,
    placed,
)
from auvseg.cli.values import names, numbers, share
from auvseg.extractors.catalogue import DEFAULT_MAX_SLICES

if TYPE_CHECKING:
    from auvseg.bench.detection.findings import Findings
    from auvseg.scoring.config import ScoreConfig

_OF_A_RUN = (
    "extractor",
    "folds",
    "checkpoint",
    "mirroring",
    "class_map",
    "prompt",
    "input_kind",
    "modality",
    "window",
    "channel",
    "box_margin",
    "max_slices",
    "precision",
)
"""What --like takes from a run."""

_BESIDE = ("combined", "combined, unseen", "agreement", "S", "volume_ml")
"""Measures whose faults are shown one by one beside the recommended one."""


def command(
    ctx: typer.Context,
    dataset: Annotated[Path, typer.Argument(help="As for auvseg score: labelled training cases are needed.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Bench folder; new, or of the same command before.")],
    cases: Annotated[int, typer.Option(min=0, help="Cases to draw at random; 0 takes all.")] = 40,
    corruptions: Annotated[str, typer.Option(help="Comma-separated names, or all.")] = "all",
    severities: Annotated[str, typer.Option(help="Comma-separated, each above 0 and at most 1.")] = "0.5,1",
    draws: Annotated[int, typer.Option(min=1, help="Random halves, each with faults of its own.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    minutes: Annotated[float | None, typer.Option(min=0, help="Begin no faulty copy after so many minutes.")] = None,
    budget: Annotated[
        float, typer.Option(parser=share(0.001, 1), help="Share of structures that can be reviewed.")
    ] = 0.1,
    faulty_share: Annotated[
        float, typer.Option(parser=share(0.001, 0.999), help="Share of faulty ones for which precision is stated.")
    ] = 0.1,
    extractor: Annotated[
        str, typer.Option(autocompletion=completion.extractors, help="As for auvseg score.")
    ] = "lite-medsam",
    model: Annotated[
        Path | None,
        typer.Option(
            help="For nnunet: nnU-Net's folder TRAINER__PLANS__CONFIGURATION. For medsam2: its checkpoint file."
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
    class_map: Annotated[Path | None, typer.Option(help="As for auvseg score.")] = None,
    prompt: Annotated[PromptName, typer.Option(help="As for auvseg score.")] = PromptName.label,
    input_kind: Annotated[InputName, typer.Option("--input", help="As for auvseg score.")] = InputName.raw,
    modality: Annotated[ModalityName | None, typer.Option(help="Where the data set does not say it.")] = None,
    window: Annotated[tuple[float, float], typer.Option(help="CT window: level and width in HU.")] = (40.0, 400.0),
    channel: Annotated[int, typer.Option(help="Image channel to look at, from 0.")] = 0,
    box_margin: Annotated[int, typer.Option(min=0, help="Pixels added around every box.")] = 0,
    max_slices: Annotated[
        int | None, typer.Option(min=1, help="At most so many planes a structure; not given: all, as for auvseg score.")
    ] = DEFAULT_MAX_SLICES,
    precision: Annotated[PrecisionName, typer.Option(help="As for auvseg score.")] = PrecisionName.auto,
    like: Annotated[
        Path | None,
        typer.Option(help="Run folder of auvseg score: take all of its options, so that rank and filter can go by it."),
    ] = None,
    device: Device = "auto",
    devices: Devices = "",
    engine: Engine = EngineChoice.local,
    workers: Workers = None,
    ray_address: RayAddress = None,
    max_memory: MaxMemory = None,
    full: Annotated[bool, typer.Option("--full", help="Show every measure, and fault by fault.")] = False,
    as_json: AsJson = False,
    num_parts: Annotated[int, typer.Option(min=1, help="Number of shards.")] = 1,
    part_id: Annotated[int, typer.Option(min=0, help="Which shard this call does, from 0.")] = 0,
) -> None:
    """Plant known faults into a random half of the cases and judge every measure by them.

    Nothing of the data set is changed. Interrupted, or more cases or faults wanted later? The same folder goes on.
    Then: auvseg filter RUN --keep auto --bench BENCH. What the recommended measure depends on must be alike in both:
    give auvseg score and this the same options, or none, or say --like RUN.

    Example: [bold]auvseg bench detect nnUNet_raw/Dataset004_Hippocampus -o bench/hippocampus --minutes 60[/bold]
    """
    from auvseg.bench.corruptions import CORRUPTIONS
    from auvseg.bench.detection.findings import find
    from auvseg.bench.detection.folder import BENCH_FILE
    from auvseg.bench.detection.plan import Plan
    from auvseg.bench.detection.run import detect
    from auvseg.data.dataset import read_dataset
    from auvseg.scoring.config import ScoreConfig
    from auvseg.scoring.scorer import CaseDone

    keep_log(output, BENCH_FILE)
    known = read_dataset(dataset)
    say_dataset(known)
    config = (
        _like(ctx, like, model)
        if like is not None
        else ScoreConfig(
            modality=named_modality(known, modality, channel),
            extractor=extractor,
            prompt=prompt.value,
            input=input_kind.value,
            window_hu=window,
            channel=channel,
            box_margin=box_margin,
            max_slices=max_slices,
            precision=precision.value,
            measures=measures_named("all", extractor),
            model=named_model(extractor, model, folds, checkpoint, mirroring=mirroring),
            class_map=named_class_map(class_map),
        )
    )
    plan = Plan(
        cases=cases or None,
        corruptions=tuple(CORRUPTIONS) if corruptions == "all" else names(corruptions),
        severities=numbers(severities, float),
        draws=draws,
        seed=seed,
    )
    with progress("planting and scoring") as step:

        def on_case(case: CaseDone) -> None:
            step(case.done, case.total, case.case_id)

        summary = detect(
            known,
            output,
            config,
            plan,
            **placed(device, devices, engine, workers, ray_address, max_memory),
            num_parts=num_parts,
            part_id=part_id,
            minutes=minutes,
            options_file=options_file(ctx),
            on_case=on_case,
            on_note=lambda note: say(f"note: {note}"),
        )
    if summary.left:
        say_warning(f"time is up: {summary.left} faulty copies are left; the same command goes on")
    with progress("judging") as step:
        findings = find(
            output,
            budget=budget,
            faulty_share=faulty_share,
            seed=seed,
            on_copy=lambda done, total: step(done, total, ""),
        )
    if as_json:
        show_json(_result(findings, summary.left))
    else:
        _show(findings, budget, faulty_share, full=full)
    say(f"tables: {output / 'detection.csv'}, {output / 'measures.csv'}; weights: {output / 'combined.json'}")


def _like(ctx: typer.Context, run: Path, model: Path | None) -> "ScoreConfig":
    """The configuration of a run; its weights may have been moved.

    Raises:
        RunError: there is no run.
        UsageError: an option that the run has is given too.
    """
    from auvseg.errors import UsageError
    from auvseg.scoring.config import ModelFolder
    from auvseg.scoring.run import read_run

    sources = {
        one.opts[0]: ctx.get_parameter_source(str(one.name)) for one in ctx.command.params if one.name in _OF_A_RUN
    }
    given = [option for option, source in sources.items() if source is not None and source.name != "DEFAULT"]
    if given:
        raise UsageError(f"--like takes every option of the run {run}; omit {', '.join(given)}")
    known = read_run(run).config
    if model is None:
        return known
    if known.model is not None:
        return replace(known, model=replace(known.model, path=model))
    moved = named_model(known.extractor, model, None, ModelFolder.checkpoint, mirroring=False)
    return replace(known, model=moved)


def _result(findings: "Findings", left: int) -> dict[str, object]:
    """What `--json` prints; its shape stands in docs/command-line.md."""
    return {
        "recommended": findings.recommended,
        "sentences": findings.sentences(),
        "measures": findings.overall,
        "faults": findings.by_fault,
        "stability": findings.stability,
        "impossible": findings.evidence.impossible,
        "left": left,
    }


def _show(findings: "Findings", budget: float, faulty_share: float, *, full: bool) -> None:
    from auvseg.bench.detection.findings import largest_weights

    for sentence in findings.sentences():
        show(sentence)
    out.print()
    _show_measures(findings, full=full)
    impossible = {name: count for name, count in findings.evidence.impossible.items() if count}
    if impossible:
        say("not planted where it cannot be: " + ", ".join(f"{name} {count}x" for name, count in impossible.items()))
    if not full:
        return
    out.print()
    _show_faults(findings, f"when {budget:.0%} are reviewed and {faulty_share:.0%} are faulty")
    if findings.stability == findings.stability:
        show(f"order of the measures between draws: Spearman {findings.stability:.2f}")
    weights = ", ".join(f"{name} {end} {weight:.2f}" for name, end, weight in largest_weights(findings.combination))
    show(f"combined weighs most: {weights}")


def _show_measures(findings: "Findings", *, full: bool) -> None:
    numbers = ("image", "label", "worst", "rises", "best_share")
    rows = [
        (
            str(row["measure"]),
            str(row["verdict"]),
            str(row["worst_corruption"]),
            _area(row) + (f" ({row['faults']} of {row['of']})" if row["faults"] < row["of"] else ""),
            *(_number(row[name]) for name in numbers),
        )
        for row in shortlist(findings.overall, full=full, always=_BESIDE).to_dict("records")
    ]
    columns = ("measure", "verdict", "worst fault", "AUROC [95 %]", "image", "label", "worst", "rises", "best in")
    title = "every measure, mean over the faults of the highest severity; (n of N) where only n could be judged"
    show_table(title, columns, rows, left=3)


def _show_faults(findings: "Findings", reviewed: str) -> None:
    first = findings.recommended or str(findings.overall["measure"].iloc[0])
    shown = [name for name in dict.fromkeys((first, *_BESIDE)) if name in set(findings.overall["measure"])]
    by_key = {(row["measure"], row["corruption"], row["severity"]): row for row in findings.by_fault.to_dict("records")}
    rows = []
    for fault, severity in dict.fromkeys((corruption, severity) for _, corruption, severity in by_key):
        cells = [by_key[name, fault, severity] for name in shown]
        best = [_number(cells[0][name]) for name in ("recall", "precision")]
        rows.append((str(fault), f"{severity:g}", str(cells[0]["faulty"]), *map(_area, cells), *best))
    title = f"fault by fault; recall and precision of {first} {reviewed}"
    show_table(title, ("fault", "severity", "rows", *shown, "recall", "precision"), rows)


def _area(row: Mapping[Hashable, Any]) -> str:
    auroc, low, high = (float(row[name]) for name in ("auroc", "low", "high"))
    return "" if auroc != auroc else f"{auroc:.2f} [{low:.2f} {high:.2f}]"


def _number(value: float) -> str:
    return "" if value != value else f"{value:.2f}"
