"""What `auvseg score` says: how many cases are new, how to go on, and the quick answer without a model."""

import json
import shlex
import shutil

import pytest

from auvseg.errors import UsageError
from toy_cohorts import auvseg, draw_case, draw_dataset

pytestmark = pytest.mark.usefixtures("reads_in_this_process")


@pytest.fixture
def dataset(tmp_path):
    return draw_dataset(tmp_path, [draw_case(seed) for seed in range(6)])


def commands_in(output):
    return [shlex.split(line.partition(": ")[2]) for line in output.splitlines() if ": auvseg " in line]


def test_quick_is_the_extractor_none(dataset, tmp_path):
    assert auvseg("score", dataset, "-o", tmp_path / "run", "--quick").exit_code == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["setup"]["config"]["extractor"] == "none"
    again = auvseg("score", dataset, "-o", tmp_path / "run", "--extractor", "none", "--quick")
    assert "0 new, 6 reused, 0 failed" in again.output


def test_quick_beside_a_model_is_refused_before_anything_is_made(dataset, tmp_path):
    result = auvseg("score", dataset, "-o", tmp_path / "run", "--quick", "--extractor", "lite-medsam")
    assert isinstance(result.exception, UsageError)
    assert "lite-medsam" in str(result.exception)
    assert not (tmp_path / "run").exists()


def test_the_commands_that_go_on_can_be_pasted(dataset, tmp_path):
    run = tmp_path / "a run of mine"
    said = commands_in(auvseg("score", dataset, "-o", run, "--quick").output)
    assert said == [["auvseg", "rank", str(run)], ["auvseg", "report", str(run)]]
    for command in said:
        assert auvseg(*command[1:]).exit_code == 0


@pytest.mark.parametrize("damage", ["the image", "the label is empty"])
def test_nothing_scored_leads_nowhere(tmp_path, damage):
    image, label = draw_case(0)
    dataset = draw_dataset(tmp_path, [(image, 0 * label if damage != "the image" else label)])
    if damage == "the image":
        (dataset / "imagesTr" / "case_000_0000.nii.gz").write_bytes(b"nothing")
    result = auvseg("score", dataset, "-o", tmp_path / "run", "--quick")
    assert commands_in(result.output) == []
    assert "1 case in" in result.output


def test_labels_that_are_missing_are_told_once(dataset, tmp_path):
    shutil.rmtree(dataset / "labelsTr")
    result = auvseg("score", dataset, "-o", tmp_path / "run", "--quick")
    assert result.exit_code == 1
    assert result.output.count("labelsTr is missing: 0 of 6 labels exist") == 1
    assert result.output.count("does not exist") == 1
    assert "6 cases: case_000, case_001, case_002 ...; the first: case_000.nii.gz" in " ".join(result.output.split())
    assert commands_in(result.output) == []
