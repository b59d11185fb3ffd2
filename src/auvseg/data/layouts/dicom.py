"""DICOM folder with any nesting and file names: series of CT, MR and PET, with SEG and RTSTRUCT labels.

Headers decide, not names: files with the same SeriesInstanceUID are one image, and a label belongs to the series that
it refers to. If nothing says which series of a study is meant, the case gets that as its problem. Only the names of
structures are taken from headers into ids or notes.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from os.path import commonpath
from pathlib import Path

from auvseg.data.case import Case, Dataset
from auvseg.data.formats.dicom.instance import Instance, is_dicom
from auvseg.data.formats.dicom.series import folders_below, instances_in
from auvseg.data.layouts.modality import modality_of_words
from auvseg.data.layouts.naming import clean_id, some_of
from auvseg.errors import DatasetError

NAME = "DICOM"
_MAX_LOOKED_AT = 1000
_TABLE = "state it in a table (CSV) with the columns image and label"


@dataclass(frozen=True)
class _Series:
    """Images that share a SeriesInstanceUID, by file name; never empty."""

    images: tuple[Instance, ...]

    @property
    def first(self) -> Instance:
        """The first file; used for what is the same in all."""
        return self.images[0]

    @property
    def folder(self) -> Path:
        """The innermost folder that holds all of its files."""
        return Path(commonpath([one.path.parent for one in self.images]))


@dataclass
class _Content:
    """Content of a folder.

    Attributes:
        series: images, by SeriesInstanceUID.
        labels: segmentations and structure sets.
        others: DICOM files that are neither, such as reports and screenshots.
        damaged: DICOM files that cannot be parsed.
        foreign: visible files that are not DICOM.
    """

    series: dict[str, _Series] = field(default_factory=dict)
    labels: list[Instance] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    damaged: list[Path] = field(default_factory=list)
    foreign: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class _Found:
    """A case without its id.

    Attributes:
        series: its image; one of several if nothing says which is meant.
        image: the path that names the image.
        label: its label.
        problem: why it cannot be read.
    """

    series: _Series
    image: Path
    label: Path | None
    problem: str = ""


def recognises(path: Path) -> bool:
    """Recognise a folder with a DICOM file somewhere below it."""
    if not path.is_dir():
        return False
    files = (file for folder in folders_below(path) for file in sorted(folder.iterdir()))
    return any(is_dicom(file) for file in islice(files, _MAX_LOOKED_AT))


def read(path: Path) -> Dataset:
    """List one case per labelled series, and one per study that has a single series and no label.

    Raises:
        DatasetError: there is no CT, MR or PET image.
    """
    content = _content(path)
    if not content.series:
        raise DatasetError(
            f"{path.name}: no data set recognised; its DICOM files hold no CT, MR or PET image"
            + "".join(f", {remark}" for remark in _remarks(content))
        )
    notes: list[str] = []
    owners = _owners(content, notes)
    found: list[_Found] = []
    for study in _studies(content):
        found += _cases_of_study(study, owners, content, notes)
    ids = case_ids(path, [one.image for one in found], [one.series.first for one in found], notes)
    cases = [
        Case(case_id, (one.image,), one.label, problem=one.problem) for case_id, one in zip(ids, found, strict=True)
    ]
    # PET is neither CT nor MRI: the user must state the modality.
    modality, note = modality_of_words(one.series.first.modality.replace("PT", "PET") for one in found)
    return Dataset(
        name=path.resolve().name,
        root=path,
        layout=NAME,
        source=None,
        cases=tuple(sorted(cases, key=lambda case: case.case_id)),
        modality=modality,
        notes=(*notes, *_remarks(content), *([note] if note else [])),
    )


def _content(root: Path) -> _Content:
    content = _Content()
    images: dict[str, list[Instance]] = defaultdict(list)
    for folder in folders_below(root):
        instances = instances_in(folder, content.damaged)
        for one in instances:
            if one.kind == "image":
                images[one.series].append(one)
            elif one.kind == "other":
                content.others.append(one.path)
            else:
                content.labels.append(one)
        known = {one.path for one in instances} | set(content.damaged)
        visible = (file for file in sorted(folder.iterdir()) if not file.name.startswith(".") and file.is_file())
        content.foreign += [file for file in visible if file not in known and not is_dicom(file)]
    content.series = {uid: _Series(tuple(sorted(found, key=lambda one: one.path))) for uid, found in images.items()}
    return content


def _studies(content: _Content) -> list[list[_Series]]:
    studies: dict[str, list[_Series]] = defaultdict(list)
    for series in content.series.values():
        studies[series.first.study].append(series)
    ordered = [sorted(study, key=lambda series: series.first.path) for study in studies.values()]
    return sorted(ordered, key=lambda study: study[0].first.path)


def _owners(content: _Content, notes: list[str]) -> dict[str, list[Instance]]:
    """Group labels by the series that they belong to."""
    owners: dict[str, list[Instance]] = defaultdict(list)
    homeless = []
    for label in content.labels:
        named = [uid for uid in label.refers_to if uid in content.series]
        if not label.refers_to:
            # An old structure set may name no series; a single series in its space is then the one it means.
            named = [
                uid
                for uid, series in content.series.items()
                if label.frame_of_reference and series.first.frame_of_reference == label.frame_of_reference
            ]
        if len(named) == 1:
            owners[named[0]].append(label)
        else:
            homeless.append(label.path.name)
    if homeless:
        names = some_of(sorted(homeless))
        notes.append(f"{len(homeless)} labels refer to none or several of the series found: {names} ignored")
    return owners


def _cases_of_study(
    study: Sequence[_Series], owners: dict[str, list[Instance]], content: _Content, notes: list[str]
) -> list[_Found]:
    labelled = [series for series in study if series.first.series in owners]
    if labelled:
        rest = [series.folder.name for series in study if series not in labelled]
        if rest:
            notes.append(f"{len(rest)} series without a label in a study with a labelled one: {some_of(rest)} ignored")
        return [_labelled(series, owners[series.first.series], content) for series in labelled]
    candidates = [series for series in study if not series.first.is_localizer] or list(study)
    # A PET beside CT or MR was acquired along with it.
    candidates = [series for series in candidates if series.first.modality != "PT"] or candidates
    rest = [series.folder.name for series in study if series not in candidates]
    if rest:
        notes.append(f"{len(rest)} series are scout views, or PET beside another scan: {some_of(rest)} ignored")
    if len(candidates) == 1:
        return [_labelled(candidates[0], [], content)]
    names = some_of([_name_of(series) for series in candidates])
    problem = f"its study has {len(candidates)} series, and no label refers to one ({names}); {_TABLE}"
    folder = Path(commonpath([series.folder for series in candidates]))
    return [_Found(candidates[0], folder, None, problem)]


def _labelled(series: _Series, labels: Sequence[Instance], content: _Content) -> _Found:
    image, problem = _path_of(series, content)
    if len(labels) > 1:
        names = some_of(sorted(label.path.name for label in labels))
        problem = problem or f"its series has {len(labels)} labels ({names}); {_TABLE}"
    return _Found(series, image, labels[0].path if len(labels) == 1 else None, problem)


def _path_of(series: _Series, content: _Content) -> tuple[Path, str]:
    """Return a folder that holds no other image, or a file; and why neither exists."""
    if len(series.images) == 1:
        return series.first.path, ""
    folder = series.folder
    if not any(
        folder in image.path.parents
        for other in content.series.values()
        if other is not series
        for image in other.images
    ):
        return folder, ""
    if len({image.path.parent for image in series.images}) == 1:
        return series.first.path, ""
    return folder, "its files lie in several folders, mixed with other series; put them into a separate folder"


def _name_of(series: _Series) -> str:
    return series.first.path.name if len(series.images) == 1 else series.folder.name


def _remarks(content: _Content) -> list[str]:
    kinds = (
        (content.damaged, "DICOM files cannot be parsed"),
        (content.others, "DICOM files are neither CT, MR or PET images nor labels (reports, screenshots, doses ...)"),
        (content.foreign, "files are not DICOM"),
    )
    return [
        f"{len(files)} {what}: {some_of(sorted(file.name for file in files))} ignored" for files, what in kinds if files
    ]


def case_ids(root: Path, images: Sequence[Path], series: Sequence[Instance], notes: list[str]) -> list[str]:
    """Return the shortest distinct prefixes of the paths below the root as case ids.

    Args:
        root: folder of the data set.
        images: folder or file of every case.
        series: a file of every case's series.
        notes: receives the number of ids that were replaced by a hash.
    """
    paths = [_parts(image, root) for image in images]
    shared = 0
    while len(paths) > 1 and all(len(parts) > shared + 1 and parts[shared] == paths[0][shared] for parts in paths):
        shared += 1
    own = [parts[shared:] for parts in paths]
    depth = [1] * len(own)
    while True:
        ids = ["_".join(parts[:deep]) for parts, deep in zip(own, depth, strict=True)]
        times = Counter(name.casefold() for name in ids)
        longer = [n for n, name in enumerate(ids) if times[name.casefold()] > 1 and depth[n] < len(own[n])]
        if not longer:
            break
        for position in longer:
            depth[position] += 1
    kept = [_private(name, one) for name, one in zip(ids, series, strict=True)]
    hidden = sum(name != given for name, given in zip(kept, ids, strict=True))
    if hidden:
        notes.append(
            f"{hidden} cases have a hash of their series as id, since their folder names identify the patient; "
            "for other ids write a table (CSV) with the columns id, image and label"
        )
    return [clean_id(name) for name in kept]


def _parts(image: Path, root: Path) -> list[str]:
    """Return the folders of an image below the root and its file, if it is one; the root if there is nothing else."""
    parts = list(image.relative_to(root).parts)
    if not parts:
        return [root.resolve().name]
    return [*parts[:-1], Path(parts[-1]).stem] if image.is_file() else parts


def _private(case_id: str, series: Instance) -> str:
    if not any(word in case_id.casefold() for word in series.identity):
        return case_id
    return f"case_{hashlib.sha256(series.series.encode()).hexdigest()[:8]}"
