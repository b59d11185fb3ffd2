import pandas as pd
import pytest

from auvseg.report.first_page import MAX_SHOWN, problems_of
from auvseg.report.privacy import Privacy
from auvseg.scoring.record import CaseInputs, Record


def record(case, **changes):
    values = {"subset": "training", "attributes": {}, "inputs": CaseInputs(None, None), "setup": {}}
    values |= {"setup_sha256": "", "status": "ok", "reason": "", "shape": (), "spacing_mm": (), "classes": ()}
    return Record(case, **(values | {"warnings": ()} | changes))


def table_of(**statuses):
    """A row a case and class, `liver` 1 and `cyst` 2."""
    rows = [
        {"case": case, "class_id": number, "class": name, "status": status}
        for case, pair in statuses.items()
        for number, name, status in zip((1, 2), ("liver", "cyst"), pair, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["case", "class_id", "class", "status"])
    return table.astype({"class_id": "Int64"})


NOTHING = table_of()


def finding(**changes):
    values = {"case_id": "a_1", "severity": "error", "kind": "wrong_shape", "message": "x", "advice": "y"}
    return values | changes


def test_what_failed_comes_first_with_its_reason_and_without_its_path():
    records = [
        record("b", warnings=("far from others",)),
        record("a", status="failed", reason="/home/x/a.nii.gz: empty"),
    ]
    rows = problems_of(records, NOTHING, (), Privacy.of([]))["rows"]
    assert rows == [
        {"case": "a", "severity": "error", "what": "not scored: a.nii.gz: empty", "advice": ""},
        {"case": "b", "severity": "warning", "what": "far from others", "advice": ""},
    ]


def test_a_class_that_most_cases_hold_is_missed_and_a_rare_one_is_not():
    table = table_of(a=("ok", "ok"), b=("ok", "absent"), c=("ok", "absent"), d=("absent", "absent"))
    rows = problems_of([], table, (), Privacy.of([]))["rows"]
    assert [(row["case"], row["what"]) for row in rows] == [("d", "liver: missing; 3 of 4 cases have it")]


def test_findings_of_check_are_shown_and_their_ids_stay_whole():
    rows = problems_of([], NOTHING, [finding(message="as a_2 at /data/x/b.nii")], Privacy.of([]))["rows"]
    assert rows == [{"case": "a_1", "severity": "error", "what": "wrong shape: as a_2 at b.nii", "advice": "y"}]
    privacy = Privacy.of([], {"a_1": "case-0001"}, {"a_2_other"})
    (row,) = problems_of([], NOTHING, [finding(message="as a_2_other and a_1")], privacy)["rows"]
    assert (row["case"], row["what"]) == ("case-0001", "wrong shape: as another file and case-0001")


@pytest.mark.parametrize("odd", [{}, {"case_id": None, "severity": None, "kind": None, "message": None}])
def test_a_finding_of_the_data_set_is_about_no_case(odd):
    (row,) = problems_of([], NOTHING, [odd], Privacy.of([]))["rows"]
    assert (row["case"], row["severity"], row["what"]) == ("", "warning", "problem: ")


def test_no_more_rows_than_a_page_can_hold_and_the_rest_is_counted():
    findings = [finding(case_id=f"{number:05}") for number in range(MAX_SHOWN + 7)]
    found = problems_of([], NOTHING, findings, Privacy.of([]))
    assert (len(found["rows"]), found["more"]) == (MAX_SHOWN, 7)
