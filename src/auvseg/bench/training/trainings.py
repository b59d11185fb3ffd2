"""Train the cells (one arm and seed each), resumable and optionally in parallel.

Each cell is a process of `auvseg train`, so it is trained exactly as by a user. Its folder contains nnU-Net's results,
the list of removed cases, and `cell.json` with its settings.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from auvseg.bench.training.plan import Arm
from auvseg.bench.training.preparation import SMALL, Workspace, last_words
from auvseg.choices import Network
from auvseg.errors import RunError
from auvseg.files import atomic
from auvseg.files.text import read_json
from auvseg.scoring.setups import differing, in_words

_POLL_S = 1.0
_OPTIONS = {
    "epochs": "--epochs",
    "iterations": "--iterations",
    "left_out": "cases left out",
    "learning_rate": "--learning-rate",
    "network": "--network",
    "size": "--size",
}
"""The option that chooses a value of a cell's description, or what it is called."""


@dataclass(frozen=True)
class Protocol:
    """How every cell is trained.

    Attributes:
        network: as `auvseg train --network`.
        epochs: passes of `iterations` steps.
        iterations: steps an epoch.
        learning_rate: at the start; None takes the paper's.
        device: `cpu`, `cuda` or `cuda:N`.
        mirroring: whether held-out cases are predicted over mirrored copies too; eight times the time.
    """

    network: Network
    epochs: int
    iterations: int
    learning_rate: float | None
    device: str
    mirroring: bool = True


@dataclass(frozen=True)
class Cell:
    """One training.

    Attributes:
        arm: how.
        seed: of patches, augmentation and weights.
        left_out: training cases that it does not see.
    """

    arm: Arm
    seed: int
    left_out: tuple[str, ...]

    @property
    def name(self) -> str:
        """As people read it."""
        return f"{self.arm.name} seed {self.seed}"

    def folder(self, bench: Path) -> Path:
        """Where it is trained."""
        return bench / "cells" / self.arm.name / f"seed{self.seed}"


@dataclass(frozen=True)
class CellEnd:
    """How a cell ended.

    Attributes:
        cell: which.
        status: `done`, `failed`, or `left` where time did not suffice.
        reason: why it failed.
    """

    cell: Cell
    status: str
    reason: str = ""


@dataclass
class _Running:
    cell: Cell
    process: "subprocess.Popen[bytes]"


