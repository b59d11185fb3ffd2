"""Write an nnU-Net data set in which some training cases are faulty.

Only faulty files are written; for everything else `dataset.json` refers to the user's own files, which are only read.
"""

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import SimpleITK
from numpy.typing import NDArray

from auvseg.bench.corruptions import Truth
from auvseg.bench.detection.plan import Fault
from auvseg.bench.detection.planting import plant
from auvseg.bench.training.plan import NoisePlan
from auvseg.data.case import Case, Dataset
from auvseg.data.reading import Header, read_header
from auvseg.data.volume import Volume, as_stored, load_volume
from auvseg.errors import CaseError, ReadError, UsageError
from auvseg.files import atomic
from auvseg.files.safe_csv import table_as_csv, unguarded_texts
from auvseg.filtering.for_nnunet import describe_for_nnunet
from auvseg.filtering.relabel import NIFTI_ENDINGS, simpleitk_copy
from auvseg.nnunet.raw import DATASET_JSON, as_json, entry, path_for_nnunet, with_cases

_GZIP_LEVEL = 1


@dataclass(frozen=True)
class NoisyDataset:
    """What was written.

    Attributes:
        folder: `DatasetXXX_Name`, below an nnUNet_raw.
        training: ids of the training cases.
        held_out: ids of the clean cases.
        faults: a row a faulty case: `case, kind, corruption, severity, words`.
    """

    folder: Path
    training: tuple[str, ...]
    held_out: tuple[str, ...]
    faults: pd.DataFrame

    @property
    def faulty(self) -> tuple[str, ...]:
        """Ids of the faulty training cases."""
        return tuple(str(case) for case in self.faults["case"])


def write_noisy_dataset(
    dataset: Dataset, plan: NoisePlan, folder: Path, *, progress: Callable[[int, int, str], None] | None = None
) -> NoisyDataset:
    """Plant faults into training cases and describe the result for nnU-Net; a finished one is read again.

    Args:
        dataset: the user's data; NIfTI or another format of nnU-Net's, one file a channel.
        plan: what is planted.
        folder: the new `DatasetXXX_Name`; `faults.csv` is written into it before `dataset.json`.
        progress: called with (done, total, case id) after every faulty case.

    Raises:
        UsageError: nnU-Net could not read the data set in place, a file's name holds a dollar sign, or too few cases
            can have a fault.
        ReadError: a file cannot be read.
    """
    training, held_out = plan.split(dataset)
    faults_file = folder / "faults.csv"
    ids = tuple(case.case_id for case in training), tuple(case.case_id for case in held_out)
    if (folder / DATASET_JSON).exists():
        known = pd.read_csv(faults_file, dtype={"case": str}, keep_default_na=False)
        return NoisyDataset(folder, *ids, unguarded_texts(known))
    description = describe_for_nnunet(dataset, [*training, *held_out], ())
    content = description.content
    if dataset.ignore_value is None:
        content["labels"].pop("ignore")
    files = {case.case_id: (case.images, case.label) for case in (*training, *held_out)}
    _check_names(folder, files)
    rows = []
    for case, truth, written in _plant_all(dataset, plan, training, folder, description.file_ending, progress):
        files[case.case_id] = written
        rows.append(
            {"case": case.case_id, **{name: getattr(truth, name) for name in ("kind", "corruption", "severity")}}
            | {"words": truth.words}
        )
    faults = pd.DataFrame(rows, columns=["case", "kind", "corruption", "severity", "words"]).sort_values("case")
    atomic.write_text(faults_file, table_as_csv(faults))
    entries = {case_id: entry(images, label, folder) for case_id, (images, label) in files.items() if label is not None}
    atomic.write_bytes(folder / DATASET_JSON, as_json(with_cases(content, entries)))
    return NoisyDataset(folder, *ids, faults.reset_index(drop=True))


def _check_names(folder: Path, files: Mapping[str, tuple[tuple[Path, ...], Path | None]]) -> None:
    """Check file names before anything is planted.

    Raises:
        UsageError: the name of a file, or of one that a fault would make, holds a dollar sign.
    """
    for case_id, (images, label) in files.items():
        for path in (*images, *([] if label is None else [label]), folder / "labelsTr" / case_id):
            path_for_nnunet(path, folder)


