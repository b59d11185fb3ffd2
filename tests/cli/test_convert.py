"""`auvseg convert` as a user meets it: the summary, the exit status, the help."""

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from auvseg.cli import app, main
from public_datasets import write_kits, write_lits


@pytest.fixture
def lits(tmp_path):
    source = tmp_path / "source"
    write_lits(source)
    return SimpleNamespace(source=source, folder=tmp_path / "Dataset003_Liver")


def _run(*arguments):
    return CliRunner().invoke(app, ["convert", *(str(argument) for argument in arguments), "--workers", "0"])


def test_a_conversion_with_merged_classes(lits):
    result = _run("lits", lits.source, lits.folder, "--merge", "liver=liver,tumor")
    assert result.exit_code == 0, result.output
    assert "converted" in result.output
    assert "lits_test_000: left out: a test image without a label" in result.output
    assert json.loads((lits.folder / "dataset.json").read_text())["labels"] == {"background": 0, "liver": 1}


def test_a_map_in_a_file(lits, tmp_path):
    (tmp_path / "map.yaml").write_text("lesion: tumor\n")
    assert _run("lits", lits.source, lits.folder, "--map", tmp_path / "map.yaml").exit_code == 0
    assert json.loads((lits.folder / "dataset.json").read_text())["labels"] == {"background": 0, "lesion": 1}


def test_a_failed_case_is_exit_status_1(lits):
    (lits.source / "Training Batch 1" / "segmentation-0.nii").unlink()
    result = _run("lits", lits.source, lits.folder)
    assert result.exit_code == 1
    assert "lits_000: failed: lits_000: there is no label" in result.output


def test_an_unknown_class_is_exit_status_2(lits, monkeypatch, capsys):
    arguments = ["auvseg", "convert", "lits", str(lits.source), str(lits.folder), "--classes", "livr"]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "did you mean liver?" in capsys.readouterr().err
    assert not lits.folder.exists()


def test_regions_and_known_bad_cases(tmp_path):
    write_kits(tmp_path / "source")
    result = _run("kits", tmp_path / "source", tmp_path / "Dataset220_KiTS", "--regions", "--exclude-known-bad")
    assert result.exit_code == 0
    assert "kits19 issue #6" in result.output


def test_the_help_has_an_example():
    result = CliRunner().invoke(app, ["convert", "--help"])
    assert "auvseg convert lits LiTS nnUNet_raw/Dataset003_Liver" in " ".join(result.output.split())
