"""A network with a noise head: the same in evaluation, 2·C channels in training, stock checkpoints both ways."""

import copy
import pickle

import pytest
import torch
from torch import nn

from auvseg.duo import CaseNoise, DUOLoss, add_noise_head, remove_noise_head, split_noise_head
from auvseg.duo.head import noise_layers, without_noise_head


class TwoHeads(nn.Module):
    """Deep supervision: a list in training, one tensor in evaluation."""

    def __init__(self):
        super().__init__()
        self.body = nn.Conv3d(1, 4, 3, padding=1)
        self.seg_layers = nn.ModuleList([nn.Conv3d(4, 3, 1), nn.Conv3d(4, 3, 1, bias=False)])

    def forward(self, x):
        high = self.body(x).relu()
        low = nn.functional.avg_pool3d(high, 2)
        outputs = [self.seg_layers[0](high), self.seg_layers[1](low)]
        return outputs if self.training else outputs[0]


@pytest.fixture
def image(generator):
    return torch.randn(2, 1, 4, 4, 4, generator=generator)


def test_evaluation_is_bit_for_bit_that_of_the_network_without_noise_head(make_network, image):
    plain, doubled = make_network(), add_noise_head(make_network(), 3)
    assert doubled(image).shape == (2, 6, 4, 4, 4)
    assert torch.equal(doubled.eval()(image), plain.eval()(image))


def test_the_first_training_step_is_one_without_noise_head(make_network, image, label):
    plain, doubled = make_network(), add_noise_head(make_network(), 3)
    target = torch.randint(0, 3, (2, 1, 4, 4, 4), generator=torch.Generator().manual_seed(1))
    with_noise = DUOLoss(3, noise=CaseNoise(["a", "b"], 3))(doubled(image), target, case_ids=["a", "b"])
    assert with_noise.item() == pytest.approx(DUOLoss(3)(plain(image), target).item(), abs=1e-6)


def test_the_noise_head_receives_gradient_from_the_first_step_and_moves_the_noise(make_network, image):
    network, noise = add_noise_head(make_network(), 3), CaseNoise(["a", "b", "c"], 3)
    loss = DUOLoss(3, noise=noise)
    target = torch.randint(0, 3, (2, 1, 4, 4, 4), generator=torch.Generator().manual_seed(1))
    optimizer = torch.optim.SGD([*network.parameters(), *loss.parameters()], lr=0.1)
    loss(network(image), target, case_ids=["a", "b"]).backward()
    assert network[2].weight.grad[3:].abs().sum() > 0
    assert network[2].bias.grad[3:].abs().sum() > 0
    optimizer.step()
    optimizer.zero_grad()
    loss(network(image), target, case_ids=["a", "b"]).backward()
    assert noise.free.grad.abs().sum() > 0


def test_every_head_of_a_deeply_supervised_network_is_doubled(image):
    network = add_noise_head(TwoHeads(), 3)
    assert noise_layers(network) == ["seg_layers.0", "seg_layers.1"]
    assert [tuple(one.shape[:2]) for one in network(image)] == [(2, 6), (2, 6)]
    assert network.eval()(image).shape == (2, 3, 4, 4, 4)


def test_a_checkpoint_without_noise_head_loads_strictly(make_network, image):
    plain = make_network()
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter.mul_(1.5)
    state = plain.state_dict()
    doubled = add_noise_head(make_network(), 3)
    doubled.load_state_dict(state)
    assert torch.equal(doubled.eval()(image), plain.eval()(image))
    assert state["2.weight"].shape[0] == 3


def test_its_own_checkpoint_loads_strictly(make_network, image):
    trained, fresh = add_noise_head(make_network(), 3), add_noise_head(make_network(), 3)
    with torch.no_grad():
        trained[2].weight.normal_()
    fresh.load_state_dict(trained.state_dict())
    assert torch.equal(fresh(image), trained(image))


def test_removing_the_noise_head_gives_back_the_network(make_network, image):
    network = add_noise_head(make_network(), 3)
    with torch.no_grad():
        network[2].weight.normal_()
    with_head = network.eval()(image)
    names = noise_layers(network)
    state = without_noise_head(network.state_dict(), names, 3)
    assert remove_noise_head(network) is network
    assert type(network[2]) is nn.Conv3d
    assert torch.equal(network(image), with_head)
    plain = make_network()
    plain.load_state_dict(state)
    assert torch.equal(plain.eval()(image), with_head)


def test_copies_and_pickles_keep_the_head(make_network, image):
    network = add_noise_head(make_network(), 3)
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(other(image), network(image))


def test_a_network_built_with_twice_the_channels_is_split(image):
    network = split_noise_head(nn.Sequential(nn.Conv3d(1, 6, 3, padding=1)), 3)
    assert network(image).shape[1] == 6
    assert network.eval()(image).shape[1] == 3
    with pytest.raises(ValueError, match="6 channels, not 4"):
        split_noise_head(nn.Sequential(nn.Conv3d(1, 6, 3, padding=1)), 2)(image)


def test_networks_that_cannot_have_a_noise_head_are_refused(make_network):
    with pytest.raises(ValueError, match="already"):
        add_noise_head(add_noise_head(make_network(), 3), 3)
    with pytest.raises(ValueError, match="no 1x1 convolution with 5"):
        add_noise_head(make_network(), 5)
    with pytest.raises(ValueError, match="is no convolution"):
        add_noise_head(make_network(), 3, layers=["1"])
    with pytest.raises(ValueError, match="4 output channels"):
        add_noise_head(make_network(), 3, layers=["0"])
    with pytest.raises(ValueError, match="no noise head"):
        remove_noise_head(make_network())
