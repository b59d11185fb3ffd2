"""The logits are nnU-Net's own: its predictor, given the files, segments every voxel alike."""

import numpy as np
import pytest
import torch

from auvseg.data.case import Case, ClassDef
from auvseg.data.volume import as_canonical, load_volume
from auvseg.extractors.base import ExtractorInput, RawImage
from auvseg.extractors.nnunet import logits as nnunet_logits
from auvseg.extractors.nnunet.extractor import NnUNet
from auvseg.extractors.nnunet.logits import CaseLogits, predict
from auvseg.nnunet.model import open_model
from auvseg.nnunet.search_path import with_search_folder
from nnunet_models import SPACING, write_images, write_model

pytest.importorskip("nnunetv2")

LABELS = {"background": 0, "outer": 1, "inner": 2}
REGIONS = {"background": 0, "whole": [1, 2], "inner": 2, "ignore": 3}
COARSE = (1.3, 2.1, 2.9)
ANISOTROPIC = (6.0, 1.5, 2.0)

CASES = {
    "stored as canonical": {},
    "stored as by most scanners": {"axcodes": "LPS"},
    "resampled": {"axcodes": "LAS", "spacing": COARSE},
    "cropped, transposed, odd order": {"axcodes": "PIR", "spacing": COARSE, "transpose": (2, 0, 1), "border": 2},
    "thick planes": {"axcodes": "IPL", "spacing": ANISOTROPIC, "transpose": (1, 0, 2)},
    "nibabel, regions, ignore, two channels": {
        "axcodes": "SLP",
        "reader": "NibabelIO",
        "labels": REGIONS,
        "regions_class_order": [1, 2],
        "channels": 2,
        "spacing": COARSE,
    },
    "nibabel that reorients": {"axcodes": "ASL", "reader": "NibabelIOWithReorient", "spacing": COARSE},
    "SimpleITK that reorients": {"axcodes": "PIL", "reader": "SimpleITKIOWithReorient", "spacing": COARSE},
    "2d": {"axcodes": "LAI", "configuration": "2d", "spacing": COARSE},
    "3d_lowres": {"axcodes": "RSP", "configuration": "3d_lowres"},
    "two folds": {"folds": (0, 1)},
    "mirrored": {"axcodes": "PLI", "mirroring": True},
    "noise head": {"trainer": "nnUNetTrainerDUO"},
}
FILE_OPTIONS = ("axcodes", "border", "channels")


@pytest.fixture
def compared(tmp_path, monkeypatch):
    """A case through both: our model and logits, and nnU-Net's segmentation and probabilities, read as a file."""

    def build(*, mirroring=False, **options):
        from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

        monkeypatch.setenv("nnUNet_extTrainer", with_search_folder({}))
        files, _ = write_images(tmp_path, "case", 3, **{k: v for k, v in options.items() if k in FILE_OPTIONS})
        rest = {k: v for k, v in options.items() if k not in ("axcodes", "border")}
        folder = write_model(tmp_path / "results", **{"labels": LABELS, **rest})
        monkeypatch.delenv("nnUNet_extTrainer")
        volume = load_volume(Case("case", tuple(files), None), channel_count=len(files), every_channel=True)
        model = open_model(folder, mirroring=mirroring)
        raw = RawImage(volume.channels(), volume.axcodes)
        logits = CaseLogits(model, predict(model, raw, volume.spacing_mm))

        monkeypatch.setenv("nnUNet_extTrainer", with_search_folder({}))
        stock = nnUNetPredictor(use_mirroring=mirroring, device=torch.device("cpu"), allow_tqdm=False)
        stock.initialize_from_trained_model_folder(str(folder), None)
        reader = stock.plans_manager.image_reader_writer_class()
        image, properties = reader.read_images([str(file) for file in files])
        segmentation, probabilities = stock.predict_single_npy_array(image, dict(properties), None, None, True)
        reader.write_seg(segmentation, str(tmp_path / "stock.nii.gz"), properties)
        stored = load_volume(Case("case", tuple(files), tmp_path / "stock.nii.gz"), channel_count=len(files))
        return model, logits, volume, stored.label, probabilities

    return build


