"""`auvseg bench detect`: plant known faults into the user's cases, and test which measure finds them."""

from collections.abc import Hashable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auvseg.choices import InputKind, Precision
from auvseg.cli import completion
from auvseg.cli.bench.shortlist import shortlist
from auvseg.cli.command import options_file
from auvseg.cli.console import AsJson, out, progress, say, say_dataset, say_warning, show, show_json, show_table
from auvseg.cli.run_log import keep_log
from auvseg.cli.score import (
    Device,
    Devices,
    Engine,
    MaxMemory,
    RayAddress,
    Workers,
    measures_named,
    named_class_map,
    named_modality,
    named_model,
    placed,
)
from auvseg.cli.values import names, numbers, share
from auvseg.data.case import Modality
from auvseg.extractors.families import DEFAULT_MAX_SLICES, Prompt

if TYPE_CHECKING:
    from auvseg.bench.detection.judge import Findings
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
"""Options that --like takes from a run."""

_BESIDE = ("combined", "combined, unseen", "agreement", "S", "volume_ml")
"""Measures that are shown fault by fault, next to the recommended one."""


def command(
    ctx: typer.Context,
    dataset: Annotated[Path, typer.Argument(help="As in auvseg score; must contain labelled training cases.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Bench folder: new, or one to resume.")],
    cases: Annotated[int, typer.Option(min=0, help="Number of cases to draw at random; 0: all.")] = 40,
    corruptions: Annotated[str, typer.Option(help="Comma-separated names, or all.")] = "all",
    severities: Annotated[str, typer.Option(help="Comma-separated numbers above 0 and up to 1.")] = "0.5,1",
    draws: Annotated[int, typer.Option(min=1, help="Number of random halves, each with its own faults.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Start no further faulty copy after this many minutes.")
    ] = None,
    budget: Annotated[
        float, typer.Option(parser=share(0.001, 1), help="Share of structures that you can review.")
    ] = 0.1,
    faulty_share: Annotated[
        float, typer.Option(parser=share(0.001, 0.999), help="Expected share of faulty structures, for precision.")
    ] = 0.1,
    extractor: Annotated[
        str, typer.Option(autocompletion=completion.extractors, help="As in auvseg score.")
    ] = "lite-medsam",
    model: Annotated[
        Path | None,
        typer.Option(help="nnunet: nnU-Net's folder TRAINER__PLANS__CONFIGURATION. medsam2: checkpoint file."),
    ] = None,
    folds: Annotated[
        str | None,
        typer.Option(help="nnunet: folds such as 0,1, or all for fold_all. Default: every numbered fold."),
    ] = None,
    checkpoint: Annotated[str, typer.Option(help="nnunet: checkpoint file name.")] = "checkpoint_final.pth",
    mirroring: Annotated[
        bool, typer.Option("--mirroring", help="nnunet: test-time mirroring; takes 8 times as long.")
    ] = False,
    class_map: Annotated[Path | None, typer.Option(help="As in auvseg score.")] = None,
    prompt: Annotated[Prompt, typer.Option(help="As in auvseg score.")] = "label",
    input_kind: Annotated[InputKind, typer.Option("--input", help="As in auvseg score.")] = "raw",
    modality: Annotated[Modality | None, typer.Option(help="Needed if the data set does not state it.")] = None,
    window: Annotated[tuple[float, float], typer.Option(help="CT window: level and width in HU.")] = (40.0, 400.0),
    channel: Annotated[int, typer.Option(help="Image channel to score, from 0.")] = 0,
    box_margin: Annotated[int, typer.Option(min=0, help="Pixels added on every side of a box.")] = 0,
    max_slices: Annotated[
        int | None,
        typer.Option(min=1, help="Maximum number of slices per structure. Default: all, as in auvseg score."),
    ] = DEFAULT_MAX_SLICES,
    precision: Annotated[Precision, typer.Option(help="As in auvseg score.")] = "auto",
    like: Annotated[
        Path | None,
        typer.Option(help="Run folder of auvseg score: use its options, so that rank and filter can use this bench."),
    ] = None,
    device: Device = "auto",
    devices: Devices = "",
    engine: Engine = "local",
    workers: Workers = None,
    ray_address: RayAddress = None,
    max_memory: MaxMemory = None,
    full: Annotated[bool, typer.Option("--full", help="Show every measure, and the results for each fault.")] = False,
    as_json: AsJson = False,
    num_parts: Annotated[int, typer.Option(min=1, help="Number of shards.")] = 1,
    part_id: Annotated[int, typer.Option(min=0, help="Shard that this call runs, from 0.")] = 0,
) -> None:
    """Plant known faults into a random half of the cases, and test how well each measure finds them.

    The data set is not changed. Run the command again on the same folder to resume, or to add cases or faults.
    Next: auvseg filter RUN --keep auto --bench BENCH. Run and bench need the same options for everything that the
    recommended measure depends on: use the defaults, the same options, or --like RUN.

    Example: [bold]auvseg bench detect nnUNet_raw/Dataset004_Hippocampus -o bench/hippocampus --minutes 60[/bold]
    """
    from auvseg.bench.corruptions import CORRUPTIONS
    from auvseg.bench.detection.folder import BENCH_FILE
    from auvseg.bench.detection.judge import find
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
            prompt=prompt,
            input=input_kind,
            window_hu=window,
            channel=channel,
            box_margin=box_margin,
            max_slices=max_slices,
            precision=precision,
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
        say_warning(f"time is up: {summary.left} faulty copies are left; run the same command to continue")
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
    """The configuration of a run, with --model if its weights were moved.

    Raises:
        RunError: there is no run.
        UsageError: an option that comes from the run was given too.
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
    """The `--json` output, documented in docs/command-line.md."""
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
    from auvseg.bench.detection.judge import largest_weights

    for sentence in findings.sentences():
        show(sentence)
    out.print()
    _show_measures(findings, full=full)
    impossible = {name: count for name, count in findings.evidence.impossible.items() if count}
    if impossible:
        say("could not be planted: " + ", ".join(f"{name} {count}x" for name, count in impossible.items()))
    if not full:
        return
    out.print()
    _show_faults(findings, f"if {budget:.0%} are reviewed and {faulty_share:.0%} are faulty")
    if findings.stability == findings.stability:
        show(f"rank correlation of the measures between draws: Spearman {findings.stability:.2f}")
    weights = ", ".join(f"{name} {end} {weight:.2f}" for name, end, weight in largest_weights(findings.combination))
    show(f"largest weights of combined: {weights}")


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
    title = "mean over the faults of the highest severity; (n of N) if only n could be tested"
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
    title = f"each fault; recall and precision of {first} {reviewed}"
    show_table(title, ("fault", "severity", "rows", *shown, "recall", "precision"), rows)


def _area(row: Mapping[Hashable, Any]) -> str:
    auroc, low, high = (float(row[name]) for name in ("auroc", "low", "high"))
    return "" if auroc != auroc else f"{auroc:.2f} [{low:.2f} {high:.2f}]"


def _number(value: float) -> str:
    return "" if value != value else f"{value:.2f}"
