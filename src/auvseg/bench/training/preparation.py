"""Prepare nnU-Net once for all arms: plans, preprocessed cases, one fold, and a small configuration for CPUs.

nnU-Net runs in separate processes, because it reads its folders from the environment when it is imported.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from auvseg.bench.training.noisy_dataset import NoisyDataset
from auvseg.choices import TrainingSize
from auvseg.errors import RunError, UsageError, did_you_mean
from auvseg.files import atomic
from auvseg.files.text import read_json

SMALL = "auvseg_small"
"""Configuration of the plans that `small` adds."""

_SMALL_FEATURES = (16, 32, 64)
_SMALL_PATCH = 32
_SMALL_BATCH = 2
_MODULE = "nnunetv2.experiment_planning.plan_and_preprocess_entrypoints"
_LAST_LINES = 3
_ERROR = re.compile(r"error: |\w+Error\b")


@dataclass(frozen=True)
class Workspace:
    """Where nnU-Net works; nothing of the user's own nnU-Net folders is touched.

    Attributes:
        folder: of the bench.
        configuration: of nnU-Net's plans, from which `small` is made smaller.
        size: what is trained.
    """

    folder: Path
    configuration: str
    size: TrainingSize

    @property
    def raw(self) -> Path:
        """nnUNet_raw."""
        return self.folder / "nnUNet_raw"

    @property
    def preprocessed(self) -> Path:
        """nnUNet_preprocessed."""
        return self.folder / "nnUNet_preprocessed"

    @property
    def trained_configuration(self) -> str:
        """The configuration that is trained."""
        return SMALL if self.size == "small" else self.configuration

    def environment(self, results: Path) -> dict[str, str]:
        """The process's environment with nnU-Net's folders."""
        known = {name: value for name, value in os.environ.items() if not name.startswith("AUVSEG_")}
        return known | {
            "nnUNet_raw": str(self.raw.resolve()),
            "nnUNet_preprocessed": str(self.preprocessed.resolve()),
            "nnUNet_results": str(results.resolve()),
            # So that an error is one line of the log.
            "COLUMNS": "1000",
        }


def prepare(workspace: Workspace, noisy: NoisyDataset, *, processes: int = 1) -> None:
    """Plan and preprocess with nnU-Net, write the fold, and add the small configuration; what is done stays.

    Args:
        workspace: where.
        noisy: the data set, with its training and held-out cases.
        processes: how many preprocess side by side.

    Raises:
        UsageError: nnU-Net is not installed.
        RunError: nnU-Net failed; the message has its last lines, `preprocessing.log` all of them.
    """
    if find_spec("nnunetv2") is None:
        raise UsageError("nnU-Net is not installed; pip install 'auvseg[nnunet]'")
    folder = workspace.preprocessed / noisy.folder.name
    done = folder / "auvseg_prepared.json"
    if done.exists():
        return
    number = noisy.folder.name[len("Dataset") :][:3]
    count = str(processes)
    command = [sys.executable, "-m", _MODULE, "-d", str(int(number)), "-c", workspace.configuration]
    log = workspace.folder / "preprocessing.log"
    environment = workspace.environment(workspace.folder) | {"nnUNet_def_n_proc": count}
    run_logged([*command, "-np", count, "-npfp", count, "--verify_dataset_integrity"], environment, log)
    split = [{"train": list(noisy.training), "val": list(noisy.held_out)}]
    atomic.write_text(folder / "splits_final.json", json.dumps(split, indent=1) + "\n")
    plans_file = folder / "nnUNetPlans.json"
    plans = read_json(plans_file)
    if workspace.configuration not in plans["configurations"]:
        known = did_you_mean(workspace.configuration, plans["configurations"])
        raise UsageError(f"nnU-Net planned no {workspace.configuration} for this data; {known}")
    plans["configurations"][SMALL] = small_configuration(plans["configurations"], workspace.configuration)
    atomic.write_text(plans_file, json.dumps(plans, indent=4) + "\n")
    atomic.write_text(done, json.dumps({"configuration": workspace.configuration}) + "\n")


def run_logged(command: list[str], environment: Mapping[str, str], log: Path) -> None:
    """Run a command to its end, with all output in a file.

    Raises:
        RunError: it failed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        status = subprocess.run(command, env=dict(environment), stdout=stream, stderr=stream, check=False).returncode
    if status:
        raise RunError(f"nnU-Net failed ({last_words(log)}); its full output is in {log}")


def last_words(log: Path) -> str:
    """The last error of a log, else its last lines, on one line."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    errors = [number for number, line in enumerate(lines) if _ERROR.match(line)]
    start = errors[-1] if errors else -_LAST_LINES
    return " / ".join(lines[start:][:_LAST_LINES]) or "without output"


def small_configuration(configurations: Mapping[str, Any], parent: str) -> dict[str, Any]:
    """A network that a processor trains: three stages of 16, 32 and 64 features, batch 2, patches of at most 32 voxels.

    Everything else, preprocessing above all, is the parent's.

    Args:
        configurations: of the plans.
        parent: the one to shrink.
    """
    whole = configurations[parent]
    architecture = whole["architecture"]
    arguments = dict(architecture["arch_kwargs"])
    stages = int(arguments["n_stages"])
    kept = min(stages, len(_SMALL_FEATURES))
    for name, value in arguments.items():
        if isinstance(value, list) and len(value) == stages:
            arguments[name] = value[:kept]
        elif isinstance(value, list) and len(value) == stages - 1:
            arguments[name] = value[: kept - 1]
    arguments |= {"n_stages": kept, "features_per_stage": list(_SMALL_FEATURES[:kept])}
    steps = [1] * len(whole["patch_size"])
    for strides in arguments["strides"]:
        steps = [step * stride for step, stride in zip(steps, strides, strict=True)]
    patch = [
        max(min(side, _SMALL_PATCH) // step, 1) * step for side, step in zip(whole["patch_size"], steps, strict=True)
    ]
    return {
        "inherits_from": parent,
        "architecture": {**architecture, "arch_kwargs": arguments},
        "patch_size": patch,
        "batch_size": _SMALL_BATCH,
    }
