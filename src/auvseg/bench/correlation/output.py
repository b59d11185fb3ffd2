"""Write the output folder: tables, figures and `correlation.json`, which lists the written files.

Folders with other content are refused. In an earlier output folder, files are replaced, and figures that this call does
not draw are removed.
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
    """Check that this command may write into a folder, before anything is computed.

    Raises:
        RunError: it is a file, or a folder with content but without our `correlation.json`.
    """
    _owned(folder)


def _owned(folder: Path) -> OwnedFiles:
    foreign = "exists and was not written by auvseg bench correlate; choose a new folder with -o"
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
        folder: a new or empty folder, or one that this function wrote.
        correlations: the correlations.
        settings: settings needed to reproduce the result; plain JSON values, no paths.
        plots: whether figures are drawn.
        progress: called with (done, total, file) for every figure.

    Returns:
        Names of the files, relative to the folder.

    Raises:
        RunError: as for `check_folder`; or a foreign file is in the way, or nothing can be written.
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
