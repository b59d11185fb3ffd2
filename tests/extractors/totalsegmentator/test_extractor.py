"""TotalSegmentator's layout on tiny random networks: found, matched, turned, and one network's logits as nnU-Net's."""

import numpy as np
import pytest
import torch

from auvseg.data.case import Case, ClassDef, Dataset
from auvseg.errors import CaseError, UsageError
from auvseg.extractors import get_extractor
from auvseg.extractors.base import ExtractorInput, HasOwnClasses, RawImage, ReadsRawChannels
from auvseg.extractors.nnunet.extractor import NnUNet
from auvseg.extractors.totalsegmentator.extractor import weights_folder
from auvseg.scoring.config import ModelFolder, ScoreConfig
from auvseg.scoring.score import score
from auvseg.scoring.table import load_scores
from nnunet_models import write_images, write_model

FAST, MR = "nnUNetTrainer_4000epochs_NoMirroring", "nnUNetTrainer_2000epochs_NoMirroring"
ORGANS = {"background": 0, "spleen": 1, "kidney_right": 2, "kidney_left": 3}
MUSCLES = {"background": 0, "iliopsoas_left": 1, "iliopsoas_right": 2, "femur_left": 3}
SPLEEN, KIDNEY, PSOAS = ClassDef(1, "Spleen", (1,)), ClassDef(2, "kidneys", (2,)), ClassDef(3, "left iliopsoas", (3,))

