"""Trainers on tiny data, trained, validated, resumed, exported by nnU-Net's own code."""

import json

import nibabel
import numpy as np
import pytest
import torch

pytest.importorskip("nnunetv2")
pytestmark = pytest.mark.slow

NAMES = (
    "nnUNetTrainerAuvsegBaseline",
    "nnUNetTrainerDUO",
    "nnUNetTrainerSwinUNETR",
    "nnUNetTrainerDUOSwinUNETR",
    "nnUNetTrainerUMambaBot",
    "nnUNetTrainerDUOUMambaBot",
    "nnUNetTrainerUMambaEnc",
    "nnUNetTrainerDUOUMambaEnc",
)


def predict(model, folders, out, checkpoint="checkpoint_final.pth"):
    """Probabilities of a case, by nnU-Net's predictor."""
    from nnunetv2.imageio.nibabel_reader_writer import NibabelIO
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(device=torch.device("cpu"), use_mirroring=False, allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(model), (0,), checkpoint)
    files = sorted((folders.root / "raw" / folders.name / "imagesTr").glob("case_0_*.nii.gz"))
    image, properties = NibabelIO().read_images([str(file) for file in files])
    _, probabilities = predictor.predict_single_npy_array(image, properties, None, None, True)
    return probabilities


@pytest.mark.parametrize("name", NAMES)
def test_every_trainer_trains_validates_and_predicts(make_trainer, blobs, name):
    trainer = make_trainer(blobs, name)
    trainer.run_training()
    # Mirrored predictions, eight times the work, are nnU-Net's own whatever the network, and seen in the next tests.
    trainer.inference_allowed_mirroring_axes = None
    trainer.perform_actual_validation()
    summary = json.loads((trainer_folder(trainer) / "validation" / "summary.json").read_text())
    assert len(summary["metric_per_case"]) == 2
    probabilities = predict(trainer_folder(trainer).parent, blobs, None)
    assert probabilities.shape[0] == 3
    assert np.allclose(probabilities.sum(0), 1, atol=1e-3)


@pytest.mark.parametrize("mirroring", [True, False])
def test_mirrored_copies_are_predicted_or_not_and_the_checkpoint_is_the_same(
    make_trainer, blobs, monkeypatch, mirroring
):
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    seen = []
    whole = nnUNetPredictor.manual_initialization

    def spy(predictor, *arguments):
        seen.append(arguments[-1])
        whole(predictor, *arguments)

    monkeypatch.setattr(nnUNetPredictor, "manual_initialization", spy)
    trainer = make_trainer(blobs, "nnUNetTrainerAuvsegBaseline", MIRRORING=str(mirroring))
    trainer.run_training()
    trainer.perform_actual_validation()
    saved = torch.load(trainer_folder(trainer) / "checkpoint_final.pth", weights_only=False)
    assert seen == [(0, 1, 2) if mirroring else None]
    assert tuple(saved["inference_allowed_mirroring_axes"]) == (0, 1, 2)


@pytest.mark.parametrize("name", ["nnUNetTrainerAuvsegBaseline", "nnUNetTrainerDUO"])
def test_regions_with_an_ignore_label_and_two_channels(make_trainer, regions, name):
    trainer = make_trainer(regions, name)
    trainer.run_training()
    trainer.perform_actual_validation()
    predicted = sorted((trainer_folder(trainer) / "validation").glob("*.nii.gz"))
    assert len(predicted) == 2
    assert set(np.unique(np.asarray(nibabel.load(predicted[0]).dataobj))) <= {0, 1, 2}
    assert predict(trainer_folder(trainer).parent, regions, None).shape[0] == 2


def trainer_folder(trainer):
    from pathlib import Path

    return Path(trainer.output_folder)


def batches(trainer, count):
    """The same batches for every trainer, whatever was drawn before."""
    generator = torch.Generator().manual_seed(4)
    training, _ = trainer.do_split()
    for number in range(count):
        data = torch.randn(2, 1, 16, 16, 16, generator=generator)
        label = torch.randint(0, 3, (2, 1, 16, 16, 16), generator=generator)
        target = [label, label[..., ::2, ::2, ::2]]
        yield {"data": data, "target": target, "keys": np.array([training[number % 4], training[(number + 1) % 4]])}


def steps(trainer, given):
    trainer.network.train()
    trainer.set_deep_supervision_enabled(True)
    for batch in given:
        trainer.train_step(batch)


def state_of(trainer):
    return {**trainer.network.state_dict(), "noise": trainer.duo.noise.values()}


