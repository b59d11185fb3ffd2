"""nnU-Net v2 raw: `imagesTr/CASE_0000.nii.gz`, `labelsTr/CASE.nii.gz`, `dataset.json`.

Supports several channels, regions, the ignore label and the explicit `dataset` key, following nnU-Net's documentation
of its data set format. Cases are listed with the files that they should have, or that have a nearly correct name;
`check` reports what is wrong.
"""

import codecs
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from auvseg.data.case import Case, Dataset, Subset
from auvseg.data.check.findings import Finding, Kind, Problem
from auvseg.data.layouts.dataset_json import Remarks, channels, load_json, path_below, take
from auvseg.data.layouts.modality import modality_of_channels
from auvseg.data.layouts.naming import (
    clean_id,
    ending_of,
    folded,
    has_ending,
    loosely,
    near_folder,
    some_of,
    stem,
    visible_files,
)
from auvseg.data.layouts.nnunet_labels import read_labels
from auvseg.data.layouts.pairing import key_of
from auvseg.data.reading import is_supported
from auvseg.errors import DatasetError

NAME = "nnU-Net v2 raw"
_DESCRIPTION = "dataset.json"
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def recognises(path: Path) -> bool:
    """Recognise a folder whose dataset.json has `channel_names` or `file_ending`, which no other layout has."""
    description = path / _DESCRIPTION
    return description.is_file() and not load_json(description).keys().isdisjoint(("channel_names", "file_ending"))


def read(path: Path) -> Dataset:
    """Read the description and list the cases: imagesTr for training, imagesTs for test if there is a labelsTs.

    Raises:
        DatasetError: a key is missing or of the wrong type, the description contradicts itself, or there are no cases.
    """
    source = path / _DESCRIPTION
    content = load_json(source)
    remarks = Remarks()
    if source.read_bytes().startswith(_MARKS):
        remarks.refused("it begins with a byte order mark", "save it as UTF-8 without one")
    # nnU-Net itself still takes the older name for the channels.
    older = "modality" in content and "channel_names" not in content
    names = channels(content, "modality" if older else "channel_names", source.name)
    classes, ignore_value = read_labels(content, source.name, remarks)
    cases = _cases(path, content, len(names), remarks)
    modality, note = modality_of_channels(names)
    return Dataset(
        name=path.resolve().name,
        root=path,
        layout=NAME,
        source=source,
        cases=tuple(sorted(cases, key=lambda case: case.case_id)),
        classes=classes,
        ignore_value=ignore_value,
        channel_names=names,
        modality=modality,
        notes=(*remarks.notes, *([note] if note else [])),
        findings=remarks.all_findings(),
    )


def _cases(path: Path, content: dict[str, Any], channel_count: int, remarks: Remarks) -> list[Case]:
    ending = None
    if "dataset" in content:
        cases = _listed(take(content, "dataset", dict, _DESCRIPTION), path, remarks)
    else:
        ending = _ending(path, take(content, "file_ending", str, _DESCRIPTION))
        cases = _found(path, "Tr", "training", ending, channel_count, remarks)
    if not cases:
        raise DatasetError(_why_empty(path, content))
    declared = content.get("numTraining")
    if isinstance(declared, int) and declared != len(cases):
        remarks.refused(
            f"numTraining is {declared}, but there are {len(cases)} cases", f'write "numTraining": {len(cases)}'
        )
    ending = content.get("file_ending") if ending is None else ending
    if (path / "labelsTs").is_dir() and isinstance(ending, str) and ending:
        cases += _found(path, "Ts", "test", ending, channel_count, remarks)
    elif (path / "imagesTs").is_dir() and (count := len(visible_files(path / "imagesTs", []))):
        remarks.notes.append(f"the {count} test images in imagesTs have no labelsTs: not listed")
    return cases


def _ending(path: Path, declared: str) -> str:
    """Return the declared ending if files have it.

    Raises:
        DatasetError: it is not an ending, or no image or label has it but files with another ending exist.
    """
    # An empty ending would match every file and strip nothing.
    if not declared:
        raise DatasetError(f"{_DESCRIPTION}: 'file_ending' is empty; it should be something like .nii.gz")
    folders = [folder for folder in (path / "imagesTr", path / "labelsTr") if folder.is_dir()]
    files = [file for folder in folders for file in visible_files(folder, [])]
    others = Counter(ending_of(file.name) for file in files if is_supported(file))
    if declared.startswith(".") and (not others or any(has_ending(file.name, declared) for file in files)):
        return declared
    if not others:
        raise DatasetError(f"{_DESCRIPTION}: 'file_ending' must begin with a dot, as in .nii.gz; it is {declared!r}")
    usual, times = others.most_common(1)[0]
    raise DatasetError(
        f"{_DESCRIPTION}: 'file_ending' is {declared!r}, but {times} of {others.total()} images and labels end in "
        f'{usual!r}: write "file_ending": "{usual}"'
    )