@pytest.mark.parametrize("name", CASES)
def test_segmentation_equals_that_of_the_stock_predictor(compared, name):
    model, logits, volume, expected, _ = compared(**CASES[name])
    maps = [logits.logits(0, outside_highest=not model.regions)]
    maps += [logits.logits(output) for output in range(1, model.heads)]
    if model.regions:
        found = np.zeros(volume.image.shape, dtype=np.int32)
        for position, value in enumerate([1, 2]):
            found[torch.sigmoid(maps[position]).numpy() > 0.5] = value
    else:
        found = np.stack([one.numpy() for one in maps]).argmax(0)
    assert maps[0].shape == volume.image.shape
    assert len(np.unique(expected)) > 1
    assert np.array_equal(found, expected)


def test_the_odds_are_those_of_nnunets_softmax(compared):
    model, logits, volume, _, probabilities = compared(axcodes="PIR", spacing=COARSE)
    for output in model.outputs:
        expected = as_canonical(probabilities[output].transpose(2, 1, 0), volume.axcodes)
        assert np.abs(torch.sigmoid(logits.odds(output)).numpy() - expected).max() < 1e-6


def test_odds_stay_finite_where_the_network_is_certain(compared):
    _, logits, *_ = compared()
    logits._kept = {0: torch.full((4, 4, 4), -300.0), 1: torch.full((4, 4, 4), 300.0), 2: torch.zeros(4, 4, 4)}
    logits._whole = lambda values, outside: values
    assert torch.isfinite(logits.odds(1)).all()
    assert torch.allclose(logits.odds(0), torch.tensor(-600.0))


def test_maps_are_the_same_when_too_large_to_be_kept(compared, monkeypatch):
    model, kept, *_ = compared(axcodes="LAS", spacing=COARSE)
    monkeypatch.setattr(nnunet_logits, "KEPT_BYTES", 0)
    streamed = CaseLogits(model, kept._predicted)
    for output in model.outputs:
        assert torch.equal(streamed.logits(output), kept.logits(output))
        assert torch.equal(streamed.odds(output), kept.odds(output))
    assert not streamed._kept
    assert len(kept._kept) == model.heads


def test_outside_the_crop_a_class_has_its_lowest_logit(compared):
    _, logits, volume, expected, _ = compared(border=2)
    outside = volume.image == 0
    values = logits.logits(1)
    assert (expected[outside] == 0).all()
    assert (values[torch.from_numpy(outside)] == values.min()).all()


def test_class_maps_cover_all_planes_and_count_those_that_hold_the_class(tmp_path):
    files, label = write_images(tmp_path, "case", 5, axcodes="LPI")
    folder = write_model(tmp_path / "results", labels=LABELS)
    volume = load_volume(Case("case", tuple(files), label), every_channel=True)
    case = ExtractorInput(volume.image, volume.label, volume.spacing_mm, RawImage(volume.channels(), volume.axcodes))
    assert volume.spacing_mm == SPACING[::-1]
    classes = (ClassDef(1, "outer", (1,)), ClassDef(2, "inner", (2,)), ClassDef(3, "elsewhere", (3,)))
    maps = {one.class_def.class_id: one for one in NnUNet(model=folder).class_maps(case, classes)}
    assert set(maps) == {1, 2}
    for number, one in maps.items():
        assert one.logits.shape == one.odds.shape == volume.image.shape
        assert one.planes == tuple(range(volume.image.shape[0]))
        assert one.planes_total == int((volume.label == number).any(axis=(1, 2)).sum())
        assert one.predicted_iou is None
        assert one.embedding is None


def test_regions_are_matched_by_name_or_values_and_are_odds_already(tmp_path):
    files, label = write_images(tmp_path, "case", 5)
    folder = write_model(tmp_path / "results", labels=REGIONS, regions_class_order=[1, 2])
    volume = load_volume(Case("case", tuple(files), label), every_channel=True)
    case = ExtractorInput(volume.image, volume.label, volume.spacing_mm, RawImage(volume.channels(), volume.axcodes))
    classes = (ClassDef(1, "everything", (2, 1)), ClassDef(2, "inner", (2,)), ClassDef(3, "outer", (1,)))
    extractor = NnUNet(model=folder)
    maps = {one.class_def.class_id: one for one in extractor.class_maps(case, classes)}
    assert set(maps) == {1, 2}
    assert set(extractor.unmatched(classes)) == {3}
    assert all(one.odds is None for one in maps.values())