pytest.importorskip("nnunetv2")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The networks of the task at 3 mm in CT and at 1.5 mm in MRI."""
    root = tmp_path_factory.mktemp("weights")
    write_model(root / "Dataset297_TotalSegmentator_total_3mm_1559subj", labels=ORGANS, trainer=FAST)
    write_model(root / "Dataset850_TotalSegMRI_part1_organs_1088subj", labels=ORGANS, trainer=MR)
    write_model(root / "Dataset851_TotalSegMRI_part2_muscles_1088subj", labels=MUSCLES, trainer=MR)
    return root


def make_case(axcodes="LPS", channels=1, seed=0):
    image = np.random.default_rng(seed).normal(0, 1, (14, 18, 20)).astype(np.float32)
    return ExtractorInput(image, None, (1.0, 1.5, 2.0), RawImage(np.stack([image] * channels), axcodes))


def test_it_is_an_extractor_like_any_other(weights):
    extractor = get_extractor("totalsegmentator-mr", model=weights)
    assert isinstance(extractor, HasOwnClasses)
    assert isinstance(extractor, ReadsRawChannels)
    assert extractor.modalities == {"mri"}
    assert [one.name for one in extractor.own_classes] == [*list(ORGANS)[1:], *list(MUSCLES)[1:]]
    assert len({one.class_id for one in extractor.own_classes}) == 6
    assert extractor.settings()["trainer_2"] == MR
    assert extractor.weights_id != get_extractor("totalsegmentator-fast", model=weights).weights_id


def test_a_network_says_what_nnunet_says_of_the_image_turned_to_ras(weights):
    (folder,) = (weights / "Dataset297_TotalSegmentator_total_3mm_1559subj").iterdir()
    (theirs,) = NnUNet(model=folder).class_maps(make_case("RAS"), [ClassDef(1, "spleen", (1,))])
    for axcodes in ("RAS", "LPS", "SRA"):
        (ours,) = get_extractor("totalsegmentator-fast", model=weights).class_maps(make_case(axcodes), [SPLEEN])
        assert torch.equal(ours.logits, theirs.logits)
        assert torch.equal(ours.odds, theirs.odds)
        assert ours.class_def is SPLEEN


def test_classes_come_from_the_network_that_has_them_and_sides_are_joined(weights):
    extractor = get_extractor("totalsegmentator-mr", model=weights)
    found = {one.class_def.name: one for one in extractor.class_maps(make_case(), [PSOAS, KIDNEY])}
    assert set(found) == {"kidneys", "left iliopsoas"}
    sides = [ClassDef(5, "kidney left", (2,)), ClassDef(6, "kidney right", (2,))]
    left, right = extractor.class_maps(make_case(), sides)
    assert torch.equal(found["kidneys"].logits, torch.maximum(left.logits, right.logits))
    assert torch.equal(found["kidneys"].odds, torch.maximum(left.odds, right.odds))


def test_a_union_over_networks_is_their_highest(weights):
    both = {"left side": ("kidney_left", "femur_left")}
    extractor = get_extractor("totalsegmentator-mr", model=weights, class_map=both)
    (found,) = extractor.class_maps(make_case(), [ClassDef(1, "left side", (1,))])
    parts = [ClassDef(1, "kidney_left", (1,)), ClassDef(2, "femur_left", (2,))]
    first, second = extractor.class_maps(make_case(), parts)
    assert torch.equal(found.logits, torch.maximum(first.logits, second.logits))


def test_what_it_lacks_is_said(weights):
    extractor = get_extractor("totalsegmentator-fast", model=weights)
    assert "totalsegmentator-fast has no class of this name" in extractor.unmatched([SPLEEN, PSOAS])[3]
    with pytest.raises(UsageError, match="has none of the data set's classes"):
        extractor.notes([PSOAS])
    with pytest.raises(CaseError, match="none of its classes"):
        list(extractor.class_maps(make_case(), [PSOAS]))
    with pytest.raises(CaseError, match="has 2 channels"):
        list(extractor.class_maps(make_case(channels=2), [SPLEEN]))
    assert list(extractor.class_maps(make_case(), [])) == []


def test_options_without_a_meaning_are_refused(weights):
    for options, words in [
        ({"max_slices": 3}, "--max-slices"), ({"box_margin": 1}, "--box-margin"), ({"precision": "bf16"}, "--precision")
    ]:  # fmt: skip
        with pytest.raises(UsageError, match=f"{words} has no meaning for the extractor totalsegmentator-fast"):
            get_extractor("totalsegmentator-fast", model=weights, **options)


def test_weights_are_where_the_program_of_totalsegmentator_puts_them(tmp_path, weights, monkeypatch):
    monkeypatch.delenv("TOTALSEG_WEIGHTS_PATH", raising=False)
    monkeypatch.setenv("TOTALSEG_HOME_DIR", str(tmp_path))
    assert weights_folder() == tmp_path / "nnunet" / "results"
    with pytest.raises(UsageError, match=r"no Dataset297_.*totalseg_download_weights -t total_fast, or name"):
        get_extractor("totalsegmentator-fast")
    with pytest.raises(UsageError, match=r"no Dataset291_.*totalseg_download_weights -t total, or name"):
        get_extractor("totalsegmentator", model=weights)
    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(weights))
    assert weights_folder() == weights
    assert get_extractor("totalsegmentator-fast").name == "totalsegmentator-fast"


def test_two_networks_of_one_number_are_not_guessed_between(tmp_path):
    for version in ("old", "new"):
        write_model(tmp_path / f"Dataset297_{version}", labels=ORGANS, trainer=FAST)
    with pytest.raises(UsageError, match="has 2 networks of Dataset297"):
        get_extractor("totalsegmentator-fast", model=tmp_path)


def test_a_run_has_a_row_a_class(weights, tmp_path):
    cases = []
    for number in range(2):
        files, label = write_images(tmp_path, f"case_{number}", number, axcodes="LPS", channels=1)
        cases.append(Case(f"case_{number}", tuple(files), label))
    classes = (ClassDef(1, "spleen", (1,)), ClassDef(2, "uvula", (2,)))
    dataset = Dataset("tiny", tmp_path, "test", None, tuple(cases), classes=classes, channel_names=("channel 0",))
    config = ScoreConfig(
        modality="ct", extractor="totalsegmentator-fast", model=ModelFolder(weights), measures=("S", "agreement")
    )
    assert score(dataset, tmp_path / "run", config).failed == ()
    table = load_scores(tmp_path / "run")
    assert list(table["status"]) == ["ok", "absent"] * 2
    assert table.loc[table["status"] == "ok", "S"].between(0, 1).all()
