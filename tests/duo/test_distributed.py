"""Two processes with half a batch each take the step that one process takes with the whole."""

import copy
import os

import torch
from torch import distributed as dist
from torch import multiprocessing
from torch.nn.parallel import DistributedDataParallel

from auvseg.duo import CaseNoise, DUOLoss, add_noise_head
from auvseg.duo.loss import parameters_for_optimizer

IDS = ["a", "b", "c", "d"]


def data():
    generator = torch.Generator().manual_seed(3)
    return torch.randn(3, 4, 1, 4, 4, 4, generator=generator), torch.randint(
        0, 2, (3, 4, 1, 4, 4, 4), generator=generator
    )


def start():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv3d(1, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv3d(4, 2, 1))
    network = add_noise_head(network, 2)
    with torch.no_grad():
        network[2].weight[2:].normal_()
    return network, DUOLoss(2, noise=CaseNoise(IDS, 2))


def train(network, loss, chosen):
    optimizer = torch.optim.SGD(parameters_for_optimizer(network, loss, 1e-4), lr=0.3, momentum=0.9)
    for images, labels in zip(*data(), strict=True):
        optimizer.zero_grad()
        loss(network(images[chosen]), labels[chosen], case_ids=IDS[chosen]).backward()
        optimizer.step()


def one_of_two(rank, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    network, loss = start()
    train(DistributedDataParallel(network), loss, slice(2 * rank, 2 * rank + 2))
    torch.save({"network": network.state_dict(), "noise": loss.noise.free.detach()}, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_are_one(tmp_path):
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    multiprocessing.spawn(one_of_two, args=(str(tmp_path),), nprocs=2)
    network, loss = start()
    before = copy.deepcopy(loss.noise.free.detach())
    train(network, loss, slice(0, 4))
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert torch.equal(first["noise"], second["noise"])
    assert torch.allclose(first["noise"], loss.noise.free.detach(), atol=1e-5)
    assert (loss.noise.free.detach() - before).abs().max() > 1e-5
    for name, values in network.state_dict().items():
        assert torch.allclose(first["network"][name], values, atol=1e-5)
