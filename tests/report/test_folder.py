import json

import pytest

from auvseg.errors import RunError
from auvseg.report.folder import MARKER, ReportFolder


def written(path):
    return sorted(str(one.relative_to(path)) for one in path.rglob("*") if one.is_file())


def write(path, *cases, thumbnails=()):
    folder = ReportFolder(path)
    folder.begin()
    for name in cases:
        folder.write_case(name, "{}")
    folder.write_thumbnails(thumbnails)
    folder.finish("<p>")
    return folder


def test_a_new_folder_and_an_empty_one_become_a_report(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("new/below", "empty"):
        folder = write(tmp_path / name, "000000", thumbnails=["[]"])
        assert written(tmp_path / name) == ["cases/000000.js", "index.html", MARKER, "thumbs/0.js"]
        assert (folder.path / "cases" / "000000.js").read_text() == 'auvseg.receive("000000",{});\n'
        assert (folder.path / "thumbs" / "0.js").read_text() == "auvseg.thumbs(0,[]);\n"


def test_what_an_earlier_report_had_and_this_one_has_not_is_deleted(tmp_path):
    write(tmp_path, "000000", "000001", thumbnails=["[]", "[]"])
    write(tmp_path, "000000")
    assert written(tmp_path) == ["cases/000000.js", "index.html", MARKER]
    write(tmp_path)
    assert written(tmp_path) == ["index.html", MARKER]
    assert not (tmp_path / "cases").exists()


def test_what_somebody_put_there_stays(tmp_path):
    write(tmp_path, "000000")
    for name in ("notes.txt", "cases/mine.js", "cases/00.js"):
        (tmp_path / name).write_text("mine")
    write(tmp_path)
    assert written(tmp_path) == ["cases/00.js", "cases/mine.js", "index.html", "notes.txt", MARKER]


def test_a_report_that_was_interrupted_can_be_made_again(tmp_path):
    folder = ReportFolder(tmp_path)
    folder.begin()
    folder.write_case("000001", "{}")
    write(tmp_path, "000000")
    assert written(tmp_path) == ["cases/000000.js", "index.html", MARKER]


@pytest.mark.parametrize("marker", [None, "", "[]", "1", '{"title": "of another program"}'])
def test_a_folder_of_the_users_is_refused_and_untouched(tmp_path, marker):
    (tmp_path / "thesis.txt").write_text("mine")
    if marker is not None:
        (tmp_path / MARKER).write_text(marker)
    before = written(tmp_path)
    with pytest.raises(RunError, match="other than a report"):
        ReportFolder(tmp_path)
    assert written(tmp_path) == before


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "x").write_text("mine")
    with pytest.raises(RunError, match="is a file"):
        ReportFolder(tmp_path / "x")


def test_the_marker_names_the_version(tmp_path):
    write(tmp_path)
    assert json.loads((tmp_path / MARKER).read_text())["report_version"] == 1
