"""Run the whole bench: plant faults, filter as a user would, train every arm with every seed, compare on clean cases.

BENCH/bench.json                  the plan; a second call must match it, but may add arms and seeds
BENCH/nnUNet_raw/Dataset001_…     the noisy data set, with faults.csv; sound files are the user's own, by path
BENCH/nnUNet_preprocessed/…       what nnU-Net makes of it, once
BENCH/runs/, detection/           scores and planted faults for the filters; removed.json: what they leave out
BENCH/cells/ARM/seedN/            a training
BENCH/trainings.csv, arms.csv, differences.csv, table.md
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from auvseg.bench.training.comparison import Comparison, as_markdown, compare, table_rows
from auvseg.bench.training.noisy_dataset import NoisyDataset, training_part, write_noisy_dataset
from auvseg.bench.training.plan import RANDOM, Arm, NoisePlan, drawn_at_random
from auvseg.bench.training.preparation import Workspace, prepare
from auvseg.bench.training.removal import FilterOptions, Removal, find_removals
from auvseg.bench.training.trainings import Cell, CellEnd, Protocol, train_cells
from auvseg.data.case import Dataset
from auvseg.data.dataset import read_dataset
from auvseg.errors import RunError
from auvseg.extractors import check_name
from auvseg.files import atomic
from auvseg.files.owned_folder import is_ours
from auvseg.files.safe_csv import table_as_csv
from auvseg.files.text import read_json
from auvseg.scoring.config import check_config
from auvseg.scoring.setups import OPTIONS, differing, in_words

BENCH_FILE = "bench.json"

_OPTIONS = {
    **{f"filters.auv.{place}": option for place, option in OPTIONS.items()},
    "filters.combined_extractor": "--combined-extractor",
    "filters.combine": "--combine",
    "filters.detection.cases": "--detect-cases",
    "filters.keep": "--keep",
    "filters.scope": "--scope",
    "noise.cases": "--cases",
    "noise.corruptions": "--corruptions",
    "noise.held_out": "--held-out",
    "noise.noise_level": "--noise-level",
    "noise.seed": "--seed",
    "noise.severities": "--severities",
    "filters.detection.corruptions": "--corruptions",
    "filters.detection.seed": "--seed",
    "configuration": "--configuration",
}
"""The option that chooses a value, by its place in the plan."""

OnStep = Callable[[str, int, int, str], None]
"""Called with what is being done, done, total, and the case or cell."""


@dataclass(frozen=True)
class TrainingBench:
    """What a bench found.

    Attributes:
        comparison: every number.
        headings: of the table.
        rows: of the table.
        removals: what the filters left out.
        ends: how every cell ended.
        faulty: number of faulty training cases.
        training: number of training cases.
        held_out: number of clean cases that all are judged by.
    """

    comparison: Comparison
    headings: list[str]
    rows: list[list[str]]
    removals: dict[str, Removal]
    ends: tuple[CellEnd, ...]
    faulty: int
    training: int
    held_out: int


def bench_training(
    dataset: Dataset,
    folder: Path,
    *,
    arms: tuple[Arm, ...],
    seeds: tuple[int, ...],
    noise: NoisePlan,
    filters: FilterOptions,
    workspace: Workspace,
    protocol: Protocol,
    jobs: int = 1,
    minutes: float | None = None,
    on_step: OnStep | None = None,
) -> TrainingBench:
    """Run the bench, or go on with one.

    Args:
        dataset: the user's data; its files are only read.
        folder: new, empty, or of an earlier call with the same plan.
        arms: what is compared (`arms_named`).
        seeds: of the trainings.
        noise: what is planted.
        filters: how the filters look.
        workspace: where nnU-Net works, and the size.
        protocol: how every cell is trained.
        jobs: trainings side by side.
        minutes: no training is begun after so many minutes.
        on_step: progress.

    Raises:
        UsageError: options that do not fit each other or the data set.
        RunError: the folder belongs to something else, or nnU-Net failed.
    """
    check_config(filters.auv, dataset)
    check_name(filters.combined_extractor)
    _open(folder, {"noise": noise.as_dict(), "filters": _plain(filters), "configuration": workspace.configuration})
    raw = workspace.raw / f"Dataset001_{_plain_name(dataset.name)}"
    noisy = write_noisy_dataset(dataset, noise, raw, progress=_named("planting faults", on_step))
    noisy_data = replace(read_dataset(raw), modality=filters.auv.modality)
    wanted = {arm.filter for arm in arms}
    training = training_part(noisy_data, noisy)
    removals = find_removals(training, noisy, folder, wanted, filters, device=protocol.device, on_case=on_step)
    if on_step is not None:
        on_step("preprocessing (nnU-Net)", 0, 1, "")
    prepare(workspace, noisy, processes=jobs)
    cells = _cells(arms, seeds, noisy, removals, filters.keep)
    ends = train_cells(
        cells, workspace, raw.name, protocol, jobs=jobs, minutes=minutes, progress=_named("training", on_step)
    )
    content = read_json(raw / "dataset.json")
    names = {str(key): one.name for one in noisy_data.classes or () for key in (one.values, *one.values[:1])}
    comparison = compare(cells, folder, names, content["file_ending"])
    headings, rows = table_rows(comparison, cells, removals, len(noisy.training))
    _write(folder, comparison, as_markdown(headings, rows))
    atomic.clear_left_overs(folder)
    sizes = (len(noisy.faulty), len(noisy.training), len(noisy.held_out))
    return TrainingBench(comparison, headings, rows, removals, ends, *sizes)


def _cells(
    arms: tuple[Arm, ...], seeds: tuple[int, ...], noisy: NoisyDataset, removals: dict[str, Removal], keep: float
) -> tuple[Cell, ...]:
    """All arms of a seed before the next seed, so that what is finished can be compared."""
    count = int((1 - keep) * len(noisy.training) + 1e-9)
    cells = []
    for seed in seeds:
        for arm in arms:
            if arm.filter == RANDOM:
                left_out = drawn_at_random(noisy.training, count, seed)
            else:
                left_out = removals[arm.filter].cases if arm.filter in removals else ()
            cells.append(Cell(arm, seed, left_out))
    return tuple(cells)


def _open(folder: Path, plan: dict[str, Any]) -> None:
    path = folder / BENCH_FILE
    if not is_ours(folder, BENCH_FILE, "exists and is not a bench; choose an empty or new folder with -o"):
        atomic.write_text(path, json.dumps({"training_bench": 1, **plan}, indent=1, sort_keys=True) + "\n")
        return
    try:
        known = read_json(path)
        known.pop("training_bench")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RunError(f"{folder} is not a bench of trainings; choose another folder with -o") from None
    found = differing(known, plan, _OPTIONS)
    # Those follow from the extractor.
    named = [one for one in found if one.name != OPTIONS["measures"]] or found
    if named:
        again = " ".join(in_words([one], "") for one in named)
        raise RunError(
            f"{folder} was made with {in_words(named)}; to continue, repeat the command with {again}; or start anew in "
            "another folder, with -o"
        )


def _plain(filters: FilterOptions) -> dict[str, Any]:
    others = {"keep": filters.keep, "scope": filters.scope, "combine": filters.combine}
    models = {"auv": filters.auv.as_dict(), "combined_extractor": filters.combined_extractor}
    return {**models, "detection": filters.detection.as_dict(), **others}


def _plain_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "", re.sub(r"^(Dataset|Task)\d+_", "", name)) or "Data"


def _named(what: str, on_step: OnStep | None) -> Callable[[int, int, str], None] | None:
    if on_step is None:
        return None
    return lambda done, total, which: on_step(what, done, total, which)


def _write(folder: Path, comparison: Comparison, markdown: str) -> None:
    tables = (
        ("trainings", comparison.cells),
        ("arms", comparison.by_class),
        ("differences", comparison.differences),
    )
    for name, table in tables:
        atomic.write_text(folder / f"{name}.csv", table_as_csv(table))
    atomic.write_text(folder / "table.md", markdown)
