import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auvseg.data.check.findings import Kind
from auvseg.data.dataset import read_dataset
from auvseg.errors import DatasetError


@pytest.fixture
def table(describe):
    """The data set that a table of this text is read as."""

    def table(text, name="cases.csv"):
        return read_dataset(describe(text, name))

    return table


def test_a_row_is_a_case_with_attributes(table, tmp_path):
    dataset = table("id,image,label,site,fold\nb,x/b.nii,y/b.nii,Bern,1\na,x/a.nii,y/a.nii,Basel,0\n")
    first, second = dataset.cases
    assert (first.case_id, second.case_id) == ("a", "b")
    assert (first.images, first.label) == ((tmp_path / "x/a.nii",), tmp_path / "y/a.nii")
    assert first.attributes == {"site": "Basel", "fold": "0"}
    assert (dataset.name, dataset.layout) == ("cases", "table of images and labels")
    assert (dataset.classes, dataset.modality, dataset.notes) == (None, None, ())


@pytest.mark.parametrize("image", ["image", "Image", "IMG", "image_path", "scan", "volume", "images"])
@pytest.mark.parametrize("label", ["label", "Mask", "seg", "label_path", "segmentation", "annotation"])
def test_columns_are_known_by_their_usual_names(table, image, label):
    (case,) = table(f"{image},{label}\na.nii,b.nii\n").cases
    assert (case.images[0].name, case.label.name, case.attributes) == ("a.nii", "b.nii", {})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cases.csv", "image;label;site\na,1.nii;b.nii;x\n"),
        ("cases.csv", b'\xef\xbb\xbfimage,label,site\n"a,1.nii",b.nii,x\n'),
        ("cases.csv", 'image,label,site\r\n"a,1.nii",b.nii,x\r\n'),
        ("cases.csv", 'image,label,site\n\n"a,1.nii",b.nii,x\n,,\n'),
        ("cases.csv", ' image , label , site\n"a,1.nii",b.nii ,x\n'),
        ("cases.tsv", "image\tlabel\tsite\na,1.nii\tb.nii\tx\n"),
        ("CASES.TSV", "image\tlabel\tsite\na,1.nii\tb.nii\tx\n"),
        ("cases.csv", "image\tlabel\tsite\na,1.nii\tb.nii\tx\n"),
        ("cases.csv", "image|label|site\na,1.nii|b.nii|x\n"),
        ("cases.tsv", "image;label;site\na,1.nii;b.nii;x\n"),
        ("cases.csv", "sep=;\r\nimage;label;site\r\na,1.nii;b.nii;x\r\n"),
        ("cases.csv", '"sep=\t"\nimage\tlabel\tsite\na,1.nii\tb.nii\tx\n'),
        ("cases.csv", "image\tlabel\tsite\r\na,1.nii\tb.nii\tx\r\n".encode("utf-16")),
        ("cases.csv", "image;label;site\na,1.nii;b.nii;x\n".encode("utf-16-le")),
        ("cases.csv", "image;label;site\na,1.nii;b.nii;x;;\n"),
    ],
    ids=[
        *("semicolons", "byte order mark", "line ends", "blank lines", "spaces", "tabs", "upper case", "tabs in csv"),
        *(
            "bars",
            "semicolons in tsv",
            "sep line",
            "sep line in quotes",
            "utf-16",
            "utf-16 without mark",
            "empty cells",
        ),
    ],
)
def test_the_usual_dialects_say_the_same(table, name, text):
    (case,) = table(text, name).cases
    assert (case.images[0].name, case.label.name, dict(case.attributes)) == ("a,1.nii", "b.nii", {"site": "x"})


def test_channels_come_in_the_order_of_their_numbers(table):
    numbers = [10, 2, 0, 1, *range(3, 10)]
    header = ",".join(f"image_{number}" for number in numbers)
    cells = ",".join(f"c{number}.nii" for number in numbers)
    dataset = table(f"{header},label\n{cells},a.nii\n")
    assert [path.name for path in dataset.cases[0].images] == [f"c{number}.nii" for number in range(11)]
    assert dataset.channel_names == tuple(f"image_{number}" for number in range(11))


