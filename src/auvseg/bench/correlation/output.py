"""The output folder: tables, figures and `correlation.json`, which says what is ours.

A folder that somebody else filled is refused. In one of ours the files are replaced, and figures of an earlier call
that this one does not draw are removed.
"""

from collections.abc import Callable
from pathlib import Path

from auvseg.bench.correlation.conclusions import sentences
from auvseg.bench.correlation.correlate import Correlations
from auvseg.errors import RunError
from auvseg.files import atomic
from auvseg.files.owned_folder import OwnedFiles
from auvseg.files.safe_csv import table_as_csv

MARKER = "correlation.json"
TABLE = "correlation.csv"
PAIRS = "pairs.csv"


def check_folder(folder: Path) -> None:
    """Refuse a folder that this command may not write into, before anything is computed.

    Raises:
        RunError: it is a file, or holds something and no `correlation.json` of ours.
    """
    _owned(folder)


def _owned(folder: Path) -> OwnedFiles:
    foreign = "exists and holds no correlations of auvseg; choose a new folder with -o"
    return OwnedFiles(folder, MARKER, ("correlation_version", 1), (".csv", ".png"), foreign)


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
    figures = {f"{measure}.png": measure for measure in correlations.pairs.measures} if plots else {}
    files = (TABLE, PAIRS, *figures)
    owned = _owned(folder)
    owned.begin(
        files,
        {
            "metric": correlations.pairs.metric,
            "given": list(correlations.given),
            "settings": settings,
            "said": [*correlations.pairs.sentences(), *sentences(correlations)],
        },
    )
    for name, table in ((TABLE, correlations.table), (PAIRS, correlations.pairs.accounts)):
        atomic.write_text(folder / name, table_as_csv(table))
    for done, (name, measure) in enumerate(figures.items(), start=1):
        from auvseg.bench.correlation.plots import scatter_png

        atomic.write_bytes(folder / name, scatter_png(correlations, measure))
        if progress is not None:
            progress(done, len(figures), name)
    owned.finish(files)
    return (*files, MARKER)
