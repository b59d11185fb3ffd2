"""A run: faulty cases are rows, the same command goes on where it stopped, and nothing of the user's is overwritten."""

import csv
import gzip
import json
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from auvseg import convert, read_dataset
from auvseg.errors import DatasetError, UsageError
from public_datasets import SHAPE, contents, save, write_msd


def _failures(result):
    return {row.case: row.detail for row in result.of("failed")}


def test_faulty_cases_are_rows_and_the_others_are_converted(public):
    made = public("word")
    labels = made.source / "WORD-V0.1.0" / "labelsTr"
    images = made.source / "WORD-V0.1.0" / "imagesTr"
    label = made.scenes["word_0002"].label
    (labels / "word_0002.nii.gz").write_bytes((labels / "word_0002.nii.gz").read_bytes()[:80])
    for number in range(11, 17):
        save(images / f"word_{number:04d}.nii.gz", label)
    save(labels / "word_0011.nii.gz", label[:-1])
    save(labels / "word_0012.nii.gz", label + 10)
    save(labels / "word_0013.nii.gz", label * 0.5)
    nib.save(nib.Nifti1Image(np.zeros((*SHAPE, 2), np.uint8), np.eye(4)), labels / "word_0014.nii.gz")
    (labels / "word_0015.nii.gz").write_text("no image")
    result = made.convert()
    found = _failures(result)
    assert found.keys() == {"word_0002", *(f"word_{number:04d}" for number in range(11, 17))}
    for case, words in {
        "word_0011": "8×8×7",
        "word_0012": "holds the label values 17, 18",
        "word_0013": "not whole numbers",
        "word_0014": "three axes",
        "word_0016": "no label",
    }.items():
        assert words in found[case]
    assert sorted(json.loads((made.folder / "dataset.json").read_text())["dataset"]) == ["word_0001", "word_0003"]
    assert not list(made.folder.glob("labelsTr/word_001*"))
    assert str(made.source) not in (made.folder / "conversion.csv").read_text()


def test_the_same_command_keeps_what_is_unchanged(public):
    made = public("totalsegmentator")
    first = made.convert()
    before = contents(made.folder)
    times = {path: path.stat().st_mtime_ns for path in made.folder.glob("labels*/*")}
    second = made.convert()
    assert (first.kept, second.kept) == (0, 4)
    assert contents(made.folder) == before
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert second.rows == first.rows


def test_a_changed_source_and_a_lost_label_are_converted_again(public):
    made = public("word")
    made.convert()
    label = made.source / "WORD-V0.1.0" / "labelsTr" / "word_0002.nii.gz"
    save(label, np.zeros(SHAPE, np.uint8), "LPS")
    os.utime(label, ns=(1, 1))
    (made.folder / "labelsTr" / "word_0003.nii.gz").unlink()
    result = made.convert()
    assert result.kept == 2
    assert not np.asarray(nib.load(made.folder / "labelsTr" / "word_0002.nii.gz").dataobj).any()
    assert (made.folder / "labelsTr" / "word_0003.nii.gz").is_file()


def test_an_interruption_leaves_nothing_that_the_next_run_does_not_know(public):
    made = public("word")
    made.convert()
    expected = contents(made.folder)
    for path in made.folder.rglob("word_0002*"):
        if path.parent.name != "conversion":
            path.unlink()
    (made.folder / "dataset.json").unlink()
    (made.folder / ".auvseg-tmp-x").touch()
    assert made.convert().kept == 3
    assert contents(made.folder) == expected


def test_a_label_that_the_user_edited_is_not_overwritten(public):
    made = public("word")
    made.convert()
    mine = made.folder / "labelsTr" / "word_0002.nii.gz"
    mine.write_bytes(b"mine")
    assert "move it away" in _failures(made.convert())["word_0002"]
    assert mine.read_bytes() == b"mine"
    assert "word_0002" not in json.loads((made.folder / "dataset.json").read_text())["dataset"]


@pytest.mark.parametrize("name", ["dataset.json", "conversion.csv", "splits_final.json"])
def test_a_file_beside_the_cases_that_the_user_edited_stops_the_run(public, name):
    made = public("word")
    made.convert()
    (made.folder / name).write_text("mine")
    with pytest.raises(UsageError, match="move it away"):
        made.convert()
    assert (made.folder / name).read_text() == "mine"


