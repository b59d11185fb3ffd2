"""`--json`: one JSON value on standard output, numbers as numbers, the same keys whatever was found."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.main import get_command

from auvseg.cli import app
from toy_cohorts import auvseg, draw_case, draw_dataset, scored

WITHOUT_TABLE = ("figures", "nnunet-export", "nnunet-path", "report", "train", "weights pull")


def parsed(result, status=0):
    assert result.exit_code == status, result.output
    return json.loads(result.stdout, parse_constant=pytest.fail)


def commands(group, before=()):
    """Every command by its whole name."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*before, name))
        else:
            yield " ".join((*before, name)), command


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a data set of fourteen cases, its run and a review by two raters."""
    folder = tmp_path_factory.mktemp("toy")
    scored(folder, [draw_case(seed) for seed in range(14)])
    verdicts = ["exclude"] * 3 + ["fix"] * 3 + ["keep"] * 7
    for rater, last in (("anna", "keep"), ("ben", "fix")):
        rows = [f"case_{number:03d},{verdict}," for number, verdict in enumerate([*verdicts, last])]
        (folder / f"{rater}.csv").write_text("case,verdict,note\n" + "\n".join(rows) + "\n")
    return folder


@pytest.mark.parametrize(("name", "command"), [*commands(get_command(app))])
def test_every_command_that_prints_a_table_prints_json_too(name, command):
    options = {option for parameter in command.params for option in parameter.opts}
    assert ("--json" in options) == (name not in WITHOUT_TABLE)


def test_score_says_what_became_of_the_cases(home, tmp_path):
    dataset = draw_dataset(tmp_path, [draw_case(seed) for seed in range(3)])
    (dataset / "imagesTr" / "case_001_0000.nii.gz").write_bytes(b"")
    found = parsed(auvseg("score", dataset, "-o", tmp_path / "run", "--quick", "--json"), status=1)
    assert (found["cases"], found["new"], found["reused"], found["complete"]) == (3, 2, 0, True)
    assert [one["case"] for one in found["failed"]] == ["case_001"]
    assert "empty" in found["failed"][0]["reason"]
    assert found["table"] == str(tmp_path / "run" / "scores.csv")
    shard = auvseg("score", dataset, "-o", tmp_path / "part", "--quick", "--num-parts", 2, "--json")
    part = parsed(shard)
    assert (part["cases"], part["complete"], part["table"]) == (2, False, None)


def test_check_and_convert_list_what_they_found(home, tmp_path):
    assert parsed(auvseg("check", home / "Dataset042_Toy", "--json"))["findings"] == []


def test_weights_say_what_is_known_of_every_file(monkeypatch, tmp_path):
    monkeypatch.setenv("AUVSEG_WEIGHTS", str(tmp_path))
    found = parsed(auvseg("weights", "list", "--json"))
    assert found["cache"] == str(tmp_path)
    by_name = {one["name"]: one for one in found["weights"]}
    assert by_name["lite-medsam"]["condition"] == "verified"
    assert by_name["lite-medsam"]["sha256"] == by_name["lite-medsam"]["expected_sha256"]
    assert (by_name["medsam2"]["condition"], by_name["medsam2"]["sha256"]) == ("missing", None)
    assert isinstance(by_name["medsam2"]["size_bytes"], int)
    (verified,) = parsed(auvseg("weights", "verify", "medsam2", "--json"), status=1)["weights"]
    assert verified == by_name["medsam2"]


def test_models_are_described_by_the_same_keys_one_or_all():
    every = parsed(auvseg("models", "--json"))["extractors"]
    (one,) = parsed(auvseg("models", "vista3d", "--json"))["extractors"]
    assert one in every
    assert "liver" in one["class_names"]


def test_doctor_says_the_same_as_in_its_table():
    result = auvseg("doctor", "--json")
    findings = parsed(result, status=result.exit_code)["findings"]
    assert {"what", "state", "found", "advice"} == {*findings[0]}
    assert (result.exit_code == 1) == any(one["state"] == "problem" for one in findings)


def test_a_merged_review_comes_with_its_agreement_and_every_conflict(home):
    found = parsed(auvseg("review", "merge", home / "anna.csv", home / "ben.csv", "--json"))
    assert found["agreement"]["cases"] == 14
    assert found["agreement"]["equal"] == 13
    first, second = found["raters"]
    assert found["conflicts"] == [
        {"case": "case_013", "verdicts": {first: "keep", second: "fix"}, "merged": "unsure"},
    ]
    assert [one["case"] for one in found["merged"]] == [f"case_{number:03d}" for number in range(14)]


def test_benches_give_every_measure_whatever_the_table_shows(home, tmp_path):
    reviewed = parsed(auvseg("bench", "reviewed", home / "run", home / "anna.csv", "--json"))
    assert reviewed["verdicts"]["keep"] == 8
    assert len(reviewed["measures"]) > 20
    cases = [f"case_{number:03d}" for number in range(14)]
    rng = np.random.default_rng(0)
    metrics = pd.DataFrame({"case": cases, "class": "liver", "dice": rng.uniform(size=14)})
    metrics.to_csv(tmp_path / "metrics.csv", index=False)
    command = ("bench", "correlate", home / "run", tmp_path / "metrics.csv", "-o", tmp_path / "out")
    found = parsed(auvseg(*command, "--no-plots", "--resamples", 100, "--json"))
    assert (found["metric"], found["higher_is_better"]) == ("dice", True)
    assert len(found["measures"]) > 20
    assert {one["measure"] for one in found["correlations"]} == {one["measure"] for one in found["measures"]}
    assert all(row["r"] is None or -1 <= row["r"] <= 1 for row in found["correlations"])


@pytest.fixture(scope="module")
def bench(home):
    """The command of a bench that is done."""
    corruptions = ("--corruptions", "noise,erosion", "--severities", "1", "--cases", "12")
    command = ("bench", "detect", home / "Dataset042_Toy", "-o", home / "bench", "--extractor", "none", *corruptions)
    return command, auvseg(*command)


def test_a_bench_gives_its_verdict_first_and_its_long_tables_when_asked(bench):
    command, first = bench
    assert first.exit_code == 0, first.output
    sentence, *_ = first.stdout.splitlines()
    assert sentence.startswith(("filter by", "no usable signal"))
    assert len(first.stdout.splitlines()) < 20
    full = auvseg(*command, "--full").stdout.splitlines()
    assert len(full) > 30
    assert full[0] == sentence
    found = parsed(auvseg(*command, "--json"))
    assert found["sentences"][0] == sentence
    assert {row["corruption"] for row in found["faults"]} == {"noise", "erosion"}
    assert len(found["measures"]) > 20
    assert (found["left"], found["impossible"]) == (0, {"noise": 0, "erosion": 0})


def test_quiet_leaves_the_result_alone(home, bench):
    command, _ = bench
    for arguments in (("check", home / "Dataset042_Toy"), ("review", "merge", home / "anna.csv", home / "ben.csv")):
        result = auvseg(*arguments, "--quiet")
        assert result.stderr == ""
        assert result.stdout
    assert auvseg(*command, "--quiet").stderr == ""
    assert auvseg(*command, "--quiet", "--json").stderr == ""
