"""DUO where MONAI calls the loss: its trainer, its bundles, its meta tensors."""

import pytest
import torch

from auvseg.duo import CaseNoise, DUOLoss, SampledNoise, add_noise_head

monai = pytest.importorskip("monai")


def volume(seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (1, 32, 32, 32)
    return torch.randn(shape, generator=generator), torch.randint(0, 2, shape, generator=generator)


def network():
    from monai.networks.nets import BasicUNet

    torch.manual_seed(0)
    return add_noise_head(BasicUNet(3, 1, 2, features=(4, 4, 4, 4, 4, 4)), 2, layers=["final_conv"])


@pytest.mark.parametrize("kind", ["case", "sampled"])
def test_the_supervised_trainer_trains(kind):
    pytest.importorskip("ignite")
    from monai.data import DataLoader, Dataset
    from monai.engines import SupervisedTrainer

    from auvseg.duo.monai import CaseIdHandler

    data = [dict(zip(("image", "label"), volume(seed), strict=True), case_id=f"case {seed}") for seed in range(4)]
    net = network()
    noise = CaseNoise([item["case_id"] for item in data], 2) if kind == "case" else SampledNoise(2)
    loss = DUOLoss(2, noise=noise)
    before = [parameter.clone() for parameter in (*net.parameters(), *loss.parameters())]
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=2,
        train_data_loader=DataLoader(Dataset(data), batch_size=2),
        network=net,
        optimizer=torch.optim.SGD([*net.parameters(), *loss.parameters()], lr=0.1),
        loss_function=loss,
        train_handlers=[CaseIdHandler(loss)],
    )
    trainer.run()
    after = [*net.parameters(), *loss.parameters()]
    assert all(not torch.equal(one, other) for one, other in zip(before, after, strict=True) if one.numel() > 8)
    assert torch.isfinite(torch.tensor(trainer.state.output[0]["loss"]))


def test_a_batch_without_ids_is_refused():
    from types import SimpleNamespace

    from auvseg.duo.monai import CaseIdHandler

    with pytest.raises(ValueError, match="'case_id'"):
        CaseIdHandler(DUOLoss(2))(SimpleNamespace(state=SimpleNamespace(batch={"image": 1})))


def test_a_bundle_names_loss_and_network():
    from monai.bundle import ConfigParser

    parser = ConfigParser(
        {
            "classes": 2,
            "network_def": {"_target_": "BasicUNet", "out_channels": "@classes", "features": [4, 4, 4, 4, 4, 4]},
            "network": {
                "_target_": "auvseg.add_noise_head",
                "network": "@network_def",
                "num_classes": "@classes",
                "layers": ["final_conv"],
            },
            "loss": {
                "_target_": "auvseg.DUOLoss",
                "num_classes": "@classes",
                "alpha": 0.5,
                "noise": {"_target_": "auvseg.SampledNoise", "num_classes": "@classes"},
            },
        }
    )
    net, loss = parser.get_parsed_content("network"), parser.get_parsed_content("loss")
    image, label = volume()
    assert loss(net(image[None]), label[None]).isfinite()


def test_meta_tensors_are_plain_tensors_to_the_loss():
    from monai.data import MetaTensor

    image, label = volume()
    logits = torch.cat([image, -image])[None].requires_grad_()
    loss = DUOLoss(2)
    with_header = loss(MetaTensor(logits), MetaTensor(label[None]))
    assert type(with_header) is torch.Tensor
    assert with_header.item() == loss(logits, label[None]).item()


def test_sliding_windows_see_the_segmentation_alone():
    from monai.inferers import sliding_window_inference

    net = network().eval()
    image, _ = volume()
    found = sliding_window_inference(image[None].repeat(1, 1, 2, 1, 1), (32, 32, 32), 1, net)
    assert found.shape == (1, 2, 64, 32, 32)