def test_a_folder_with_files_of_the_user_is_refused(public):
    made = public("word")
    made.folder.mkdir()
    (made.folder / "dataset.json").write_text("{}")
    with pytest.raises(UsageError, match="new or empty"):
        made.convert()
    assert contents(made.folder).keys() == {"dataset.json"}


def test_another_choice_of_classes_needs_another_folder(public):
    made = public("word")
    made.convert()
    with pytest.raises(UsageError, match="classes"):
        made.convert(classes=["liver"])


@pytest.mark.parametrize("place", ["source", "source/inside", "."])
def test_source_and_target_do_not_lie_in_each_other(public, place):
    made = public("word")
    with pytest.raises(UsageError, match="beside"):
        convert("word", made.source, made.source.parent / place, num_workers=0)


def test_a_link_that_leads_out_of_the_target_is_not_followed(public, tmp_path):
    made = public("word")
    made.convert()
    elsewhere = tmp_path / "elsewhere"
    (made.folder / "labelsTr").rename(elsewhere)
    (made.folder / "labelsTr").symlink_to(elsewhere, target_is_directory=True)
    before = contents(elsewhere)
    label = made.source / "WORD-V0.1.0" / "labelsTr" / "word_0002.nii.gz"
    save(label, np.zeros(SHAPE, np.uint8), "LPS", spacing=(1, 1, 1))
    assert "leads out" in _failures(made.convert())["word_0002"]
    assert contents(elsewhere) == before


def test_a_description_cannot_name_files_outside_its_folder(public, tmp_path):
    made = public("msd")
    save(tmp_path / "secret.nii.gz", np.zeros(SHAPE, np.int16))
    content = json.loads((made.source / "dataset.json").read_text())
    content["training"] += [
        {"image": "../secret.nii.gz", "label": "./labelsTr/prostate_00.nii.gz"},
        {"image": str(tmp_path / "secret.nii.gz"), "label": "./labelsTr/prostate_00.nii.gz"},
    ]
    (made.source / "dataset.json").write_text(json.dumps(content))
    result = made.convert()
    assert len(result.of("failed")) == 2
    assert all("outside" in detail for detail in _failures(result).values())


def test_known_bad_cases_are_named_with_their_source_or_left_out(public):
    made = public("totalsegmentator")
    result = made.convert()
    (row,) = result.of("known bad")
    assert (row.case, "#193" in row.detail) == ("s0864", True)
    assert any("1 cases are known to be bad (s0864)" in note for note in result.notes)
    assert {row.case for row in result.of("converted")} == made.scenes.keys()
    again = made.convert(exclude_known_bad=True)
    (row,) = again.of("left out")
    assert (row.case, "#193" in row.detail) == ("s0864", True)
    assert again.kept == 3


def test_copies_make_a_data_set_that_stands_alone(public):
    made = public("word")
    made.convert(copy=True)
    dataset = read_dataset(made.folder)
    assert all(
        path.is_relative_to(made.folder) and not path.is_symlink() for case in dataset.cases for path in case.images
    )
    copied = made.folder / "imagesTr" / "word_0002_0000.nii.gz"
    assert copied.read_bytes() == (made.source / "WORD-V0.1.0" / "imagesTr" / "word_0002.nii.gz").read_bytes()
    assert made.convert(copy=True).kept == 4


def test_without_copies_no_training_image_is_written_and_paths_are_relative(public):
    made = public("word")
    made.convert()
    assert not (made.folder / "imagesTr").exists()
    listed = json.loads((made.folder / "dataset.json").read_text())["dataset"]
    assert listed["word_0002"]["images"] == ["../source/WORD-V0.1.0/imagesTr/word_0002.nii.gz"]


def test_copies_of_mixed_endings_get_one(public):
    made = public("lits")
    plain = made.source / "Training Batch 1" / "volume-0.nii"
    plain.with_name("volume-0.nii.gz").write_bytes(gzip.compress(plain.read_bytes()))
    content = plain.read_bytes()
    plain.unlink()
    made.convert(copy=True)
    packed = made.folder / "imagesTr" / "lits_001_0000.nii.gz"
    original = made.source / "Training Batch 1" / "volume-1.nii"
    assert gzip.decompress(packed.read_bytes()) == original.read_bytes()
    assert gzip.decompress((made.folder / "imagesTr" / "lits_000_0000.nii.gz").read_bytes()) == content