def _why_empty(path: Path, content: dict[str, Any]) -> str:
    if (path / "dataset_fingerprint.json").is_file() or (path / "nnUNetPlans.json").is_file():
        return f"{path.name}: is nnU-Net's preprocessed folder; give the data set's folder in nnUNet_raw"
    if "dataset" in content:
        return f"{_DESCRIPTION}: 'dataset' lists no cases"
    near = [(name, near_folder(path / name)) for name in ("imagesTr", "labelsTr") if not (path / name).is_dir()]
    renamed = "; ".join(f"rename {there} to {name}" for name, there in near if there)
    none = f"{path.name}: no file in imagesTr or labelsTr ends in {content.get('file_ending')!r}"
    return f"{none}; {renamed}" if renamed else none


def _listed(listed: dict[str, Any], root: Path, remarks: Remarks) -> list[Case]:
    cases = []
    for name, entry in listed.items():
        where = f"{_DESCRIPTION}: dataset: {name!r}"
        if not isinstance(entry, dict):
            raise DatasetError(f"{where}: must be an object with 'images' and 'label'")
        images = take(entry, "images", list, where)
        if not images:
            raise DatasetError(f"{where}: 'images' lists no files")
        label = entry.get("label")
        cases.append(
            Case(
                case_id=clean_id(name),
                images=tuple(_expanded(image, root, f"{where}: images", remarks) for image in images),
                label=None if label is None else _expanded(label, root, f"{where}: label", remarks),
            )
        )
    return cases


def _expanded(name: object, root: Path, where: str, remarks: Remarks) -> Path:
    # As nnU-Net does: $nnUNet_raw/... in the description, and relative paths start at the data set's folder.
    return path_below(root, os.path.expandvars(name) if isinstance(name, str) else name, where, remarks)


def _found(root: Path, suffix: str, subset: Subset, ending: str, channel_count: int, remarks: Remarks) -> list[Case]:
    folders = root / f"images{suffix}", root / f"labels{suffix}"
    images, labels = (visible_files(folder, remarks.notes) if folder.is_dir() else [] for folder in folders)
    names = folders[0].name, folders[1].name
    found, findings = arrange(images, labels, ending, names, remarks.notes)
    remarks.findings += findings
    surplus = {
        clean_id(name): file.name
        for name, case in found.items()
        for channel, file in case.images.items()
        if channel >= channel_count
    }
    if surplus:
        message = (
            f"{len(surplus)} of {len(found)} cases have more channels than the {channel_count} that {_DESCRIPTION} "
            f"declares, and nnU-Net uses them all: {some_of(sorted(surplus.values()))}"
        )
        advice = "declare the channel under channel_names, or move its files out of the folder"
        remarks.findings.append(Problem(Kind.CHANNEL_MISMATCH, message, advice).of_cases("", surplus))
    # A single file may hold every channel (colour pictures); if any case has several files, all need them.
    one_file = channel_count > 1 and all(case.images.keys() <= {0} for case in found.values())
    return [
        Case(
            case_id=clean_id(name),
            images=tuple(
                case.images.get(channel, folders[0] / f"{name}_{channel:04d}{ending}")
                for channel in range(1 if one_file else channel_count)
            ),
            label=case.label or folders[1] / f"{name}{ending}",
            subset=subset,
        )
        for name, case in sorted(found.items())
    ]


@dataclass
class FilesOfCase:
    """Files found for one case.

    Attributes:
        images: files by channel.
        label: the label, or None.
    """

    images: dict[int, Path] = field(default_factory=dict)
    label: Path | None = None


class _Parsed(NamedTuple):
    """Case and channel that a file name stands for."""

    case_id: str
    channel: int = 0


class _Rule(NamedTuple):
    """A naming pattern, and what to say about files that follow it; empty for nnU-Net's own rule."""

    parse: Callable[[str], _Parsed | None]
    said: str = ""


class _File(NamedTuple):
    path: Path
    stem: str
    ends_well: bool


class _Odd(NamedTuple):
    """A file whose name does not follow nnU-Net's scheme."""

    case_id: str
    name: str
    right: str


_NO_SUFFIX = "without the channel suffix _0000"
_WITH_WORD = "with a word in the name that nnU-Net does not strip"
_SUFFIX = re.compile(r"(.+)_(\d{4})", re.DOTALL)


