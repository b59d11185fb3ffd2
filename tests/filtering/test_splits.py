import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import KFold

from auvseg.cohort.selection import filter_cases
from auvseg.data.case import Case, Dataset
from auvseg.errors import DatasetError, UsageError
from auvseg.filtering.manifest import backup_path
from auvseg.filtering.splits import export_splits, filter_folds, fresh_split
from auvseg.filtering.undo import undo


@pytest.fixture
def selection(scores):
    return filter_cases(scores, keep=0.8)


@pytest.fixture
def splits_path(tmp_path, nnunet_dataset):
    """What nnU-Net writes: its own folds with indent 4."""
    path = tmp_path / "preprocessed" / "Dataset007_Liver" / "splits_final.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(fresh_split(nnunet_dataset), indent=4, sort_keys=True))
    return path


def val_blocks(content: bytes) -> list[bytes]:
    """The bytes of every `"val": [...]` of a split."""
    return [part.split(b"]")[0] for part in content.split(b'"val": [')[1:]]


def test_training_lists_lose_the_removed_cases_and_validation_lists_keep_their_bytes(
    tmp_path, nnunet_dataset, selection, splits_path
):
    original = splits_path.read_bytes()
    assert selection.removed == ("liver_003", "liver_005")
    export = export_splits(selection, nnunet_dataset, tmp_path / "filter", splits_path=splits_path)
    assert export.warnings == ()
    filtered = splits_path.read_bytes()
    assert val_blocks(filtered) == val_blocks(original)
    assert len(val_blocks(filtered)) == 5
    for before, after in zip(json.loads(original), json.loads(filtered), strict=True):
        assert after["train"] == [case for case in before["train"] if case not in selection.removed]
        assert after["val"] == before["val"]


def test_the_original_comes_back_byte_for_byte(tmp_path, nnunet_dataset, selection, splits_path, snapshot):
    splits_path.write_bytes(splits_path.read_bytes() + b"\r\n \n")
    before = snapshot(tmp_path)
    (written,) = export_splits(selection, nnunet_dataset, tmp_path / "filter", splits_path=splits_path).files
    assert written.backup.read_bytes() == before[str(splits_path.relative_to(tmp_path))]
    undo(tmp_path / "filter")
    assert snapshot(tmp_path) == before


def test_filtering_twice_is_filtering_once(tmp_path, nnunet_dataset, scores, selection, splits_path):
    original = splits_path.read_bytes()
    export_splits(selection, nnunet_dataset, tmp_path / "filter", splits_path=splits_path)
    once = splits_path.read_bytes()
    other = filter_cases(scores, by="S", keep=0.5)
    export_splits(other, nnunet_dataset, tmp_path / "filter", splits_path=splits_path)
    assert splits_path.read_bytes() != once
    export_splits(selection, nnunet_dataset, tmp_path / "filter", splits_path=splits_path)
    assert splits_path.read_bytes() == once
    assert backup_path(splits_path).read_bytes() == original
    undo(tmp_path / "filter")
    assert splits_path.read_bytes() == original


def test_keeping_everything_changes_no_byte(tmp_path, nnunet_dataset, scores, splits_path):
    original = splits_path.read_bytes()
    export_splits(filter_cases(scores, keep=1.0), nnunet_dataset, tmp_path / "filter", splits_path=splits_path)
    assert splits_path.read_bytes() == original


def test_a_split_that_someone_else_changed_is_not_replaced(tmp_path, nnunet_dataset, selection, splits_path):
    export_splits(selection, nnunet_dataset, tmp_path / "filter", splits_path=splits_path)
    edited = json.dumps(json.loads(splits_path.read_bytes())[:3]).encode()
    splits_path.write_bytes(edited)
    for folder in ("filter", "another filter"):
        with pytest.raises(UsageError, match="neither what this run wrote nor its original"):
            export_splits(selection, nnunet_dataset, tmp_path / folder, splits_path=splits_path)
    assert splits_path.read_bytes() == edited


def test_another_run_must_undo_first(tmp_path, nnunet_dataset, selection, splits_path):
    original = splits_path.read_bytes()
    export_splits(selection, nnunet_dataset, tmp_path / "one", splits_path=splits_path)
    with pytest.raises(UsageError, match="Undo the other run"):
        export_splits(selection, nnunet_dataset, tmp_path / "two", splits_path=splits_path)
    undo(tmp_path / "one")
    export_splits(selection, nnunet_dataset, tmp_path / "two", splits_path=splits_path)
    undo(tmp_path / "two")
    assert splits_path.read_bytes() == original


