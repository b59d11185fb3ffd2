"""Write a folder of figures: of the cohort, and of the most suspicious cases.

FOLDER/distributions.png · scatter.png · cut.png · thumbnails.png
FOLDER/CASE-planes.png · CASE-spectrum.png · CASE-contributions.png     of the structure that stands out most
FOLDER/figures.json     lists the written files; folders with other content are refused
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
    """Options of the figures.

    Attributes:
        report: ranking, names and privacy, as for a report.
        measures: measures of the distributions; empty: the first six of the report.
        keep: share of cases to keep, at which the cut is drawn.
        cases: ids of the cases to draw; empty: the `top` most suspicious ones.
        top: number of cases to draw.
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
    """Written figures.

    Attributes:
        files: file names in the folder.
        left_out: name and reason of every figure that could not be drawn.
        no_order: why the cases could not be ranked, so there is no cut to draw; empty if they were.
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
        run_folder: run folder of `auvseg score`.
        output: a new or empty folder, or one that this function wrote.
        dataset: data set with the images; None leaves out the planes of cases.
        options: what to draw.
        on_step: called with (done, total, name) after every figure.

    Raises:
        RunError: there is no run, or the folder holds something else.
        UsageError: the run cannot be ranked as asked, or has no such case or measure.
    """
    options = options or FigureOptions()
    if options.kind not in FORMATS:
        raise UsageError(f"figures are written as {', '.join(FORMATS)}, not {options.kind}")
    run = read_run(run_folder)
    endings = tuple(f".{kind}" for kind in FORMATS)
    foreign = "contains files that auvseg did not write; choose a new folder with -o"
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
            # Independent of a matplotlibrc and of styles set elsewhere in this process, as in `scatter_png`.
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
