import json

import pytest

from auvseg.errors import RunError, UsageError
from auvseg.review.of_run import fingerprint, read_review_of
from auvseg.review.pseudonyms import KEY, pseudonyms_of
from auvseg.scoring.record import read_records


def write_review(path, run, *cases):
    verdicts = [{"case": case, "verdict": "exclude", "note": ""} for case in cases]
    path.write_text(json.dumps({"auvseg_review": 1, "run": run, "rater": "Anna", "verdicts": verdicts}))
    return path


def test_pseudonyms_become_the_runs_ids(tmp_path, write_run):
    run = write_run(["x", "y"])
    names = pseudonyms_of(run, ["x", "y"])
    path = write_review(tmp_path / "review.json", fingerprint(read_records(run), names), names["y"])
    found = read_review_of(path, run)
    assert (set(found.review.decisions), found.remark) == ({"y"}, "")


def test_a_csv_does_not_say_its_run_and_is_believed(tmp_path, write_run):
    run = write_run(["x", "y"])
    names = pseudonyms_of(run, ["x", "y"])
    (tmp_path / "review.csv").write_text(f"case,verdict\n{names['x']},keep\ny,fix\n")
    found = read_review_of(tmp_path / "review.csv", run)
    assert (set(found.review.decisions), found.remark) == ({"x", "y"}, "")


def test_an_id_that_looks_like_a_pseudonym_is_an_id_in_a_report_without_pseudonyms(tmp_path, write_run):
    run = write_run(["case-0001", "y"])
    (run / KEY).write_text("case,pseudonym\ncase-0001,case-0002\ny,case-0001\n")
    path = write_review(tmp_path / "review.json", fingerprint(read_records(run)), "case-0001")
    assert set(read_review_of(path, run).review.decisions) == {"case-0001"}


@pytest.mark.parametrize("then", [{"ids": ["x", "y", "z"]}, {"ids": ["y"], "changed": ["y"]}])
def test_a_review_of_other_files_is_said_to_be_one(tmp_path, write_run, then):
    run = write_run(["x", "y"])
    path = write_review(tmp_path / "review.json", fingerprint(read_records(run)), "y")
    assert read_review_of(path, run).remark == ""
    found = read_review_of(path, write_run(**then))
    assert set(found.review.decisions) == {"y"}
    assert "was made in a report of other files" in found.remark


def test_a_fingerprint_depends_on_files_and_shown_names_alone(write_run):
    records = read_records(write_run(["x", "y"]))
    assert fingerprint(reversed(records)) == fingerprint(records)
    assert fingerprint(records, {"x": "y", "y": "x"}) == fingerprint(records, {"x": "y", "y": "x"})
    others = [
        fingerprint(records[:1]),
        fingerprint(read_records(write_run(["x", "y"], changed=["y"], folder="other"))),
        fingerprint(records, {"x": "case-0001", "y": "case-0002"}),
    ]
    assert len({fingerprint(records), *others}) == 4


def test_what_is_no_run_or_no_review_is_refused(tmp_path, write_run):
    with pytest.raises(UsageError):
        read_review_of(tmp_path / "nothing.json", write_run(["x"]))
    with pytest.raises(RunError):
        read_review_of(write_review(tmp_path / "review.json", "", "x"), tmp_path / "nowhere")