def test_a_lost_original_is_said(tmp_path, nnunet_dataset, selection, splits_path):
    export_splits(selection, nnunet_dataset, tmp_path / "filter", splits_path=splits_path)
    backup_path(splits_path).unlink()
    with pytest.raises(UsageError, match=r"its original, .* is gone"):
        export_splits(selection, nnunet_dataset, tmp_path / "filter", splits_path=splits_path)


def test_an_interrupted_write_leaves_the_old_split(tmp_path, nnunet_dataset, selection, splits_path, full_disk):
    original = splits_path.read_bytes()
    full_disk(after=4)
    with pytest.raises(Exception, match="No space left"):
        export_splits(selection, nnunet_dataset, tmp_path / "filter", splits_path=splits_path)
    assert splits_path.read_bytes() == original


def test_a_dry_run_writes_nothing_and_says_what_it_would(tmp_path, nnunet_dataset, selection, splits_path, snapshot):
    before = snapshot(tmp_path)
    would = export_splits(selection, nnunet_dataset, tmp_path / "filter", splits_path=splits_path, dry_run=True)
    assert snapshot(tmp_path) == before
    assert would == export_splits(selection, nnunet_dataset, tmp_path / "filter", splits_path=splits_path)


def test_a_link_to_a_split_stays_a_link(tmp_path, nnunet_dataset, selection, splits_path):
    link = tmp_path / "link.json"
    link.symlink_to(splits_path)
    export_splits(selection, nnunet_dataset, tmp_path / "filter", splits_path=link)
    assert link.is_symlink()
    assert "liver_003" not in json.loads(splits_path.read_text())[0]["train"]


def test_without_a_split_of_the_users_the_folds_are_nnunets(tmp_path, nnunet_dataset, selection):
    (written,) = export_splits(selection, nnunet_dataset, tmp_path / "filter").files
    assert written.path == tmp_path / "filter" / "splits_final.json"
    ids = np.array(sorted(case.case_id for case in nnunet_dataset.cases if case.subset == "training"))
    folds = KFold(n_splits=5, shuffle=True, random_state=12345).split(ids)
    for (train, val), fold in zip(folds, json.loads(written.path.read_text()), strict=True):
        assert fold["val"] == ids[val].tolist()
        assert fold["train"] == [case for case in ids[train] if case not in selection.removed]


def test_nnunets_folds_of_ten_cases_as_nnunet_2_8_makes_them():
    # What generate_crossval_split of nnunetv2 2.8.1 returned for these ten ids.
    expected = [["c0", "c7"], ["c3", "c9"], ["c4", "c6"], ["c1", "c8"], ["c2", "c5"]]
    labelled = [Case(f"c{number}", (), Path("label.nii.gz")) for number in reversed(range(10))]
    dataset = Dataset("d", Path(), "test", None, (*labelled, Case("c", (), None)))
    assert [fold["val"] for fold in fresh_split(dataset)] == expected


def test_a_split_that_does_not_exist_yet_is_made_and_undone(tmp_path, nnunet_dataset, scores, selection, snapshot):
    path = tmp_path / "preprocessed" / "splits_final.json"
    before = snapshot(tmp_path)
    export = export_splits(selection, nnunet_dataset, tmp_path / "filter", splits_path=path)
    assert "did not exist" in export.warnings[0]
    once = path.read_bytes()
    assert json.loads(backup_path(path).read_text()) == fresh_split(nnunet_dataset)
    export_splits(filter_cases(scores, keep=0.5), nnunet_dataset, tmp_path / "filter", splits_path=path)
    export_splits(selection, nnunet_dataset, tmp_path / "filter", splits_path=path)
    assert path.read_bytes() == once
    undo(tmp_path / "filter")
    assert snapshot(tmp_path) == before
    assert not path.parent.exists()


def test_validation_cases_of_the_data_set_make_one_fold(nnunet_dataset):
    cases = tuple(replace(case, subset="validation") if n < 3 else case for n, case in enumerate(nnunet_dataset.cases))
    (fold,) = fresh_split(replace(nnunet_dataset, cases=cases))
    assert fold["val"] == ["liver_000", "liver_001", "liver_002"]
    assert len(fold["train"]) == 7


