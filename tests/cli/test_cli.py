"""The command line as a user meets it, in this process, with a small extractor in place of the foundation model."""

import json
import subprocess
import sys

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from auvseg.cli import app
from auvseg.errors import AuvsegError
from auvseg.extractors import register_extractor
from auvseg.extractors.base import ClassMap

COMMANDS = ("demo", "check", "score", "rank", "filter", "doctor")


class Echo:
    """Logits are the label and the image."""

    name = "echo"
    weights_id = "0" * 64
    modalities = frozenset({"ct", "mri"})
    prompt = "label"

    def __init__(self, **options):
        pass

    def settings(self):
        return {}

    def class_maps(self, case, classes):
        for class_def in classes:
            inside = np.isin(case.label, class_def.values)
            planes = tuple(int(d) for d in np.flatnonzero(inside.any(axis=(1, 2))))
            logits = torch.from_numpy((8.0 * inside - 4 + case.image)[list(planes)].astype(np.float32))
            yield ClassMap(class_def, logits, planes, len(planes))


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "Dataset007_Tiny"
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(8):
        label = np.zeros((12, 12, 6), dtype=np.uint8)
        label[3 : 6 + number % 3, 3:9, 1:5] = 1
        image = (rng.normal(40, 5 + 5 * number, label.shape) + 60 * label).astype(np.int16)
        image[:2] = -1000  # air, without which these would be no Hounsfield units
        nib.save(nib.Nifti1Image(image, np.eye(4)), folder / "imagesTr" / f"case_{number}_0000.nii.gz")
        nib.save(nib.Nifti1Image(label, np.eye(4)), folder / "labelsTr" / f"case_{number}.nii.gz")
    description = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "organ": 1}, "numTraining": 8}
    (folder / "dataset.json").write_text(json.dumps(description | {"file_ending": ".nii.gz"}))
    return folder


@pytest.fixture
def run(dataset, tmp_path):
    assert invoke("score", dataset, "-o", tmp_path / "run", "--extractor", "echo").exit_code == 0
    return tmp_path / "run"


def invoke(*arguments):
    register_extractor("echo", Echo)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command):
    result = invoke(command, "--help")
    assert result.exit_code == 0
    assert f"Example: auvseg {command}" in " ".join(result.output.split())


def test_help_lists_every_command_and_the_exit_statuses():
    output = invoke("--help").output
    assert all(command in output for command in COMMANDS)
    assert "Exit status" in output


def test_check_of_a_sound_data_set_ends_with_status_0(dataset):
    result = invoke("check", dataset)
    assert result.exit_code == 0
    assert "8 cases checked: 0 errors" in result.output


def test_check_of_a_damaged_data_set_names_the_file_and_ends_with_status_1(dataset):
    (dataset / "labelsTr" / "case_3.nii.gz").write_bytes(b"not a gzip")
    result = invoke("check", dataset)
    assert result.exit_code == 1
    assert "case_3.nii.gz" in result.output
    machine = invoke("check", dataset, "--json")
    report = json.loads(machine.stdout)
    assert [finding["kind"] for finding in report["findings"]] == ["unreadable"]
    assert str(dataset.parent) not in machine.stdout


def test_score_writes_the_table_and_a_second_call_reuses_it(dataset, run):
    assert len(pd.read_csv(run / "scores.csv")) == 8
    again = invoke("score", dataset, "-o", run, "--extractor", "echo")
    assert "0 new, 8 reused, 0 failed" in again.output


def test_score_of_a_data_set_with_a_damaged_case_scores_the_others_and_ends_with_status_1(dataset, tmp_path):
    (dataset / "imagesTr" / "case_3_0000.nii.gz").write_bytes(b"")
    result = invoke("score", dataset, "-o", tmp_path / "run", "--extractor", "echo")
    assert result.exit_code == 1
    assert "7 new, 0 reused, 1 failed" in result.output
    assert "case_3: case_3_0000.nii.gz: the file is empty" in result.output


def test_score_warns_where_the_modality_contradicts_the_channels_name(dataset, tmp_path):
    result = invoke("score", dataset, "-o", tmp_path / "run", "--extractor", "echo", "--modality", "mri")
    assert result.exit_code == 0
    assert "--modality mri, but Dataset007_Tiny calls this channel 'CT'" in " ".join(result.output.split())
    assert "calls this channel" not in invoke("score", dataset, "-o", tmp_path / "ct", "--extractor", "echo").output


