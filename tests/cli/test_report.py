"""From a run to pages, figures, verdicts and back, as a user does it."""

import json
import re

import pandas as pd
import pytest
from typer.testing import CliRunner

import auvseg.data.dataset
from auvseg.cli import app
from auvseg.errors import DatasetError, RunError, UsageError
from report_runs import IDS, drawn, own_run  # noqa: F401 (fixtures)


@pytest.fixture
def run(own_run, monkeypatch):  # noqa: F811
    """A copy of the drawn run, whose data set is found where `read_dataset` is asked for it."""
    monkeypatch.setattr(auvseg.data.dataset, "read_dataset", lambda _: own_run.dataset)
    return own_run.folder


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(result):
    return " ".join(result.output.split())


def data_of(page):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    return json.loads(found.group(1))


def write_review(path, run="", rater="Anna", **verdicts):
    entries = [{"case": case, "verdict": one, "note": ""} for case, one in verdicts.items()]
    path.write_text(json.dumps({"auvseg_review": 1, "run": run, "rater": rater, "verdicts": entries}))
    return path


@pytest.mark.parametrize("command", ["report", "figures", "review merge", "bench reviewed"])
def test_every_command_has_help_with_an_example(command):
    result = invoke(*command.split(), "--help")
    assert result.exit_code == 0
    assert f"Example: auvseg {command}" in said(result)


def test_a_report_is_made_beside_the_run_and_says_where(run):
    result = invoke("report", run, "--images", 1, "--by", "agreement")
    assert result.exit_code == 0
    assert f"10 cases, 1 with images; open {run / 'report' / 'index.html'}" in said(result).replace("\n", "")
    assert data_of(run / "report" / "index.html")["by"] == "agreement"


def test_without_the_data_set_there_is_a_report_and_a_warning(run, monkeypatch):
    def gone(path):
        raise DatasetError(f"{path} does not exist")

    monkeypatch.setattr(auvseg.data.dataset, "read_dataset", gone)
    result = invoke("report", run)
    assert result.exit_code == 0
    assert "no images in the report" in said(result)


def test_findings_of_check_are_shown_and_other_files_refused(run, tmp_path):
    finding = {"case_id": IDS[0], "severity": "error", "kind": "empty_label", "message": "nothing there", "advice": ""}
    (tmp_path / "check.json").write_text(json.dumps({"findings": [finding]}))
    assert invoke("report", run, "--images", 0, "--check", tmp_path / "check.json").exit_code == 0
    problems = data_of(run / "report" / "index.html")["problems"]["rows"]
    assert {"case": IDS[0], "severity": "error", "what": "empty label: nothing there", "advice": ""} in problems
    for content in ("{", "[]", '{"findings": 3}', '{"findings": ["x"]}', '{"findings": [[1]]}'):
        (tmp_path / "check.json").write_text(content)
        assert isinstance(invoke("report", run, "--check", tmp_path / "check.json").exception, UsageError)