def test_too_few_cases_for_folds_are_refused(nnunet_dataset):
    with pytest.raises(UsageError, match="there are 4"):
        fresh_split(replace(nnunet_dataset, cases=nnunet_dataset.cases[:4]))


def test_a_given_split_is_read_and_never_written(tmp_path, nnunet_dataset, selection, splits_path):
    original = splits_path.read_bytes()
    (written,) = export_splits(selection, nnunet_dataset, tmp_path / "filter", source=splits_path).files
    assert splits_path.read_bytes() == original
    assert json.loads(written.path.read_text()) == filter_folds(json.loads(original), selection.removed)
    with pytest.raises(UsageError, match="not both"):
        export_splits(selection, nnunet_dataset, tmp_path, source=splits_path, splits_path=splits_path)


def test_other_keys_and_foreign_letters_of_a_split_stay(tmp_path, nnunet_dataset, selection, splits_path):
    folds = [{"note": "Fälle ☂", "train": ["liver_003", "liver_001"], "val": ["liver_002"]}]
    splits_path.write_text(json.dumps(folds, indent=4, ensure_ascii=False), encoding="utf-8")
    export_splits(selection, nnunet_dataset, tmp_path / "filter", splits_path=splits_path)
    text = splits_path.read_text(encoding="utf-8")
    assert "Fälle ☂" in text
    assert json.loads(text)[0]["train"] == ["liver_001"]


def test_a_fold_without_training_cases_is_refused_and_nothing_is_written(
    tmp_path, nnunet_dataset, selection, splits_path, snapshot
):
    splits_path.write_text(json.dumps([{"train": ["liver_003", "liver_005"], "val": ["liver_001"]}]))
    before = snapshot(tmp_path)
    with pytest.raises(UsageError, match="fold 0 would have no training case left"):
        export_splits(selection, nnunet_dataset, tmp_path / "filter", splits_path=splits_path)
    assert snapshot(tmp_path) == before


def test_unknown_and_untouched_cases_are_said(tmp_path, nnunet_dataset, selection, splits_path):
    splits_path.write_text(json.dumps([{"train": ["liver_003", "liver_001", "old_1"], "val": ["old_2"]}]))
    export = export_splits(selection, nnunet_dataset, tmp_path / "filter", splits_path=splits_path)
    unknown, left_out, untouched = export.warnings
    assert "names 2 cases that Dataset007_Liver does not have: old_1, old_2" in unknown
    assert "8 cases in no fold" in left_out
    assert "1 removed case in no training list of the split: 'liver_005'" in untouched
    assert json.loads(splits_path.read_text())[0]["train"] == ["liver_001", "old_1"]


def test_the_split_of_another_data_set_is_refused(tmp_path, nnunet_dataset, selection, splits_path):
    splits_path.write_text('[{"train": ["heart"], "val": []}]')
    with pytest.raises(UsageError, match="belongs to another data set"):
        export_splits(selection, nnunet_dataset, tmp_path / "filter", splits_path=splits_path)


def test_the_scores_of_another_data_set_are_refused(tmp_path, nnunet_dataset, make_scores):
    selection = filter_cases(make_scores({"heart_1": {1: 0.1}, "heart_2": {1: 0.9}}), keep=0.5)
    with pytest.raises(UsageError, match="'heart_1', but Dataset007_Liver has no such training cases"):
        export_splits(selection, nnunet_dataset, tmp_path / "filter")


