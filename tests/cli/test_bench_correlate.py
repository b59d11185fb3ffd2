"""`auvseg bench correlate` as one types it, on a run whose Dice is known."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from auvseg.cli import app
from auvseg.errors import AuvsegError, RunError, UsageError
from auvseg.scoring.record import CaseInputs, ClassScore, Record, write_record
from auvseg.scoring.run import open_run
from auvseg.scoring.table import load_scores

CLASSES = ((1, "liver"), (2, "tumour"))
MEASURES = ["S", "agreement", "volume_ml", "slices"]
SETUP = {"config": {"measures": MEASURES}, "extractor": {"name": "lite_medsam"}}
QUICK = ("--resamples", "100", "--no-plots")


def record_of(case, status="ok", measures=()):
    scores = tuple(
        ClassScore(number, name, "ok", "", 1, 1, values, None)
        for (number, name), values in zip(CLASSES, measures, strict=False)
    )
    reason = "" if status == "ok" else "damaged"
    return Record(case, "training", {}, CaseInputs("0", "0"), SETUP, "0", status, reason, (), (), (), scores)


def write_run(folder, cases=24):
    """A run in which `agreement` goes with the Dice that `dice_table` gives."""
    rng = np.random.default_rng(0)
    open_run(folder, folder.parent / "Dataset009_Gone", SETUP, "training")
    for number in range(cases):
        measures = []
        for _ in CLASSES:
            values = {"S": rng.uniform(), "agreement": rng.uniform(), "volume_ml": rng.uniform(1, 9)}
            measures.append(values | {"slices": float(rng.integers(3, 30))})
        write_record(folder, record_of(f"case_{number:02}", measures=measures), {})
    return folder


def dice_table(run):
    table = load_scores(run)
    return table[["case", "class_id", "class"]].assign(dice=table["agreement"] ** 2, status="ok", reason="")


def invoke(*arguments):
    return CliRunner().invoke(app, ["bench", "correlate", *(str(argument) for argument in arguments)])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("correlate") / "run")


@pytest.fixture
def metrics(run, tmp_path):
    dice_table(run).to_csv(tmp_path / "metrics.csv", index=False)
    return tmp_path / "metrics.csv"


def test_help_has_an_example():
    result = invoke("--help")
    assert result.exit_code == 0
    assert "Example: auvseg bench correlate" in " ".join(result.output.split())


def test_table_sentences_and_files_and_status_0(run, metrics, tmp_path):
    result = invoke(run, metrics, "-o", tmp_path / "out", "--resamples", "100")
    assert result.exit_code == 0, result.output
    lines = [line.split()[0] for line in result.stdout.splitlines() if line.strip()]
    assert lines[lines.index("measure") + 1] == "agreement"
    for words in ("48 rows matched, of 24 cases", "by chance", "size alone", "Spearman per class", "useful sign"):
        assert words in result.output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"correlation.csv", "pairs.csv", "correlation.json", "S.png", "agreement.png"} <= names
    written = pd.read_csv(tmp_path / "out" / "correlation.csv")
    first = ["measure", "class", "method", "given", "r", "low", "high", "n", "reason"]
    assert list(written.columns[: len(first)]) == first
    assert str(tmp_path) not in (tmp_path / "out" / "correlation.json").read_text()


def test_without_o_it_writes_into_the_run_and_again(run, metrics, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    for _ in range(2):
        assert invoke(copy, metrics, *QUICK).exit_code == 0
    assert (copy / "correlation" / "correlation.csv").is_file()


def test_whole_cases_another_column_and_what_is_given(run, metrics, tmp_path):
    means = dice_table(run).groupby("case")["dice"].mean().rename("score").reset_index()
    means.to_csv(tmp_path / "cases.csv", index=False)
    asked = ("--column", "score", "--given", "S", "-o", tmp_path / "out")
    result = invoke(run, tmp_path / "cases.csv", *asked, *QUICK)
    assert result.exit_code == 0, result.output
    assert "24 cases matched" in result.output
    assert "given: S" in result.output
    assert "Spearman per class" not in result.output


def test_a_summary_of_nnunet_and_what_does_not_match(run, tmp_path):
    entries = [
        {"prediction_file": f"p/case_{n:02}.nii.gz", "metrics": {"1": {"Dice": n / 30}, "2": {"Dice": float("nan")}}}
        for n in range(20)
    ]
    entries.append({"prediction_file": "p/case_99.nii.gz", "metrics": {"1": {"Dice": 0.5}}})
    folder = tmp_path / "fold_0" / "validation"
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps({"metric_per_case": entries}))
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "liver": 1, "tumour": 2}}))
    result = invoke(run, tmp_path, "-o", tmp_path / "out", *QUICK)
    assert result.exit_code == 0, result.output
    assert "20 rows matched" in result.output
    assert "not in the run: case_99 liver" in result.output
    assert "20 rows not used, no number: case_00 tumour, case_01 tumour, case_02 tumour ..." in result.output
    accounts = pd.read_csv(tmp_path / "out" / "pairs.csv")
    assert len(accounts) == 49


def test_failed_cases_are_listed_and_the_status_is_1(run, metrics, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    write_record(copy, record_of("case_x", "failed"), {})
    table = pd.read_csv(metrics)
    failed = {"case": "case_y", "class": "", "status": "failed", "reason": "there is no prediction"}
    pd.concat([table, pd.DataFrame([failed])]).to_csv(metrics, index=False)
    result = invoke(copy, metrics, *QUICK)
    assert result.exit_code == 1
    assert "case_x: not scored: damaged" in result.output
    assert "case_y: not evaluated: there is no prediction" in result.output
    assert "2 cases failed" in result.output


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        (("{tmp}", "{metrics}"), RunError, "no scores here"),
        (("{run}", "{tmp}/nowhere.csv"), UsageError, "no such file"),
        (("{run}", "{metrics}", "--column", "nsd"), UsageError, "no column 'nsd'"),
        (("{run}", "{metrics}", "--given", "age"), UsageError, "'age' cannot be a covariate"),
        (("{run}", "{metrics}", "-o", "{run}"), RunError, "was not written by auvseg bench correlate"),
    ],
)
def test_wrong_usage_is_one_sentence(run, metrics, tmp_path, arguments, kind, words):
    named = {"run": run, "metrics": metrics, "tmp": tmp_path / "empty"}
    result = invoke(*(argument.format(**named) for argument in arguments), *QUICK)
    assert isinstance(result.exception, kind)
    assert isinstance(result.exception, AuvsegError)
    assert words in str(result.exception)
    assert "\n" not in str(result.exception)
