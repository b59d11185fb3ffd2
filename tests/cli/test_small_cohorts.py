"""Cohorts in which nothing can be compared: one true sentence, and the report with its images all the same."""

import json
import re

import numpy as np
import pytest

from auvseg.errors import UsageError
from toy_cohorts import auvseg, draw_case, scored


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page.read_text())[1])


def same(count):
    return [draw_case(0)] * count


def one_holds_a_spleen():
    cases = [draw_case(seed) for seed in range(6)]
    return cases[:1] + [(image, np.where(label == 2, 0, label)) for image, label in cases[1:]]


def empty_in_all_but_one():
    cases = [draw_case(seed) for seed in range(6)]
    return cases[:1] + [(image, 0 * label) for image, label in cases[1:]]


COHORTS = {
    "one": (lambda: [draw_case(0)], "1 case: too few to compare, at least 5"),
    "two": (lambda: [draw_case(0), draw_case(1)], "2 cases: too few to compare, at least 5"),
    "four": (lambda: [draw_case(seed) for seed in range(4)], "4 cases: too few to compare, at least 5"),
    "alike": (lambda: same(5), "all 5 cases are identical: nothing to rank"),
    "empty but one": (empty_in_all_but_one, "liver in 1 case, spleen in 1 case: too few to compare"),
    "all empty": (
        lambda: [(image, 0 * label) for image, label in map(draw_case, range(6))],
        "none of 6 cases contains any of the classes: nothing to rank",
    ),
}


@pytest.fixture(scope="module", params=COHORTS)
def cohort(request, tmp_path_factory):
    """The run of a cohort without an order, and the sentence that says why; shared, as its tests write apart."""
    make, words = COHORTS[request.param]
    return scored(tmp_path_factory.mktemp("cohort"), make()), words


def test_every_command_says_one_true_sentence_and_goes_on(cohort, tmp_path):
    run, words = cohort
    ranked = auvseg("rank", run)
    assert (ranked.exit_code, ranked.output.count(words)) == (0, 1)
    assert "first" not in ranked.output
    drawn = auvseg("figures", run)
    assert words in drawn.output
    assert "nan" not in (ranked.output + drawn.output).lower()


def test_a_filter_keeps_all_cases_and_says_why(cohort):
    run, words = cohort
    filtered = auvseg("filter", run, "--keep", "0.5")
    if words.startswith("none of"):
        assert isinstance(filtered.exception, UsageError)
        assert words in str(filtered.exception)
        return
    assert filtered.exit_code == 0, filtered.output
    assert words in filtered.output
    assert "0 removed" in filtered.output
    assert "nan" not in filtered.output.lower()
    assert (run / "filter" / "exclude.txt").read_text() == ""


def test_the_report_is_made_with_its_images_and_says_why_there_is_no_order(cohort):
    run, words = cohort
    made = auvseg("report", run, "--whole-image")
    assert made.exit_code == 0
    assert words in made.output
    data = data_of(run / "report" / "index.html")
    assert words in data["noOrder"]
    assert data["cases"]["id"] == sorted(data["cases"]["id"])
    assert set(data["cases"]["suspicion"]) == {None}
    assert f"{len(data['files'])} with images" in made.output
    assert data["bands"] == {}
    first = (run / "report" / "cases" / f"{data['files'][0]}.js").read_text()
    assert '"similar":{"1":[],"2":[]}' in first
    assert '"image":{' in first


def test_csv_and_json_have_no_rank_where_there_is_no_order(cohort):
    run, words = cohort
    lines = auvseg("rank", run, "--csv").stdout.splitlines()
    assert all(line.startswith(",case_") for line in lines[1:])
    content = json.loads(auvseg("rank", run, "--json").stdout)
    assert words in content["no_order"]
    assert {row["rank"] for row in content["rows"]} <= {None}


def test_a_number_of_its_own_still_orders_two_cases(tmp_path):
    run = scored(tmp_path, COHORTS["two"][0]())
    shown = auvseg("rank", run, "--by", "snr")
    assert not any(line.startswith("2 cases: too few") for line in shown.output.splitlines())
    assert "most suspicious by snr first" in shown.output


def test_a_structure_in_one_case_alone_is_compared_with_none_and_the_others_are(tmp_path):
    run = scored(tmp_path, one_holds_a_spleen())
    shown = auvseg("rank", run)
    assert "most suspicious by outlier first" in shown.output
    assert "spleen in 1 case: too few to compare" in shown.output
    rows = json.loads(auvseg("rank", run, "--json", "--scope", "class").stdout)["rows"]
    alone = next(row for row in rows if row["class"] == "spleen" and row["rank"] is None)
    assert (alone["case"], alone["outlier"]) == ("case_000", None)
    assert rows[-1] == alone