def test_cases_that_were_never_scored_are_said(tmp_path, nnunet_dataset, scores):
    selection = filter_cases(scores[scores["case"] != "liver_007"], keep=0.8)
    (warning,) = export_splits(selection, nnunet_dataset, tmp_path / "filter").warnings
    assert "1 training cases are not in the scores table and are kept: 'liver_007'" in warning


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not a JSON"),
        ("{}", "no nnU-Net split"),
        ("[]", "no nnU-Net split"),
        ('[{"train": ["a"]}]', "fold 0"),
        ('[{"train": ["a"], "val": [1]}]', 'fold 0 .* val holds 1, and ids are texts; write "1"'),
        ("[3]", "fold 0"),
        ('[{"train": [null], "val": []}]', "train holds null, and ids are texts"),
        ('[{"train": [["a"]], "val": []}]', "and ids are texts"),
        ('{"train": ["a"], "val": ["b"]}', "one fold without a list around it"),
        ('{"fold_0": {"train": ["a"], "val": ["b"]}}', "an object, with the keys 'fold_0'"),
        ('[{"training": ["a"], "validation": []}]', "fold 0 .*it has 'training', 'validation'"),
        ('[{"train": "a", "val": []}]', "train is a str, not a list"),
        ('[{"train": ["a",], "val": []}]', "line 1 column 17: a comma before a closing bracket"),
        ('[{"train": ["ä"], "val": []}]'.encode("cp1252"), "not UTF-8"),
        (pickle.dumps([{"train": ["a"], "val": ["b"]}]), "a pickle"),
    ],
)
def test_what_is_no_split_is_refused(tmp_path, nnunet_dataset, selection, splits_path, content, message):
    splits_path.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = splits_path.read_bytes()
    for option in ("splits_path", "source"):
        with pytest.raises(DatasetError, match=message):
            export_splits(selection, nnunet_dataset, tmp_path / "filter", **{option: splits_path})
    assert splits_path.read_bytes() == before


OTHER_NAMES = {
    "ending": "{}.nii.gz",
    "suffix": "{}_0000",
    "file": "{}_0000.nii.gz",
    "path": "imagesTr/{}_0000.nii.gz",
    "windows": "imagesTr\\{}.nii.gz",
    "space": " {} ",
    "dot": "{}.0000",
    "letters": "{}",
}


@pytest.mark.parametrize("way", OTHER_NAMES)
@pytest.mark.parametrize("every", [1, 2], ids=["all", "half"])
def test_a_removed_case_that_would_stay_by_another_name_is_an_error_and_nothing_is_written(
    tmp_path, nnunet_dataset, selection, splits_path, snapshot, way, every
):
    folds = json.loads(splits_path.read_text())
    for fold in folds:
        for key in ("train", "val"):
            named = [OTHER_NAMES[way].format(one.upper() if way == "letters" else one) for one in fold[key]]
            changed = [number % every == 0 or one in selection.removed for number, one in enumerate(fold[key])]
            fold[key] = [new if yes else old for old, new, yes in zip(fold[key], named, changed, strict=True)]
    splits_path.write_text(json.dumps(folds))
    before = snapshot(tmp_path)
    with pytest.raises(
        UsageError, match=r"otherwise than by id, .* 2 removed cases would stay in training: 'liver_003'"
    ):
        export_splits(selection, nnunet_dataset, tmp_path / "filter", splits_path=splits_path)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_split_in_another_encoding_is_filtered_as_nnunet_reads_it_and_comes_back(
    tmp_path, nnunet_dataset, selection, splits_path, encoding
):
    original = splits_path.read_text().encode(encoding)
    splits_path.write_bytes(original)
    export_splits(selection, nnunet_dataset, tmp_path / "filter", splits_path=splits_path)
    folds = json.loads(splits_path.read_text(encoding="utf-8"))
    assert all(not set(fold["train"]) & set(selection.removed) for fold in folds)
    undo(tmp_path / "filter")
    assert splits_path.read_bytes() == original


def test_overlap_and_cases_that_are_named_twice_are_said(tmp_path, nnunet_dataset, selection, splits_path):
    ids = [f"liver_{number:03d}" for number in range(10)]
    splits_path.write_text(json.dumps([{"train": [*ids, *ids[:3]], "val": ids[:4]}, {"train": ids, "val": []}]))
    warnings = export_splits(selection, nnunet_dataset, tmp_path / "filter", splits_path=splits_path).warnings
    assert any("fold 0 trains on 4 cases that it validates on" in warning for warning in warnings)
    assert any("train of fold 0 names 3 cases more than once" in warning for warning in warnings)
    assert any("val of fold 1 is empty" in warning for warning in warnings)
    first = json.loads(splits_path.read_text())[0]["train"]
    assert not set(first) & set(selection.removed)


names = st.lists(st.text(min_size=1, max_size=6), min_size=2, max_size=8, unique=True)


@given(names, st.data())
def test_any_case_name_survives(ids, data):
    removed = data.draw(st.lists(st.sampled_from(ids), max_size=len(ids) - 1, unique=True))
    (fold,) = filter_folds([{"train": ids, "val": ids}], removed)
    assert fold["val"] == ids
    assert fold["train"] == [one for one in ids if one not in removed]
    assert json.loads(json.dumps(fold)) == fold
