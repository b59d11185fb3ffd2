"""What the truth says about each case is what is in its files."""

import csv
import json

import numpy as np
import pytest

from auvseg.demo.anatomy import ORGANS
from auvseg.demo.phantom import DATASET_NAME, case_name, draw_phantom
from auvseg.demo.planted import NO_FAULT, WHOLE_IMAGE, write_planted_dataset
from auvseg.errors import UsageError

FAULTS = {
    "noise",
    "blur",
    "ghosting",
    "shifted label",
    "eroded label",
    "dilated label",
    "missing structure",
    "swapped classes",
}


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return write_planted_dataset(tmp_path_factory.mktemp("planted"), cases=5, seed=4)


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return write_planted_dataset(tmp_path_factory.mktemp("full"), cases=24, seed=0)


def _pairs(planted, seed, read_case, drawn, wanted=lambda fault: True):
    """(fault, clean case, case as read) of every case that is wanted; drawing one takes most of a second."""
    for index, fault in enumerate(planted.cases):
        assert fault.case_id == case_name(index)
        if wanted(fault):
            yield fault, drawn(index, seed), read_case(planted.dataset, fault.case_id)


def test_a_third_of_the_cases_has_one_fault_each(planted):
    assert [case.fault for case in planted.cases].count(NO_FAULT) == 3
    assert all((case.fault == NO_FAULT) == (case.truth is None) for case in planted.cases)


def test_clean_cases_are_untouched_and_faulty_ones_changed_as_stated(planted, read_case, drawn):
    for fault, clean, read in _pairs(planted, 4, read_case, drawn):
        same_image, same_label = np.array_equal(read.image, clean.image), np.array_equal(read.label, clean.label)
        kind = fault.truth.kind if fault.truth else None
        assert (same_image, same_label) == (kind != "image", kind != "label")


def test_truth_lies_beside_the_data_set_and_not_in_it(planted):
    assert planted.truth_file == planted.dataset.parent / "truth.csv"
    inside = [path for path in planted.dataset.rglob("*") if path.is_file()]
    assert not [path.name for path in inside if "truth" in path.name]
    assert b"noise" not in (planted.dataset / "dataset.json").read_bytes()


def test_table_and_json_say_the_same_as_the_result(planted):
    with planted.truth_file.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    entries = json.loads(planted.truth_file.with_suffix(".json").read_text(encoding="utf-8"))
    assert list(rows[0]) == ["case", "fault", "kind", "class", "severity", "detail"]
    assert entries["seed"] == 4
    for case, row, entry in zip(planted.cases, rows, entries["cases"], strict=True):
        assert (row["case"], row["fault"]) == (entry["case"], entry["fault"]) == (case.case_id, case.fault)
        if case.truth is None:
            assert {row[name] for name in ("kind", "class", "severity", "detail")} == {""}
            assert set(entry) == {"case", "fault"}
        else:
            assert row["class"] == " and ".join(case.classes)
            assert float(row["severity"]) == case.truth.severity == entry["severity"]
            assert row["detail"] == case.truth.words == entry["detail"]
            assert row["kind"] == case.truth.kind == entry["kind"]
            assert entry["parameters"] == case.truth.parameters


def test_same_seed_plants_the_same_faults_in_the_same_bytes(planted, tmp_path):
    again = write_planted_dataset(tmp_path, cases=5, seed=4)
    assert again.cases == planted.cases
    for path in sorted(path for path in planted.dataset.parent.rglob("*") if path.is_file()):
        assert (tmp_path / path.relative_to(planted.dataset.parent)).read_bytes() == path.read_bytes()


def test_every_case_is_drawn_once(tmp_path, monkeypatch):
    """Drawing is what the data set's time goes into."""
    drawn_indices = []

    def draw(index, *, seed):
        drawn_indices.append(index)
        return draw_phantom(index, seed=seed)

    monkeypatch.setattr("auvseg.demo.planted.draw_phantom", draw)
    write_planted_dataset(tmp_path, cases=4, seed=4)
    assert drawn_indices == [0, 1, 2, 3]


def test_existing_truth_is_never_overwritten(tmp_path):
    (tmp_path / "truth.json").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match=r"truth\.json exists already"):
        write_planted_dataset(tmp_path, cases=3)
    assert (tmp_path / "truth.json").read_text(encoding="utf-8") == "mine"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.slow
