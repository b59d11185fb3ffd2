"""What follows a conversion: nnU-Net's own command takes every layout, referred to or copied, and so does a run."""

import sys

import pytest

from auvseg import read_dataset
from auvseg.scoring.config import ScoreConfig, resolve_modality
from auvseg.scoring.score import score
from auvseg.scoring.table import load_scores
from nnunet_in_process import small_sample_of_intensities, threads_for_processes
from public_datasets import WRITERS

pytest.importorskip("nnunetv2")

NUMBER = 901
CHOICES = [
    *((kind, {}, {}) for kind in WRITERS),
    ("word", {}, {"copy": True}),
    ("kits", {}, {"regions": True}),
    ("msd", {"channels": 2}, {}),
]


@pytest.fixture
def nnunetv2_plan_and_preprocess(tmp_path, monkeypatch):
    """The command in this process, on the data set of a test's folder; its workers are threads, which start at once."""
    from nnunetv2.experiment_planning.plan_and_preprocess_entrypoints import plan_and_preprocess_entry

    for name in ("raw", "preprocessed", "results"):
        monkeypatch.setenv(f"nnUNet_{name}", str(tmp_path if name == "raw" else tmp_path / name))

    def run(*options):
        monkeypatch.setattr(sys, "argv", ["nnUNetv2_plan_and_preprocess", "-d", str(NUMBER), *options])
        plan_and_preprocess_entry()
        return tmp_path / "preprocessed" / f"Dataset{NUMBER}_Public"

    with threads_for_processes(), small_sample_of_intensities():
        yield run


@pytest.mark.parametrize(("kind", "made_with", "options"), CHOICES)
def test_nnunets_command_checks_plans_and_preprocesses(
    public, nnunetv2_plan_and_preprocess, capfd, kind, made_with, options
):
    made = public(kind, **made_with)
    made.convert(**options)
    preprocessed = nnunetv2_plan_and_preprocess(
        "--verify_dataset_integrity", *("-npfp", "1", "-np", "1", "-c", "3d_fullres", "--no_pbar")
    )
    said = capfd.readouterr().out
    assert "verify_dataset_integrity Done" in said
    assert "mismatch" not in said
    there = {path.name.removesuffix("_seg.b2nd") for path in preprocessed.glob("nnUNetPlans_3d_fullres/*_seg.b2nd")}
    assert there == {case.case_id for case in read_dataset(made.folder).cases if case.subset == "training"}


@pytest.mark.usefixtures("reads_in_this_process")
@pytest.mark.parametrize(("kind", "made_with", "options"), CHOICES)
def test_what_was_converted_is_scored(public, tmp_path, kind, made_with, options):
    made = public(kind, **made_with)
    made.convert(**options)
    dataset = read_dataset(made.folder)
    config = ScoreConfig(modality=resolve_modality(dataset, None), extractor="none", measures=("volume_ml", "snr"))
    assert score(dataset, tmp_path / "run", config).failed == ()
    table = load_scores(tmp_path / "run")
    training = [case.case_id for case in dataset.cases if case.subset == "training"]
    assert sorted(set(table["case"])) == sorted(training)
    assert (table[table["status"] == "ok"]["volume_ml"] > 0).all()
    assert set(table["class"]) == {one.name for one in dataset.classes}
