"""A report: one folder, opened from disk in any browser, with no server, no network and nothing to install.

OUTPUT/index.html        the cohort, with everything that the pages need but images
OUTPUT/cases/NAME.js     a case each, loaded when it is looked at: browsers read no other files from a disk
OUTPUT/thumbs/N.js       a hundred thumbnails each
OUTPUT/report.json       says that this folder is a report, and may be written again
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auvseg import atomic
from auvseg._version import __version__
from auvseg.data.case import Case, ClassDef, Dataset
from auvseg.data.isolation import IsolatedPool
from auvseg.data.volume import Volume
from auvseg.errors import RunError
from auvseg.measures.default import default_measure
from auvseg.report.case_payload import Explainer, case_payload, spectrum_bands, volume_payload
from auvseg.report.cohort import Cohort, as_json, cohort_of, cohort_payload
from auvseg.report.explain import deviations, medians
from auvseg.report.neighbours import similar_clean_cases
from auvseg.report.page import Page, render
from auvseg.report.pictures import thumbnail_uri
from auvseg.report.private import Privacy
from auvseg.report.problems import problems_of
from auvseg.review.pseudonyms import write_key
from auvseg.scoring.loading import LoadTask, load_case
from auvseg.scoring.record import Record, read_records
from auvseg.scoring.run import Run, read_run
from auvseg.scoring.table import scores_table
from auvseg.scoring.view import CaseView, read_view

MARKER = "report.json"

_THUMBNAILS_A_FILE = 100

OnStep = Callable[[int, int, str], None]
"""Told how many of how many cases are done, and which was the last."""


@dataclass(frozen=True)
class ReportOptions:
    """How a report is made.

    Attributes:
        by: what cases are ranked by: `AUV` or a measure; None takes `default_measure`.
        images: so many cases, the most suspicious first, are shown with their images; the others with numbers and a
            thumbnail.
        top: only so many cases, the most suspicious first; None: all.
        single_file: everything in `index.html`.
        pseudonymize: `case-0001` and so on instead of case ids; the key stays in the run folder.
        whole_image: show whole planes, not only what is around the structures. A head shows a face.
        findings: of `auvseg check --json`.
        bench: folder of `auvseg bench detect`, for `by="combined"`.
    """

    by: str | None = None
    images: int = 200
    top: int | None = None
    single_file: bool = False
    pseudonymize: bool = False
    whole_image: bool = False
    findings: Sequence[Mapping[str, Any]] = ()
    bench: Path | None = None


@dataclass(frozen=True)
class ReportDone:
    """What was written.

    Attributes:
        index: the page to open.
        cases: cases in it.
        with_images: how many of them can be looked at.
        without_images: case and reason of every case whose images were wanted and could not be had.
        key: where the pseudonyms are; None without any.
    """

    index: Path
    cases: int
    with_images: int
    without_images: tuple[tuple[str, str], ...]
    key: Path | None


@dataclass
class _Work:
    """Everything that the cases of a report share."""

    run: Run
    cohort: Cohort
    privacy: Privacy
    explainer: Explainer
    similar: dict[tuple[str, int], tuple[str, ...]]
    views: dict[str, CaseView]
    options: ReportOptions
    without_images: list[tuple[str, str]] = field(default_factory=list)


def write_report(
    run_folder: Path,
    output: Path,
    dataset: Dataset | None,
    options: ReportOptions | None = None,
    on_step: OnStep | None = None,
) -> ReportDone:
    """Make the report of a run.

    Args:
        run_folder: of `auvseg score`.
        output: a new or empty folder, or an earlier report.
        dataset: where the images are; None shows numbers and thumbnails alone.
        options: how.
        on_step: told of every case.

    Raises:
        RunError: there is no run, or the output folder holds something else.
        UsageError: the run cannot be ranked as asked.
    """
    options = options or ReportOptions()
    run, records = read_run(run_folder), read_records(run_folder)
    _require_own(output)
    work = _prepared(run, records, dataset, options)
    shown = work.cohort.order
    folders = [] if options.single_file else ["cases", "thumbs"]
    for name in folders:
        (output / name).mkdir(parents=True, exist_ok=True)
    file_of = {case: f"{position:06d}" for position, case in enumerate(shown)}
    inline: dict[str, str] = {}
    with_images = 0
    for done, (case, payload) in enumerate(_cases(work, dataset, shown), start=1):
        with_images += "image" in payload
        text = as_json(payload)
        if options.single_file:
            inline[file_of[case]] = text
        else:
            _write(output / "cases" / f"{file_of[case]}.js", f'auvseg.receive("{file_of[case]}",{text});\n')
        if on_step is not None:
            on_step(done, len(shown), work.privacy.case(case))
    thumbs = _thumbnails(work, shown)
    if not options.single_file:
        for number, chunk in enumerate(thumbs):
            _write(output / "thumbs" / f"{number}.js", f"auvseg.thumbs({number},{as_json(chunk)});\n")
    page = Page(
        title=dataset.name if dataset is not None and not options.pseudonymize else "auvseg report",
        data=as_json(_index(work, records, dataset, file_of)),
        inline_cases=inline,
        inline_thumbs=as_json(thumbs) if options.single_file else None,
    )
    atomic.write_text(output / "index.html", render(page))
    atomic.write_text(output / MARKER, json.dumps({"auvseg": __version__, "report_version": 1}) + "\n")
    names = work.privacy.pseudonyms
    key = None if names is None else write_key(run_folder, names)
    return ReportDone(output / "index.html", len(shown), with_images, tuple(work.without_images), key)


def _prepared(run: Run, records: Sequence[Record], dataset: Dataset | None, options: ReportOptions) -> _Work:
    table = scores_table(records)
    if options.by == "combined":
        from auvseg.bench.combination import with_combined

        table = with_combined(table, run.folder, options.bench)
    cohort = cohort_of(table, None if dataset is None else dataset.classes, options.by or default_measure(table))
    z, middle = deviations(cohort.table), medians(cohort.table)
    similar = similar_clean_cases(cohort.table, cohort.suspicion)
    explainer = Explainer(cohort.table, z, middle)
    if options.top is not None:
        cohort = _first(cohort, options.top)
    folders = [run.dataset_path, run.folder, *([] if dataset is None else [dataset.root])]
    ids = sorted({record.case_id for record in records})
    privacy = Privacy.of(folders, ids, pseudonymize=options.pseudonymize)
    views = {case: view for case in cohort.order if (view := read_view(run.folder, case)) is not None}
    return _Work(run, cohort, privacy, explainer, similar, views, options)


def _first(cohort: Cohort, top: int) -> Cohort:
    order = cohort.order[:top]
    table = cohort.table[cohort.table["case"].isin(order)].reset_index(drop=True)
    return Cohort(table, cohort.by, order, cohort.suspicion, cohort.classes)


def _cases(work: _Work, dataset: Dataset | None, shown: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every case with its images where they are wanted and can be had."""
    images = dict(_images(work, dataset, shown[: work.options.images]))
    for case in shown:
        view = work.views.get(case)
        similar = {one.class_id: work.similar.get((case, one.class_id), ()) for one in work.cohort.classes}
        sentences = work.explainer.sentences(case, view)
        payload = case_payload(case, work.cohort.classes, sentences, similar, view, work.privacy)
        if case in images:
            payload["image"] = images.pop(case)
        yield case, payload