def _plant_all(
    dataset: Dataset,
    plan: NoisePlan,
    training: tuple[Case, ...],
    folder: Path,
    ending: str,
    progress: Callable[[int, int, str], None] | None,
) -> list[tuple[Case, Truth, tuple[tuple[Path, ...], Path | None]]]:
    """Plant faults case by case, until there are enough of each kind."""
    wanted = plan.faults_wanted(len(training))
    total = sum(wanted.values())
    done: list[tuple[Case, Truth, tuple[tuple[Path, ...], Path | None]]] = []
    for case in plan.faulty_order(training):
        kind = next((kind for kind, left in wanted.items() if left), None)
        if kind is None:
            return done
        planted = _plant_one(dataset, plan, case, kind)
        if planted is None:
            continue
        wanted[kind] -= 1
        volumes, truth = planted
        done.append((case, truth, _write(case, truth, volumes, folder, ending)))
        if progress is not None:
            progress(len(done), total, case.case_id)
    if any(wanted.values()):
        raise UsageError(f"only {len(done)} of {total} training cases can have a fault; lower the noise level")
    return done


def _plant_one(dataset: Dataset, plan: NoisePlan, case: Case, kind: str) -> tuple[list[Volume], Truth] | None:
    """All channels of a case with the first fault that it can have, and the truth; None if it can have none."""
    channels = len(case.images)
    try:
        volumes = [load_volume(case, channel=channel, channel_count=channels) for channel in range(channels)]
    except (CaseError, ReadError):
        return None
    for name, severity in plan.candidates(case.case_id, kind):
        fault = Fault(0, name, severity)
        try:
            planted = [
                plant(volume, fault, dataset.ignore_value, plan.generator(case.case_id, name))
                for volume in (volumes if kind == "image" else volumes[:1])
            ]
        except CaseError:
            continue
        return [volume for volume, _ in planted], planted[0][1]
    return None


def _write(
    case: Case, truth: Truth, volumes: list[Volume], folder: Path, ending: str
) -> tuple[tuple[Path, ...], Path | None]:
    """Write what the fault changed; returns images and label of the faulty case."""
    assert case.label is not None
    if truth.kind == "label":
        label = volumes[0].label
        assert label is not None
        target = folder / "labelsTr" / f"{case.case_id}{ending}"
        smallest = np.uint8 if label.min() >= 0 and label.max() <= np.iinfo(np.uint8).max else np.int32
        atomic.write_bytes(target, bytes_like(case.label, label.astype(smallest), read_header(case.images[0])))
        return case.images, target
    targets = []
    for channel, (source, volume) in enumerate(zip(case.images, volumes, strict=True)):
        target = folder / "imagesTr" / f"{case.case_id}_{channel:04d}{ending}"
        atomic.write_bytes(target, bytes_like(source, volume.image, read_header(source)))
        targets.append(target)
    return tuple(targets), case.label


def bytes_like(source: Path, array: NDArray[Any], image_header: Header) -> bytes:
    """A file with other voxels on the grid of `source`.

    Args:
        source: image or label file whose orientation, spacing and header are kept.
        array: (D, H, W) in the canonical orientation.
        image_header: of the image that orients the case; a label lies on its grid voxel by voxel.
    """
    stored = np.ascontiguousarray(as_stored(array, image_header.axcodes))
    if not source.name.lower().endswith(NIFTI_ENDINGS):
        return simpleitk_copy(SimpleITK.ReadImage(str(source)), stored.transpose(), source.suffix)
    original: Any = nib.load(source)
    header = original.header.copy()
    header.set_data_dtype(stored.dtype)
    header.set_slope_inter(1.0, 0.0)
    content = type(original)(stored, original.affine, header).to_bytes()
    return gzip.compress(content, _GZIP_LEVEL, mtime=0) if source.name.lower().endswith(".gz") else content


def training_part(dataset: Dataset, noisy: NoisyDataset) -> Dataset:
    """What a person with this noisy data set would score: its training cases.

    Args:
        dataset: `read_dataset(noisy.folder)`.
        noisy: what was written.
    """
    known = set(noisy.training)
    return replace(dataset, cases=tuple(case for case in dataset.cases if case.case_id in known))