def _by(pattern: str) -> Callable[[str], _Parsed | None]:
    """Match names by a pattern with the case's id and possibly the channel's number."""
    whole = re.compile(pattern, re.DOTALL)

    def parse(name: str) -> _Parsed | None:
        found = whole.fullmatch(name)
        return None if found is None else _Parsed(found[1], int(found[2]) if whole.groups > 1 else 0)

    return parse


def _by_word(name: str) -> _Parsed | None:
    """Match names with a word such as `_image` or `_seg` beside the id."""
    suffix = _SUFFIX.fullmatch(name)
    base, channel = (suffix[1], int(suffix[2])) if suffix else (name, 0)
    return None if key_of(base) == base else _Parsed(key_of(base), channel)


_IMAGE_RULES = (
    _Rule(_by(_SUFFIX.pattern)),
    _Rule(_by(r"(.+)[.\- ](\d{4})"), "without _ before the channel number"),
    _Rule(_by(r"(.+)[_.\- ](?:c|ch|channel|mod)?(\d{1,3})"), "without a four-digit channel number"),
    _Rule(_by(r"(.+_\d{4})"), f"{_NO_SUFFIX}, so nnU-Net takes their last digits for it"),
    _Rule(_by(r"(.+)"), _NO_SUFFIX),
    _Rule(_by_word, _WITH_WORD),
)
_LABEL_RULES = (
    _Rule(_by(r"(.+)")),
    _Rule(_by(r"(.+)[_.\- ]\d{4}"), "with a channel suffix, which labels must not have in nnU-Net"),
    _Rule(_by_word, _WITH_WORD),
)
_OTHERWISE = "with other letters, zeros or separators than the other file of the case"
_LOOKS: tuple[Callable[[str], str], ...] = (str, folded, loosely)
"""Ways to compare two names of one case, strictest first."""


def arrange(
    images: Sequence[Path], labels: Sequence[Path], ending: str, folders: tuple[str, str], notes: list[str]
) -> tuple[dict[str, FilesOfCase], list[Finding]]:
    """Assign files to cases.

    Args:
        images: files of the images folder.
        labels: files of the labels folder.
        ending: declared file ending.
        folders: names of the two folders, for messages.
        notes: receives a sentence for files that are ignored.

    Returns:
        The files of every case by id, and a finding for every way in which names deviate from nnU-Net's scheme.
    """
    found = _Arrangement(ending)
    of_images, of_labels = _candidates(images, ending), _candidates(labels, ending)
    while (match := _match(of_images, of_labels)) is not None:
        for case_id, (files, label) in match.pairs.items():
            for channel, file in files.items():
                found.add_image(case_id, channel, file, match.image_rule.said)
            found.add_label(case_id, label, match.label_rule.said)
        taken = {file for files, label in match.pairs.values() for file in (*files.values(), label)}
        of_images = [file for file in of_images if file not in taken]
        of_labels = [file for file in of_labels if file not in taken]
    found.add_rest(of_images, of_labels)
    for paths, folder in ((images, folders[0]), (labels, folders[1])):
        notes += found.ignored(paths, folder)
    return found.cases, found.findings(folders)


