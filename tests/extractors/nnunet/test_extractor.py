"""A trained nnU-Net as extractor: its folder, its classes, and what the engine and the bench make of it."""

import json
import pickle
import shutil

import numpy as np
import pytest
import torch

from auvseg.bench.detection.plan import Plan
from auvseg.bench.detection.run import detect
from auvseg.data.case import Case, ClassDef, Dataset
from auvseg.errors import CaseError, RunError, UsageError
from auvseg.extractors import extractor_names, get_extractor
from auvseg.extractors.base import Extractor, ExtractorInput, HasOwnClasses, RawImage, ReadsRawChannels
from auvseg.extractors.memory import RemembersPlanes
from auvseg.extractors.nnunet import extractor as nnunet
from auvseg.nnunet import model as nnunet_model
from auvseg.nnunet.model import match, outputs_of
from auvseg.scoring.config import ModelFolder, ScoreConfig
from auvseg.scoring.record import read_record, record_path
from auvseg.scoring.score import score
from auvseg.scoring.table import load_scores
from nnunet_models import save, write_images, write_model

LABELS = {"background": 0, "outer": 1, "inner": 2}
CLASSES = (ClassDef(1, "outer", (1,)), ClassDef(2, "inner", (2,)))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Two folds of one channel and two classes."""
    pytest.importorskip("nnunetv2")
    return write_model(tmp_path_factory.mktemp("results"), labels=LABELS, folds=(0, 1))


@pytest.fixture
def one_fold(model, tmp_path):
    """A copy to be spoilt, with the first fold alone."""
    return shutil.copytree(model, tmp_path / "results" / model.name, ignore=shutil.ignore_patterns("fold_1"))


@pytest.fixture(scope="module")
def two_channels(tmp_path_factory):
    pytest.importorskip("nnunetv2")
    return write_model(tmp_path_factory.mktemp("results"), labels=LABELS, channels=2)


def make_dataset(folder, classes=CLASSES, *, cases=3, channels=1):
    found = []
    for number in range(cases):
        files, label = write_images(folder, f"case_{number}", number, axcodes="LPS", channels=channels)
        found.append(Case(f"case_{number}", tuple(files), label))
    names = tuple(f"channel {number}" for number in range(channels))
    return Dataset("tiny", folder, "test", None, tuple(found), classes=classes, channel_names=names)


def config_of(folder, **changes):
    options = {name: changes.pop(name) for name in ("folds", "checkpoint", "mirroring") if name in changes}
    return ScoreConfig(modality="mri", extractor="nnunet", model=ModelFolder(folder, **options), **changes)


def contents(run):
    return {path.name: path.read_bytes() for path in (run / "records").iterdir()}


# The folder


def test_it_is_an_extractor_like_any_other(model):
    extractor = get_extractor("nnunet", model=model)
    assert "nnunet" in extractor_names()
    for protocol in (Extractor, ReadsRawChannels, HasOwnClasses, RemembersPlanes):
        assert isinstance(extractor, protocol)
    assert (extractor.raw_channels, extractor.own_classes) == (1, CLASSES)


def test_weights_are_known_by_their_hash_whatever_the_folds_are_called(model):
    alone = [get_extractor("nnunet", model=model, folds=fold).weights_id for fold in ("0", "1")]
    both = get_extractor("nnunet", model=model)
    assert len({*alone, both.weights_id}) == 3
    assert get_extractor("nnunet", model=model, folds="1,0").weights_id == both.weights_id
    assert both.settings()["folds"] == "0,1"
    assert str(model.parent) not in json.dumps(both.settings())


def test_the_fold_of_all_cases_is_taken_where_it_is_asked_for_or_alone(tmp_path):
    pytest.importorskip("nnunetv2")
    folder = write_model(tmp_path, labels=LABELS, folds=("all",))
    for wanted in (None, "all"):
        assert get_extractor("nnunet", model=folder, folds=wanted).settings()["folds"] == "all"


class Harmful:
    """Runs a function where it is unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (open, (str(self.target), "w"))


@pytest.mark.parametrize("write", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_a_checkpoint_that_would_run_code_is_refused_and_runs_nothing(one_fold, tmp_path, write):
    path = one_fold / "fold_0" / "checkpoint_final.pth"
    content = torch.load(path, weights_only=False)
    write({**content, "logging": Harmful(tmp_path / "ran")}, path)
    with pytest.raises(UsageError, match="was not loaded") as refusal:
        get_extractor("nnunet", model=one_fold)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "ran").exists()


def set_plans(change):
    def spoil(folder):
        plans = json.loads((folder / "plans.json").read_text())
        change(plans)
        (folder / "plans.json").write_text(json.dumps(plans))

    return spoil