def test_where_no_links_can_be_made_the_row_says_so(public, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    monkeypatch.setattr(os, "link", refuse)
    made = public("word")
    result = made.convert()
    assert "--copy" in _failures(result)["word_0007"]
    monkeypatch.undo()
    assert _failures(made.convert()) == {}


def test_where_symbolic_links_are_forbidden_a_hard_link_is_made(public, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    made = public("word")
    assert _failures(made.convert()) == {}
    assert made.convert().kept == 4
    assert (made.folder / "imagesTs" / "word_0007_0000.nii.gz").stat().st_nlink == 2


def test_a_dollar_in_the_path_is_refused_before_nnunet_expands_it(public):
    made = public("word")
    renamed = made.source.rename(made.source.with_name("$HOME"))
    result = convert("word", renamed, made.folder, num_workers=0)
    assert all("$" in detail for detail in _failures(result).values())
    assert len(_failures(result)) == 3
    assert not (made.folder / "dataset.json").exists()
    assert any("no training case" in note for note in result.notes)
    copies = convert("word", renamed, made.folder.with_name("Dataset902_Copies"), copy=True, num_workers=0)
    assert _failures(copies) == {}


def test_a_worker_process_does_the_same(public):
    made = public("word")
    steps = []
    made.convert(num_workers=1, progress=lambda *step: steps.append(step))
    assert [(done, total) for done, total, _ in steps] == [(n, 4) for n in range(1, 5)]
    assert made.convert().kept == 4


@pytest.mark.parametrize("kind", ["lits", "totalsegmentator", "word", "feta", "kits", "msd"])
def test_another_folder_is_refused_with_the_name_of_the_right_one(tmp_path, kind):
    (tmp_path / "source").mkdir()
    with pytest.raises(DatasetError, match="name "):
        convert(kind, tmp_path / "source", tmp_path / "out", num_workers=0)
    assert not (tmp_path / "out").exists()


def test_regions_are_of_all_classes(public):
    made = public("kits")
    with pytest.raises(UsageError, match="leave out"):
        made.convert(regions=True, classes=["tumor"])
    other = made.source.parent / "msd"
    write_msd(other)
    with pytest.raises(UsageError, match="PROSTATE has none"):
        convert("msd", other, made.folder, regions=True, num_workers=0)


def test_a_case_that_left_the_source_leaves_the_description(public):
    made = public("word")
    made.convert()
    for name in ("imagesTr", "labelsTr"):
        (made.source / "WORD-V0.1.0" / name / "word_0002.nii.gz").unlink()
    result = made.convert()
    assert any("word_0002 are no longer in the source" in note for note in result.notes)
    assert "word_0002" not in json.loads((made.folder / "dataset.json").read_text())["dataset"]


def test_a_number_of_another_data_set_is_noted(public):
    made = public("word")
    made.folder.with_name("Dataset901_Other").mkdir()
    assert any("Dataset901_Other has the same number" in note for note in made.convert().notes)


def test_a_folder_that_nnunet_would_not_find_is_noted(public):
    made = public("word")
    result = convert("word", made.source, made.source.parent / "word", num_workers=0)
    assert any("Dataset003_Liver" in note for note in result.notes)


def test_what_hundreds_of_masks_share_is_one_row(public):
    made = public("totalsegmentator")
    for path in (made.source / "s0000" / "segmentations").iterdir():
        image = nib.load(path)
        save(path, np.asarray(image.dataobj) * 255.0, affine=np.eye(4))
    rows = [row for row in made.convert().of("mended", "warning") if row.case == "s0000"]
    # Eight masks, of which five hold something.
    assert [row.detail.split(":")[0] for row in rows] == ["8 masks", "8 masks", "5 masks"]
    assert all(words in row.detail for words, row in zip(("voxel by voxel", "float64", "255"), rows, strict=True))


def test_the_report_is_a_table_of_one_line_a_row(public):
    made = public("lits")
    result = made.convert()
    table = list(csv.DictReader((made.folder / "conversion.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["case"], row["event"]) for row in table] == [(row.case, row.event) for row in result.rows]
    assert table[0]["files"] == "Training Batch 1/volume-0.nii; Training Batch 1/segmentation-0.nii"