def test_wrong_usage_is_an_error_in_words(run, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    assert isinstance(invoke("report", tmp_path / "full").exception, RunError)
    assert isinstance(invoke("report", run, "-o", tmp_path / "full").exception, RunError)
    assert isinstance(invoke("report", run, "--by", "beauty").exception, UsageError)
    assert isinstance(invoke("report", run, "--by", "combined").exception, UsageError)
    assert invoke("report", run, "--top", 0).exit_code == 2


def test_figures_are_drawn_and_what_is_left_out_gives_status_1(run, tmp_path):
    result = invoke("figures", run, "-o", tmp_path / "a", "--measures", "S", "--top", 0, "--format", "svg")
    assert (result.exit_code, sorted(one.suffix for one in (tmp_path / "a").iterdir())) == (0, [".json", *[".svg"] * 4])
    for one in (run / "views").iterdir():
        one.unlink()
    result = invoke("figures", run, "-o", tmp_path / "b", "--measures", "S", "--top", 0)
    assert result.exit_code == 1
    assert "thumbnails.png is left out" in said(result)


def test_verdicts_with_pseudonyms_go_through_merging_into_the_filter(run, tmp_path):
    result = invoke("report", run, "--images", 0, "--pseudonymize")
    assert "pseudonyms.csv; do not share it" in said(result)
    data = data_of(run / "report" / "index.html")
    key = dict(line.split(",")[::-1] for line in (run / "pseudonyms.csv").read_text().splitlines()[1:])
    best, second = data["cases"]["id"][-1], data["cases"]["id"][-2]
    anna = write_review(tmp_path / "anna.json", data["fingerprint"], **{best: "exclude", second: "keep"})
    ben = write_review(tmp_path / "ben.json", data["fingerprint"], rater="Ben", **{best: "exclude", second: "fix"})
    merged = invoke("review", "merge", anna, ben, "-o", tmp_path / "merged.csv")
    assert merged.exit_code == 0
    assert "conflicts" in said(merged)
    assert re.search(rf"{second}\s+keep\s+fix\s+unsure", said(merged))
    assert "over 2 cases judged by all raters, 1 with the same verdict" in said(merged)
    assert "alone" not in said(merged)
    filtered = invoke("filter", run, "--keep", "1", "--reviewed", tmp_path / "merged.csv")
    assert filtered.exit_code == 0
    assert "9 kept, 1 removed" in said(filtered)
    assert key[best] in said(filtered)
    assert "reviewed: exclude" in said(filtered)


def test_a_review_of_another_report_is_told_and_one_of_other_cases_refused(run, tmp_path):
    old = write_review(tmp_path / "old.json", "0" * 16, **{IDS[0]: "exclude"})
    assert "made in a report of other files" in said(invoke("filter", run, "--dry-run", "--reviewed", old))
    other = write_review(tmp_path / "other.json", somebody="exclude")
    assert isinstance(invoke("filter", run, "--reviewed", other).exception, UsageError)


def test_merging_says_when_there_is_nothing_to_compare(tmp_path):
    anna, ben = write_review(tmp_path / "a.json", x="keep"), write_review(tmp_path / "b.json", rater="Ben", y="keep")
    assert "none of the 2 judged cases" in said(invoke("review", "merge", anna, ben))
    assert "2 of 2 verdicts were given by one rater alone: Anna 1 (x); Ben 1 (y)" in said(
        invoke("review", "merge", anna, ben)
    )
    same = write_review(tmp_path / "c.json", rater="Cem", x="keep")
    assert "all verdicts are the same" in said(invoke("review", "merge", anna, same))
    odd = write_review(tmp_path / "d.json", rater="Dan", run="1", **{"\udc80": "keep", "x": "fix"})
    result = invoke("review", "merge", write_review(tmp_path / "e.json", run="2", **{"\udc80": "fix"}), odd)
    assert result.exit_code == 0
    assert "reports of different files" in said(result)
    (tmp_path / "kept.csv").write_text("mine")
    assert isinstance(invoke("review", "merge", anna, same, "-o", tmp_path / "kept.csv").exception, UsageError)
    assert (tmp_path / "kept.csv").read_text() == "mine"


def test_a_bench_of_verdicts_is_shown_and_written_and_too_few_are_refused(run, tmp_path):
    odd = [IDS[1], IDS[4], *IDS[7:]]
    review = write_review(tmp_path / "review.json", **{case: "fix" if case in odd else "keep" for case in IDS})
    result = invoke("bench", "reviewed", run, review, "-o", tmp_path / "measures.csv")
    assert result.exit_code == 0
    assert "5 cases to exclude or fix, 5 to keep" in said(result)
    assert "judged by 0 to exclude, 5 to fix and 5 to keep, of 10 training cases" in said(result)
    assert "the paper's S:" in said(result)
    table = pd.read_csv(tmp_path / "measures.csv")
    assert table["auroc"].is_monotonic_decreasing
    assert {"S", "agreement", "volume_ml", "outlier"} <= set(table["measure"])
    assert isinstance(invoke("bench", "reviewed", run, review, "-o", tmp_path / "measures.csv").exception, UsageError)
    few = write_review(tmp_path / "few.json", **dict.fromkeys(IDS[:4], "exclude"))
    result = invoke("bench", "reviewed", run, few)
    assert isinstance(result.exception, UsageError)
    assert "4 scored training cases are to be excluded or fixed and 0 to be kept" in str(result.exception)
