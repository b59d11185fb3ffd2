"""nnU-Net's targets in the loss's terms."""

import pytest
import torch

from auvseg.duo import DUOLoss, SampledNoise
from auvseg.nnunet.trainers import LossForNnUNet


@pytest.fixture
def output():
    return torch.randn(2, 2, 4, 4, 4, generator=torch.Generator().manual_seed(0))


def test_the_last_channel_of_region_targets_is_the_ignore_mask(output):
    regions = torch.rand(2, 2, 4, 4, 4, generator=torch.Generator().manual_seed(1)) > 0.5
    ignored = torch.rand(2, 1, 4, 4, 4, generator=torch.Generator().manual_seed(2)) > 0.5
    duo = DUOLoss(2, activation="sigmoid")
    loss = LossForNnUNet(duo, region_targets=True, ignore_channel=True, with_noise=True)
    assert loss(output, torch.cat([regions, ignored], 1)).item() == duo(output, regions, mask=~ignored).item()


def test_lists_are_deep_supervision(output):
    duo = DUOLoss(2, deep_supervision_weights=(0.75, 0.25))
    loss = LossForNnUNet(duo, region_targets=False, ignore_channel=False, with_noise=True)
    target = torch.zeros(2, 1, 4, 4, 4, dtype=torch.int16)
    low = (output[..., ::2], target[..., ::2])
    assert loss([output, low[0]], [target, low[1]]).item() == duo([output, low[0]], [target, low[1]]).item()


def test_without_noise_the_noise_head_is_not_heard(output):
    target = torch.zeros(2, 1, 4, 4, 4)
    target[..., 2:] = 1  # of an absent structure nothing is corrected
    with_head = torch.cat([output, 5 * output], 1)
    silent = LossForNnUNet(DUOLoss(2), region_targets=False, ignore_channel=False, with_noise=False)
    assert silent(with_head, target).item() == DUOLoss(2)(output, target).item()
    noisy = DUOLoss(2, noise=SampledNoise(2))
    heard = LossForNnUNet(noisy, region_targets=False, ignore_channel=False, with_noise=True)
    assert heard(with_head, target).item() != silent(with_head, target).item()
