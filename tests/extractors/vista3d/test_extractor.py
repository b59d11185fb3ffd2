"""VISTA3D on random weights: its classes, its checkpoint, its maps, and the whole way through a run."""

import csv
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.networks.nets.vista3d import vista3d132

from auvseg.data.case import ClassDef
from auvseg.data.dataset import read_dataset
from auvseg.errors import CaseError, UsageError, WeightsError
from auvseg.extractors import get_extractor, register_extractor
from auvseg.extractors.base import ExtractorInput, HasOwnClasses, MakesRemarks, RawImage, ReadsRawChannels
from auvseg.extractors.vista3d.extractor import VISTA3D_CLASSES, Vista3D
from auvseg.scoring.config import ModelFile, ScoreConfig
from auvseg.scoring.record import read_record, record_path
from auvseg.scoring.score import score
from auvseg.scoring.table import load_scores
from ct_files import SPACING, ct, write_ct_table
from published_weights import write_vista3d

FEATURES, WINDOW = 8, (32, 32, 32)
SPLEEN, KIDNEYS, PELVIS = ClassDef(1, "Spleen", (1,)), ClassDef(2, "kidney", (2,)), ClassDef(3, "renal pelvis", (3,))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_vista3d(tmp_path_factory.mktemp("vista3d") / "model.pt", FEATURES)


@pytest.fixture(scope="module")
def small(checkpoint):
    return Vista3D(model=checkpoint, features=FEATURES, window=WINDOW)


def make_case(seed=0, label=True, channels=1):
    """A CT that the network sees in one window."""
    image, values = (array[:14, :28, :30] for array in ct(seed))
    return ExtractorInput(image, values if label else None, SPACING, RawImage(np.stack([image] * channels), "RAS"))


def test_it_is_an_extractor_with_classes_and_preprocessing_of_its_own(small):
    assert isinstance(small, HasOwnClasses)
    assert isinstance(small, ReadsRawChannels)
    assert isinstance(small, MakesRemarks)
    assert small.modalities == {"ct"}
    assert len(small.own_classes) == 124
    assert {one.class_id for one in small.own_classes} == set(range(1, 133)) - {2, 16, 18, 20, 21, 129, 130, 131}


def test_classes_have_the_numbers_of_the_bundle():
    numbers = [VISTA3D_CLASSES[name] for name in ("liver", "vertebrae L5", "vertebrae C1", "right rib 12", "airway")]
    assert numbers == [(1,), (33,), (56,), (86,), (132,)]
    assert VISTA3D_CLASSES["vertebrae T12"] == (38,)
    assert VISTA3D_CLASSES["left rib 1"] == (63,)
    assert VISTA3D_CLASSES["kidney"] == (14, 5)
    assert set(VISTA3D_CLASSES["lung"]) == set(VISTA3D_CLASSES["left lung"]) | set(VISTA3D_CLASSES["right lung"])


def test_a_class_map_is_the_networks_logits_of_that_class(small, checkpoint):
    case = make_case()
    (found,) = small.class_maps(case, [SPLEEN])
    assert found.class_def is SPLEEN
    assert found.planes == tuple(range(14))
    assert found.planes_total == 4
    network = vista3d132(encoder_embed_dim=FEATURES).eval()
    network.load_state_dict(torch.load(checkpoint, weights_only=True))
    # A case that is one window at the model's spacing goes through the network as it is.
    low, high = -963.8247715525971, 1053.678477684517
    hu = np.random.default_rng(1).normal(300, 60, (32, 32, 32)).astype(np.float32).clip(1)
    whole = ExtractorInput(hu, None, (1.5, 1.5, 1.5), RawImage(hu[None], "RAS"))
    (own,) = small.class_maps(whole, [SPLEEN])
    axes = torch.from_numpy(((hu - low) / (high - low)).clip(0, 1)).permute(2, 1, 0)
    with torch.inference_mode():
        theirs = network(axes[None, None], class_vector=torch.tensor([[3]]))[0, 0]
    assert torch.allclose(own.logits, theirs.permute(2, 1, 0), atol=2e-4)


def test_a_union_is_the_highest_of_its_parts_and_chunks_change_nothing(small, monkeypatch):
    case = make_case()
    left, right = ClassDef(7, "left kidney", (2,)), ClassDef(8, "right kidney", (2,))
    together = {one.class_def.name: one.logits for one in small.class_maps(case, [SPLEEN, KIDNEYS, left, right])}
    # The union is taken on the model's voxels, before they are brought to the case's.
    higher = torch.maximum(together["left kidney"], together["right kidney"])
    assert (together["kidney"] >= higher - 1e-5).all()
    assert (together["kidney"] - higher).abs().mean() < 0.05 * together["kidney"].std()
    monkeypatch.setattr(small._windowed, "_kept_bytes", 1)
    assert small._windowed.outputs_at_a_time((32, 32, 32)) == 1
    one_by_one = {one.class_def.name: one.logits for one in small.class_maps(case, [SPLEEN, KIDNEYS])}
    for name, logits in one_by_one.items():
        assert torch.allclose(logits, together[name], atol=1e-4)


def test_the_label_changes_no_map(small):
    (with_label,) = small.class_maps(make_case(), [SPLEEN])
    (without,) = small.class_maps(make_case(label=False), [SPLEEN])
    assert torch.equal(with_label.logits, without.logits)
    assert without.planes_total == 14


