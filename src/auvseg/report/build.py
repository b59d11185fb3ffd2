"""Build a report: one folder that opens from disk in any browser, without server, network or installation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from auvseg.data.case import Dataset
from auvseg.report.bands import SpectrumBands
from auvseg.report.case_payload import CaseImages, case_payload
from auvseg.report.first_page import THUMBNAILS_A_FILE, first_page, title_of
from auvseg.report.folder import ReportFolder
from auvseg.report.page import Page, render
from auvseg.report.payload import as_json
from auvseg.report.pictures import thumbnail_uri
from auvseg.report.ranked_run import Prepared, ReportOptions, prepare
from auvseg.review.pseudonyms import KEY
from auvseg.scoring.run import read_run
from auvseg.scoring.table import load_run
from auvseg.scoring.view import read_view

OnStep = Callable[[int, int, str], None]
"""Called with (done, total, case id)."""


@dataclass(frozen=True)
class ReportDone:
    """A finished report.

    Attributes:
        index: the page to open.
        cases: number of cases in the report, the most suspicious of `total`.
        total: number of cases of the run.
        with_images: number of cases shown with images.
        without_images: case and reason for every case whose images were requested but not available.
        no_order: why the cases could not be ranked, in one sentence; empty if they were.
        key: file with the key of pseudonyms; None without pseudonyms.
    """

    index: Path
    cases: int
    total: int
    with_images: int
    without_images: tuple[tuple[str, str], ...]
    no_order: str
    key: Path | None


@dataclass
class _Gathered:
    """Data of all cases for the first page, collected case by case."""

    why: dict[str, str] = field(default_factory=dict)
    thumbnails: list[str] = field(default_factory=list)
    inline: dict[str, str] = field(default_factory=dict)
    with_images: int = 0

    def chunks(self) -> list[list[str]]:
        if not any(self.thumbnails):
            return []
        starts = range(0, len(self.thumbnails), THUMBNAILS_A_FILE)
        return [self.thumbnails[start : start + THUMBNAILS_A_FILE] for start in starts]


def write_report(
    run_folder: Path,
    output: Path,
    dataset: Dataset | None,
    options: ReportOptions | None = None,
    on_step: OnStep | None = None,
) -> ReportDone:
    """Write the report of a run.

    Args:
        run_folder: run folder of `auvseg score`.
        output: a new or empty folder, or an earlier report.
        dataset: data set with the images; None shows only numbers and thumbnails.
        options: report options.
        on_step: called after every case.

    Raises:
        RunError: there is no run, or the output folder holds something else.
        UsageError: the run cannot be ranked as asked.
    """
    options = options or ReportOptions()
    run = read_run(run_folder)
    folder = ReportFolder(output)
    prepared = prepare(run, *load_run(run_folder), dataset, options)
    folder.begin()
    gathered = _Gathered()
    with CaseImages(prepared, prepared.cohort.order[: options.images]) as images:
        for position, case in enumerate(prepared.cohort.order):
            _add_case(prepared, case, images, folder, gathered)
            if on_step is not None:
                on_step(position + 1, len(prepared.cohort.order), prepared.privacy.case(case))
    chunks = gathered.chunks()
    if not options.single_file:
        folder.write_thumbnails([as_json(chunk) for chunk in chunks])
    files = [_name_of(position) for position in range(len(prepared.cohort.order))]
    data = first_page(prepared, files, gathered.why, _spectrum_bands(prepared), has_thumbnails=bool(chunks))
    page = Page(
        title=title_of(prepared),
        data=as_json(data),
        inline_cases=gathered.inline,
        inline_thumbs=as_json(chunks) if options.single_file else None,
    )
    folder.finish(render(page))
    key = run_folder / KEY if options.pseudonymize else None
    return ReportDone(
        index=folder.index,
        cases=len(files),
        total=len(prepared.cases),
        with_images=gathered.with_images,
        without_images=tuple(images.without),
        no_order=prepared.cohort.no_order,
        key=key,
    )


def _add_case(prepared: Prepared, case: str, images: CaseImages, folder: ReportFolder, gathered: _Gathered) -> None:
    """Write the page of one case, and collect its data for the first page."""
    view = read_view(prepared.run.folder, case, masks=images.wants(case))
    sentences = prepared.explainer.sentences(case, lambda: view.classes if view else None)
    classes = prepared.cohort.classes
    similar = {one.class_id: prepared.similar.get((case, one.class_id), ()) for one in classes}
    payload = case_payload(case, classes, sentences, similar, view, prepared.privacy)
    if (image := images.of(case, view)) is not None:
        payload["image"] = image
        gathered.with_images += 1
    name = _name_of(len(gathered.thumbnails))
    if prepared.options.single_file:
        gathered.inline[name] = as_json(payload)
    else:
        folder.write_case(name, as_json(payload))
    gathered.why[case] = next(iter(sentences.values()), "")
    picture = None if view is None else view.thumbnail
    gathered.thumbnails.append("" if picture is None else thumbnail_uri(picture))


def _spectrum_bands(prepared: Prepared) -> SpectrumBands:
    """Compute the spectrum bands of the whole run, whatever part of it is shown."""
    bands = SpectrumBands()
    for case in prepared.sample:
        view = read_view(prepared.run.folder, case, masks=False)
        if view is not None:
            bands.take(view)
    return bands


def _name_of(position: int) -> str:
    return f"{position:06d}"
