"""The noisy copy differs from the user's data where a fault was planted, and nowhere else."""

import json
from dataclasses import replace

import nibabel
import numpy as np
import pytest

from auvseg.bench.training.noisy_dataset import bytes_like, training_part, write_noisy_dataset
from auvseg.bench.training.plan import NoisePlan
from auvseg.data.dataset import read_dataset
from auvseg.data.reading import file_sha256, read_header
from auvseg.data.volume import load_volume
from auvseg.errors import UsageError
from training_datasets import write_balls

PLAN = NoisePlan(noise_level=0.4, held_out=0.25)


def case_of(dataset, case_id):
    return next(case for case in dataset.cases if case.case_id == case_id)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noisy")
    dataset = read_dataset(write_balls(folder / "Dataset003_Balls", channels=2))
    before = {path: file_sha256(path) for path in folder.rglob("*.nii.gz")}
    noisy = write_noisy_dataset(dataset, PLAN, folder / "bench" / "raw" / "Dataset001_Balls")
    return dataset, noisy, before


def test_the_users_files_are_as_they_were(written):
    _, _, before = written
    assert {path: file_sha256(path) for path in before} == before


def test_as_many_faults_as_planned_are_planted_into_training_cases_alone(written):
    _, noisy, _ = written
    assert list(noisy.faults["kind"].value_counts().sort_index()) == [3, 3]
    assert set(noisy.faulty) <= set(noisy.training)
    assert not set(noisy.faulty) & set(noisy.held_out)


def test_only_what_is_faulty_differs(written):
    dataset, noisy, _ = written
    copy = read_dataset(noisy.folder)
    assert {case.case_id for case in copy.cases} == {*noisy.training, *noisy.held_out}
    kinds = dict(zip(noisy.faults["case"], noisy.faults["kind"], strict=True))
    for case in copy.cases:
        for channel in range(2):
            known, now = (
                load_volume(case_of(one, case.case_id), channel=channel, channel_count=2) for one in (dataset, copy)
            )
            kind = kinds.get(case.case_id)
            assert np.array_equal(known.image, now.image) == (kind != "image"), (case.case_id, channel)
            assert np.array_equal(known.label, now.label) == (kind != "label")
            assert known.spacing_mm == now.spacing_mm
            assert known.axcodes == now.axcodes


def test_faulty_files_lie_on_the_originals_grid(written):
    dataset, noisy, _ = written
    for path in noisy.folder.rglob("*.nii.gz"):
        case_id = path.name[:7]
        original = nibabel.load(case_of(dataset, case_id).images[0])
        now = nibabel.load(path)
        assert np.array_equal(now.affine, original.affine)
        assert now.shape == original.shape


def test_a_second_call_reads_what_the_first_wrote(written):
    dataset, noisy, _ = written
    stamps = {path: path.stat().st_mtime_ns for path in noisy.folder.rglob("*") if path.is_file()}
    again = write_noisy_dataset(dataset, PLAN, noisy.folder)
    assert again.faults.to_dict("records") == noisy.faults.to_dict("records")
    assert (again.training, again.held_out) == (noisy.training, noisy.held_out)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_the_training_part_holds_the_training_cases(written):
    _, noisy, _ = written
    part = training_part(read_dataset(noisy.folder), noisy)
    assert tuple(case.case_id for case in part.cases) == noisy.training


def test_an_ignore_label_stays_declared_and_none_is_invented(tmp_path, written):
    _, noisy, _ = written
    assert "ignore" not in json.loads((noisy.folder / "dataset.json").read_text())["labels"]
    labels = {"background": 0, "outer": 1, "ignore": 2}
    dataset = read_dataset(write_balls(tmp_path / "Dataset004_Ignored", 12, labels=labels))
    copy = write_noisy_dataset(dataset, NoisePlan(corruptions=("shift",)), tmp_path / "Dataset001_X")
    assert json.loads((copy.folder / "dataset.json").read_text())["labels"]["ignore"] == 2


def test_without_noise_everything_is_the_users(tmp_path):
    dataset = read_dataset(write_balls(tmp_path / "Dataset003_Balls", 12))
    for _ in range(2):
        noisy = write_noisy_dataset(dataset, NoisePlan(noise_level=0.0), tmp_path / "Dataset001_X")
        assert noisy.faulty == ()
    assert not list(noisy.folder.rglob("*.nii.gz"))


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_other_voxels_on_the_same_grid_come_back_as_they_were(tmp_path, ending):
    dataset = read_dataset(write_balls(tmp_path / "Dataset005_Formats", 10, ending=ending))
    case = dataset.cases[0]
    volume = load_volume(case)
    shifted = np.roll(volume.image, 3, axis=1)
    copy = tmp_path / f"copy{ending}"
    copy.write_bytes(bytes_like(case.images[0], shifted, read_header(case.images[0])))
    again = load_volume(type(case)("copy", (copy,), None))
    assert np.array_equal(again.image, shifted)
    assert again.axcodes == volume.axcodes
    assert again.spacing_mm == pytest.approx(volume.spacing_mm)


def test_where_no_case_can_have_a_fault_the_bench_says_so(tmp_path):
    labels = {"background": 0, "outer": 1}
    folder = write_balls(tmp_path / "Dataset006_Empty", 12, labels=labels)
    for path in (folder / "labelsTr").iterdir():
        image = nibabel.load(path)
        nibabel.save(nibabel.Nifti1Image(np.zeros(image.shape, np.uint8), image.affine), path)
    with pytest.raises(UsageError, match="0 of 2 training cases can have a fault"):
        write_noisy_dataset(read_dataset(folder), NoisePlan(corruptions=("erosion",)), tmp_path / "Dataset001_X")


@pytest.mark.parametrize("place", ["folder", "id"])
def test_a_dollar_in_a_name_is_refused_before_anything_is_planted(tmp_path, place):
    root = write_balls(tmp_path / ("$HOME" if place == "folder" else "data") / "Dataset003_Balls")
    dataset = read_dataset(root)
    if place == "id":
        dataset = replace(dataset, cases=(replace(dataset.cases[0], case_id="a$b"), *dataset.cases[1:]))
    with pytest.raises(UsageError, match="environment variable"):
        write_noisy_dataset(dataset, PLAN, tmp_path / "bench" / "Dataset001_Balls")
    assert not (tmp_path / "bench").exists()
