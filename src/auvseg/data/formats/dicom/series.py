"""Find the files of one image: a folder with one series, or a file that stands for its series."""

from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from auvseg.data.formats.dicom.instance import Instance, is_dicom, read_instance
from auvseg.data.formats.integrity import require_file
from auvseg.data.formats.reasons import Reason, what_it_is
from auvseg.errors import ReadError, SeriesError

_FOLDERS_REMEMBERED = 64
_MAX_NAMED = 3


def files_of(path: Path) -> tuple[Path, ...]:
    """The files of the image that a path names, by name.

    Args:
        path: a folder in which, folders below it included, all images are of one series; or a file: one that holds many
            planes is an image by itself, one that holds a single plane stands for all of its series in its folder.

    Raises:
        ReadError: there is nothing of the kind there.
        SeriesError: a folder with several series.
    """
    if not path.is_dir():
        return _files_of_file(path)
    by_series: dict[str, list[Path]] = defaultdict(list)
    damaged: list[Path] = []
    for folder in folders_below(path):
        for instance in instances_in(folder, damaged):
            if instance.kind == "image":
                by_series[instance.series].append(instance.path)
    if damaged:
        raise Reason.DAMAGED_IN_SERIES.of(path, file=damaged[0].name)
    if not by_series:
        raise Reason.FOLDER_WITHOUT_IMAGE.of(path)
    if len(by_series) > 1:
        firsts = [min(files).relative_to(path).as_posix() for files in by_series.values()]
        raise SeriesError(
            f"{path.name}: holds {len(by_series)} series",
            "name one by a folder or file of its own in a table (CSV) with the columns image and label, such as "
            + ", ".join(sorted(firsts)[:_MAX_NAMED]),
        )
    (files,) = by_series.values()
    return tuple(sorted(files))


def stands_for_series(path: Path) -> bool:
    """Whether a path is one file of many that are an image, which other readers would take for all of it."""
    if path.is_dir() or not is_dicom(path):
        return False
    try:
        return len(files_of(path)) > 1
    except ReadError:
        return False


def instances_in(folder: Path, damaged: list[Path]) -> tuple[Instance, ...]:
    """What the DICOM files of one folder are, by name; files of other kinds are left out.

    Args:
        folder: the folder; those below it are not looked at.
        damaged: receives the DICOM files that cannot be parsed.
    """
    found, broken = _index(folder, folder.stat().st_mtime_ns)
    damaged += broken
    return found


def _files_of_file(path: Path) -> tuple[Path, ...]:
    require_file(path)
    own = _instance(path)
    if own is None or own.kind != "image":
        raise Reason.NO_DICOM_IMAGE.of(path)
    if own.frames > 1:
        return (path,)
    damaged: list[Path] = []
    beside = instances_in(path.parent, damaged)
    return tuple(one.path for one in beside if one.kind == "image" and one.series == own.series)


def _instance(path: Path) -> Instance | None:
    try:
        return read_instance(path)
    except Exception as error:  # noqa: BLE001 - pydicom raises whatever damaged bytes make its parsers raise
        raise damaged_error(path, error) from None


def damaged_error(path: Path, error: Exception) -> ReadError:
    """What to say of a file that pydicom refused; its own words may quote the file's, so they are not repeated."""
    if isinstance(error, ReadError):
        return error
    if isinstance(error, MemoryError):
        return Reason.MEMORY.of(path)
    if isinstance(error, PermissionError):
        return Reason.NO_PERMISSION.of(path)
    return what_it_is(path) or Reason.DAMAGED_DICOM.of(path, reason=type(error).__name__)


@lru_cache(maxsize=_FOLDERS_REMEMBERED)
def _index(folder: Path, changed_ns: int) -> tuple[tuple[Instance, ...], tuple[Path, ...]]:
    """The DICOM files of a folder; remembered, since every case of a folder with many series asks."""
    found, broken = [], []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not is_dicom(path):
            continue
        try:
            instance = read_instance(path)
        except Exception:  # noqa: BLE001 - as above
            broken.append(path)
        else:
            found += [instance] if instance is not None else []
    return tuple(found), tuple(broken)


def folders_below(root: Path) -> Iterator[Path]:
    """A folder and every visible folder below it, links followed once."""
    seen: set[Path] = set()
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        real = folder.resolve()
        if real in seen:
            continue
        seen.add(real)
        yield folder
        inside = (one for one in folder.iterdir() if not one.name.startswith(".") and one.is_dir())
        waiting += sorted(inside, reverse=True)
