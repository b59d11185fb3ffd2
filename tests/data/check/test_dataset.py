"""What a report promises: every fault in one pass, a row a case, the same whatever the order and the workers."""

import json
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from auvseg.data.case import Dataset
from auvseg.data.check.dataset import check_dataset
from auvseg.data.check.findings import Kind
from deadly_path import DeadlyPath
from faulty_datasets import SHAPE, Folder, check, shifted, with_value


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_a_sound_data_set_has_no_finding_and_a_row_a_case(folder):
    report = check(folder.dataset())
    assert report.findings == ()
    assert [(case.case_id, case.status) for case in report.cases] == [("sound_a", "ok"), ("sound_b", "ok")]
    assert (report.errors, report.warnings, report.counts) == (0, 0, {})
    assert (report.dataset, report.layout) == ("drawn", "drawn in code")


def test_a_data_set_without_cases_gives_an_empty_report(tmp_path):
    report = check(Dataset("none", tmp_path, "drawn in code", None, ()))
    assert report.cases == ()
    assert report.findings == ()


@pytest.fixture
def ten_faults(folder):
    """Ten faults in eight cases, and what a check must find of them."""
    gone = folder.case("gone", 1)
    gone.images[0].unlink()
    torn = folder.case("torn", 2)
    torn.label.write_bytes(torn.label.read_bytes()[:360])
    dataset = folder.dataset(
        gone,
        torn,
        folder.case("broken", 3, image=with_value(folder.image(3), np.inf), label=with_value(folder.label(3), 0.3)),
        folder.case("flat", 4, image=np.full(SHAPE, 3, np.int16), label=np.zeros(SHAPE, np.uint8)),
        folder.case("moved", 5, label_affine=shifted(folder.affine, 9.0)),
        folder.case("copy", 6, image=folder.image(100)),
        replace(folder.case("bare", 7), label=None),
        folder.case("odd", 8, label=with_value(folder.label(8), 77)),
    )
    expected = {
        ("gone", "missing_file"),
        ("torn", "unreadable"),
        ("broken", "nan_or_inf"),
        ("broken", "non_integer_label"),
        ("flat", "constant_image"),
        ("flat", "empty_label"),
        ("moved", "affine_mismatch"),
        ("copy", "duplicate_image"),
        ("sound_a", "duplicate_image"),
        ("bare", "missing_label"),
        ("odd", "unexpected_label"),
    }
    return dataset, expected


def test_ten_faults_are_all_found_in_one_pass(ten_faults):
    dataset, expected = ten_faults
    report = check(dataset)
    assert {(found.case_id, found.kind) for found in report.findings} == expected
    assert len(report.findings) == len(expected)
    assert Counter(case.status for case in report.cases) == {"error": 6, "warning": 3, "ok": 1}


def test_the_report_does_not_depend_on_the_number_of_workers(ten_faults):
    dataset, _ = ten_faults
    reports = [check_dataset(dataset, num_workers=workers) for workers in (0, 1, 2)]
    assert reports[0] == reports[1] == reports[2]


@pytest.mark.parametrize("seed", range(5))
def test_the_report_does_not_depend_on_the_order_of_the_cases(ten_faults, seed):
    dataset, _ = ten_faults
    shuffled = random.Random(seed).sample(dataset.cases, len(dataset.cases))
    assert check(replace(dataset, cases=tuple(shuffled))).to_json() == check(dataset).to_json()


def test_the_order_of_cases_of_one_id_does_not_change_the_report(folder):
    twins = [replace(folder.case(name, seed), case_id="twin") for seed, name in enumerate("ab")]
    twins[1].label.unlink()
    dataset = folder.dataset(*twins)
    report = check(dataset)
    assert report == check(replace(dataset, cases=dataset.cases[::-1]))
    assert [case.case_id for case in report.cases] == ["sound_a", "sound_b", "twin", "twin"]
    assert {found.kind for found in report.findings} == {"duplicate_id", "missing_file"}


def test_a_report_is_plain_json_without_a_path_of_the_machine(ten_faults, tmp_path):
    dataset, expected = ten_faults
    content = check(dataset).to_json()
    text = json.dumps(content)
    assert str(tmp_path) not in text
    assert tmp_path.name not in text
    assert json.loads(text) == content
    assert content["counts"] == dict(Counter(kind for _, kind in sorted(expected, key=lambda pair: pair[1])))
    assert [case["case_id"] for case in content["cases"]] == sorted(case.case_id for case in dataset.cases)


@pytest.mark.parametrize("workers", [0, 2])
def test_progress_is_told_once_a_case(ten_faults, workers):
    dataset, _ = ten_faults
    calls = []
    check_dataset(dataset, num_workers=workers, progress=lambda *call: calls.append(call))
    ids = sorted(case.case_id for case in dataset.cases)
    assert calls == [(number, len(ids), case_id) for number, case_id in enumerate(ids, start=1)]


def test_a_crash_costs_only_its_own_file(folder):
    deadly = folder.case("deadly", 1, label=with_value(folder.label(1), 9))
    deadly = replace(deadly, images=(DeadlyPath(deadly.images[0]),))
    empty = folder.case("empty", 2, label=np.zeros(SHAPE, np.int16))
    report = check(folder.dataset(deadly, empty))
    assert [(found.case_id, found.file, found.kind.value) for found in report.findings] == [
        ("deadly", "deadly_image.nii", "reader_crashed"),
        # The file beside the one that crashes is still looked at.
        ("deadly", "deadly_label.nii", "unexpected_label"),
        ("empty", "empty_label.nii", "empty_label"),
    ]


def test_a_case_that_takes_too_long_is_reported_with_the_limit(folder):
    report = check_dataset(folder.dataset(), num_workers=1, timeout_s=0.0)
    assert {found.kind for found in report.findings} == {Kind.READER_CRASHED}
    assert {found.case_id for found in report.findings} == {"sound_a", "sound_b"}
    assert all("gave up after 0 s" in found.message for found in report.findings)


def test_advice_follows_the_reason_and_not_the_kind_alone(folder):
    pointer, page = folder.case("pointer", 1), folder.case("page", 2)
    pointer.images[0].write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    page.images[0].write_text("<!DOCTYPE html><html><body>Sign in</body></html>")
    gone = folder.case("gone", 3)
    gone.images[0].unlink()
    gone.images[0].symlink_to(folder.root / "elsewhere.nii")
    advice = {found.case_id: found.advice for found in check(folder.dataset(pointer, page, gone)).findings}
    assert "git lfs pull" in advice["pointer"]
    assert "download it again" in advice["page"]
    assert "fetch or restore" in advice["gone"]
    assert len({text for text in advice.values() if "copy it again" not in text}) == 3


def test_what_is_found_and_what_to_do_are_said_once_each(folder):
    case = folder.case("pointer", 1)
    case.images[0].write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    (found,) = check(folder.dataset(case)).findings
    assert found.message == "is a Git LFS pointer, not the file itself"
    assert found.advice not in found.message
