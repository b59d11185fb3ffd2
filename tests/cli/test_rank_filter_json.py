"""What `rank` and `filter` show and give to programs: reasons, outcomes, numbers as numbers."""

import io
import json

import pandas as pd
import pytest

from toy_cohorts import auvseg, draw_case, scored


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Eight cases; the last lacks its spleen."""
    cases = [draw_case(seed) for seed in range(8)]
    image, label = cases[-1]
    label[label == 2] = 0
    return scored(tmp_path_factory.mktemp("ranked"), [*cases[:-1], (image, label)])


def parsed(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout, parse_constant=pytest.fail)


def test_rank_shows_the_structure_and_the_reason_and_how_a_case_is_made_of_its_structures(run):
    shown = auvseg("rank", run).stdout
    heading, first = (line.split() for line in shown.splitlines()[:2])
    assert heading[:2] == ["case", "outlier"]
    assert heading[-2:] == ["structure", "why"]
    assert first[0] == "case_007"
    assert "spleen" in first
    assert "missing; 7 of 8 cases have it" in shown
    assert "outlier of a case: the maximum over its structures" in shown
    assert "the mean over its structures" in auvseg("rank", run, "--by", "snr").stdout


@pytest.mark.parametrize("scope", ["case", "class"])
def test_the_rows_of_json_are_those_of_csv(run, scope):
    content = parsed(auvseg("rank", run, "--json", "--scope", scope, "--top", 2))
    table = pd.read_csv(io.StringIO(auvseg("rank", run, "--csv", "--scope", scope).stdout))
    rows = pd.DataFrame(content["rows"])
    pd.testing.assert_frame_equal(rows, table, check_dtype=False)
    assert (content["by"], content["suspicious"], content["scope"]) == ("outlier", "high", scope)
    assert (rows["why"] != "").all()
    assert ("structure" in rows) == (scope == "case")


def test_a_mean_says_of_how_many_structures_it_is_where_cases_differ_in_that(run):
    rows = {row["case"]: row["n"] for row in parsed(auvseg("rank", run, "--by", "snr", "--json"))["rows"]}
    assert rows["case_007"] == 1
    assert rows["case_000"] == 2
    assert "liver (of 1)" in auvseg("rank", run, "--by", "snr").stdout


def test_two_runs_are_compared_in_json(run):
    content = parsed(auvseg("rank", run, run, "--by", "outlier", "--json"))
    assert {row["measure"]: row["spearman"] for row in content["measures"]}["outlier"] == pytest.approx(1.0)
    assert len(content["disagreements"]) == 8


def test_csv_and_json_together_are_refused(run):
    assert auvseg("rank", run, "--csv", "--json").exit_code == 2


def test_filter_tells_programs_everything_and_a_dry_run_writes_nothing(run):
    content = parsed(auvseg("filter", run, "--keep", "0.8", "--scope", "class", "--dry-run", "--json"))
    assert (content["dry_run"], content["export"], content["rule"]["keep"]) == (True, "exclude", 0.8)
    assert len(content["kept"]) + len(content["removed"]) == 8
    first = content["decisions"][0]
    assert (first["case"], first["class"], first["suspicious"]) == ("case_007", "spleen", True)
    assert first["outcome"].startswith(("removed", "kept for"))
    assert isinstance(first["value"], float)
    assert content["losses"][0]["before"] == 8
    assert not (run / "filter").exists()


def test_filter_shows_which_row_led_to_what(run):
    shown = auvseg("filter", run, "--keep", "0.5", "--scope", "class", "--dry-run").stdout
    assert "outcome" in shown
    assert "kept for liver" in shown or "kept for spleen" in shown
    assert "removed" in shown


def test_the_ignore_export_says_what_is_ignored_and_that_no_case_is_removed(run):
    options = ("--keep", "0.8", "--scope", "class", "--export", "ignore", "--to", run.parent, "--dry-run")
    shown = auvseg("filter", run, *options).stdout
    assert "no case removed" in shown
    assert "before" not in shown


def test_undo_tells_programs_what_it_took_back(run):
    assert auvseg("filter", run, "--keep", "0.8").exit_code == 0
    content = parsed(auvseg("filter", run, "--undo", "--json"))
    assert {path.rpartition("/")[2] for path in content["removed"]} >= {"exclude.yaml", "exclude-decisions.csv"}
    assert content["restored"] == content["left"] == []