def test_a_resumed_training_is_the_undisturbed_one(make_trainer, blobs, tmp_path):
    straight = make_trainer(blobs, "nnUNetTrainerDUO")
    straight.initialize()
    start = {name: values.clone() for name, values in straight.network.state_dict().items()}
    steps(straight, batches(straight, 6))

    first = make_trainer(blobs, "nnUNetTrainerDUO")
    first.initialize()
    first.network.load_state_dict(start)
    given = list(batches(first, 6))
    steps(first, given[:3])
    first.logger.log("train_losses", 0.0, 0)
    first.save_checkpoint(str(tmp_path / "half.pth"))
    second = make_trainer(blobs, "nnUNetTrainerDUO", seed=99)
    second.load_checkpoint(str(tmp_path / "half.pth"))
    steps(second, given[3:])
    for name, values in state_of(straight).items():
        assert torch.equal(values, state_of(second)[name]), name
    noise = straight.duo.noise.values()
    assert noise.mean(0).abs().max() < 1e-12
    assert (noise.square().mean(0) - 1).abs().max() < 1e-12


def test_a_checkpoint_of_other_training_cases_is_refused(make_trainer, blobs, tmp_path):
    from auvseg.errors import UsageError

    trainer = make_trainer(blobs, "nnUNetTrainerDUO")
    trainer.initialize()
    trainer.save_checkpoint(str(tmp_path / "all.pth"))
    (tmp_path / "exclude.txt").write_text(f"{trainer.do_split()[0][0]}\n")
    fewer = make_trainer(blobs, "nnUNetTrainerDUO", exclude=tmp_path / "exclude.txt")
    with pytest.raises(UsageError, match="other training cases"):
        fewer.load_checkpoint(str(tmp_path / "all.pth"))


def test_a_list_restricts_training_cases_and_nothing_else(make_trainer, blobs, tmp_path):
    every = make_trainer(blobs, "nnUNetTrainerAuvsegBaseline")
    training, validation = every.do_split()
    (tmp_path / "exclude.txt").write_text(f"{training[1]}\n{validation[0]}\n")
    fewer = make_trainer(blobs, "nnUNetTrainerDUO", exclude=tmp_path / "exclude.txt")
    kept, judged = fewer.do_split()
    assert kept == [case for case in training if case != training[1]]
    assert judged == validation
    fewer.initialize()
    assert fewer.duo.noise.case_ids == sorted(kept)


@pytest.mark.parametrize("noise", ["sampled", "none"])
def test_the_other_kinds_of_noise_train_and_resume(make_trainer, blobs, tmp_path, noise):
    trainer = make_trainer(blobs, "nnUNetTrainerDUO", noise=noise)
    trainer.initialize()
    steps(trainer, batches(trainer, 2))
    trainer.save_checkpoint(str(tmp_path / "one.pth"))
    make_trainer(blobs, "nnUNetTrainerDUO", noise=noise).load_checkpoint(str(tmp_path / "one.pth"))
    moved = trainer.network.decoder.seg_layers[-1].weight[3:].abs().sum()
    assert (moved > 0) == (noise == "sampled")


def test_stock_weights_are_loaded_as_pretrained(make_trainer, blobs, tmp_path):
    from nnunetv2.run.load_pretrained_weights import load_pretrained_weights

    stock = make_trainer(blobs, "nnUNetTrainer")
    stock.initialize()
    stock.save_checkpoint(str(tmp_path / "stock.pth"))
    duo = make_trainer(blobs, "nnUNetTrainerDUO", seed=5)
    duo.initialize()
    load_pretrained_weights(duo.network, str(tmp_path / "stock.pth"))
    name = "encoder.stages.0.0.convs.0.conv.weight"
    assert torch.equal(duo.network.state_dict()[name], stock.network.state_dict()[name])


def test_the_export_predicts_bit_for_bit_with_stock_nnunet(make_trainer, blobs, tmp_path, monkeypatch):
    from auvseg.errors import UsageError
    from auvseg.nnunet.export import export_plain

    trainer = make_trainer(blobs, "nnUNetTrainerDUO", iterations=4)
    trainer.run_training()
    model = trainer_folder(trainer).parent
    with_auvseg = predict(model, blobs, None)
    plain = export_plain(model)
    assert plain.name == "nnUNetTrainer__nnUNetPlans__3d_fullres"
    monkeypatch.delenv("nnUNet_extTrainer")
    assert np.array_equal(predict(plain, blobs, None), with_auvseg)
    checkpoint = torch.load(plain / "fold_0" / "checkpoint_final.pth", weights_only=False)
    assert checkpoint["trainer_name"] == "nnUNetTrainer"
    assert "auvseg" not in checkpoint["init_args"]
    with pytest.raises(UsageError, match="exists already"):
        export_plain(model)
    (tmp_path / "nnUNetTrainerDUOSwinUNETR__nnUNetPlans__3d_fullres").mkdir()
    with pytest.raises(UsageError, match="cannot build"):
        export_plain(tmp_path / "nnUNetTrainerDUOSwinUNETR__nnUNetPlans__3d_fullres")
    with pytest.raises(UsageError, match="not a model folder"):
        export_plain(tmp_path)
