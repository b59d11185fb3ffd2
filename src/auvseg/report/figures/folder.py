"""A folder of figures: the cohort's, and those of the cases that a paper would show.

FOLDER/distributions.png · scatter.png · cut.png · thumbnails.png
FOLDER/CASE-planes.png · CASE-spectrum.png · CASE-contributions.png     of the structure that stands out most
FOLDER/figures.json     what is ours; a folder of somebody else's is refused
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from matplotlib import style
from matplotlib.figure import Figure

from auvseg.data.case import Dataset
from auvseg.errors import AuvsegError, UsageError, did_you_mean
from auvseg.files.owned_folder import OwnedFiles
from auvseg.report.bands import SpectrumBands
from auvseg.report.figures.images import planes, thumbnails
from auvseg.report.figures.measures import against, cut, distribution, require
from auvseg.report.figures.save import FORMATS, save
from auvseg.report.figures.structures import bands_of, contributions, spectrum
from auvseg.report.ranked_run import Prepared, ReportOptions, prepare, shown_measures
from auvseg.scoring.record import file_name
from auvseg.scoring.run import read_run
from auvseg.scoring.table import load_run
from auvseg.scoring.view import read_view

MARKER = "figures.json"

_FIRST_MEASURES = 6
_THUMBNAILS = 64
_SIZE = "volume_ml"


@dataclass(frozen=True)
class FigureOptions:
    """What is drawn.

    Attributes:
        report: ranking, names and privacy, as of a report.
        measures: of the distributions; empty: the first six that the report shows.
        keep: where the cut is drawn.
        cases: ids of the cases that are drawn; empty: the `top` most suspicious ones.
        top: so many.
        kind: `png`, `svg` or `pdf`.
    """

    report: ReportOptions = field(default_factory=ReportOptions)
    measures: Sequence[str] = ()
    keep: float = 0.95
    cases: Sequence[str] = ()
    top: int = 3
    kind: str = "png"


@dataclass(frozen=True)
class FiguresDone:
    """What was written.

    Attributes:
        files: names in the folder.
        left_out: name and reason of every figure that could not be drawn.
        no_order: why the cases could not be ranked, so that there is no cut to draw; empty where they were.
    """

    files: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    no_order: str


def write_figures(
    run_folder: Path,
    output: Path,
    dataset: Dataset | None,
    options: FigureOptions | None = None,
    on_step: Callable[[int, int, str], None] | None = None,
) -> FiguresDone:
    """Draw a run's figures into a folder.

    Args:
        run_folder: of `auvseg score`.
        output: new, empty, or of this function before.
        dataset: where the images are; None leaves out the planes of cases.
        options: what is drawn.
        on_step: told how many of how many figures are done, and which was the last.

    Raises:
        RunError: there is no run, or the folder holds something else.
        UsageError: the run cannot be ranked as asked, or has no such case or measure.
    """
    options = options or FigureOptions()
    if options.kind not in FORMATS:
        raise UsageError(f"figures are written as {', '.join(FORMATS)}, not {options.kind}")
    run = read_run(run_folder)
    endings = tuple(f".{kind}" for kind in FORMATS)
    foreign = "holds something that auvseg did not draw; choose a new folder with -o"
    owned = OwnedFiles(output, MARKER, ("figures_version", 1), endings, foreign)
    table, cases = load_run(run_folder)
    # A page shows no more than a browser can hold; a figure shows all.
    prepared = prepare(run, table, cases, dataset, replace(options.report, top=len(cases)))
    drawings = dict(_drawings(prepared, options))
    named = {f"{name}.{options.kind}": draw for name, draw in drawings.items()}
    owned.begin(named)
    files, left_out = [], []
    for done, (name, draw) in enumerate(named.items(), start=1):
        try:
            # Not in the style of a matplotlibrc, or of what else ran in this process, as in `scatter_png`.
            with style.context("default"):
                save(draw(), output / name)
            files.append(name)
        except AuvsegError as problem:
            left_out.append((name, prepared.privacy.text(str(problem))))
        if on_step is not None:
            on_step(done, len(named), name)
    owned.finish(files)
    return FiguresDone(tuple(files), tuple(left_out), prepared.cohort.no_order)


def _drawings(prepared: Prepared, options: FigureOptions) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """Name and drawing of every figure, the cohort's first."""
    cohort, run = prepared.cohort, prepared.run.folder
    ids = set(cohort.order)
    unknown = [case for case in options.cases if case not in ids]
    if unknown:
        raise UsageError(f"the run has no case {unknown[0]!r}; {did_you_mean(unknown[0], cohort.order)}")
    cases = tuple(options.cases) or cohort.order[: options.top]
    if options.measures:
        require(cohort, options.measures)
    measures = tuple(options.measures) or tuple(shown_measures(cohort)[0][:_FIRST_MEASURES])
    table, classes = cohort.table.drop(columns="AUV", errors="ignore"), cohort.classes
    yield "distributions", lambda: distribution(table, *measures, mark=cases, classes=classes)
    up = next((name for name in shown_measures(cohort)[0] if name != _SIZE), cohort.by)
    yield "scatter", lambda: against(table, _SIZE, up, mark=cases, classes=classes)
    if not cohort.no_order:
        yield "cut", lambda: cut(table, by=cohort.by, keep=options.keep)
    yield "thumbnails", lambda: thumbnails(run, cohort.order[:_THUMBNAILS], name_of=prepared.privacy.case)
    bands = bands_of(run, prepared.sample) if cases else None
    for case in cases:
        yield from _of_case(prepared, case, bands)


def _of_case(prepared: Prepared, case: str, bands: SpectrumBands | None) -> Iterator[tuple[str, Callable[[], Figure]]]:
    run, dataset = prepared.run.folder, prepared.dataset
    shown = prepared.privacy.case(case)
    name = file_name(shown).removesuffix(".json")
    if dataset is not None:
        whole = prepared.options.whole_image
        yield f"{name}-planes", lambda: planes(run, dataset, case, whole_image=whole, title=shown)
    view = read_view(run, case, masks=False)
    classes = view.classes if view else {}
    held = [class_id for class_id in prepared.explainer.sentences(case, lambda: classes) if class_id in classes]
    if not held:
        return
    class_id = held[0]
    position = next((n for n, one in enumerate(prepared.cohort.classes) if one.class_id == class_id), None)
    words = f"{shown}, {prepared.cohort.classes[position].name}" if position is not None else shown
    yield (
        f"{name}-spectrum",
        lambda: spectrum(run, case, class_id, position=position, title=words, bands=bands),
    )
    yield f"{name}-contributions", lambda: contributions(run, case, class_id, position=position, title=words)