def test_rank_shows_the_worst_first_and_csv_is_for_machines(run):
    shown = invoke("rank", run, "--top", "3")
    assert shown.exit_code == 0
    assert "3 of 8" in shown.output
    result = invoke("rank", run, "--csv", "--by", "snr")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("rank,case,AUV,S,")
    assert lines[1].startswith("1,case_")
    assert len(lines) == 9


def test_rank_and_filter_go_by_a_column_that_was_added_to_the_table(run):
    table = pd.read_csv(run / "scores.csv")
    table.assign(minutes=[3, 9, 2, 1, 4, 5, 8, 7]).to_csv(run / "scores.csv", index=False)
    ranked = invoke("rank", run, "--by", "minutes", "--suspicious", "high")
    assert ranked.exit_code == 0, ranked.output
    assert ranked.stdout.split()[:2] == ["case", "minutes"]
    assert ranked.stdout.splitlines()[1].split()[:2] == ["case_1", "9.000"]
    filtered = invoke("filter", run, "--by", "minutes", "--suspicious", "high", "--keep", "0.8", "--dry-run")
    assert filtered.exit_code == 0, filtered.output
    assert "minutes 9 is above 8" in " ".join(filtered.output.split())
    for command in ("rank", "filter"):
        assert "--suspicious" in str(invoke(command, run, "--by", "minutes").exception)
        assert "did you mean minutes" in str(invoke(command, run, "--by", "minuts").exception)


def test_rank_shows_the_main_columns_and_all_of_them_when_asked(run):
    header = invoke("rank", run).stdout.splitlines()[0].split()
    assert {"AUV", "S", "agreement"} <= set(header)
    assert not {"noise", "share", "volume_ml"} & set(header)
    assert invoke("rank", run, "--by", "noise").stdout.split()[:2] == ["case", "noise"]
    assert "fisher" in invoke("rank", run, "--all-columns").stdout.splitlines()[0].split()
    assert {"noise", "share", "volume_ml"} <= set(invoke("rank", run, "--csv").stdout.splitlines()[0].split(","))


def test_without_a_foundation_model_the_distance_from_the_cohort_ranks(dataset, tmp_path):
    assert invoke("score", dataset, "-o", tmp_path / "alone", "--extractor", "none").exit_code == 0
    assert "S" not in pd.read_csv(tmp_path / "alone" / "scores.csv").columns
    assert invoke("rank", tmp_path / "alone").stdout.split()[:2] == ["case", "outlier"]


def test_filter_writes_shows_and_takes_back(run):
    dry = invoke("filter", run, "--keep", "0.75", "--dry-run")
    assert dry.exit_code == 0
    assert "6 kept, 2 removed" in dry.output
    assert not (run / "filter").exists()
    written = invoke("filter", run, "--keep", "0.75")
    assert written.exit_code == 0
    assert (run / "filter" / "exclude.yaml").is_file()
    undone = invoke("filter", run, "--undo")
    assert undone.exit_code == 0
    assert not (run / "filter" / "exclude.yaml").exists()


@pytest.mark.parametrize("export", ["splits", "datalist", "weights"])
def test_every_export_into_the_run_folder_works_from_the_command_line(run, export):
    result = invoke("filter", run, "--keep", "0.75", "--export", export)
    assert result.exit_code == 0, result.output
    assert list((run / "filter").iterdir())


def test_ignore_export_makes_a_data_set_beside_the_original(run, dataset):
    result = invoke("filter", run, "--keep", "0.75", "--scope", "class", "--export", "ignore", "--to", dataset.parent)
    assert result.exit_code == 0, result.output
    made = [folder for folder in dataset.parent.glob("Dataset*") if folder != dataset]
    assert len(made) == 1
    assert "ignore" in json.loads((made[0] / "dataset.json").read_text())["labels"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check", "nowhere"), "there is no such file or folder"),
        (("rank", "."), "no scores here"),
        (("filter", ".", "--undo"), "undo"),
        (("score", ".", "-o", "run"), "no data set recognised"),
    ],
)
def test_wrong_input_is_one_sentence_that_says_what_to_do(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    result = invoke(*arguments)
    assert isinstance(result.exception, AuvsegError)
    assert words in str(result.exception)
    assert "\n" not in str(result.exception)


def test_the_program_turns_such_an_error_into_one_line_and_status_2(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "auvseg", "rank", str(tmp_path)], check=False, capture_output=True, text=True
    )
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr


def test_doctor_finds_the_weights(tmp_path):
    result = invoke("doctor")
    assert "LiteMedSAM weights" in result.output
    assert "matches" in result.output


def test_version():
    import auvseg

    assert invoke("--version").output.strip() == f"auvseg {auvseg.__version__}"
