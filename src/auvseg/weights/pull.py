"""Weights of one model into the cache: licence, download or copy, checks, and only then the file itself."""

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
from auvseg.weights.catalogue import Model
from auvseg.weights.content import require_weights_format
from auvseg.weights.download import OnBytes, Part, download, require_space
from auvseg.weights.hashing import CHUNK_BYTES
from auvseg.weights.transport import Patience

_LICENCE_FILE = "accepted-licence.txt"


@dataclass(frozen=True)
class Pulled:
    """What became of a model's file.

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
    patience: Patience | None = None,
) -> Pulled:
    """Have the verified weights of a model on this machine.

    The licence is the caller's to show: see `licence_accepted` and `accept_licence`.

    Args:
        model: of the catalogue.
        source: the file, downloaded by hand; None downloads it.
        on_bytes: told how many bytes of how many are there.
        on_note: told in one sentence where this waits for another process.
        patience: limits on waiting for a server.

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
        part = Part(target.with_name(f"{target.name}.part"))
        if source is None:
            if environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
                raise WeightsError(
                    f"{model.title} is not downloaded while HF_HUB_OFFLINE is set; {cache.by_hand(model)}"
                )
            download(model, part, on_bytes, patience or Patience())
        else:
            part = Part(target.with_name(f"{target.name}.copy"))
            _copy(source, part, on_bytes)
        return _accept(model, part, target, "downloaded" if source is None else "copied")


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


def _copy(source: Path, part: Part, on_bytes: OnBytes) -> None:
    try:
        total = source.stat().st_size
        file = source.open("rb")
    except OSError as error:
        raise WeightsError(f"{source}: cannot be read ({error.strerror}); --from is the downloaded file") from None
    require_space(part.path.parent, total)
    try:
        part.restart(None)
        with file, part.path.open("wb") as copy:
            while chunk := file.read(CHUNK_BYTES):
                copy.write(chunk)
                part.sha256.update(chunk)
                part.size += len(chunk)
                on_bytes(part.size, total)
            copy.flush()
            fsync(copy.fileno())
    except OSError as error:
        part.discard()
        raise cache.unwritable(part.path.parent, error) from None


def _accept(model: Model, part: Part, target: Path, how: Literal["downloaded", "copied"]) -> Pulled:
    """Make a complete part the model's file if it is what it should be; remove it if not."""
    found = part.sha256.hexdigest()
    expected = model.sha256 or cache.recorded(target)
    try:
        _require_published(model, part, found, expected)
        require_weights_format(part.path)
    except WeightsError:
        part.discard()
        raise
    if expected is None:
        cache.record(target, found)
    try:
        part.finish(target)
    except OSError as error:
        raise cache.unwritable(target.parent, error) from None
    return Pulled(target, how, found, first_use=expected is None)


def _require_published(model: Model, part: Part, found: str, expected: str | None) -> None:
    if model.size_bytes is not None and part.size != model.size_bytes:
        raise WeightsError(
            f"{model.title}: the file has {part.size} bytes, the published one {model.size_bytes}; it was not kept, "
            f"get it again from {model.url}"
        )
    if expected is not None and found != expected:
        known = "published" if model.sha256 else "recorded at first use"
        raise WeightsError(
            f"{model.title}: the file's sha256 is {found}, {known} {expected}; it was not kept, get it again from "
            f"{model.url}"
        )