class _Arrangement:
    """The cases found so far, and the odd names among their files."""

    def __init__(self, ending: str) -> None:
        self.cases: dict[str, FilesOfCase] = {}
        self.taken: set[Path] = set()
        self._ending = ending
        self._counts = [0, 0]
        self._odd: dict[tuple[int, str], list[_Odd]] = defaultdict(list)

    def add_image(self, case_id: str, channel: int, file: _File, said: str) -> None:
        """Assign a file to a channel of a case, unless it has one already."""
        images = self.cases.setdefault(case_id, FilesOfCase()).images
        if channel not in images:
            images[channel] = file.path
            self._take(0, case_id, file, f"{case_id}_{channel:04d}{self._ending}", said)

    def add_label(self, case_id: str, file: _File, said: str) -> None:
        """Assign a file to the label of a case, unless it has one already."""
        case = self.cases.setdefault(case_id, FilesOfCase())
        if case.label is None:
            case.label = file.path
            self._take(1, case_id, file, f"{case_id}{self._ending}", said)

    def add_rest(self, images: Iterable[_File], labels: Iterable[_File]) -> None:
        """Assign the remaining files of the declared ending to cases that lack one, as nnU-Net would."""
        for file in images:
            if file.ends_well:
                suffix = _SUFFIX.fullmatch(file.stem)
                case_id, channel = (suffix[1], int(suffix[2])) if suffix else (file.stem, 0)
                self.add_image(case_id, channel, file, "" if suffix else _NO_SUFFIX)
        for file in labels:
            if file.ends_well:
                self.add_label(file.stem, file, "")

    def ignored(self, files: Iterable[Path], folder: str) -> list[str]:
        """Write a sentence for each kind of files that were not assigned."""
        left = [path.name for path in files if path not in self.taken]
        # Beside a TIFF, a JSON file states the voxel size.
        beside = (".json",) if self._ending.casefold() in (".tif", ".tiff") else ()
        others = [name for name in left if not has_ending(name, self._ending) and not name.endswith(beside)]
        seconds = [name for name in left if has_ending(name, self._ending)]
        sorts = ((others, f"do not end in {self._ending}"), (seconds, "are a second file of their case"))
        return [f"{len(names)} files in {folder} {said}: {some_of(names)} ignored" for names, said in sorts if names]

    def _take(self, part: int, case_id: str, file: _File, right: str, said: str) -> None:
        self.taken.add(file.path)
        self._counts[part] += 1
        if file.path.name != right:
            other = _OTHERWISE if file.ends_well else f"without the ending {self._ending}"
            self._odd[part, said or other].append(_Odd(clean_id(case_id), clean_id(file.path.name), clean_id(right)))

    def findings(self, folders: tuple[str, str]) -> list[Finding]:
        """Return one finding per way in which names are odd."""
        right = list(self._counts)
        for (part, _), odd in self._odd.items():
            right[part] -= len(odd)
        found = []
        for (part, said), odd in sorted(self._odd.items()):
            names = sorted(one.name for one in odd)
            first = min(odd, key=lambda one: one.name)
            message = (
                f"{right[part]} of {self._counts[part]} {('images', 'labels')[part]} in {folders[part]} follow "
                f"nnU-Net's naming; {len(odd)} {said}: {some_of(names)}"
            )
            same_format = ending_of(first.name).casefold() == self._ending.casefold()
            verb = "rename" if same_format else "convert"
            advice = f"{verb} {first.name} to {first.right}" + (", and the others likewise" if len(odd) > 1 else "")
            found.append(Problem(Kind.MISNAMED_FILE, message, advice).of_cases("", (one.case_id for one in odd)))
        return found


class _Match(NamedTuple):
    """Images and labels that a pair of rules matches."""

    image_rule: _Rule
    label_rule: _Rule
    pairs: dict[str, tuple[dict[int, _File], _File]]


def _match(images: list[_File], labels: list[_File]) -> _Match | None:
    """Match by nnU-Net's rule, else by the pair of mistakes that explains most files; None if none explains any."""
    best: _Match | None = None
    for look, image_rule, label_rule in product(_LOOKS, _IMAGE_RULES, _LABEL_RULES):
        pairs = _pairs(images, labels, image_rule, label_rule, look) if images and labels else {}
        if len(pairs) > (0 if best is None else len(best.pairs)):
            best = _Match(image_rule, label_rule, pairs)
            if look is str and not (image_rule.said or label_rule.said):
                break
    return best


def _pairs(
    images: list[_File], labels: list[_File], image_rule: _Rule, label_rule: _Rule, look: Callable[[str], str]
) -> dict[str, tuple[dict[int, _File], _File]]:
    """Group images and labels by case; a place that two files claim stays empty."""
    image_names = _parsed(images, image_rule, look)
    label_names = _parsed(labels, label_rule, look)
    pairs = {}
    for key in image_names.keys() & label_names.keys():
        (found,) = label_names[key][:1]
        files = {parsed.channel: file for parsed, file in image_names[key]}
        if len(label_names[key]) == 1 and len(files) == len(image_names[key]):
            # The side that follows nnU-Net's rule knows how the case is spelt; nnU-Net itself goes by the images.
            spelt = min((parsed.channel, parsed.case_id) for parsed, _ in image_names[key])[1]
            if image_rule.said and not label_rule.said:
                spelt = found[0].case_id
            pairs[spelt] = files, found[1]
    return dict(sorted(pairs.items()))


def _parsed(files: Iterable[_File], rule: _Rule, look: Callable[[str], str]) -> dict[str, list[tuple[_Parsed, _File]]]:
    found = defaultdict(list)
    for file in files:
        parsed = rule.parse(file.stem)
        if parsed is not None and (key := look(parsed.case_id)):
            found[key].append((parsed, file))
    return found


def _candidates(files: Sequence[Path], ending: str) -> list[_File]:
    """Return files of the declared ending, and images of another ending that do not repeat one of those."""
    usual = [_File(path, path.name[: -len(ending)], True) for path in files if has_ending(path.name, ending)]
    there = {file.stem for file in usual}
    others = [path for path in files if not has_ending(path.name, ending) and is_supported(path)]
    return usual + [_File(path, stem(path.name), False) for path in others if stem(path.name) not in there]