@pytest.mark.parametrize(
    ("word", "subset"),
    [
        ("", "training"),
        ("Train", "training"),
        ("training", "training"),
        ("val", "validation"),
        ("VALID", "validation"),
        ("validation", "validation"),
        (" test ", "test"),
        ("testing", "test"),
    ],
)
@pytest.mark.parametrize("column", ["split", "subset"])
def test_subsets_are_known_by_their_usual_words(table, word, subset, column):
    assert table(f"image,label,{column}\na.nii,b.nii,{word}\n").cases[0].subset == subset


@pytest.mark.parametrize(
    ("words", "modality", "notes"),
    [(("CT", "ct"), "ct", 0), (("MR", "T1"), "mri", 0), (("CT", "MR"), None, 1), (("", ""), None, 0)],
)
def test_modality_is_said_if_all_rows_agree(table, words, modality, notes):
    rows = "\n".join(f"{number}.nii,l.nii,{word}" for number, word in enumerate(words))
    dataset = table(f"image,label,modality\n{rows}\n")
    assert (dataset.modality, len(dataset.notes)) == (modality, notes)


def test_a_row_may_have_no_label(table):
    assert table("image,label\na.nii,\n").cases[0].label is None


def test_names_come_from_the_files_where_the_id_is_empty(table):
    cases = table("id,image,label\n,p1/scan.nii,l.nii\n,p2/scan.nii,l.nii\nown,p3/scan.nii,l.nii\n").cases
    assert [case.case_id for case in cases] == ["own", "p1_scan", "p2_scan"]


def test_the_column_without_a_name_that_pandas_writes_is_neither_id_nor_subset(table):
    (case,) = table(",image,label\n0,a.nii,b.nii\n").cases
    assert (case.case_id, case.subset) == ("a", "training")


def test_empty_columns_that_a_spreadsheet_left_behind_are_no_fault(table):
    (case,) = table("image,label,,\na.nii,b.nii,,\n").cases
    assert (case.images[0].name, case.label.name) == ("a.nii", "b.nii")


@pytest.mark.parametrize("text", ["\u2028", "\x0b", "\x85", "new\nline"], ids=ascii)
def test_a_cell_may_hold_what_only_looks_like_the_end_of_a_row(table, text):
    (case,) = table(f'image,label,comment\na.nii,b.nii,"x{text}y"\n').cases
    assert case.attributes["comment"] == f"x{text}y"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ("empty",)),
        ("\n\n", ("empty",)),
        ("image,label\n", ("no rows",)),
        ("path,label\na.nii,b.nii\n", ("image", "path, label")),
        ("image,label\na.nii\n", ("line 2", "1 cells", "2")),
        ("image,label\n\n\na.nii,b.nii,c\n", ("line 4", "3 cells")),
        ("image,label\n,b.nii\n", ("line 2", "image")),
        ("image,label\na.nii,b.nii\n\n,b.nii\n", ("line 4", "image")),
        ("image_0,image_1,label\na.nii,,b.nii\n", ("line 2", "image")),
        ("image,label,split\na.nii,b.nii,holdout\n", ("line 2", "holdout")),
        ("image,label,image\na.nii,b.nii,c.nii\n", ("image", "two columns")),
        ('image,label\n"a.nii,b.nii\n', ("valid",)),
        ('image,label\n"a"x,b.nii\n', ("valid",)),
        ("image,label\n" + "x" * 200_000 + ",b.nii\n", ("valid",)),
        ("image,label\na\0.nii,b.nii\n", ("line 2",)),
        (b"image,label\n\xe9.nii,b.nii\n", ("UTF-8",)),
        ("image,label\na.nii,\xe9.nii\n".encode("cp1252"), ("UTF-8",)),
        ("image,label\nNA,b.nii\n", ("line 2", "image")),
        ('"sep=;"\nimage;label\na.nii\n', ("line 3", "1 cells")),
    ],
    ids=range(19),
)
def test_a_malformed_table_is_refused_by_file_and_line(describe, refusal, text, words):
    found = refusal(describe(text, "cases.csv"))
    for word in ("cases.csv", *words):
        assert word in found


