from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auvseg.report.privacy import Privacy

OPEN = Privacy.of([Path("/mnt/my data/set 1"), Path("/srv/x")])


@pytest.mark.parametrize(
    ("words", "clean"),
    [
        ("/mnt/my data/set 1/imagesTr/a.nii.gz: truncated", "imagesTr/a.nii.gz: truncated"),
        ("no label in /mnt/my data/set 1", "no label in the folder"),
        ("/home/anna/b.nii: empty", "b.nii: empty"),
        ("(/usr/share/c.nii)", "(c.nii)"),
        (r"C:\Users\Anna\d.nii.gz is damaged", "d.nii.gz is damaged"),
        (r"\\server\share\e.nii is damaged", "e.nii is damaged"),
        ("'/tmp/f.nii', not read", "'f.nii', not read"),
        ("12 of 24 planes, 3/4 of them at 0.5 mm and/or more", "12 of 24 planes, 3/4 of them at 0.5 mm and/or more"),
    ],
)
def test_no_absolute_path_is_left(words, clean):
    assert OPEN.text(words) == clean


def test_a_folder_is_not_cut_out_of_a_longer_name():
    assert "2" not in OPEN.text("/srv/x/a.nii")
    assert OPEN.text("/srv/x2/a.nii") == "a.nii"


def test_the_home_folder_is_cut_whatever_is_in_its_name(monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: Path("/home/Anna Maria"))
    assert Privacy.of([]).text("/home/Anna Maria/run/a.nii: empty") == "run/a.nii: empty"


def test_a_user_without_a_home_has_paths_too(monkeypatch):
    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    assert Privacy.of([Path("/srv/x")]).text("/srv/x/a.nii: empty") == "a.nii: empty"


def hidden(*ids, others=()):
    return Privacy.of([], {case: f"case-{number:04}" for number, case in enumerate(ids, start=1)}, others)


@pytest.mark.parametrize(
    ("words", "clean"),
    [
        ("the same image as patient10", "the same image as case-0002"),
        ("the same image as patient1", "the same image as case-0001"),
        ("patient1, patient10 and patient100", "case-0001, case-0002 and case-0003"),
        ("like MRpatient1x", "like MRcase-0001x"),
        ("label of patient1_0000 missing", "label of case-0001_0000 missing"),
        ("no 7 of 17", "no case-0004 of 17"),
        ("patient10_0000.nii.gz: truncated", "truncated"),
        ("its data file Smith_0001.img does not exist", "its data file a file does not exist"),
        ("John Smith_CT.dcm: 3 voxels", "3 voxels"),
        ("spacing 0.8 mm: unusual", "spacing 0.8 mm: unusual"),
        ("IM0001: states no position", "states no position"),
        ("series 1.2.840.113619.2.55.3 has gaps; auvseg 0.1.0", "series an identifier has gaps; auvseg 0.1.0"),
    ],
)
def test_with_pseudonyms_no_id_and_no_file_is_named(words, clean):
    assert hidden("patient1", "patient10", "patient100", "7").text(words) == clean


def test_a_case_that_is_not_in_the_report_has_no_name_in_it():
    privacy = hidden("patient1", others={"patient2", "Smith folder"})
    assert privacy.case("patient2") == "another case"
    assert privacy.text("as patient2 in Smith folder") == "as another file in another file"
    assert privacy.case("patient1") == "case-0001"


def test_without_pseudonyms_ids_stay():
    assert OPEN.case("patient1") == "patient1"
    assert OPEN.text("as patient1_0000.nii.gz") == "as patient1_0000.nii.gz"


@given(st.lists(st.text("ab<.*[\\ é🩻", min_size=5, max_size=9), min_size=1, max_size=6, unique=True), st.data())
def test_no_long_id_stays_in_a_sentence(ids, data):
    words = " ".join(data.draw(st.lists(st.sampled_from(ids), min_size=1, max_size=5)))
    clean = hidden(*ids).text(f"like {words} there")
    assert not any(one in clean for one in ids)