def set_checkpoint(change):
    def spoil(folder):
        path = folder / "fold_0" / "checkpoint_final.pth"
        content = torch.load(path, weights_only=False)
        change(content)
        torch.save(content, path)

    return spoil


def architecture(plans):
    return plans["configurations"]["3d_fullres"]["architecture"]


@pytest.mark.parametrize(
    ("spoil", "options", "words"),
    [
        (lambda folder: (folder / "plans.json").unlink(), {}, "has no plans.json; --model is a folder"),
        (lambda folder: (folder / "dataset.json").write_text("{"), {}, "dataset.json is damaged"),
        (lambda folder: None, {"folds": "4"}, "has no fold_4/checkpoint_final.pth; folds with this checkpoint: 0"),
        (lambda folder: None, {"folds": "all"}, "has no fold_all"),
        (lambda folder: None, {"folds": "0,x"}, "give numbers such as 0,1"),
        (lambda folder: None, {"checkpoint": "checkpoint_best.pth"}, "folds with this checkpoint: none"),
        (lambda folder: (folder / "fold_0/checkpoint_final.pth").write_bytes(b"PK\3\4"), {}, "or is damaged"),
        (set_checkpoint(lambda content: content.pop("trainer_name")), {}, "names no trainer"),
        (set_checkpoint(lambda content: content["network_weights"].popitem()), {}, "cannot be built"),
        (set_checkpoint(lambda c: c.update(trainer_name="nnUNetTrainerOfNobody")), {}, "nnUNetTrainerOfNobody"),
        (
            set_checkpoint(lambda c: c["init_args"].update(configuration="3d_cascade_fullres")),
            {},
            "second network of a cascade",
        ),
        (set_plans(lambda p: architecture(p).update(network_class_name="torch.hub.load")), {}, "from torch.hub.load"),
        (set_plans(lambda p: architecture(p)["arch_kwargs"].update(nonlin="os.system")), {}, "from os.system"),
        (set_plans(lambda p: p.update(image_reader_writer="Tiff3DIO")), {}, "read by nnU-Net's Tiff3DIO"),
    ],
)
def test_what_is_missing_or_unusable_is_named_in_one_sentence(one_fold, spoil, options, words):
    spoil(one_fold)
    with pytest.raises(UsageError, match=words) as refusal:
        get_extractor("nnunet", model=one_fold, **options)
    assert "\n" not in str(refusal.value)


