"""What is wrong with nnU-Net's folds, found by `check` and by every export of a split."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auvseg.data.case import Case, Dataset
from auvseg.data.check.findings import Kind
from auvseg.errors import DatasetError
from auvseg.nnunet.splits import check_splits, find_splits, near_ids, parse_folds, split_findings
from faulty_datasets import Folder, check, nnunet

IDS = [f"case_{number:03d}" for number in range(10)]
FOLDS = [
    {"train": [one for index, one in enumerate(IDS) if index % 5 != fold], "val": IDS[fold::5]} for fold in range(5)
]


def dataset(root=Path("nowhere"), ids=IDS):
    labelled = [Case(one, (), Path("label.nii")) for one in ids]
    return Dataset("Dataset001_Toy", root, "", None, (*labelled, Case("bare", (), None)))


def found(folds):
    return [(one.kind, one.message, one.cases) for one in split_findings(folds, dataset(), "splits_final.json")]


def test_nnunets_own_folds_give_no_finding():
    assert found(FOLDS) == []


@given(st.lists(st.sampled_from(IDS), max_size=6), st.lists(st.sampled_from(IDS), max_size=6))
def test_every_case_in_both_lists_is_told(train, val):
    both = sorted(set(train) & set(val))
    overlaps = [cases for kind, _, cases in found([{"train": train, "val": val}]) if kind == Kind.SPLIT_OVERLAP]
    assert overlaps == ([tuple(both)] if both else [])


def test_overlap_between_folds_is_what_folds_are_for():
    assert not [kind for kind, _, _ in found(FOLDS) if kind == Kind.SPLIT_OVERLAP]


def test_what_else_is_odd_is_told_with_its_list():
    messages = [
        message for _, message, _ in found([{"train": [*IDS, IDS[0]], "val": []}, {"train": ["x"], "val": IDS}])
    ]
    assert "train of fold 0 names 1 case more than once: case_000" in messages
    assert "val of fold 0 is empty" in messages
    assert "it names 1 case that Dataset001_Toy does not have: x" in messages


def test_ids_of_any_letters_are_told_in_one_line():
    for one in split_findings([{"train": ["a\nb\x1b[2J", *IDS], "val": ["\x85"]}], dataset(), "splits_final.json"):
        assert one.message.isprintable()


def test_cases_in_no_fold_are_told_and_unlabelled_ones_are_not():
    ((kind, message, cases),) = found([{"train": IDS[:5], "val": IDS[5:7]}])
    assert (kind, cases) == (Kind.DOUBTFUL_SPLIT, ("case_007", "case_008", "case_009"))
    assert message.startswith("3 cases in no fold")


@pytest.mark.parametrize(
    "name",
    [
        "case_001.nii.gz",
        "case_001_0000",
        "case_001_0000.nii.gz",
        "imagesTr/case_001_0000.nii.gz",
        "CASE_001",
        " case_001",
        "case1",
    ],
)
def test_a_case_is_known_by_its_files(name):
    assert near_ids([name], IDS) == {name: "case_001"}


def test_what_may_mean_two_cases_or_none_means_none():
    assert near_ids(["A.nii.gz", "c"], ["a", "A ", "b"]) == {}
    assert near_ids(["a_0000"], ["a_0000", "a"]) == {}
    # The longer name that is a case's own goes first.
    assert near_ids(["a_0000.nii.gz"], ["a_0000", "a"]) == {"a_0000.nii.gz": "a_0000"}


@given(st.lists(st.text(min_size=1, max_size=5), unique=True), st.lists(st.text(max_size=8)))
def test_near_ids_are_known_and_for_unknown_names_alone(known, names):
    near = near_ids(names, known)
    assert set(near) <= set(names) - set(known)
    assert set(near.values()) <= set(known)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["train", "val", "x"]), inner),
    max_leaves=12,
)


@given(st.one_of(JSON.map(lambda value: json.dumps(value).encode()), st.binary(max_size=60)))
def test_any_content_is_folds_or_refused_in_one_line(content):
    try:
        folds, refusal = parse_folds(content, "splits_final.json"), ""
    except DatasetError as error:
        folds, refusal = [], str(error)
    assert bool(folds) != bool(refusal)
    assert "\n" not in refusal
    for fold in folds:
        assert all(isinstance(one, str) for key in ("train", "val") for one in fold[key])
    assert all(one.message and one.advice for one in split_findings(folds, dataset(), "splits_final.json"))


def test_the_split_beside_the_images_is_found_before_nnunets(tmp_path, monkeypatch):
    (tmp_path / "raw").mkdir()
    preprocessed = tmp_path / "preprocessed" / "Dataset001_Toy"
    preprocessed.mkdir(parents=True)
    known = dataset(tmp_path / "raw")
    assert find_splits(known) is None
    (preprocessed / "splits_final.json").touch()
    assert find_splits(known) is None
    monkeypatch.setenv("nnUNet_preprocessed", str(tmp_path / "preprocessed"))
    assert find_splits(known) == preprocessed / "splits_final.json"
    (tmp_path / "raw" / "splits_final.json").touch()
    assert find_splits(known) == tmp_path / "raw" / "splits_final.json"


def test_a_file_that_is_no_split_is_a_finding(tmp_path):
    for content, words in ((b"[]", "is no nnU-Net split"), (b"{", "is not a JSON file"), (b"\xff", "not UTF-8")):
        (tmp_path / "splits_final.json").write_bytes(content)
        (one,) = check_splits(tmp_path / "splits_final.json", dataset())
        assert (one.kind, one.file) == (Kind.UNUSABLE_SPLIT, "splits_final.json")
        assert words in one.message
    (one,) = check_splits(tmp_path / "gone.json", dataset())
    assert "cannot be read" in one.message


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_told_since_nnunet_stops_at_it(tmp_path, encoding):
    (tmp_path / "splits_final.json").write_bytes(json.dumps(FOLDS).encode(encoding))
    (one,) = check_splits(tmp_path / "splits_final.json", dataset())
    assert "byte order mark" in one.message


def test_check_looks_at_the_split_that_it_is_given(tmp_path):
    known = nnunet(Folder(tmp_path))
    ids = [case.case_id for case in known.cases]
    given_one = tmp_path / "mine.json"
    given_one.write_text(json.dumps([{"train": ids, "val": ids[:1]}]))
    (one,) = check(known, splits=given_one).findings
    assert (one.kind, one.file, one.cases) == (Kind.SPLIT_OVERLAP, "mine.json", (ids[0],))
    assert check(known).findings == ()
