import numpy as np
import pytest

from auvseg.data.dataset import read_dataset


@pytest.fixture
def save(tmp_path):
    def save(name, **arrays):
        np.savez(tmp_path / name, **arrays)
        return tmp_path

    return save


def test_one_file_is_image_and_label_of_a_windowed_case(save):
    save("b.npz", imgs=np.zeros((1, 2, 2)), gts=np.zeros((1, 2, 2)))
    folder = save("a.npz", imgs=np.zeros((1, 2, 2)), gts=np.zeros((1, 2, 2)))
    dataset = read_dataset(folder)
    assert [case.case_id for case in dataset.cases] == ["a", "b"]
    assert dataset.cases[0].images == (folder / "a.npz",)
    assert dataset.cases[0].label == folder / "a.npz"
    assert (dataset.layout, dataset.modality, dataset.source) == ("MedSAM npz", "windowed", None)


def test_a_file_without_gts_has_no_label(save):
    dataset = read_dataset(save("a.npz", imgs=np.zeros((1, 2, 2))))
    assert dataset.cases[0].label is None
    assert len(dataset.notes) == 1


def test_hidden_files_are_no_cases(save):
    folder = save("a.npz", imgs=np.zeros(1), gts=np.zeros(1))
    (folder / "._a.npz").touch()
    assert [case.case_id for case in read_dataset(folder).cases] == ["a"]


def test_a_damaged_file_stays_a_case_for_check_to_name(save):
    folder = save("a.npz", imgs=np.zeros(1), gts=np.zeros(1))
    (folder / "b.npz").write_bytes(b"no archive")
    assert [case.case_id for case in read_dataset(folder).cases] == ["a", "b"]


def test_archives_of_other_arrays_are_no_data_set(save, refusal):
    assert "no data set recognised" in refusal(save("weights.npz", kernel=np.zeros(3)))


def test_nothing_but_damaged_files_is_still_named_file_by_file(tmp_path):
    for name in ("a.npz", "b.npz"):
        (tmp_path / name).write_bytes(b"no archive")
    assert [case.case_id for case in read_dataset(tmp_path).cases] == ["a", "b"]


@pytest.mark.data
def test_the_public_ct_lesions_are_listed(real_data):
    dataset = read_dataset(real_data / "ct_lesions")
    assert (dataset.layout, dataset.modality, len(dataset.cases)) == ("MedSAM npz", "windowed", 6)
    assert all(case.label == case.images[0] for case in dataset.cases)