def test_without_nnunet_the_package_to_install_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(nnunet_model, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install 'auvseg\\[nnunet\\]'"):
        get_extractor("nnunet", model=tmp_path)


@pytest.mark.parametrize(
    "options", [{"max_slices": 8}, {"box_margin": 1}, {"precision": "bf16"}], ids=["slices", "margin", "precision"]
)
def test_options_without_a_meaning_are_refused(tmp_path, options):
    with pytest.raises(UsageError, match="has no meaning for the extractor nnunet"):
        get_extractor("nnunet", model=tmp_path, **options)


def test_a_model_folder_belongs_to_this_extractor_alone(tmp_path):
    with pytest.raises(UsageError, match="needs --model"):
        get_extractor("nnunet")
    dataset = make_dataset(tmp_path, cases=1)
    with pytest.raises(UsageError, match="add --extractor nnunet"):
        score(dataset, tmp_path / "run", ScoreConfig(modality="mri", extractor="none", model=ModelFolder(tmp_path)))


# The classes


def test_outputs_of_a_softmax_are_the_label_values_and_of_regions_the_regions():
    labels = {"ignore": 3, "inner": 2, "background": 0, "outer": 1}
    assert outputs_of(labels, regions=False) == {1: CLASSES[0], 2: CLASSES[1]}
    named = {"background": 0, "whole": [1, 2], "inner": 2, "ignore": 3}
    whole, inner = outputs_of(named, regions=True).values()
    assert (whole.name, whole.values, inner.name, inner.values) == ("whole", (1, 2), "inner", (2,))


def test_a_class_is_found_by_its_name_and_else_by_its_values():
    outputs = outputs_of({"background": 0, "liver": 1, "spleen": 2, "kidney": 3}, regions=False)
    classes = (
        ClassDef(1, "Spleen", (1,)),  # another data set's number: its name counts
        ClassDef(2, "liver", (5,)),
        ClassDef(3, "left kidney", (3,)),  # unknown name, known value
        ClassDef(4, "tumour", (2,)),  # the value is the spleen's, which has been found
        ClassDef(5, "organs", (1, 2)),
    )
    assert match(classes, outputs) == {1: 2, 2: 1, 3: 3}


def test_a_class_map_goes_before_name_and_value():
    outputs = outputs_of({"background": 0, "liver": 1, "spleen": 2}, regions=False)
    classes = (ClassDef(1, "liver", (1,)), ClassDef(2, "milt", (7,)))
    assert match(classes, outputs, {"Milt": ("spleen",)}) == {1: 1, 2: 2}
    assert match(classes, outputs, {"liver": ("spleen",)}) == {1: 2}
    with pytest.raises(UsageError, match="the model has no class 'kidney'"):
        match(classes, outputs, {"milt": ("kidney",)})
    with pytest.raises(UsageError, match="one output a class, not liver and spleen"):
        match(classes, outputs, {"milt": ("liver", "spleen")})


def test_the_class_map_of_a_run_reaches_the_network_and_the_record(model, tmp_path):
    dataset = make_dataset(tmp_path, (ClassDef(1, "schale", (1,)), ClassDef(7, "kern", (2,))), cases=1)
    with_map = config_of(model, class_map=(("kern", ("inner",)), ("schale", ("outer",))))
    score(dataset, tmp_path / "run", with_map)
    record = read_record(record_path(tmp_path / "run", "case_0"))
    assert record.setup["config"]["class_map"] == [["kern", ["inner"]], ["schale", ["outer"]]]
    assert [one.status for one in record.classes] == ["ok", "ok"]
    assert "class_map" not in config_of(model).as_dict()


def test_a_class_map_without_classes_of_the_models_own_is_refused(tmp_path):
    dataset = make_dataset(tmp_path, cases=1)
    config = ScoreConfig(modality="mri", extractor="lite-medsam", class_map=(("a", ("b",)),))
    with pytest.raises(UsageError, match="--class-map is for models with classes of their own; lite-medsam takes"):
        score(dataset, tmp_path / "run", config)


def test_unmatched_and_renamed_classes_are_told_before_the_first_case(model, tmp_path):
    extractor = get_extractor("nnunet", model=model)
    classes = (ClassDef(1, "rim", (1,)), CLASSES[1], ClassDef(7, "vessel", (7,)))
    text = " / ".join(extractor.notes(classes))
    assert "in-sample" in text
    assert "matched by class map or label value: rim is the network's outer" in text
    assert "no output for vessel" in text
    assert "predicted_iou and mahalanobis have no number" in text
    with pytest.raises(UsageError, match="none of the data set's classes \\(vessel\\); it was trained on outer, inner"):
        extractor.notes(classes[2:])


def test_a_case_of_other_channels_or_classes_fails_with_its_reason(model):
    image = np.zeros((4, 5, 6), dtype=np.float32)
    extractor = get_extractor("nnunet", model=model)
    for raw, words in ((None, "has 0 channels"), (RawImage(np.stack([image] * 2), "RAS"), "has 2 channels")):
        case = ExtractorInput(image, None, (1.0, 1.0, 1.0), raw)
        with pytest.raises(CaseError, match=words):
            list(extractor.class_maps(case, CLASSES))
        with pytest.raises(CaseError, match="it has outer, inner"):
            list(extractor.class_maps(case, (ClassDef(7, "vessel", (7,)),)))


# The engine


def test_every_class_has_its_measures_and_an_unmatched_one_a_reason(model, tmp_path):
    extra = (*CLASSES, ClassDef(7, "vessel", (7,)))
    dataset = make_dataset(tmp_path, extra, cases=2)
    notes = []
    assert score(dataset, tmp_path / "run", config_of(model), on_note=notes.append).failed == ()
    table = load_scores(tmp_path / "run")
    known = table[table["class"] != "vessel"]
    assert set(known["status"]) == {"ok"}
    maps = ["S", "agreement", "boundary_entropy", "fisher", "energy", "variance"]
    assert known[maps].notna().all(axis=None)
    assert known["predicted_iou"].isna().all()
    assert "mahalanobis" not in table.columns
    rest = table[table["class"] == "vessel"]
    assert set(rest["status"]) == {"absent"}
    assert set(rest["reason"]) == {"the network has no output for this class"}
    assert rest["S"].isna().all()
    assert any("vessel" in note for note in notes)


@pytest.mark.slow
def test_what_needs_no_map_is_what_it_is_without_a_model(model, tmp_path):
    dataset = make_dataset(tmp_path, cases=1)
    score(dataset, tmp_path / "network", config_of(model))
    score(dataset, tmp_path / "none", ScoreConfig(modality="mri", extractor="none"))
    columns = ["noise", "edge", "parts", "extent_mm", "volume_ml", "slices", "snr", "variance"]
    assert load_scores(tmp_path / "network")[columns].equals(load_scores(tmp_path / "none")[columns])


def test_a_run_that_is_repeated_or_sharded_has_the_same_bytes(model, tmp_path):
    dataset = make_dataset(tmp_path, cases=2)
    score(dataset, tmp_path / "whole", config_of(model, folds="0"))
    for part in (1, 0):
        score(dataset, tmp_path / "parts", config_of(model, folds="0"), num_parts=2, part_id=part)
    assert contents(tmp_path / "whole") == contents(tmp_path / "parts")
    assert score(dataset, tmp_path / "whole", config_of(model, folds="0")).reused == 2
    assert str(tmp_path).encode() not in b"".join(contents(tmp_path / "whole").values())


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"folds": "1"}, {"folds": "0", "mirroring": True}], ids=["fold", "mirroring"])
def test_another_model_may_not_write_into_the_same_run(model, tmp_path, change):
    dataset = make_dataset(tmp_path, cases=1)
    score(dataset, tmp_path / "run", config_of(model, folds="0"))
    with pytest.raises(RunError, match=next(reversed(change))):
        score(dataset, tmp_path / "run", config_of(model, **change))


