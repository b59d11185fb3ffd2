"""Put the weights of one model into the cache: licence, download or copy, verification, then the final file."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import environ, fsync
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from auvseg.errors import WeightsError
from auvseg.files import atomic
from auvseg.weights import cache
from auvseg.weights.download import download
from auvseg.weights.integrity import CHUNK_BYTES, require_weights_format, sha256_of
from auvseg.weights.models import Model
from auvseg.weights.part import OnBytes, PartFile, storage_error

_LICENCE_FILE = "accepted-licence.txt"


@dataclass(frozen=True)
class Pulled:
    """Result of pulling a model's file.

    Attributes:
        path: the file, verified.
        how: `downloaded`, `copied` from a file of the user's, or `here` already.
        sha256: of the file.
        first_use: no published sha256 is known, and this one was recorded now.
    """

    path: Path
    how: Literal["downloaded", "copied", "here"]
    sha256: str
    first_use: bool = False


def pull(
    model: Model,
    *,
    source: Path | None = None,
    on_bytes: OnBytes = lambda done, total: None,
    on_note: Callable[[str], None] = lambda note: None,
) -> Pulled:
    """Get the verified weights of a model onto this machine.

    The licence is the caller's to show: see `licence_accepted` and `accept_licence`. During a download the HTTP client
    of huggingface_hub in this process (`set_client_factory`) asks this model's hosts alone; then it is a default one.

    Args:
        model: of the catalogue.
        source: the file, downloaded by hand; None downloads it.
        on_bytes: told how many bytes of how many are there.
        on_note: told in one sentence where this waits for another process.

    Raises:
        WeightsError: anything that keeps the file away or makes it another one; says what to do.
    """
    held = cache.examine(model)
    if model.package is not None or held.condition != "missing":
        return _as_it_is(held)
    target = _folder_of(model) / model.file_name
    with _alone(target, on_note):
        held = cache.examine(model)
        if held.condition != "missing":
            return _as_it_is(held)
        expected = model.sha256 or cache.recorded(target)
        if source is not None:
            return _accept(model, _copy(source, target, on_bytes), target, "copied", expected)
        if environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
            raise WeightsError(f"{model.title} is not downloaded while HF_HUB_OFFLINE is set; {cache.by_hand(model)}")
        part, stated = download(model, target, expected, on_bytes)
        pulled = _accept(model, part, target, "downloaded", stated)
        _clear_parts(target)
        return pulled


def licence_accepted(model: Model) -> bool:
    """Whether these very terms were accepted on this machine before, or nothing has to be downloaded."""
    if model.package is not None:
        return True
    try:
        return (_path_of(model).parent / _LICENCE_FILE).read_text(encoding="utf-8") == _terms(model)
    except (OSError, UnicodeDecodeError):
        return False


def accept_licence(model: Model) -> None:
    """Remember that these terms were accepted, so that a download that was interrupted does not ask again.

    Raises:
        WeightsError: the cache folder cannot be written.
    """
    folder = _folder_of(model)
    try:
        atomic.write_text(folder / _LICENCE_FILE, _terms(model))
    except OSError as error:
        raise cache.unwritable(folder, error) from None


def _terms(model: Model) -> str:
    return f"{model.title}: {model.licence}\n{model.licence_url}\n"


def _path_of(model: Model) -> Path:
    path = cache.location(model)
    if path is None:
        raise WeightsError(f"the weights of {model.title} are not here; {cache.advice(model)}")
    return path


def _folder_of(model: Model) -> Path:
    folder = _path_of(model).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cache.unwritable(folder, error) from None
    return folder


def _as_it_is(held: cache.Holding) -> Pulled:
    """A file that is here already: looked at, never replaced."""
    path = cache.require_sound(held)
    return Pulled(path, "here", held.found, first_use=held.condition == "not recorded")


@contextmanager
def _alone(target: Path, on_note: Callable[[str], None]) -> Iterator[None]:
    """Only one process at a time writes a model's file; the others wait, and find it done."""
    lock = FileLock(str(target.with_name(f"{target.name}.lock")))
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            on_note(f"another process is fetching {target.name}; waiting for it")
            lock.acquire()
    except OSError as error:
        raise cache.unwritable(target.parent, error) from None
    try:
        yield
    finally:
        lock.release()


def _copy(source: Path, target: Path, on_bytes: OnBytes) -> Path:
    copy = target.with_name(f"{target.name}.copy")
    try:
        size_bytes = source.stat().st_size
        file = source.open("rb")
    except OSError as error:
        raise WeightsError(f"{source}: cannot be read ({error.strerror}); --from is the downloaded file") from None
    try:
        copy.unlink(missing_ok=True)
        with file, PartFile(copy, size_bytes, on_bytes) as part:
            shutil.copyfileobj(file, part, CHUNK_BYTES)
    except OSError as error:
        copy.unlink(missing_ok=True)
        raise storage_error(target.parent, error) from None
    return copy


def _accept(
    model: Model, part: Path, target: Path, how: Literal["downloaded", "copied"], expected: str | None
) -> Pulled:
    """Make a complete part the model's file if it is what it should be; remove it if not."""
    recorded = cache.recorded(target)
    try:
        found = sha256_of(part)
        if expected not in (None, found):
            known = "published" if model.sha256 else "recorded at first use" if recorded else f"stated by {model.host}"
            raise WeightsError(
                f"{model.title}: the file's sha256 is {found}, {known} {expected}; it was not kept, get it again from "
                f"{model.url}"
            )
        require_weights_format(part)
    except WeightsError:
        part.unlink(missing_ok=True)
        raise
    first_use = (model.sha256 or recorded) is None
    if first_use:
        cache.record(target, found)
    try:
        with part.open("r+b") as file:
            fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        raise storage_error(target.parent, error) from None
    return Pulled(target, how, found, first_use)


def _clear_parts(target: Path) -> None:
    """Remove what is left of other contents of a file, and of downloads by earlier versions of auvseg."""
    for path in target.parent.glob(f"{target.name}.*part*"):
        path.unlink(missing_ok=True)