@pytest.mark.parametrize("nothing", ["NA", "N/A", "nan", "NaN", "None", "null", "-", " "])
def test_cells_that_say_nothing_are_empty(table, nothing):
    (case,) = table(f"id,image,label,split,modality\n{nothing},a.nii,{nothing},{nothing},{nothing}\n").cases
    assert (case.case_id, case.label, case.subset) == ("a", None, "training")


@pytest.mark.parametrize("name", ["case_id", "Case ID", "subject", "Subject_ID", "participant_id", "patient", "caseid"])
def test_ids_are_known_by_their_usual_names(table, name):
    (case,) = table(f"{name},image,label\nown,a.nii,b.nii\n").cases
    assert case.case_id == "own"


def test_of_two_columns_that_may_be_the_label_the_one_that_names_files_is(table, touch):
    touch("a.nii", "b.nii")
    (case,) = table("image,label,mask\na.nii,liver,b.nii\n").cases
    assert (case.label.name, case.attributes) == ("b.nii", {"label": "liver"})
    (case,) = table("image,label,mask\na.nii,b.nii,c.nii\n").cases
    assert (case.label.name, case.attributes) == ("b.nii", {"mask": "c.nii"})


@pytest.mark.parametrize(
    ("written", "how"),
    [
        (r"x\a b.nii", "with backslashes"),
        (r".\x\a b.nii", "with backslashes"),
        ("'x/a b.nii'", "in quotes"),
        ("\u201cx/a b.nii\u201d", "in quotes"),
        (r"'x\a b.nii'", "in quotes and with backslashes"),
    ],
)
def test_a_path_that_is_there_when_it_is_read_another_way_is_taken_and_told_once(table, touch, written, how):
    folder = touch("x/a b.nii", "x/label.nii")
    dataset = table(f"id,image,label\n1,{written},x/label.nii\n2,{written},x/label.nii\n")
    assert dataset.cases[0].images[0].resolve() == folder / "x/a b.nii"
    (found,) = dataset.findings
    assert found.kind == Kind.INEXACT_PATH
    assert f"2 paths written {how};" in found.message
    assert "read as" in found.message


def test_a_missing_file_of_a_folder_that_is_there_is_looked_for_in_that_folder(table, touch):
    folder = touch("x/other.nii")
    assert table("image\nx\\a.nii\n").cases[0].images[0] == folder / "x/a.nii"
    assert table("image\ny\\a.nii\n").cases[0].images[0].name == r"y\a.nii"


def test_an_address_of_a_file_is_its_path(table, touch):
    folder = touch("x/a b.nii")
    address = (folder / "x/a b.nii").as_uri()
    dataset = table(f"image\n{address}\n")
    assert dataset.cases[0].images[0] == folder / "x/a b.nii"
    (found,) = dataset.findings
    assert found.advice == "write 'x/a b.nii'"
    assert str(folder) not in found.message


def test_a_path_that_is_there_as_it_is_written_stays_so(table, touch):
    touch(r"x\a.nii", "x/a.nii")
    dataset = table("image\nx\\a.nii\n")
    assert (dataset.cases[0].images[0].name, dataset.findings) == (r"x\a.nii", ())


CELLS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
STARTS = ["", "sep=;\n", "image{0}label\n", "image\n"]


@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=5),
    st.sampled_from(",;\t|"),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    st.sampled_from(STARTS),
)
def test_any_text_is_a_table_or_refused_in_one_line(rows, separator, encoding, start):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cases.csv"
        text = start.format(separator) + "\n".join(separator.join(row) for row in rows)
        path.write_bytes(text.encode(encoding, "replace"))
        try:
            cases, refusal = read_dataset(path).cases, ""
        except DatasetError as error:
            cases, refusal = (), str(error)
    assert bool(cases) != bool(refusal)
    assert "\n" not in refusal
    assert all(case.images and "\n" not in case.case_id for case in cases)