@pytest.mark.slow
def test_without_the_label_every_class_has_a_row_all_the_same(model, tmp_path):
    dataset = make_dataset(tmp_path, None, cases=1)
    score(dataset, tmp_path / "labelled", config_of(model))
    dataset.cases[0].label.unlink()
    assert score(dataset, tmp_path / "free", config_of(model, prompt="none")).failed == ()
    free, labelled = load_scores(tmp_path / "free"), load_scores(tmp_path / "labelled")
    assert list(free["class"]) == ["outer", "inner"]
    assert free[["agreement", "volume_ml", "slices"]].isna().all(axis=None)
    # The network is told nothing either way.
    assert list(free["S"]) == list(labelled["S"])
    assert read_record(record_path(tmp_path / "free", "case_0")).inputs.label_sha256 is None


def test_channels_must_be_those_of_the_network(two_channels, tmp_path):
    with pytest.raises(UsageError, match="tiny has 1 channels, the network was trained on 2"):
        score(make_dataset(tmp_path, cases=1), tmp_path / "run", config_of(two_channels))


@pytest.mark.slow
def test_a_change_of_any_channel_is_seen(two_channels, tmp_path):
    dataset = make_dataset(tmp_path, cases=2, channels=2)
    score(dataset, tmp_path / "run", config_of(two_channels))
    before = load_scores(tmp_path / "run")
    save(np.random.default_rng(9).random((21, 18, 13), dtype=np.float32), dataset.cases[1].images[1], "LPS")
    assert score(dataset, tmp_path / "run", config_of(two_channels)).reused == 1
    changed = load_scores(tmp_path / "run")["S"] != before["S"]
    assert list(before.loc[changed, "case"].unique()) == ["case_1"]


def test_a_channel_on_another_grid_fails_its_case(two_channels, tmp_path):
    dataset = make_dataset(tmp_path, cases=2, channels=2)
    save(np.zeros((9, 9, 9), dtype=np.float32), dataset.cases[0].images[1], "LPS")
    ((case_id, reason),) = score(dataset, tmp_path / "run", config_of(two_channels)).failed
    assert case_id == "case_0"
    assert "case_0_0001.nii.gz: this channel has 9×9×9 voxels" in reason


# The bench


@pytest.mark.slow
def test_faulty_copies_reach_the_network_from_memory_and_clean_images_once(two_channels, tmp_path, monkeypatch):
    dataset = make_dataset(tmp_path, cases=6, channels=2)
    seen = []

    def predict(model, raw, spacing_mm):
        seen.append(raw.channels)
        return nnunet.__dict__["_stock_predict"](model, raw, spacing_mm)

    monkeypatch.setattr(nnunet, "_stock_predict", nnunet.predict, raising=False)
    monkeypatch.setattr(nnunet, "predict", predict)
    plan = Plan(cases=6, corruptions=("noise", "shift", "dilation"), severities=(1.0,))
    config = config_of(two_channels, channel=1)
    summary = detect(dataset, tmp_path / "bench", config, plan)
    assert (summary.planted, summary.impossible) == (9, 0)
    # Six clean cases; of three of them, once the clean image for both label faults and once the noisy one.
    assert len(seen) == 6 + 3 + 3
    clean, noisy = seen[6], seen[7]
    assert np.array_equal(clean[0], noisy[0])
    assert not np.array_equal(clean[1], noisy[1])
    folder = tmp_path / "bench"
    scores = {
        name: load_scores(folder / where) for name, where in (("clean", "clean"), ("noise", "faults/draw0/noise-1"))
    }
    both = scores["clean"].merge(scores["noise"], on=["case", "class_id"])
    assert len(both) == 6
    assert (both["S_x"] != both["S_y"]).all()
    shifted = load_scores(folder / "faults/draw0/shift-1").merge(scores["clean"], on=["case", "class_id"])
    assert (shifted["S_x"] == shifted["S_y"]).all()
    assert (shifted["agreement_x"] != shifted["agreement_y"]).all()