def _images(work: _Work, dataset: Dataset | None, wanted: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    if dataset is None:
        return
    by_id = {case.case_id: case for case in dataset.cases}
    cases: list[Case] = []
    for case_id in wanted:
        if case_id in by_id:
            cases.append(by_id[case_id])
        else:
            work.without_images.append((case_id, "the data set has no such case any more"))
    config = work.run.setup["config"]
    tasks = [
        LoadTask(case, int(config["channel"]), max(len(dataset.channel_names), 1), with_label=True, known=None)
        for case in cases
    ]
    with IsolatedPool(num_workers=1, timeout_s=600.0) as pool:
        for outcome in pool.map(load_case, tasks, ahead=1):
            case_id = outcome.item.case.case_id
            volume = None if outcome.result is None else outcome.result.volume
            if volume is None:
                reason = outcome.error if outcome.result is None else outcome.result.error
                work.without_images.append((case_id, reason or "it cannot be read"))
                continue
            yield case_id, _volume(work, case_id, volume)


def _volume(work: _Work, case_id: str, volume: Volume) -> dict[str, Any]:
    classes: Sequence[ClassDef] = work.cohort.classes
    return volume_payload(volume, classes, work.views.get(case_id), whole=work.options.whole_image)


def _thumbnails(work: _Work, shown: Sequence[str]) -> list[list[str]]:
    pictures = [
        thumbnail_uri(view.thumbnail) if (view := work.views.get(case)) is not None and view.thumbnail else ""
        for case in shown
    ]
    if not any(pictures):
        return []
    return [pictures[start : start + _THUMBNAILS_A_FILE] for start in range(0, len(pictures), _THUMBNAILS_A_FILE)]


def _index(
    work: _Work, records: Sequence[Record], dataset: Dataset | None, file_of: Mapping[str, str]
) -> dict[str, Any]:
    shown = set(work.cohort.order)
    why = {}
    for case in work.cohort.order:
        sentences = work.explainer.sentences(case, work.views.get(case))
        why[case] = next(iter(sentences.values()), "")
    setup = work.run.setup
    mine = [record for record in records if record.case_id in shown]
    return {
        **cohort_payload(work.cohort, work.privacy, why),
        "files": [file_of[case] for case in work.cohort.order],
        "hasThumbs": any(view.thumbnail is not None for view in work.views.values()),
        "thumbsAFile": _THUMBNAILS_A_FILE,
        "bands": spectrum_bands(work.views),
        "problems": problems_of(mine, work.cohort.table, work.options.findings, work.privacy),
        "modality": setup["config"]["modality"],
        "provenance": _provenance(work, dataset, setup),
        "total": len(records),
        "fingerprint": _fingerprint(setup, records),
    }


def _provenance(work: _Work, dataset: Dataset | None, setup: Mapping[str, Any]) -> list[tuple[str, str]]:
    config, extractor = setup["config"], setup["extractor"]
    hidden = work.options.pseudonymize or dataset is None
    rows = [
        ("data set", "hidden" if hidden or dataset is None else f"{dataset.name} ({dataset.layout})"),
        ("auvseg", str(setup["auvseg"])),
        ("extractor", str(extractor["name"])),
        ("weights (sha256)", str(extractor["weights_sha256"])[:16]),
        ("told", str(config["prompt"])),
        ("input", f"{config['input']}, {config['modality']}"),
        ("ranked by", work.cohort.by),
    ]
    rows += [
        (name, json.dumps(value)) for name, value in sorted(extractor.items()) if name in ("precision", "max_slices")
    ]
    return [(name, work.privacy.text(value)) for name, value in rows]


def _fingerprint(setup: Mapping[str, Any], records: Sequence[Record]) -> str:
    """What a review belongs to: these cases' files. Another measure or page of the same run keeps its review."""
    files = [(record.case_id, record.inputs.image_sha256, record.inputs.label_sha256) for record in records]
    return hashlib.sha256(json.dumps([setup["extractor"]["name"], files]).encode()).hexdigest()[:16]


def _require_own(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise RunError(f"{output} is a file; choose a folder with -o")
    if output.is_dir() and any(output.iterdir()) and not (output / MARKER).is_file():
        raise RunError(f"{output} holds something that is no report; choose a new folder with -o")


def _write(path: Path, text: str) -> None:
    # Not flushed to the disk one by one: ten thousand of them would take longer than everything else, and the page that
    # names them is written last.
    path.write_text(text, encoding="utf-8")
