"""MedSAM2 as one types it; the whole way with the published architecture takes its time."""

import csv

import pytest
from typer.testing import CliRunner

from auvseg import load_scores
from auvseg.cli import app
from auvseg.cli.score import measures_named, named_model
from auvseg.errors import UsageError
from auvseg.extractors.medsam2.network import MEDSAM2
from auvseg.measures.catalogue import CASE_MEASURES
from auvseg.scoring.config import ModelFile
from medsam2_weights import write_checkpoint


def test_model_is_a_file_for_this_extractor(tmp_path):
    found = named_model("medsam2", tmp_path / "a.pt", None, "checkpoint_final.pth", mirroring=False)
    assert found == ModelFile(tmp_path / "a.pt")
    assert named_model("medsam2", None, None, "checkpoint_final.pth", mirroring=False) is None


@pytest.mark.parametrize(
    ("folds", "checkpoint", "mirroring"),
    [("0", "checkpoint_final.pth", False), (None, "checkpoint_best.pth", False), (None, "checkpoint_final.pth", True)],
)
def test_what_chooses_among_folds_is_refused(tmp_path, folds, checkpoint, mirroring):
    with pytest.raises(UsageError, match="are for the extractor nnunet, not medsam2"):
        named_model("medsam2", tmp_path / "a.pt", folds, checkpoint, mirroring=mirroring)


def test_it_has_every_measure():
    assert measures_named("all", "medsam2") == CASE_MEASURES


@pytest.mark.slow
@pytest.mark.data
def test_two_hippocampi_are_scored_with_the_published_architecture(real_data, tmp_path):
    folder = real_data / "Task04_Hippocampus"
    with (tmp_path / "two.csv").open("w", newline="") as handle:
        names = sorted(path.name for path in (folder / "labelsTr").glob("hippocampus_*.nii.gz"))[:2]
        files = [(folder / "imagesTr" / name, folder / "labelsTr" / name) for name in names]
        csv.writer(handle).writerows([("image", "label"), *files])
    run, model = tmp_path / "run", write_checkpoint(tmp_path / "MedSAM2_latest.pt", MEDSAM2)
    options = ["--extractor", "medsam2", "--model", str(model), "--modality", "mri", "--max-slices", "2"]
    result = CliRunner().invoke(app, ["score", str(tmp_path / "two.csv"), "-o", str(run), "--device", "cpu", *options])
    assert result.exit_code == 0, result.output
    table = load_scores(run)
    assert len(table) == 4
    assert table["S"].between(0, 1).all()
    assert table["predicted_iou"].between(0, 1).all()
