"""The whole report of a drawn run, read back from its files."""

import json
import re

import numpy as np
import pytest

from auvseg.report import ReportOptions, write_report
from auvseg.review.pseudonyms import read_key
from auvseg.scoring.record import read_records, record_path
from auvseg.scoring.view import view_path
from report_runs import IDS


def tree(folder):
    return {str(one.relative_to(folder)): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()}


def data_of(folder):
    page = (folder / "index.html").read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL).group(1))


def cases_of(folder):
    """Payload of every case, by what it is called."""
    found = [
        json.loads(re.fullmatch(r'auvseg\.receive\("\d+",(.*)\);\n', one.read_text(encoding="utf-8")).group(1))
        for one in sorted((folder / "cases").glob("*.js"))
    ]
    return {one["id"]: one for one in found}


def make(run, folder, **options):
    dataset = options.pop("dataset", run.dataset)
    return write_report(run.folder, folder, dataset, ReportOptions(**options))


@pytest.fixture(scope="session")
def report(drawn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "report"
    make(drawn, folder)
    return folder


def test_every_case_is_there_worst_first_with_its_images_and_reasons(drawn, report):
    data, cases = data_of(report), cases_of(report)
    assert sorted(data["cases"]["id"]) == sorted(cases) == IDS
    # The noisy ones, of which the model's mask errs too.
    assert set(data["cases"]["id"][:2]) == {IDS[1], IDS[4]}
    assert all("image" in one for one in cases.values())
    for case, why in zip(data["cases"]["id"], data["cases"]["why"], strict=True):
        assert why in cases[case]["why"].values()


def test_a_missing_structure_is_the_first_reason_and_a_problem(report):
    data = data_of(report)
    words = "kidney: missing; 8 of 10 cases have it"
    missing = {case for case, why in zip(data["cases"]["id"], data["cases"]["why"], strict=True) if why == words}
    assert missing == {IDS[0], IDS[5]}
    assert {row["case"] for row in data["problems"]["rows"] if row["what"] == words} == missing


def test_what_a_case_shows_is_what_its_view_holds(report):
    case = cases_of(report)[IDS[3]]
    assert set(case["planes"]) == set(case["spectrum"]) == set(case["image"]["masks"]) == {"1", "2", "3"}
    strips = case["planes"]["1"]
    assert len(strips["index"]) == len(strips["scale"]) == len(strips["agreement"])
    assert sum(case["spectrum"]["1"]) == pytest.approx(1, abs=1e-3)
    data = data_of(report)
    sizes = [
        n
        for n, (case_number, cls) in enumerate(zip(data["rows"]["case"], data["rows"]["cls"], strict=True))
        if cls == 0 and data["cases"]["id"][case_number] == IDS[3]
    ]
    assert sum(strips["scale"]) == pytest.approx(data["rows"]["values"]["S"][sizes[0]], rel=1e-2)


def test_similar_cases_are_of_the_less_suspicious_half(report):
    data = data_of(report)
    clean = set(data["cases"]["id"][-5:])
    shown = [one for case in cases_of(report).values() for others in case["similar"].values() for one in others]
    assert shown
    assert set(shown) <= clean


def test_the_same_run_gives_the_same_bytes_and_nothing_else_is_touched(drawn, report, tmp_path):
    before = tree(drawn.folder)
    make(drawn, tmp_path / "again")
    assert tree(tmp_path / "again") == tree(report)
    assert tree(drawn.folder) == before


def test_no_path_of_this_machine_is_in_the_report(drawn, report, tmp_path):
    for content in tree(report).values():
        assert str(tmp_path.parent.parent).encode() not in content
        assert str(drawn.dataset.root).encode() not in content


def test_with_pseudonyms_no_byte_names_a_case_not_even_after_a_report_with_ids(own_run, tmp_path):
    findings = [{"case_id": IDS[0], "severity": "error", "kind": "x", "message": f"like {IDS[1]}_0000.nii.gz"}]
    path = record_path(own_run.folder, IDS[2])
    values = json.loads(path.read_text())
    values["warnings"] = [f"/data/{IDS[2]}/{IDS[2]}.nii: see {IDS[7]} and 002_image.nii.gz"]
    path.write_text(json.dumps(values))
    make(own_run, tmp_path / "report", images=0)
    done = make(own_run, tmp_path / "report", pseudonymize=True, findings=findings, top=4)
    assert done.key == own_run.folder / "pseudonyms.csv"
    files = tree(tmp_path / "report")
    assert sum(name.startswith("cases/") for name in files) == 4
    for name, content in files.items():
        for word in (*IDS, "002_image", "Kohort7", "north", "/data/"):
            assert word.encode() not in content, name
    assert set(data_of(tmp_path / "report")["cases"]["id"]) <= set(read_key(own_run.folder))


def test_pseudonyms_stay_when_the_report_is_made_again(own_run, tmp_path):
    make(own_run, tmp_path / "a", pseudonymize=True, images=0)
    make(own_run, tmp_path / "b", pseudonymize=True, images=0)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_a_report_with_pseudonyms_keeps_another_review_than_one_without(own_run, report, tmp_path):
    make(own_run, tmp_path / "report", pseudonymize=True, images=0)
    assert data_of(tmp_path / "report")["fingerprint"] != data_of(report)["fingerprint"]


def test_one_file_holds_everything(drawn, report, tmp_path):
    make(drawn, tmp_path / "one", single_file=True, top=3)
    assert set(tree(tmp_path / "one")) == {"index.html", "report.json"}
    page = (tmp_path / "one" / "index.html").read_text()
    inline = re.findall(r'<script type="application/json" id="case-\d+">(.*?)</script>', page, re.DOTALL)
    assert [json.loads(one)["id"] for one in inline] == data_of(report)["cases"]["id"][:3]
    assert all(json.loads(one) == cases_of(report)[json.loads(one)["id"]] for one in inline)


def test_the_worst_alone_are_explained_as_among_all(drawn, report, tmp_path):
    make(drawn, tmp_path / "top", top=2, images=0)
    data, everything = data_of(tmp_path / "top"), data_of(report)
    assert data["cases"]["id"] == everything["cases"]["id"][:2]
    assert data["cases"]["why"] == everything["cases"]["why"][:2]
    assert (data["total"], data["fingerprint"]) == (10, everything["fingerprint"])


def test_images_are_of_so_many_cases_worst_first(drawn, tmp_path):
    done = make(drawn, tmp_path / "report", images=2)
    having = {case for case, one in cases_of(tmp_path / "report").items() if "image" in one}
    assert having == set(data_of(tmp_path / "report")["cases"]["id"][:2])
    assert (done.with_images, done.without_images) == (2, ())


def test_without_the_data_set_numbers_and_thumbnails_remain(drawn, tmp_path):
    done = make(drawn, tmp_path / "report", dataset=None)
    data = data_of(tmp_path / "report")
    assert (done.cases, done.with_images, done.without_images) == (10, 0, ())
    assert data["hasThumbs"]
    assert ["data set", "no longer available"] in data["provenance"]


def test_an_image_that_cannot_be_had_is_told_with_its_reason(own_run, tmp_path):
    cases = list(own_run.dataset.cases)
    gone = cases[3].__class__(cases[3].case_id, (tmp_path / "nowhere.nii.gz",), cases[3].label)
    swapped = cases[4].__class__(cases[4].case_id, cases[4].images, cases[5].label)
    dataset = own_run.dataset.__class__(
        "drawn", tmp_path, "x", None, (*cases[1:3], gone, swapped, *cases[5:]), own_run.dataset.classes
    )
    done = make(own_run, tmp_path / "report", dataset=dataset)
    reasons = dict(done.without_images)
    assert set(reasons) == {IDS[0], IDS[3], IDS[4]}
    assert "no longer in the data set" in reasons[IDS[0]]
    assert "does not exist" in reasons[IDS[3]]
    assert "changed" in reasons[IDS[4]]
    assert done.with_images == 7


def test_a_damaged_view_costs_its_pictures_alone(own_run, tmp_path):
    missing, truncated, strange = (view_path(own_run.folder, case) for case in IDS[:3])
    missing.unlink()
    truncated.write_bytes(truncated.read_bytes()[:-200])
    with np.load(strange) as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez(strange, **{name: (one[:, :-1] if name.endswith("/mask") else one) for name, one in arrays.items()})
    done = make(own_run, tmp_path / "report")
    masks = {case: set(one["image"]["masks"]) for case, one in cases_of(tmp_path / "report").items()}
    assert (done.cases, done.with_images) == (10, 10)
    assert [masks[case] for case in IDS[:4]] == [set(), set(), set(), {"1", "2", "3"}]


def test_a_run_without_any_view_has_numbers_and_images(own_run, tmp_path):
    for one in (own_run.folder / "views").iterdir():
        one.unlink()
    done = make(own_run, tmp_path / "report", images=1)
    data = data_of(tmp_path / "report")
    assert (data["hasThumbs"], data["bands"], done.with_images) == (False, {}, 1)
    assert not (tmp_path / "report" / "thumbs").exists()


def fail(run, cases):
    for case in cases:
        path = record_path(run.folder, case)
        values = json.loads(path.read_text())
        path.write_text(json.dumps(values | {"status": "failed", "reason": "no voxels <b>", "classes": []}))


def test_failed_cases_are_shown_last_with_their_reason(own_run, tmp_path):
    fail(own_run, IDS[:2])
    make(own_run, tmp_path / "report", images=0)
    data = data_of(tmp_path / "report")
    assert data["cases"]["id"][-2:] == IDS[:2]
    failed = [row for row in data["problems"]["rows"] if row["severity"] == "error"]
    assert [(row["case"], row["what"]) for row in failed] == [(case, "not scored: no voxels <b>") for case in IDS[:2]]


def test_a_run_of_failed_cases_alone_and_of_one_case_can_be_shown(own_run, tmp_path):
    fail(own_run, IDS)
    assert make(own_run, tmp_path / "failed", images=0).cases == 10
    for record in read_records(own_run.folder)[1:]:
        record_path(own_run.folder, record.case_id).unlink()
    assert make(own_run, tmp_path / "one", images=0).cases == 1
