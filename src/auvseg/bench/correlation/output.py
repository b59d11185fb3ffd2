"""The output folder: tables, figures and `correlation.json`, which says what is ours.

A folder that somebody else filled is refused. In one of ours the files are replaced, and figures of an earlier call
that this one does not draw are removed.
"""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

from auvseg._version import __version__
from auvseg.bench.correlation.correlate import Correlations
from auvseg.bench.correlation.findings import sentences
from auvseg.errors import RunError
from auvseg.files import atomic
from auvseg.files.safe_csv import table_as_csv
from auvseg.files.text import read_json
from auvseg.plain_values import of_shape

MARKER = "correlation.json"
TABLE = "correlation.csv"
PAIRS = "pairs.csv"
_FORMAT = 1
_is_marker = of_shape({"files": [str]})


def check_folder(folder: Path) -> None:
    """Refuse a folder that this command may not write into, before anything is computed.

    Raises:
        RunError: it is a file, or holds something and no `correlation.json` of ours.
    """
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file; choose a folder with -o")
    if atomic.holds_something(folder):
        _files_of(folder)


def write(
    folder: Path,
    correlations: Correlations,
    *,
    settings: dict[str, object],
    plots: bool = True,
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[str, ...]:
    """Write everything, each file in one step.

    Args:
        folder: new, empty, or of this function before.
        correlations: what was found.
        settings: what a reader must know to do it again; plain JSON values, no paths.
        plots: whether figures are drawn.
        progress: called with (done, total, file) for every figure.

    Returns:
        Names of the files, relative to the folder.

    Raises:
        RunError: as `check_folder`, a file of somebody else's has a name that is needed, or nothing can be written.
    """
    check_folder(folder)
    try:
        return _write(folder, correlations, settings, plots, progress)
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror or error}); choose another with -o") from None


def _write(
    folder: Path,
    correlations: Correlations,
    settings: dict[str, object],
    plots: bool,
    progress: Callable[[int, int, str], None] | None,
) -> tuple[str, ...]:
    before = _files_of(folder) if atomic.holds_something(folder) else ()
    figures = {f"{measure}.png": measure for measure in correlations.pairs.measures} if plots else {}
    files = (TABLE, PAIRS, *figures)
    foreign = [name for name in files if (folder / name).exists() and name not in before]
    if foreign:
        raise RunError(f"{folder / foreign[0]} was not written by auvseg; move it, or choose another folder with -o")
    # Until all is written the marker names the old files and the new ones, so that an interruption leaves none behind.
    _mark(folder, (*before, *files), correlations, settings)
    for name, table in ((TABLE, correlations.table), (PAIRS, correlations.pairs.accounts)):
        atomic.write_text(folder / name, table_as_csv(table))
    for done, (name, measure) in enumerate(figures.items(), start=1):
        from auvseg.bench.correlation.plots import scatter_png

        atomic.write_bytes(folder / name, scatter_png(correlations, measure))
        if progress is not None:
            progress(done, len(figures), name)
    for name in set(before) - set(files):
        with contextlib.suppress(OSError):
            (folder / name).unlink()
    _mark(folder, files, correlations, settings)
    atomic.clear_left_overs(folder)
    return (*files, MARKER)


def _mark(folder: Path, files: tuple[str, ...], correlations: Correlations, settings: dict[str, object]) -> None:
    content = {
        "correlation_version": _FORMAT,
        "auvseg": __version__,
        "files": sorted(set(files)),
        "metric": correlations.pairs.metric,
        "given": list(correlations.given),
        "settings": settings,
        "said": [*correlations.pairs.sentences(), *sentences(correlations)],
    }
    atomic.write_text(folder / MARKER, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def _files_of(folder: Path) -> tuple[str, ...]:
    """What an earlier call wrote; names with a path in them are none of ours."""
    try:
        content = read_json(folder / MARKER)
        if content["correlation_version"] != _FORMAT:
            raise RunError(f"{folder} was written by another version of auvseg; choose another folder with -o")
        if not _is_marker(content):
            raise ValueError("not what auvseg writes")
        return tuple(name for name in content["files"] if Path(name).name == name and name.endswith((".csv", ".png")))
    except (OSError, ValueError, KeyError, TypeError):
        raise RunError(f"{folder} exists and holds no correlations of auvseg; choose a new folder with -o") from None