def train_cells(
    cells: Sequence[Cell],
    workspace: Workspace,
    dataset_name: str,
    protocol: Protocol,
    *,
    jobs: int = 1,
    minutes: float | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[CellEnd, ...]:
    """Train every cell that is not done yet; one that failed is reported and does not end the others.

    Args:
        cells: in the order in which they are begun.
        workspace: where nnU-Net works.
        dataset_name: `DatasetXXX_Name` in it.
        protocol: the same for all.
        jobs: how many are trained side by side; they share the processor's cores.
        minutes: no cell is begun after so many minutes.
        progress: called with (epochs done, epochs of all cells, what is being trained) every second or so.

    Raises:
        RunError: a cell was begun with other settings.
    """
    started = time.monotonic()
    for cell in cells:
        _check_same(cell, workspace, protocol)
    ends = {cell: CellEnd(cell, "done") for cell in cells if summary_file(cell, workspace.folder) is not None}
    waiting = [cell for cell in cells if cell not in ends]
    running: list[_Running] = []
    with _stopping(running):
        while waiting or running:
            while waiting and len(running) < jobs:
                if minutes is not None and time.monotonic() - started > 60 * minutes:
                    ends |= {cell: CellEnd(cell, "left") for cell in waiting}
                    waiting = []
                    break
                cell = waiting.pop(0)
                running.append(_Running(cell, _start(cell, workspace, dataset_name, protocol, jobs)))
            time.sleep(_POLL_S)
            for one in [one for one in running if one.process.poll() is not None]:
                running.remove(one)
                ends[one.cell] = _end(one, workspace.folder)
            if progress is not None:
                epochs = sum(_epochs_done(cell, workspace.folder, protocol, ends) for cell in cells)
                names = ", ".join(one.cell.name for one in running)
                progress(epochs, len(cells) * protocol.epochs, names)
    return tuple(ends[cell] for cell in cells)


def summary_file(cell: Cell, bench: Path) -> Path | None:
    """nnU-Net's summary of a cell's held-out cases; None until it is there."""
    return next(iter(sorted(cell.folder(bench).glob("*/*/fold_0/validation/summary.json"))), None)


def _check_same(cell: Cell, workspace: Workspace, protocol: Protocol) -> None:
    path = cell.folder(workspace.folder) / "cell.json"
    try:
        known = read_json(path)
    except OSError:
        return
    except ValueError:
        raise RunError(f"{path} is damaged; move the folder away") from None
    asked = _description(cell, workspace, protocol)
    if known == asked:
        return
    found = differing(_sized(known), _sized(asked), _OPTIONS) if isinstance(known, dict) else ()
    words = f": {in_words(found)}" if found else ""
    raise RunError(
        f"{path.parent} was trained with other settings{words}; use the bench's original command, or start anew in "
        "another folder, with -o"
    )


def _sized(description: dict[str, Any]) -> dict[str, Any]:
    """A description with the size that was asked for in place of what follows from it."""
    known = {name: value for name, value in description.items() if name not in ("configuration", "mirroring")}
    return known | {"size": "small" if description.get("configuration") == SMALL else "full"}


def _description(cell: Cell, workspace: Workspace, protocol: Protocol) -> dict[str, Any]:
    """Everything that changes what is trained; the device does not belong to it."""
    settings = {name: value for name, value in asdict(protocol).items() if name != "device"}
    configuration = workspace.trained_configuration
    content = {"arm": cell.arm.name, "seed": cell.seed, "left_out": cell.left_out, "configuration": configuration}
    return json.loads(json.dumps(content | settings))


def _start(
    cell: Cell, workspace: Workspace, dataset_name: str, protocol: Protocol, jobs: int
) -> "subprocess.Popen[bytes]":
    folder = cell.folder(workspace.folder)
    content = _description(cell, workspace, protocol)
    atomic.write_text(folder / "cell.json", json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    command = [sys.executable, "-m", "auvseg", "train", str(int(dataset_name[len("Dataset") :][:3]))]
    command += [workspace.trained_configuration, "0", "--loss", cell.arm.loss, "--network", protocol.network]
    command += ["--epochs", str(protocol.epochs), "--iterations", str(protocol.iterations), "--seed", str(cell.seed)]
    command += ["--mirroring" if protocol.mirroring else "--no-mirroring"]
    command += ["--results", str(folder.resolve()), "--device", protocol.device.split(":")[0]]
    if protocol.learning_rate is not None:
        command += ["--learning-rate", str(protocol.learning_rate)]
    if cell.left_out:
        listed = folder / "left_out.txt"
        atomic.write_text(listed, "".join(f"{case}\n" for case in cell.left_out))
        command += ["--exclude", str(listed)]
    command += _resuming(folder)
    environment = workspace.environment(folder) | _threads(protocol.device, jobs)
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def _resuming(folder: Path) -> list[str]:
    checkpoints = {path.name for path in folder.glob("*/*/fold_0/checkpoint_*.pth")}
    if "checkpoint_final.pth" in checkpoints:
        return ["--validate"]
    return ["--continue"] if "checkpoint_latest.pth" in checkpoints else []


def _threads(device: str, jobs: int) -> dict[str, str]:
    """On a processor: patches are made in the process itself, which is reproducible, and the jobs share the cores."""
    if device != "cpu":
        chosen = device.partition(":")[2]
        return {"CUDA_VISIBLE_DEVICES": chosen} if chosen else {}
    count = str(max((os.cpu_count() or 1) // jobs, 1))
    passive = {"OMP_WAIT_POLICY": "PASSIVE", "CUDA_VISIBLE_DEVICES": ""}
    workers = {"nnUNet_n_proc_DA": "0", "nnUNet_def_n_proc": "1"}
    return {"OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count, "AUVSEG_VALIDATION_ITERATIONS": "2"} | passive | workers


@contextlib.contextmanager
def _stopping(running: list[_Running]) -> Iterator[None]:
    """Stop all trainings however this ends; their saved state is used next time."""
    try:
        yield
    finally:
        for one in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.process.pid, signal.SIGTERM) if hasattr(os, "killpg") else one.process.terminate()
        for one in running:
            one.process.wait()


def _end(one: _Running, bench: Path) -> CellEnd:
    log = one.cell.folder(bench) / "log.txt"
    if one.process.returncode:
        return CellEnd(one.cell, "failed", f"{last_words(log)}; the full output is in {log}")
    if summary_file(one.cell, bench) is None:
        return CellEnd(one.cell, "failed", f"nnU-Net wrote no summary; see {log}")
    return CellEnd(one.cell, "done")


def _epochs_done(cell: Cell, bench: Path, protocol: Protocol, ends: dict[Cell, CellEnd]) -> int:
    if cell in ends:
        return protocol.epochs
    log = cell.folder(bench) / "log.txt"
    if not log.exists():
        return 0
    text = log.read_text(encoding="utf-8", errors="replace")
    return min(max(text.count("Epoch time:"), 0), protocol.epochs - 1)