def test_24_cases_hold_every_fault_once(full):
    faults = [case.fault for case in full.cases if case.fault != NO_FAULT]
    assert len(faults) == 8
    assert set(faults) == FAULTS
    assert all(case.truth.changed_voxels > 50 for case in full.cases if case.truth)


@pytest.mark.slow
def test_every_label_fault_is_in_its_file(full, read_case, drawn):
    checks = {
        "shifted label": _is_shifted,
        "eroded label": _is_smaller,
        "dilated label": _is_larger,
        "missing structure": _is_missing,
        "swapped classes": _is_swapped,
    }
    checked = set()
    for fault, clean, read in _pairs(full, 0, read_case, drawn, lambda one: one.fault in checks):
        values = [ORGANS[name] for name in fault.classes]
        assert np.count_nonzero(read.label != clean.label) == fault.truth.changed_voxels
        others = ~np.isin(clean.label, [0, *values])
        assert np.array_equal(read.label[others], clean.label[others])
        checks[fault.fault](fault.truth, clean.label, read.label, values)
        checked.add(fault.fault)
    assert checked == set(checks)


def _is_shifted(truth, clean, faulty, values):
    # Neighbours and the border cut a little off, hence not the whole way.
    moved = np.argwhere(faulty == values[0]).mean(axis=0) - np.argwhere(clean == values[0]).mean(axis=0)
    assert moved[1] == pytest.approx(truth.parameters["rows"], abs=2.5)
    assert moved[2] == pytest.approx(truth.parameters["columns"], abs=2.5)
    assert np.hypot(moved[1], moved[2]) > 2


def _is_smaller(truth, clean, faulty, values):
    old, new = clean == values[0], faulty == values[0]
    assert not (new & ~old).any()
    assert 0.05 < np.count_nonzero(new) / np.count_nonzero(old) < 0.8


def _is_larger(truth, clean, faulty, values):
    old, new = clean == values[0], faulty == values[0]
    assert not (old & ~new).any()
    assert np.count_nonzero(new) > 1.25 * np.count_nonzero(old)


def _is_missing(truth, clean, faulty, values):
    assert (clean == values[0]).any()
    assert not (faulty == values[0]).any()


def _is_swapped(truth, clean, faulty, values):
    first, second = values
    assert np.array_equal(faulty == first, clean == second)
    assert np.array_equal(faulty == second, clean == first)


@pytest.mark.slow
def test_every_image_fault_is_in_its_file(full, read_case, drawn):
    checked = set()
    for fault, clean, read in _pairs(full, 0, read_case, drawn, lambda one: one.truth and one.truth.kind == "image"):
        assert fault.classes == (WHOLE_IMAGE,)
        foreground = clean.label > 0
        difference = read.image[foreground] - clean.image[foreground]
        if fault.fault == "noise":
            assert difference.std() == pytest.approx(fault.truth.parameters["noise_sd"], rel=0.03)
        elif fault.fault == "ghosting":
            rms = np.sqrt(np.square(difference).mean())
            assert rms == pytest.approx(fault.truth.parameters["ghost_rms"], rel=0.05)
        else:
            sharpness = [np.abs(np.diff(array, axis=1)).mean() for array in (clean.image, read.image.astype(float))]
            assert sharpness[1] < 0.75 * sharpness[0]
        checked.add(fault.fault)
    assert checked == {"noise", "blur", "ghosting"}


def test_a_drawing_that_was_interrupted_is_drawn_again_and_nothing_of_anybody_else_s(tmp_path):
    begun = tmp_path / "begun"
    write_planted_dataset(begun, cases=3)
    whole = {path: path.read_bytes() for path in begun.rglob("*") if path.is_file()}
    folder = begun / DATASET_NAME
    for path in (begun / "truth.csv", begun / "truth.json", folder / "dataset.json"):
        path.unlink()
    (folder / "imagesTr" / "phantom_002_0000.nii.gz").write_bytes(b"half")
    (folder / "labelsTr" / ".auvseg-tmp-x").write_bytes(b"half")
    write_planted_dataset(begun, cases=3)
    assert {path: path.read_bytes() for path in begun.rglob("*") if path.is_file()} == whole
    (begun / "truth.csv").unlink()
    (begun / "truth.json").unlink()
    (folder / "dataset.json").unlink()
    (folder / "labelsTr" / "mine.nii.gz").write_bytes(b"precious")
    with pytest.raises(UsageError, match="exists already"):
        write_planted_dataset(begun, cases=3)