def test_what_it_has_and_lacks_is_said(small):
    assert small.unmatched([SPLEEN, KIDNEYS, PELVIS]) == {3: "vista3d has no class of this name; see --class-map"}
    notes = small.notes([SPLEEN, PELVIS])
    assert any("no class for renal pelvis" in note for note in notes)
    with pytest.raises(UsageError, match="vista3d has none of the data set's classes"):
        small.notes([PELVIS])


def test_a_class_map_names_what_no_rule_could_know(checkpoint):
    mapped = Vista3D(
        model=checkpoint, features=FEATURES, window=WINDOW, class_map={"renal pelvis": ("left kidney", "spleen")}
    )
    assert mapped.unmatched([PELVIS]) == {}
    (found,) = mapped.class_maps(make_case(), [PELVIS])
    assert found.class_def is PELVIS


def test_several_channels_and_foreign_classes_fail_their_case(small):
    with pytest.raises(CaseError, match="has 2 channels, the network was trained on 1"):
        list(small.class_maps(make_case(channels=2), [SPLEEN]))
    with pytest.raises(CaseError, match="none of its classes"):
        list(small.class_maps(make_case(), [PELVIS]))
    assert list(small.class_maps(make_case(), [])) == []


def test_options_for_planes_are_refused(checkpoint):
    for options in ({"box_margin": 3}, {"max_slices": 4}):
        with pytest.raises(UsageError, match="no meaning for the extractor vista3d"):
            Vista3D(model=checkpoint, features=FEATURES, **options)


def test_another_networks_weights_are_refused_by_name(checkpoint, tmp_path):
    with pytest.raises(WeightsError, match=r"model\.pt is not a checkpoint of VISTA3D: has another shape of "):
        Vista3D(model=checkpoint, features=2 * FEATURES)
    state = torch.load(checkpoint, weights_only=True)
    del state["class_head.class_embeddings.weight"]
    torch.save(state, tmp_path / "less.pt")
    with pytest.raises(WeightsError, match=r"lacks class_head\.class_embeddings\.weight"):
        Vista3D(model=tmp_path / "less.pt", features=FEATURES)


@pytest.fixture
def registered(checkpoint):
    register_extractor(
        "vista3d-small", lambda **options: Vista3D(**{"features": FEATURES, "window": (48, 48, 48), **options})
    )
    return ScoreConfig(
        modality="ct", extractor="vista3d-small", model=ModelFile(checkpoint), measures=("S", "agreement", "volume_ml")
    )


def test_a_run_has_a_row_a_class_and_the_same_bytes_however_it_is_sharded(registered, tmp_path):
    dataset = replace(read_dataset(write_ct_table(tmp_path)), classes=(SPLEEN, KIDNEYS, PELVIS))
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert score(dataset, whole, registered).failed == ()
    for part in (1, 0):
        score(dataset, parts, registered, num_parts=2, part_id=part)
    table = load_scores(whole)
    assert list(table["status"]) == ["ok", "ok", "absent"] * 2
    assert table.loc[table["status"] == "ok", ["S", "agreement"]].notna().all(axis=None)
    assert table.loc[table["class"] == "renal pelvis", "reason"].str.contains("no class of this name").all()
    for case in dataset.cases:
        first, second = (record_path(run, case.case_id) for run in (whole, parts))
        assert first.read_bytes() == second.read_bytes()


def test_what_was_given_up_for_memory_is_in_the_record(registered, tmp_path, monkeypatch):
    real = Vista3D._predict

    def short_of_memory(self, windows, outputs):
        if not torch.is_autocast_enabled(windows.device.type):
            raise MemoryError
        return real(self, windows, outputs)

    monkeypatch.setattr(Vista3D, "_predict", short_of_memory)
    dataset = replace(read_dataset(write_ct_table(tmp_path, cases=1)), classes=(SPLEEN,))
    assert score(dataset, tmp_path / "run", registered).failed == ()
    for case in dataset.cases:
        warnings = read_record(record_path(tmp_path / "run", case.case_id)).warnings
        assert any("not enough memory" in warning and "bf16" in warning for warning in warnings)


@pytest.mark.slow
@pytest.mark.data
def test_organs_of_a_real_ct_are_found_by_name(real_data, registered, tmp_path):
    # The middle of the body, where all of these organs are: four windows.
    for name in ("ct_sm", "seg"):
        whole = nib.load(real_data / "totalsegmentator_example" / f"example_{name}.nii.gz")
        nib.save(whole.slicer[24:88, 24:88], tmp_path / f"{name}.nii.gz")
    rows = [("image", "label"), ("ct_sm.nii.gz", "seg.nii.gz")]
    with (tmp_path / "one.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows(rows)
    names = {1: "spleen", 2: "kidney_right", 5: "liver", 52: "aorta", 79: "spinal_cord", 89: "gluteus_maximus_right"}
    classes = tuple(ClassDef(value, name, (value,)) for value, name in names.items())
    dataset = replace(read_dataset(tmp_path / "one.csv"), classes=classes)
    register_extractor("vista3d-wide", lambda **o: Vista3D(features=FEATURES, window=(96, 96, 64), **o))
    wide = replace(registered, extractor="vista3d-wide")
    assert score(dataset, tmp_path / "run", wide).failed == ()
    table = load_scores(tmp_path / "run")
    assert list(table["class"]) == list(names.values())
    assert (table["status"] == "ok").all()
    assert table["S"].between(0, 1).all()


def test_it_is_known_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setenv("AUVSEG_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match=r"weights of VISTA3D are not here; .*auvseg weights pull vista3d"):
        get_extractor("vista3d")
